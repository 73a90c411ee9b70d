"""What a notebook may do that papermill's own engine takes for an error, or does not tell."""

import nbformat
import pytest
import toy_notebooks
from executed import executed

pytestmark = pytest.mark.notebook

LAST = "print('aft' + 'er')"


@pytest.fixture
def ran(tmp_path, template, monkeypatch):
    """Runs a notebook of these cells; its record, its outputs as text by cell, and its page."""
    monkeypatch.chdir(tmp_path)

    def run(*cells):
        record, notebook, page = executed(tmp_path, template, *cells)
        nbformat.validate(notebook)
        return record, notebook, page

    return run


def told(notebook):
    """Per code cell, the texts of its outputs."""
    return [
        [o.get("text") or o.get("ename") or o.data["text/plain"] for o in c.outputs]
        for c in notebook.cells[1:]
        if c.cell_type == "code"
    ]


def captured(notebook):
    """What each output widget holds at the end, sorted, for the widgets' names are random."""
    saved = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state
    return sorted(
        [o.get("text") or o.get("ename") or o.data["text/plain"] for o in model.state.outputs]
        for model in saved.values()
        if model.model_name == "OutputModel"
    )


WIDGETS = {
    "output": ("out = w.Output()\nwith out:\n    print(1)\nout", [["1\n"]]),
    "error": ("out = w.Output()\nwith out:\n    1 / 0\nout", [["ZeroDivisionError"]]),
    "nested": (
        "a, b = w.Output(), w.Output()\nwith a:\n    print(1)\n    with b:\n        print(2)\n"
        "    print(3)",
        [["1\n3\n"], ["2\n"]],
    ),
    "cleared": (
        "out = w.Output()\nwith out:\n    print(1)\nout.clear_output(wait=True)\n"
        "with out:\n    print(2)",
        [["2\n"]],
    ),
    "appended": ("out = w.Output()\nout.append_stdout('1')\nwith out:\n    2\nout", [["1"]]),
    "both": ("out = w.Output()\nout.append_stdout('1')\nwith out:\n    print(2)", [["12\n"]]),
    "interact": ("w.interact(lambda x: print(x), x=(0, 10))", [["5\n"]]),
    "manual": ("w.interact_manual(lambda x: print(x), x=(0, 10))", [[]]),
    "moved": (
        "s = w.IntSlider()\nw.interactive_output(lambda x: print(x), {'x': s})\ns.value = 7",
        [["7\n"]],
    ),
}


@pytest.mark.parametrize(("source", "held"), WIDGETS.values(), ids=list(WIDGETS))
def test_output_widgets_capture_what_a_front_end_would(ran, source, held):
    record, notebook, _ = ran(f"import ipywidgets as w\n{source}", LAST)
    assert (record["state"], record["error"]) == ("done", None)
    assert captured(notebook) == held
    assert told(notebook)[-1] == ["after\n"]


def test_widgets_leave_their_state_and_no_code(ran):
    source = "import plotly.graph_objects as go\nfrom tqdm.notebook import tqdm\n"
    source += "for i in tqdm(range(3)):\n    pass\ngo.FigureWidget(go.Scatter(y=[1, 2]))"
    record, notebook, _ = ran(source)
    assert record["state"] == "done"
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state
    assert [m.state.value for m in states.values() if "FloatProgressM" in m.model_name] == [3.0]
    assert any("_widget_data" in m.state for m in states.values())
    assert len(nbformat.writes(notebook)) < 100_000


def test_outputs_that_are_updated_and_cleared(ran):
    update = "h = display('a', display_id=True)\nh.update('b')"
    clear = "from IPython.display import clear_output\n"
    clear += "for i in range(3):\n    clear_output(wait=True)\n    print(i)"
    _, notebook, _ = ran(update, "h.update('c')", clear)
    assert told(notebook) == [["'c'"], [], ["2\n"]]


@pytest.mark.parametrize("source", ["1 / 0", "import sys\nsys.exit(1)", "%nope", "2"])
def test_an_expected_error_is_no_failure(ran, source):
    record, notebook, page = ran(toy_notebooks.code(source, "bad", "raises-exception"), LAST)
    assert (record["state"], record["error"], record["cell"]) == ("done", None, None)
    assert record["traceback"] is None
    assert told(notebook)[-1] == ["after\n"]
    assert [c.metadata.papermill.status for c in notebook.cells] == ["completed"] * 3
    assert "after" in page
    assert ("ZeroDivisionError" in page) == (source == "1 / 0")


def test_an_error_after_an_expected_one_is_told(ran):
    bad = toy_notebooks.code("1 / 0", "bad", "raises-exception")
    record, _, _ = ran(bad, toy_notebooks.code("raise ValueError('real')", "real"), LAST)
    assert (record["state"], record["cell"]) == ("failed", "real")
    assert record["error"] == "cell 'real': ValueError: real"
    assert "real" in record["traceback"]


@pytest.mark.parametrize(
    "source", ["%nope", "%%nope\n1", "get_ipython().run_line_magic('nope', '')"]
)
def test_a_magic_that_refuses_tells_why(ran, source):
    record, _, _ = ran(toy_notebooks.code(source, "bad"), LAST)
    assert (record["state"], record["cell"]) == ("failed", "bad")
    assert record["error"].startswith("cell 'bad': UsageError: ")
    assert "%nope` not found" in record["error"]


ENDS = {
    "import sys\nsys.exit(0)": "sys.exit(0)",
    "import sys\nsys.exit()": "sys.exit()",
    "raise SystemExit": "sys.exit()",
    "import asyncio, sys\nawait asyncio.sleep(0)\nsys.exit(None)": "sys.exit()",
    "exit()": "exit()",
    "quit": "exit()",
    "exit(0)": "exit()",
}


@pytest.mark.parametrize(("source", "call"), ENDS.items(), ids=list(ENDS))
def test_a_cell_may_end_the_run(ran, source, call):
    mine = "import mine\n"
    with open("mine.py", "w") as file:
        file.write("x = 1\n")
    record, notebook, page = ran(
        mine + "print('bef' + 'ore')", toy_notebooks.code(source, "bye"), LAST, "1/0"
    )
    note = f"cell 'bye' ended the run by {call}; 2 cells after it did not run"
    assert (record["state"], record["error"], record["notes"]) == ("done", None, [note])
    assert list(record["provenance"]["modules"]) == ["mine.py"]
    marks = [c.metadata.papermill.status for c in notebook.cells]
    assert marks == ["completed", "completed", "completed", "pending", "pending"]
    assert told(notebook) == [["before\n"], [f"{note}\n"], [], []]
    assert "before" in page
    assert "ended the run by" in page
    assert "An exception has occurred" not in page
    assert set(record["timings"]["cells"]) == {"parameters", "cell-0", "bye"}


def test_an_end_after_an_expected_error(ran):
    record, notebook, _ = ran(
        toy_notebooks.code("1 / 0", "bad", "raises-exception"), "exit()", LAST
    )
    assert record["state"] == "done"
    assert "papermill" in notebook.cells[0].metadata, "papermill's own marks are left in"


FAILS = {"sys.exit(1)": "1", "sys.exit('no data')": "no data", "exit(1)": "1", "exit('no')": "no"}


@pytest.mark.parametrize(("call", "value"), FAILS.items(), ids=list(FAILS))
def test_an_exit_with_another_status_fails_the_run(ran, call, value):
    record, notebook, page = ran(toy_notebooks.code(f"import sys\n{call}", "bye"), LAST)
    assert (record["state"], record["error"]) == ("failed", f"cell 'bye': SystemExit: {value}")
    assert (record["cell"], page) == ("bye", None)
    assert "SystemExit" in record["traceback"]
    assert [c.metadata.papermill.status for c in notebook.cells if "papermill" in c.metadata] == [
        *("completed", "failed", "pending")
    ]


def test_a_figure_that_changes_after_it_was_shown_is_saved_as_it_ended(ran):
    shown = "import plotly.graph_objects as go\nfig = go.FigureWidget(go.Scatter(y=[1, 3]))\nfig"
    changed = "fig.data[0].y = [7, 8]\nfig.add_bar(y=[4])\nfig.layout.title = 'later'"
    record, notebook, page = ran(shown, changed)
    assert record["state"] == "done"
    (model,) = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"].state.values()
    assert "_esm" not in model.state
    assert [trace["y"] for trace in model.state["_widget_data"]] == [[7, 8], [4]]
    assert '"title": {"text": "later"}' in page

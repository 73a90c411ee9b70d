"""A notebook is saved by time while it runs: a kill loses little, and many cells cost little."""

import json
import time
from datetime import datetime

import nbformat
import pytest
import toy_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.kernels import saving
from workbench.runs.kernels.saving import SECONDS, Manager


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when it is moved, or when something is saved, which takes `cost`."""

    class Clock:
        now, cost, saved = 1000.0, 0.0, 0

        def monotonic(self):
            return self.now

    made = Clock()

    def write_text(path, text, durable):
        made.now += made.cost
        made.saved += 1
        path.write_text(text)

    monkeypatch.setattr(saving, "time", made)
    monkeypatch.setattr(saving, "write_text", write_text)
    return made


def managed(tmp_path, count):
    notebook = new_notebook(cells=[new_markdown_cell("a", id=f"c{i}") for i in range(count)])
    notebook.metadata["papermill"] = {}
    made = Manager(nbformat.from_dict(notebook), str(tmp_path / "a.ipynb"), progress_bar=False)
    made.notebook_start()
    return made


def ran(manager, clock, seconds):
    """All cells, each of which takes so many seconds."""
    for cell in manager.nb.cells:
        manager.cell_start(cell)
        clock.now += seconds
        manager.cell_complete(cell)
    return clock.saved


def test_cells_that_take_no_time_cost_no_saving(tmp_path, clock):
    manager = managed(tmp_path, 1000)
    assert ran(manager, clock, 0.0) == 1
    manager.notebook_complete()
    assert clock.saved == 2
    left = json.loads((tmp_path / "a.ipynb").read_text())
    assert {c["metadata"]["papermill"]["status"] for c in left["cells"]} == {"completed"}


def test_a_cell_has_papermill_s_times(tmp_path):
    manager = managed(tmp_path, 1)
    manager.cell_start(manager.nb.cells[0])
    time.sleep(0.01)
    manager.cell_complete(manager.nb.cells[0])
    manager.notebook_complete()
    times = json.loads((tmp_path / "a.ipynb").read_text())["cells"][0]["metadata"]["papermill"]
    start, end = (datetime.fromisoformat(times[f"{side}_time"]) for side in ("start", "end"))
    assert times["duration"] == (end - start).total_seconds() >= 0.01


def test_what_is_saved_is_a_few_seconds_old(tmp_path, clock):
    manager = managed(tmp_path, 100)
    assert ran(manager, clock, 1.0) == pytest.approx(100 / SECONDS, abs=2)


def test_a_notebook_that_is_slow_to_save_is_saved_less_often(tmp_path, clock):
    clock.cost = 1.0
    manager = managed(tmp_path, 400)
    begun = clock.now
    saved = ran(manager, clock, 1.0)
    assert saved * clock.cost < 0.06 * (clock.now - begun) + 1
    assert saved > 10


def test_a_disk_that_is_full_ends_no_run_in_its_middle(tmp_path, clock, monkeypatch):
    manager = managed(tmp_path, 10)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saving, "write_text", full)
        ran(manager, clock, 10.0)
    manager.save_now()
    assert "completed" in (tmp_path / "a.ipynb").read_text()


@pytest.mark.notebook
def test_a_kill_in_a_long_cell_without_output_leaves_the_cells_before(tmp_path):
    """The saving that came too soon before that cell is made up for while it runs."""
    quiet = "import time\ntime.sleep(100)"
    toy_notebooks.notebook(tmp_path / "own.ipynb", "print('ear' + 'ly')", quiet)
    process = toy_notebooks.command("run", "own.ipynb", cwd=tmp_path)
    try:
        until = time.monotonic() + 60
        left = ""
        while "early" not in left and time.monotonic() < until:
            time.sleep(0.1)
            found = list(tmp_path.glob("reports/own/own/*/.partial-*/notebook.ipynb"))
            left = found[0].read_text() if found else ""
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert "early" in left
    assert len(json.loads(left)["cells"]) == 3


def seconds(tmp_path, cells):
    """What this process works for a run of the cells, whatever else the machine does."""
    cells = [new_code_cell("x = 0", metadata={"tags": ["parameters"]}), *cells]
    path = tmp_path / f"n{len(cells)}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    made = job(str(path), {})
    begin = time.process_time()
    record = execute(made, tmp_path / "reports")
    spent = time.process_time() - begin
    assert record["state"] == "done", record["error"]
    return spent


@pytest.mark.notebook
@pytest.mark.parametrize(
    ("count", "cell"),
    [
        (250, lambda i: new_markdown_cell(f"Cell {i}")),
        (60, lambda i: new_code_cell(f"x + {i}")),
        (60, lambda i: new_code_cell(f"print('{i}' * 5000)")),
    ],
    ids=["markdown", "code", "output"],
)
def test_time_grows_with_the_cells_and_not_with_their_square(tmp_path, count, cell):
    seconds(tmp_path, [])
    less, more = (seconds(tmp_path, [cell(i) for i in range(n)]) for n in (count, 4 * count))
    # Of work that grows with the square it would be 16.
    assert more < 7 * less

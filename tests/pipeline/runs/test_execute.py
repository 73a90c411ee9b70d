"""Runs whose kernel is a stand-in: what the record, the files and the folder say of them."""

import errno
import json
import shutil
import threading
from dataclasses import replace

import nbformat
import pytest
import toy_notebooks
from nbformat.v4 import new_output

from workbench.experiment.decisions import MIME, SUMMARY_MIME, Claims, Statement
from workbench.experiment.params import KnobError
from workbench.runs import execute as executing
from workbench.runs import notebook_outcome
from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.kernels.kernel import End
from workbench.runs.run_folder import PARTIAL, owned

CLAIM = Statement("Somebody (2020)", "eq. 1", "It is so").exact(expected=1, measured=1)


@pytest.fixture
def own(tmp_path):
    path = toy_notebooks.notebook(
        tmp_path / "own.ipynb", toy_notebooks.prose("# T", "title"), "x", "", "x + 1"
    )
    return job(str(path), {"x": 4})


@pytest.fixture
def kernel(monkeypatch):
    """Stands in for papermill: set what it leaves and how it ends."""

    class Kernel:
        end, saves = End("done", None, 12), True

        def leaves(self, notebook):
            return toy_notebooks.executed(notebook)

        def __call__(self, job, output, **_):
            left = self.leaves(job.notebook)
            if self.saves:
                nbformat.write(left, output)
            return self.end if self.saves else self.end._replace(notebook=left)

    stand_in = Kernel()
    monkeypatch.setattr(executing, "run_cells", stand_in)
    return stand_in


def files(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def on_disk(reports, record):
    return json.loads((reports / record["folder"] / "record.json").read_text())


def test_a_run_that_is_done(tmp_path, own, kernel):
    record = execute(own, tmp_path / "reports")
    assert record["state"] == "done"
    assert (record["error"], record["cell"], record["traceback"]) == (None, None, None)
    assert record["folder"] == f"own/own/x-4-{own.identity[:8]}"
    assert (record["knobs"], record["changed"]) == ({"x": 4}, {"x": 4})
    assert record["timings"]["cells"] == {"parameters": 1.5, "cell-1": 1.5, "cell-3": 1.5}
    assert record["timings"]["peak_memory_mib"] == 12
    assert 0 <= record["timings"]["seconds"] < 60
    assert record["timings"]["start"] <= record["timings"]["end"]
    assert files(tmp_path / "reports") == ["notebook.ipynb", "page.html", "record.json"]
    assert on_disk(tmp_path / "reports", record) == record


def test_the_record_says_running_before_the_kernel_starts(tmp_path, own, kernel, monkeypatch):
    seen = []

    def cells(job, output, **_):
        seen.append(json.loads((output.parents[1] / "record.json").read_text()))
        raise RuntimeError("the end")

    monkeypatch.setattr(executing, "run_cells", cells)
    record = execute(own, tmp_path)
    assert [r["state"] for r in seen] == ["running"]
    assert seen[0]["provenance"] == own.provenance
    assert (record["state"], record["error"]) == ("failed", "RuntimeError: the end")
    assert on_disk(tmp_path, record) == record


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (End("failed", "E: e", None), "cell 'cell-3': E: e"),
        (End("killed", "the kernel died", None), "cell 'cell-3': the kernel died"),
        (End("timed out", "it took longer than 1 s", None), "cell 'cell-3': it took longer than 1"),
        (End("done", None, None), "cell 'cell-3' never ran"),
    ],
)
def test_a_run_that_is_not_done_has_no_page(tmp_path, own, kernel, end, error):
    assert execute(own, tmp_path)["state"] == "done"
    kernel.end = end
    kernel.leaves = lambda made: toy_notebooks.executed(
        made, "killed", error=["\x1b[31mE\x1b[0m: e", "f()"]
    )
    record = execute(own, tmp_path)
    assert record["state"] == ("failed" if end.state == "done" else end.state)
    assert record["error"].startswith(error)
    if end.state != "done":
        assert (record["cell"], record["traceback"]) == ("cell-3", "E: e\nf()")
    assert files(tmp_path) == ["notebook.ipynb", "own.ipynb", "record.json"]
    assert on_disk(tmp_path, record) == record
    left = nbformat.read(tmp_path / record["folder"] / "notebook.ipynb", 4)
    marks = [c.metadata.papermill.status for c in left.cells if "papermill" in c.metadata]
    assert marks == ["completed", "completed", "failed"]


def test_no_output_at_all_leaves_the_notebook_as_it_was(tmp_path, own, monkeypatch):
    def broken(job, output, **_):
        output.write_text('{"cells": [')
        return End("killed", "interrupted", None)

    monkeypatch.setattr(executing, "run_cells", broken)
    record = execute(own, tmp_path)
    assert (record["state"], record["error"]) == ("killed", "interrupted")
    left = nbformat.read(tmp_path / record["folder"] / "notebook.ipynb", 4)
    assert [c.source for c in left.cells] == [c.source for c in own.notebook.cells]


def shows(bundle):
    def leaves(notebook):
        made = toy_notebooks.executed(notebook)
        made.cells[-1].outputs.append(new_output("display_data", bundle))
        return made

    return leaves


def test_claims_and_summary_are_read_from_what_the_notebook_shows(tmp_path, own, kernel):
    bundle = Claims([CLAIM])._repr_mimebundle_() | {SUMMARY_MIME: {"mean": 0.5}}
    kernel.leaves = shows(json.loads(json.dumps(bundle)))
    record = execute(replace(own, claims=True), tmp_path)
    assert record["state"] == "done"
    assert record["claims"] == [CLAIM.model_dump(mode="json")]
    assert record["summary"] == {"mean": 0.5}


@pytest.mark.parametrize(
    "data", [{}, {MIME: 3}, {MIME: [{"paper": "x"}]}, {MIME: [3]}, {MIME: []}, {SUMMARY_MIME: [1]}]
)
def test_an_experiment_without_claims_is_not_done(tmp_path, own, kernel, data):
    kernel.leaves = shows({"text/plain": "x", **data})
    assert execute(own, tmp_path)["state"] == "done"
    record = execute(replace(own, claims=True), tmp_path)
    assert (record["state"], record["error"]) == ("failed", "the notebook showed no claims")
    assert (record["claims"], record["summary"]) == ([], {})


def test_a_summary_with_nan_never_reaches_the_record(tmp_path, own, kernel):
    kernel.leaves = shows({SUMMARY_MIME: {"mean": float("nan")}})
    record = execute(own, tmp_path)
    assert (record["state"], record["summary"]) == ("done", {})
    assert on_disk(tmp_path, record) == record


def test_cells_that_may_be_left_out(own):
    made = toy_notebooks.executed(own.notebook)
    assert notebook_outcome.why_incomplete(made, claims_wanted=False) is None
    last = made.cells[-1]
    del last.metadata["execution"]
    assert notebook_outcome.why_incomplete(made, claims_wanted=False) == "cell 'cell-3' never ran"
    last.metadata["tags"] = ["skip-execution"]
    assert notebook_outcome.why_incomplete(made, claims_wanted=False) is None
    made.cells[0].metadata.papermill.exception = True
    assert (
        notebook_outcome.why_incomplete(made, claims_wanted=False)
        == "cell 'parameters' left the interpreter"
    )


@pytest.mark.parametrize("broken", ["page", "warm"])
def test_a_page_that_cannot_be_rendered_fails_the_run(tmp_path, own, kernel, monkeypatch, broken):
    from workbench.pages import page

    def fails(*_):
        raise RuntimeError("no ink")

    monkeypatch.setattr(page, broken, fails)
    record = execute(own, tmp_path)
    assert (record["state"], record["error"]) == ("failed", "RuntimeError: no ink")
    assert "page.html" not in files(tmp_path)
    assert on_disk(tmp_path, record) == record


@pytest.mark.parametrize("name", ["notebook.ipynb", "page.html"])
def test_a_disk_that_fills_up_fails_the_run(tmp_path, own, kernel, monkeypatch, name):
    whole = executing.write_text

    def full(path, text):
        if path.name == name:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, text)

    monkeypatch.setattr(executing, "write_text", full)
    record = execute(own, tmp_path)
    assert record["state"] == "failed"
    assert "No space left on device" in record["error"]
    assert "page.html" not in files(tmp_path)
    assert on_disk(tmp_path, record) == record


def test_a_record_that_cannot_be_written_is_never_done(tmp_path, own, kernel, monkeypatch):
    whole = executing.write_json

    def full(path, value):
        if value["state"] != "running":
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path, value)

    monkeypatch.setattr(executing, "write_json", full)
    record = execute(own, tmp_path)
    assert record["state"] == "failed"
    assert "the record could not be written: no space is left in" in record["error"]
    assert on_disk(tmp_path, record) == record
    assert files(tmp_path / record["folder"]) == ["notebook.ipynb", "record.json"]


def test_a_record_too_long_for_the_room_leaves_its_numbers_out(tmp_path, own, kernel, monkeypatch):
    kernel.leaves = shows({SUMMARY_MIME: {f"n{i}": 0.5 for i in range(5000)}})
    whole = executing.write_json

    def full(path, value):
        if value["state"] != "running":
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        whole(path, value)

    monkeypatch.setattr(executing, "write_json", full)
    record = execute(own, tmp_path)
    assert len(record["summary"]) == 5000
    left = on_disk(tmp_path, record)
    assert (left["state"], left["error"], left["summary"]) == ("failed", record["error"], {})
    assert "(Disk quota exceeded; " in left["error"]


def test_a_refusal_leaves_the_run_before_as_it_was(tmp_path, own, kernel, monkeypatch):
    """Nothing is cleared away before there is room for the new run."""
    record = execute(own, tmp_path)
    began = []

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(executing, "write_json", full)
    with pytest.raises(ValueError, match=r"`reports` must be .* written \(No space left on dev"):
        execute(own, tmp_path, begins=lambda: began.append(1))
    assert began == []
    left = files(tmp_path / record["folder"])
    assert left == ["notebook.ipynb", "page.html", "record.json"]
    assert on_disk(tmp_path, record) == record


def test_a_folder_removed_under_a_run_is_there_at_its_end(tmp_path, own, kernel):
    def leaves(notebook):
        shutil.rmtree(tmp_path / "reports")
        return toy_notebooks.executed(notebook)

    kernel.leaves = leaves
    kernel.saves = False
    record = execute(own, tmp_path / "reports")
    assert record["state"] == "done"
    assert on_disk(tmp_path / "reports", record) == record
    assert files(tmp_path / "reports") == ["notebook.ipynb", "page.html", "record.json"]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_link_in_the_place_of_a_run_s_folder_is_refused(tmp_path, own, kernel, depth):
    """Also where the link leads to a folder below `reports`: another run's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "page.html").write_text("mine")
    place = tmp_path.joinpath("reports", *f"{own.name}/{own.run}".split("/")[:depth])
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    with pytest.raises(ValueError, match=r"`reports` must be a folder .* \(a link where a folder"):
        execute(own, tmp_path / "reports")
    assert files(elsewhere) == ["page.html"]
    place.unlink()
    (tmp_path / "linked").symlink_to(elsewhere)
    assert execute(own, tmp_path / "linked")["state"] == "done"


@pytest.mark.parametrize("name", ["record.json", "notebook.ipynb", "page.html", "partial.ipynb"])
def test_a_link_in_the_place_of_a_run_s_file_is_replaced(tmp_path, own, kernel, name):
    mine = tmp_path / "mine"
    mine.write_text("mine")
    folder = tmp_path / "reports" / own.name / own.run
    folder.mkdir(parents=True)
    (folder / name).symlink_to(mine)
    assert execute(own, tmp_path / "reports")["state"] == "done"
    assert mine.read_text() == "mine"
    assert not any(p.is_symlink() for p in folder.iterdir())


def test_reports_that_cannot_be_written_are_refused(tmp_path, own, kernel, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="`reports` must be a folder that can be written"):
        execute(own, tmp_path / "file")

    def locked(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(executing, "write_json", locked)
    with pytest.raises(ValueError, match=r"`reports` must be .* written \(Permission denied\); "):
        execute(own, tmp_path / "reports")


def test_an_interrupt_while_rendering_is_recorded(tmp_path, own, kernel, monkeypatch):
    from workbench.pages import page

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "page", interrupted)
    record = execute(own, tmp_path)
    assert (record["state"], record["error"]) == ("killed", "interrupted")
    assert on_disk(tmp_path, record) == record


def test_the_leftovers_of_a_killed_run_are_cleared(tmp_path, own, kernel):
    folder = tmp_path / own.name / own.run
    (folder / f"{PARTIAL}dir").mkdir(parents=True)
    (folder / f"{PARTIAL}dir" / "notebook.ipynb").write_text("")
    (folder / f"{PARTIAL}file").write_text("")
    execute(own, tmp_path)
    assert files(folder) == ["notebook.ipynb", "page.html", "record.json"]
    assert [p for p in folder.iterdir() if p.is_dir()] == []


def test_the_same_run_twice_at_once_is_refused_and_harmless(tmp_path, own, kernel):
    started, go = threading.Event(), threading.Event()
    records = []

    def slowly(notebook):
        started.set()
        assert go.wait(60)
        return toy_notebooks.executed(notebook)

    kernel.leaves = slowly
    first = threading.Thread(target=lambda: records.append(execute(own, tmp_path)))
    first.start()
    assert started.wait(60)
    with pytest.raises(ValueError, match="`run` must be one that is not running already; got 'ow"):
        execute(own, tmp_path)
    go.set()
    first.join()
    assert records[0]["state"] == "done"
    assert on_disk(tmp_path, records[0]) == records[0]
    with owned(tmp_path / records[0]["folder"]):
        pass


def test_runs_that_differ_stand_side_by_side(tmp_path, own, kernel):
    folders = {execute(own, tmp_path)["folder"], execute(job(own.target, {}), tmp_path)["folder"]}
    assert len(folders) == 2


def test_a_bad_value_never_gets_this_far(own):
    with pytest.raises(KnobError):
        job(own.target, {"x": 2.5})

"""Function runs of a study: each ends in a clear state, and what is done is not done again."""

import errno
import json
import os
import shutil
import signal
import time

import kills
import nbformat
import pytest

from workbench.records.call_log import CALL_LOG
from workbench.records.store import Recorded, read_points
from workbench.runs.notebook_outcome import save_partial
from workbench.runs.record import clear
from workbench.runs.run_folder import PARTIAL, owned
from workbench.studies import sweep
from workbench.studies.scheduler import StudyObserver


def calls(folder):
    """What was called so far: x of every call."""
    path = folder / "calls.txt"
    return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []


def whole(folder):
    """The whole record of every point."""
    with Recorded(folder / "study") as recorded:
        return [recorded.get(p["name"], p["run"]) for p in read_points(folder / "study")]


def records(folder):
    return {r["knobs"]["x"]: r for r in whole(folder)}


@pytest.mark.parametrize("limits", [{}, {"jobs": 2}, {"timeout": 60.0}])
def test_every_point_is_done_once(tmp_path, trial, limits):
    assert trial.run(tmp_path, {"x": [1, 2, 3, 4]}, **limits) == {"kept": 0, "done": 4}
    assert sorted(calls(tmp_path)) == [1, 2, 3, 4]
    for x, record in records(tmp_path).items():
        assert record["state"] == "done"
        assert record["summary"] == {"double": 2 * x}
        assert record["claims"][0]["verdict"] == "reproduced"
        assert record["depth"] == "function"
        assert record["timings"]["peak_memory_mib"] > 10
        assert record["provenance"]["code"]["source"]
    assert trial.run(tmp_path, {"x": [1, 2, 3, 4, 5]}, **limits) == {"kept": 4, "done": 1}
    assert sorted(calls(tmp_path)) == [1, 2, 3, 4, 5]


def test_what_is_missing_broken_or_changed_is_made_again(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2, 3, 4]})
    path = tmp_path / "study" / CALL_LOG
    lines = path.read_text().splitlines(keepends=True)
    ends = {x: n for n, line in enumerate(lines) for x in (2, 3, 4) if f"-{x}-" in line}
    other = json.loads(lines[ends[4]]) | {"identity": "0" * 64}
    lines[ends[4]] = json.dumps(other, separators=(",", ":")) + "\n"
    lines[ends[3]] = lines[ends[3]][:100] + "\n"
    lines[ends[2] - 1 : ends[2] + 1] = []
    path.write_text("".join(lines))
    assert trial.run(tmp_path, {"x": [1, 2, 3, 4]}) == {"kept": 1, "done": 3}
    assert sorted(calls(tmp_path)) == [1, 2, 2, 3, 3, 4, 4]


ENDS = {
    "raise": ("failed", "ValueError: unlucky"),
    "exit": ("failed", "SystemExit: 3"),
    "nan": ("failed", "Refusal: `double` must be a finite number; got nan"),
    "leave": ("killed", "its process left with status 7"),
    "kill": ("killed", "its process was ended by SIGKILL"),
    "hang": ("timed out", "it took longer than 15 s"),
}


def test_each_end_has_its_state_and_reason(tmp_path, trial):
    ways = [*ENDS, ""]
    counts = trial.run(tmp_path, {"way": ways}, jobs=2, timeout=15.0)
    assert counts == {"kept": 0, "failed": 3, "killed": 2, "timed out": 1, "done": 1}
    for record in whole(tmp_path):
        way = record["knobs"]["way"]
        assert (record["state"], record["error"]) == ENDS.get(way, ("done", None))
        assert (record["traceback"] is not None) == (record["state"] == "failed")
        assert record["summary"] == ({} if way in ENDS else {"double": 0})
        assert record["timings"]["end"] >= record["timings"]["start"]


def test_the_peak_of_one_run_is_not_the_next_one_s(tmp_path, trial):
    trial.run(tmp_path, {"way": ["memory", ""]}, jobs=1, timeout=60.0)
    first, second = (r["timings"]["peak_memory_mib"] for r in read_points(tmp_path / "study"))
    assert first - second > 100


@pytest.mark.parametrize("limits", [{}, {"jobs": 2}])
def test_another_try_may_succeed(tmp_path, trial, limits):
    assert trial.run(tmp_path, {"way": "once"}, retries=2, **limits) == {"kept": 0, "done": 1}
    (record,) = records(tmp_path).values()
    assert (record["attempt"], record["error"], record["traceback"]) == (2, None, None)
    assert calls(tmp_path) == [0, 0]


def test_tries_come_to_an_end(tmp_path, trial):
    start = time.monotonic()
    assert trial.run(tmp_path, {"way": "raise"}, retries=2) == {"kept": 0, "failed": 1}
    assert calls(tmp_path) == [0, 0, 0]
    assert time.monotonic() - start >= 1.5


def test_two_studies_do_not_share_a_folder(tmp_path, trial):
    (tmp_path / "study").mkdir()
    with owned(tmp_path / "study"), pytest.raises(ValueError, match="no other study runs"):
        trial.run(tmp_path, {"x": 1})
    assert calls(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, trial):
    (tmp_path / "study").write_text("a file")
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        trial.run(tmp_path, {"x": 1})


def test_a_plan_writes_nothing(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2]})
    trial.run(tmp_path, {"way": "raise"})
    before = sorted(tmp_path.rglob("*"))
    jobs = [*trial.jobs(tmp_path, {"x": [1, 2, 3]}), *trial.jobs(tmp_path, {"way": "raise"})]
    found = sweep.plan(jobs, tmp_path / "study")
    assert sorted(tmp_path.rglob("*")) == before
    assert [job.params.x for job in found.done] == [1, 2]
    assert found.states == {"new": 1, "failed": 1}
    assert 0 < found.seconds < 10


class Heard(StudyObserver):
    """Hears what is said of the study."""

    def __init__(self):
        self.told = []

    def noted(self, sentence):
        self.told.append(sentence)


def second_line_fails(monkeypatch, number, words, *, end):
    """Of the run with x = 2 no line about its end, or about its beginning, can be written."""
    real = os.write

    def fails(handle, content):
        is_second = b"/x-2-" in content and b'"state":"failed"' not in content
        if is_second and (b'"identity"' in content) == end:
            real(handle, content[:50])
            raise OSError(number, words)
        return real(handle, content)

    monkeypatch.setattr(os, "write", fails)


def test_a_record_that_cannot_be_written_fails_the_run_and_not_the_study(
    tmp_path, trial, monkeypatch
):
    second_line_fails(monkeypatch, errno.EACCES, "Permission denied", end=True)
    assert trial.run(tmp_path, {"x": [1, 2, 3]}) == {"kept": 0, "done": 2, "failed": 1}
    done, failed, other = whole(tmp_path)
    assert (done["state"], other["state"]) == ("done", "done")
    assert failed["state"] == "failed"
    assert failed["error"].startswith("the record could not be written: PermissionError")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "no space is left in"),
        (errno.EDQUOT, "no space is left in"),
        (errno.EIO, "nothing can be written in"),
        (errno.EROFS, "nothing can be written in"),
    ],
)
def test_a_disk_that_takes_nothing_stops_the_study(tmp_path, trial, monkeypatch, number, told):
    heard = Heard()
    with monkeypatch.context() as patch:
        second_line_fails(patch, number, os.strerror(number), end=True)
        counts = trial.run(tmp_path, {"x": [1, 2, 3]}, heard)
    assert counts == {"kept": 0, "done": 1, "failed": 1, "queued": 1}
    (sentence,) = heard.told
    assert sentence.startswith("the study stops: " + told)
    assert os.strerror(number) in sentence
    failed = whole(tmp_path)[1]
    assert failed["state"] == "failed"
    assert failed["error"].startswith("the record could not be written: " + told)
    assert trial.run(tmp_path, {"x": [1, 2, 3]}) == {"kept": 1, "done": 2}
    assert not list(tmp_path.rglob(f"{PARTIAL}*"))


def test_a_disk_without_room_for_a_record_begins_no_run(tmp_path, trial, monkeypatch):
    second_line_fails(monkeypatch, errno.ENOSPC, "No space left on device", end=False)
    counts = trial.run(tmp_path, {"x": [1, 2, 3]})
    assert counts == {"kept": 0, "done": 1, "queued": 2}
    assert kills.called(tmp_path) == 1


def test_runs_that_somebody_removes_meanwhile_are_not_counted_as_done(tmp_path, trial):
    class Remover(Heard):
        def ended(self, record):
            if record["knobs"]["x"] == 2:
                (tmp_path / "study" / CALL_LOG).unlink()

    trial.run(tmp_path, {"x": [1]})
    heard = Remover()
    counts = trial.run(tmp_path, {"x": [0, 1, 2, 3, 4, 5]}, heard)
    assert counts == {"kept": 0, "done": 3, "gone": 3}
    assert [r["state"] for r in read_points(tmp_path / "study")] == ["queued"] * 3 + ["done"] * 3
    (sentence,) = heard.told
    assert sentence == f"3 runs that were done, removed from {tmp_path / 'study'} since"
    assert trial.run(tmp_path, {"x": [0, 1, 2, 3, 4, 5]}) == {"kept": 3, "done": 3}


def test_a_study_s_folder_that_is_removed_meanwhile(tmp_path, trial):
    class Remover(Heard):
        def ended(self, record):
            if record["knobs"]["x"] == 2:
                shutil.rmtree(tmp_path / "study")

    counts = trial.run(tmp_path, {"x": [1, 2, 3, 4]}, Remover())
    assert counts == {"kept": 0, "done": 2, "gone": 2}
    states = [r["state"] for r in read_points(tmp_path / "study")]
    assert states == ["queued", "queued", "done", "done"]


def test_a_planted_link_at_the_study_s_log_is_not_followed(tmp_path, trial):
    mine = tmp_path / "mine.jsonl"
    mine.write_text("mine")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / CALL_LOG).symlink_to(mine)
    with pytest.raises(ValueError, match="`out` must be a folder that can be written"):
        trial.run(tmp_path, {"x": [1, 2]})
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_asked_to_stop_leaves_a_clear_state(tmp_path, number):
    process = kills.begun(tmp_path, 50, slots=2, milliseconds=300)
    while len(calls(tmp_path)) < 4 and process.poll() is None:
        time.sleep(0.01)
    children = kills.family(process)
    process.send_signal(number)
    told, errors = process.communicate(timeout=60)
    assert kills.orphans(children) == 0
    states = [r["state"] for r in read_points(tmp_path / "study")]
    assert set(states) == {"done", "killed", "queued"}, errors
    assert states.count("killed") <= 2
    assert b"'queued'" in told
    assert errors == b""


@pytest.mark.parametrize("planted", ["folder", "file"])
def test_a_partial_notebook_behind_a_link_is_none_of_the_run_s(tmp_path, planted):
    mine = tmp_path / "mine"
    mine.mkdir()
    nbformat.write(nbformat.v4.new_notebook(), mine / "notebook.ipynb")
    run = tmp_path / "run"
    run.mkdir()
    link = run / f"{PARTIAL}a"
    if planted == "folder":
        link.symlink_to(mine)
    else:
        link.mkdir()
        (link / "notebook.ipynb").symlink_to(mine / "notebook.ipynb")
    save_partial(run)
    assert not (run / "partial.ipynb").exists()
    clear(run)
    assert list(run.iterdir()) == []
    assert (mine / "notebook.ipynb").exists()

"""Full disks, two sweeps at once, clocks that go back, rude notebooks: all end in a clear state."""

import contextlib
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import kills
import pytest
import toy_notebooks
from notebook_sweeps import states, sweep

from workbench.records.store import read_points, read_record
from workbench.runs import record as recording
from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.run_folder import PARTIAL


def mount(folder, size):
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        ran = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except OSError as error:
        pytest.skip(f"needs a disk of its own: {error}")
    if ran.returncode:
        pytest.skip(f"needs a disk of its own: {' '.join(ran.stderr.split())}")


@pytest.fixture
def disk(tmp_path):
    """A folder that is a small disk; `disk(size)` makes it, `disk.again(options)` changes it."""
    folder = tmp_path / "study"

    def made(size):
        mount(folder, size)

    def again(options):
        subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True, timeout=60)

    made.again = again
    yield made
    with contextlib.suppress(OSError):
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, timeout=60)


def test_a_disk_that_is_full(tmp_path, trial, disk):
    disk("60k")
    values = {"x": list(range(120))}
    counts = trial.run(tmp_path, values)
    assert counts["done"] > 10
    assert counts["queued"] > 10
    assert counts["done"] + counts.get("failed", 0) + counts["queued"] == 120
    assert "running" not in [r["state"] for r in read_points(tmp_path / "study")]
    for point in read_points(tmp_path / "study"):
        assert point["summary"] in ({}, {"double": 2 * point["knobs"]["x"]})
    done = [r for r in read_points(tmp_path / "study") if r["state"] == "done"]
    assert len(done) == counts["done"]
    disk.again("size=20m")
    again = trial.run(tmp_path, values)
    assert again == {"kept": len(done), "done": 120 - len(done)}
    assert not list(tmp_path.rglob(f"{PARTIAL}*"))


@pytest.mark.notebook
def test_a_page_that_does_not_fit_on_the_disk(tmp_path, disk):
    disk("100k")
    toy_notebooks.notebook(tmp_path / "own.ipynb", "'#' * 200_000")
    process = sweep(tmp_path, "--x", "1,2")
    told, errors = process.communicate(timeout=300)
    assert told == "0 kept, 1 failed, 1 queued: study\n", errors
    assert "No space left on device" in errors
    assert "the study stops: no space is left in" in errors
    assert sorted(state for state, _ in states(tmp_path).values()) == ["failed", "queued"]
    assert not list((tmp_path / "study").rglob("page.html"))
    assert "Traceback" not in errors


FILLING = """
try:
    with open("study/filling", "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
except OSError as error:
    print(error)
"""


@pytest.mark.notebook
def test_a_disk_that_fills_in_the_middle_of_a_run(tmp_path, disk, monkeypatch):
    """Nothing can be written at its end, not even a record; the room taken at its start is left."""
    disk("1m")
    monkeypatch.chdir(tmp_path)
    toy_notebooks.notebook(tmp_path / "own.ipynb", FILLING, "'#' * 200_000")
    record = execute(job("own.ipynb", {}), tmp_path / "study")
    assert record["state"] == "failed"
    assert f"no space is left in {tmp_path / 'study'}" in record["error"]
    left = json.loads((tmp_path / "study" / record["folder"] / "record.json").read_text())
    assert (left["state"], left["error"]) == ("failed", record["error"])


def test_a_disk_that_only_can_be_read(tmp_path, trial, disk):
    disk("1m")
    trial.run(tmp_path, {"x": 1})
    disk.again("ro")
    with pytest.raises(ValueError, match=r"`out` must be .* written \(Read-only file system\)"):
        trial.run(tmp_path, {"x": [1, 2]})
    assert [r["state"] for r in read_points(tmp_path / "study")] == ["done"]


def test_two_sweeps_into_one_folder_at_once(tmp_path):
    first = kills.begun(tmp_path, 400, 2, 200)
    while not kills.called(tmp_path) and first.poll() is None:
        time.sleep(0.01)
    second = kills.begun(tmp_path, 400, 2, 200)
    told, errors = second.communicate(timeout=300)
    assert (told, second.returncode) == (b"", 1)
    assert b"`out` must be a folder in which no other study runs" in errors
    assert first.poll() is None
    first.terminate()
    first.communicate(timeout=60)
    found = [r["state"] for r in read_points(tmp_path / "study")]
    assert set(found) <= {"done", "killed", "queued"}
    assert kills.called(tmp_path) == found.count("done") + found.count("killed")


def test_a_clock_that_goes_back(tmp_path, trial, monkeypatch):
    class Clock(datetime):
        """Goes back by an hour whenever it is looked at."""

        looks = 0

        @classmethod
        def now(cls, zone):
            cls.looks += 1
            return datetime(2026, 1, 1, tzinfo=UTC) - cls.looks * timedelta(hours=1)

    monkeypatch.setattr(recording, "datetime", Clock)
    assert trial.run(tmp_path, {"x": [1, 2], "milliseconds": 30}) == {"kept": 0, "done": 2}
    for record in read_points(tmp_path / "study"):
        times = record["timings"]
        assert 0.02 < times["seconds"] < 60
        start, end = (datetime.fromisoformat(times[k]) for k in ("start", "end"))
        assert 0 <= (end - start).total_seconds() < 60
    assert trial.run(tmp_path, {"x": [1, 2], "milliseconds": 30}) == {"kept": 2}


def test_a_clock_that_is_set_makes_no_run_a_dead_one(tmp_path, monkeypatch):
    import psutil

    made = {"name": "a/b", "run": "c", "identity": "d", "state": "running", "knobs": {}}
    made |= {"summary": {}, "timings": {}, "process": os.getpid()}
    made |= {"process_start": recording._process_start(os.getpid())}
    (tmp_path / "record.json").write_text(json.dumps(made))
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) - 3600)
    assert read_record(tmp_path / "record.json")["state"] == "running"


RUDE = """
import os, sys, time
if x == 1:
    while True:
        pass
if x == 2:
    for _ in range(20):
        print("x" * 5_000_000)
if x == 5:
    os.abort()
if x == 6:
    sys.stdout.close()
if x == 7:
    os.killpg(os.getpgrp(), 9)
"""


@pytest.mark.notebook
def test_rude_notebooks(tmp_path):
    """One loops forever, one prints 100 MB, two crash, one closes its output, one is polite."""
    toy_notebooks.notebook(tmp_path / "own.ipynb", RUDE, "x")
    process = sweep(tmp_path, "--x", "1,2,5,6,7,8", "--timeout", "60", "--jobs", "2")
    told, errors = process.communicate(timeout=500)
    assert "Traceback" not in errors
    found = states(tmp_path)
    assert found[1] == ("timed out", "it took longer than 60 s")
    # A machine with much else to do may need longer for it, and then the record says so.
    assert found[2] in [("done", None), ("timed out", "it took longer than 60 s")]
    assert found[5] == found[7] == ("killed", "cell 'cell-0': the kernel died")
    assert found[6][0] in ("done", "failed")
    assert found[8] == ("done", None)
    assert kills.wrong(tmp_path) == []
    assert process.returncode == 1


def test_a_loop_that_a_cell_s_limit_ends(tmp_path):
    toy_notebooks.notebook(tmp_path / "own.ipynb", "while True:\n    pass")
    begin = time.monotonic()
    found = execute(job(str(tmp_path / "own.ipynb"), {}), tmp_path / "r", cell_timeout=2)
    assert (found["state"], found["error"]) == (
        "timed out",
        "cell 'cell-0': it took longer than 2 s",
    )
    assert time.monotonic() - begin < 60
    assert sys.platform != "linux" or not kills.running(_this(), "ipykernel_launcher")


def _this():
    import psutil

    return psutil.Process()

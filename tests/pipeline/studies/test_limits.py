"""Memory limits, devices that are shared out, and what a run that is killed leaves."""

import json
import subprocess
import sys

import pytest
import toy_notebooks
from notebook_sweeps import sweep

from workbench.cli import sweep as sweep_command
from workbench.records.store import Recorded, read_points
from workbench.runs.processes import bytes_of, resident_bytes, spelled_bytes
from workbench.studies import devices as found_devices
from workbench.studies import executor


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GB", 2 * 10**9), ("500 mb", 5 * 10**8), ("1.5GiB", 1610612736), ("7", 7), ("3k", None)]
    + [("", None), ("-1GB", None), ("0.1B", None), ("1e9", None), ("nan", None), ("2 XB", None)],
)
def test_sizes(text, count):
    if count is None:
        with pytest.raises(ValueError, match="`memory` must be a size such as"):
            bytes_of(text)
    else:
        assert bytes_of(text) == count


def test_sizes_are_spelled_as_a_person_reads_them():
    assert [spelled_bytes(n) for n in (12, 1500, 2 * 10**9)] == ["12 B", "1.5 kB", "2 GB"]


def test_what_a_process_and_its_children_hold():
    code = "import subprocess, sys; x = b'x' * 50_000_000; print(flush=True); "
    inner = "x = b'x' * 100_000_000; print(flush=True); input()"
    code += f"subprocess.run([sys.executable, '-c', {inner!r}])"
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.read(2)
        gone = 2**22 + 5
        found = resident_bytes([process.pid, gone])
        process.communicate(b"\n", timeout=60)
    assert found[gone] == 0
    assert 150e6 < found[process.pid] < 250e6


def test_what_eats_memory_is_killed_and_its_neighbour_is_not(tmp_path, trial):
    counts = trial.run(tmp_path, {"way": ["eat", ""]}, jobs=2, memory=600_000_000, timeout=200.0)
    assert counts == {"kept": 0, "done": 1, "killed": 1}
    eater, other = read_points(tmp_path / "study")
    assert eater["state"] == "killed"
    told = eater["error"]
    assert told.startswith("it held ")
    assert told.endswith(" MB of memory, more than the limit of 600 MB")
    reached = float(told.split()[2])
    assert 600 < reached < 2000
    assert eater["timings"]["peak_memory_mib"] == pytest.approx(reached * 1e6 / 2**20, rel=0.01)
    assert other["timings"]["peak_memory_mib"] < 600


def test_a_killed_run_s_peak_is_kept(tmp_path, trial):
    trial.run(tmp_path, {"way": "hang"}, timeout=4.0)
    (record,) = read_points(tmp_path / "study")
    assert record["state"] == "timed out"
    assert record["timings"]["peak_memory_mib"] > 20


def test_each_slot_has_its_device(tmp_path, trial, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    values = {"way": "shown", "x": list(range(6)), "milliseconds": 300}
    counts = trial.run(tmp_path, values, jobs=8, devices=("4", "7"))
    assert counts == {"kept": 0, "done": 6}
    with Recorded(tmp_path / "study") as recorded:
        found = [recorded.get(p["name"], p["run"]) for p in read_points(tmp_path / "study")]
    shown = [r["summary"]["double"] for r in found]
    assert set(shown) == {4, 7}
    for record, device in zip(found, shown, strict=True):
        assert record["provenance"]["environment"]["CUDA_VISIBLE_DEVICES"] == str(device)
    spans = {d: [] for d in (4, 7)}
    for record, device in zip(found, shown, strict=True):
        spans[device].append((record["timings"]["start"], record["timings"]["end"]))
    for times in spans.values():
        times.sort()
        assert all(a[1] <= b[0] for a, b in zip(times, times[1:], strict=False))


def test_as_many_runs_on_a_device_as_asked_for(tmp_path):
    limits = executor.Limits(jobs=9, devices=("0", "1"), per_device=2)
    with executor.executor("function", limits, tmp_path) as slots:
        assert slots.count == 4


@pytest.mark.parametrize(
    ("shown", "listed", "devices"),
    [("0, 2", "", ("0", "2")), ("", "GPU-a\n", ()), ("-1", "GPU-a\n", ())]
    + [(None, "GPU-a\nGPU-b\n", ("GPU-a", "GPU-b")), (None, None, ())],
)
def test_devices_are_those_that_this_process_may_use(tmp_path, monkeypatch, shown, listed, devices):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    monkeypatch.setenv("PATH", str(tmp_path))
    if listed is not None:
        command = tmp_path / "nvidia-smi"
        command.write_text(f"#!/bin/sh\nprintf '{listed}'\n")
        command.chmod(0o755)
    assert found_devices.devices() == devices


def test_only_runs_on_a_gpu_share_devices(tmp_path, monkeypatch):
    class Job:
        provenance = {"backend": "numpy"}

    asked = []

    def run_study(jobs, out, limits, watcher):
        asked.append(limits)
        return {}

    monkeypatch.setattr(sweep_command, "run_study", run_study)
    monkeypatch.setattr(sweep_command, "devices", lambda: ("0", "1"))
    how = dict.fromkeys(("timeout", "cell_timeout", "memory", "dask"))
    how |= {"jobs": 3, "retries": 0, "per_device": 1}
    sweep_command.run([Job], tmp_path, how)
    Job.provenance = {"backend": "cupy"}
    sweep_command.run([Job], tmp_path, how)
    assert [limits.devices for limits in asked] == [(), ("0", "1")]


@pytest.mark.notebook
def test_a_notebook_that_eats_memory(tmp_path):
    # What a kill leaves may be some seconds old.
    eat = "time.sleep(5 * (x == 4))\nheld = []\n"
    eat += "while x == 4:\n    held.append(b'x' * 10_000_000)\n    time.sleep(0.001)"
    toy_notebooks.notebook(tmp_path / "own.ipynb", "import time\nprint('begun')", eat)
    process = sweep(tmp_path, "--x", "4,5", "--memory", "900MB")
    told, errors = process.communicate(timeout=300)
    assert told == "0 kept, 1 done, 1 killed: study\n", errors
    eater, other = read_points(tmp_path / "study")
    assert (eater["state"], other["state"]) == ("killed", "done")
    assert eater["error"].endswith("of memory, more than the limit of 900 MB")
    folder, whole = (tmp_path / "study" / r["name"] / r["run"] for r in (eater, other))
    assert sorted(p.name for p in folder.iterdir()) == ["partial.ipynb", "record.json"]
    left = json.loads((folder / "partial.ipynb").read_text())
    printed = [c for c in left["cells"] if "begun" in str(c.get("outputs"))]
    assert len(printed) == 1
    marks = [c["metadata"].get("papermill", {}).get("status") for c in left["cells"]]
    assert marks[-1] in ("running", "failed", "pending")
    assert sorted(p.name for p in whole.iterdir()) == [
        "notebook.ipynb",
        "page.html",
        "record.json",
    ]

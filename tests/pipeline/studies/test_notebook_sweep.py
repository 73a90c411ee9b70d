"""Notebook runs of a study, each in a kernel of its own."""

import json
import time

import kills
import psutil
import pytest
import toy_notebooks
from notebook_sweeps import states, sweep

from workbench.records.store import read_points

pytestmark = pytest.mark.notebook

CELL = "if x == 7: os._exit(3)\nif x == 8: raise ValueError('unlucky')\nif x > 99: time.sleep(1000)"


@pytest.fixture
def own(tmp_path):
    toy_notebooks.notebook(tmp_path / "own.ipynb", "import os, time", CELL, "x + 1")
    return tmp_path


def files(folder, x):
    return sorted(p.name for p in (folder / "study").glob(f"own/own/x-{x}-*/*"))


def test_each_run_has_its_page_or_its_reason(own):
    process = sweep(own, "--x", "1,7,8,100", "--jobs", "2", "--timeout", "40")
    told, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert told == "0 kept, 1 done, 1 failed, 1 killed, 1 timed out: study\n", errors
    assert states(own) == {
        1: ("done", None),
        7: ("killed", "cell 'cell-1': the kernel died"),
        8: ("failed", "cell 'cell-1': ValueError: unlucky"),
        100: ("timed out", "it took longer than 40 s"),
    }
    assert files(own, 1) == ["notebook.ipynb", "page.html", "record.json"]
    assert files(own, 7) == files(own, 8) == ["notebook.ipynb", "record.json"]
    assert files(own, 100) == ["partial.ipynb", "record.json"]
    (page,) = (own / "study").glob("own/own/x-1-*/page.html")
    before = page.stat().st_mtime_ns
    told, errors = sweep(own, "--x", "1").communicate(timeout=300)
    assert told == "1 kept: study\n", errors
    page.unlink()
    told, errors = sweep(own, "--x", "1").communicate(timeout=300)
    assert told == "0 kept, 1 done: study\n", errors
    assert page.stat().st_mtime_ns > before


@pytest.mark.parametrize("victim", ["worker", "sweep"])
def test_a_kill_leaves_no_kernel_and_no_half_page(own, victim):
    process = sweep(own, "--x", "100,1")
    until = time.monotonic() + 120
    while not kills.kernels(process) and time.monotonic() < until:
        time.sleep(0.05)
    (kernel,) = kills.kernels(process)
    # The kernel looks for its parent's end from the moment when it has started.
    (record,) = (own / "study").glob("own/own/x-100-*/record.json")
    worker = psutil.Process(json.loads(record.read_text())["process"])
    time.sleep(2)
    (worker if victim == "worker" else process).kill()
    told, errors = process.communicate(timeout=300)
    assert not psutil.wait_procs([kernel, worker], timeout=20)[1]
    found = states(own)
    if victim == "worker":
        assert told == "0 kept, 1 done, 1 killed: study\n", errors
        assert found[100] == ("killed", "its process was ended by SIGKILL")
        assert files(own, 100) == ["partial.ipynb", "record.json"]
    else:
        assert found == {100: ("killed", "its process is gone"), 1: ("queued", None)}
    assert "page.html" not in files(own, 100)


def test_every_point_runs_with_its_own_value(tmp_path):
    """Also where papermill had run the notebook before, and where the cell computes the value."""
    old = toy_notebooks.code("rate = 0.9", "old", "injected-parameters")
    cell = "rate = 0.1\nn = 10\nn += 5"
    toy_notebooks.notebook(
        tmp_path / "own.ipynb", old, "print('used', rate, n)", parameters_cell=cell
    )
    words = ["--rate", "0.1,0.5", "--n", "10,20"]
    told, errors = sweep(tmp_path, *words).communicate(timeout=300)
    assert told == "0 kept, 4 done: study\n", errors
    found = set()
    for record in read_points(tmp_path / "study"):
        path = tmp_path / "study" / record["name"] / record["run"] / "notebook.ipynb"
        used = "used {rate} {n}\\n".format(**record["knobs"])
        assert used in path.read_text()
        found.add((record["knobs"]["rate"], record["knobs"]["n"]))
    assert found == {(0.1, 10), (0.1, 20), (0.5, 10), (0.5, 20)}
    assert sweep(tmp_path, *words).communicate(timeout=300)[0] == "4 kept: study\n"

"""Kernels forked from a template: nothing tells them from kernels started anew but the time."""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import psutil
import pytest
import toy_notebooks

from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.kernels.forked_kernel import Template

pytestmark = [
    pytest.mark.notebook,
    pytest.mark.skipif(not Template.is_possible(), reason="needs Linux"),
]

ABOUT = """
import json, os, random, signal, sys
OWN = ("JPY_PARENT_PID", "WORKBENCH_MARKS")
about = {
    "path": sys.path, "cwd": os.getcwd(), "argv": len(sys.argv), "main": sys.modules["__main__"].x,
    "environment": {k: v for k, v in os.environ.items() if k not in OWN},
    "stdin": os.read(0, 1) == b"", "leader": os.getsid(0) == os.getpid() == os.getpgrp(),
    "signal": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    "heavy": [n for n in ("numpy", "plotly", "workbench", "cupy", "numba") if n in sys.modules],
    "flags": list(sys.flags), "recursion": sys.getrecursionlimit(), "prefix": sys.prefix,
    "parameter": [x, __name__], "handles": sorted(os.listdir("/proc/self/fd"), key=int)[:3],
}
with open(f"about-{x}.json", "w") as file:
    json.dump(about, file)
with open("drawn.txt", "a") as file:
    file.write(f"{random.random()}\\n")
"""


@pytest.fixture
def template():
    made = Template()
    yield made
    made.close()


def record(folder, x, template, reports="r", **how):
    return execute(job(str(folder / "own.ipynb"), {"x": x}), folder / reports, **how, **template)


def test_a_fork_is_like_a_kernel_started_anew(tmp_path, monkeypatch, template):
    monkeypatch.chdir(tmp_path)
    toy_notebooks.notebook(tmp_path / "own.ipynb", ABOUT)
    for x, how in ((3, {}), (1, {"template": template}), (2, {"template": template})):
        found = record(tmp_path, x, how)
        assert found["state"] == "done", found["error"]
        assert found["timings"]["peak_memory_mib"] > 10
    abouts = [json.loads((tmp_path / f"about-{x}.json").read_text()) for x in (3, 1, 2)]
    for x, about in zip((3, 1, 2), abouts, strict=True):
        assert about.pop("main") == about["parameter"].pop(0) == x
    assert abouts[1] == abouts[2] == abouts[0]
    assert abouts[0]["heavy"] == []
    drawn = (tmp_path / "drawn.txt").read_text().splitlines()
    assert len(set(drawn)) == 3, "forks share a state of random numbers"


def test_nothing_that_a_fork_could_break_is_in_the_template(template, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A module of the user's must not stand in for one that the template loads.
    (tmp_path / "comm.py").write_text("raise SystemExit('the user s own')")
    toy_notebooks.notebook(tmp_path / "own.ipynb", "y = x")
    assert record(tmp_path, 1, {"template": template})["state"] == "done"
    process = psutil.Process(template._process.pid)
    assert process.num_threads() == 1
    assert process.net_connections() == []
    loaded = {Path(m.path).name.split(".")[0].split("-")[0] for m in process.memory_maps()}
    assert not loaded & {"libopenblas", "libcuda", "libcudart", "libgomp", "llvmlite"}


@pytest.mark.parametrize(
    ("source", "state", "error"),
    list(toy_notebooks.DEADLY.values()),
    ids=list(toy_notebooks.DEADLY),
)
def test_a_cell_that_ends_badly(tmp_path, template, source, state, error):
    toy_notebooks.notebook(tmp_path / "own.ipynb", toy_notebooks.code(source, "bad"))
    timeout = 1 if state == "timed out" else None
    found = record(tmp_path, 1, {"template": template}, cell_timeout=timeout)
    assert (found["state"], found["error"]) == (state, error)
    assert not psutil.Process(template._process.pid).children()


def test_what_wants_to_be_called_at_the_end_is_called(tmp_path, monkeypatch, template):
    monkeypatch.chdir(tmp_path)
    source = "import atexit, pathlib\natexit.register(pathlib.Path('left').write_text, 'orderly')"
    toy_notebooks.notebook(tmp_path / "own.ipynb", source)
    assert record(tmp_path, 1, {"template": template})["state"] == "done"
    assert (tmp_path / "left").read_text() == "orderly"


def test_without_its_template_a_kernel_starts_anew(tmp_path, template):
    toy_notebooks.notebook(tmp_path / "own.ipynb", "y = x")
    template._process.kill()
    template._process.wait(10)
    assert record(tmp_path, 1, {"template": template})["state"] == "done"


def begun(template, folder):
    """A forked process that would be a kernel, were its connection file there."""
    file = folder / f"{uuid.uuid4().hex}.json"
    return template.kernel(["-f", str(file)], str(folder), dict(os.environ))


def test_kernels_end_with_their_template(template, tmp_path):
    kernel = begun(template, tmp_path)
    process = psutil.Process(kernel.pid)
    assert kernel.poll() is None
    template._process.send_signal(signal.SIGKILL)
    template._process.wait(10)
    process.wait(10)
    assert kernel.poll() == -signal.SIGKILL
    assert begun(template, tmp_path) is None


def test_a_template_ends_with_its_connection(tmp_path):
    template = Template()
    process = psutil.Process(begun(template, tmp_path).pid)
    template._connection.close()
    assert template._process.wait(10) == 0
    process.wait(10)


@pytest.mark.timeout(60)  # a kernel's own `wait` knows no limit
def test_ends_are_told_of_the_kernel_they_are_of(template, tmp_path):
    first, second = begun(template, tmp_path), begun(template, tmp_path)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    third = begun(template, tmp_path)
    assert second.poll() is third.poll() is None
    third.send_signal(signal.SIGTERM)
    until = time.monotonic() + 20
    while third.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert third.poll() is not None
    first.send_signal(signal.SIGKILL)  # nobody to meet, and no harm

"""Whole runs in real kernels, from the command line on; what comes of those that end badly."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import toy
from click.testing import CliRunner

from workbench import cli
from workbench.runs.execute import execute
from workbench.runs.job import job

pytestmark = pytest.mark.notebook

PATIENCE = 60
SLEEPER = (
    "import os, pathlib, time\n"
    "pathlib.Path(f'kernel-{x}').write_text(str(os.getpid()))\n"
    "time.sleep(x)"
)


def wait(holds, what):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def records(folder):
    found = [json.loads(p.read_text()) for p in (folder / "reports").rglob("record.json")]
    return {r["knobs"]["x"]: r for r in found}


def gone(process):
    return not psutil.pid_exists(process) or psutil.Process(process).status() == "zombie"


def test_a_notebook_of_the_user_s_the_whole_way(tmp_path):
    """On a terminal, with a broken kernel at home, in folders that want escaping."""
    folder = tmp_path / 'a "b" {c} <i>d'
    folder.mkdir()
    path = toy.notebook(
        folder / "my <b>own {x}.ipynb",
        toy.prose("# Mine", "title"),
        "import os, sys\nprint(sys.executable, x, os.getcwd())",
        "# nothing but a comment",
        "",
        toy.code("raise SystemExit('the panel ran')", "panel", "panel"),
        toy.code("raise SystemExit('skipped')", "skipped", "skip-execution"),
        "print(open('beside.txt').read())",
    )
    (folder / "beside.txt").write_text("read from beside")
    spec = tmp_path / "home" / "kernels" / "python3"
    spec.mkdir(parents=True)
    broken = {"argv": ["/bin/false"], "display_name": "broken", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(broken))
    home = str(tmp_path / "home")
    seen, status = on_a_terminal(
        ["run", path.name, "--x", "5", "--reports", "out {y}"],
        cwd=folder,
        env=toy.environment(JUPYTER_PATH=home, JUPYTER_DATA_DIR=home),
    )
    assert status == 0, seen
    percents = re.findall(r"own/my_b_own_x: +(\d+)%", seen)
    assert percents[0] == "0"
    assert percents[-1] == "100"
    assert len(set(percents)) > 4
    for noise in ("Warning", "warning", "ERROR", "Traceback", "encrypt"):
        assert noise not in seen
    (record,) = [json.loads(p.read_text()) for p in (folder / "out {y}").rglob("record.json")]
    assert record["state"] == "done", record["error"]
    assert record["knobs"] == {"x": 5}
    assert record["timings"]["peak_memory_mib"] > 10 or not Path("/proc/self/status").exists()
    run = folder / "out {y}" / record["folder"]
    assert sorted(p.name for p in run.iterdir()) == ["notebook.ipynb", "page.html", "record.json"]
    left = (run / "notebook.ipynb").read_text()
    assert json.dumps(f"{sys.executable} 5 {folder}\n")[1:-1] in left
    assert "read from beside" in left
    assert "the panel ran" not in left
    page = (run / "page.html").read_text()
    assert "read from beside" in page
    assert "my &lt;b&gt;own {x}.ipynb" in page
    assert not re.search(r"<b>own|<i>d", page)


def on_a_terminal(words, **how):
    """What the command wrote on its terminal, and its status."""
    main, side = pty.openpty()
    termios.tcsetwinsize(side, (24, 100))
    command = [sys.executable, "-m", "workbench", *words]
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, **how)
    os.close(side)
    seen = b""
    with contextlib.suppress(OSError):  # a terminal without a process raises at its end
        while part := os.read(main, 65536):
            seen += part
    os.close(main)
    return seen.decode(), process.wait(PATIENCE)


@pytest.mark.parametrize(
    ("source", "state", "error"),
    [
        ("import os\nos.kill(os.getpid(), 9)", "killed", "cell 'bad': the kernel died"),
        ("import os\nos._exit(0)", "killed", "cell 'bad': the kernel died"),
        ("import time\ntime.sleep(99)", "timed out", "cell 'bad': it took longer than 1 s"),
        ("raise SystemExit(0)", "failed", "cell 'bad' left the interpreter"),
        ("1 / 0", "failed", "cell 'bad': ZeroDivisionError: division by zero"),
        ("input()", "failed", "cell 'bad': StdinNotImplementedError"),
    ],
    ids=["kill", "exit", "sleep", "system-exit", "raise", "input"],
)
def test_a_cell_that_ends_badly(tmp_path, source, state, error, capfd):
    path = toy.notebook(
        tmp_path / "own.ipynb", toy.code(source, "bad"), toy.code("print('after')", "after")
    )
    timeout = 1 if state == "timed out" else None
    record = execute(job(str(path), {}), tmp_path / "r", cell_timeout=timeout)
    assert (record["state"], record["cell"]) == (state, "bad")
    assert record["error"].startswith(error)
    assert "\x1b" not in str(record["traceback"])
    if state == "failed":
        assert record["error"].rsplit(" ", 1)[-1] in (record["traceback"] + " interpreter")
    folder = tmp_path / "r" / record["folder"]
    assert json.loads((folder / "record.json").read_text()) == record
    assert not (folder / "page.html").exists()
    cells = {c.id: c for c in nbformat.read(folder / "notebook.ipynb", 4).cells}
    assert cells["parameters"].metadata.papermill.status == "completed"
    assert cells["bad"].metadata.papermill.status == "failed"
    assert cells["after"].metadata.papermill.status == "pending"
    assert "after" not in record["timings"]["cells"]
    assert "Traceback" not in capfd.readouterr().err


def test_a_kernel_that_dies_in_the_last_cell(tmp_path):
    path = toy.notebook(tmp_path / "own.ipynb", toy.code("import os\nos._exit(0)", "bad"))
    record = execute(job(str(path), {}), tmp_path / "r")
    assert (record["state"], record["error"]) == ("killed", "cell 'bad': the kernel died")


def test_nothing_starts_for_a_value_that_is_refused(tmp_path, monkeypatch):
    from jupyter_client.provisioning import local_provisioner

    begun = []

    def launch(*args, **_):
        begun.append(args)
        raise RuntimeError("no kernel today")

    monkeypatch.setattr(local_provisioner, "launch_kernel", launch)
    path = str(toy.notebook(tmp_path / "own.ipynb", "x"))
    for words in (["--x", "a"], ["--y", "1"], ["--x", "1.5"]):
        ran = CliRunner().invoke(cli.main, ["run", path, "--reports", str(tmp_path / "r"), *words])
        assert ran.exit_code == 2
    assert begun == []
    assert not (tmp_path / "r").exists()
    ran = CliRunner().invoke(cli.main, ["run", path, "--reports", str(tmp_path / "r")])
    assert ran.exit_code == 1
    assert "RuntimeError: no kernel today" in ran.stderr
    assert len(begun) == 1


SIGNALS = {101: signal.SIGINT, 102: signal.SIGTERM, 103: signal.SIGHUP, 104: signal.SIGKILL}


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory):
    """Four runs, each sent its signal in the middle of a cell; a fifth tries to run beside one."""
    folder = tmp_path_factory.mktemp("interrupted")
    toy.notebook(folder / "own.ipynb", toy.code(SLEEPER, "sleep"), "print('after')")
    runs = {x: toy.command("run", "own.ipynb", "--x", x, cwd=folder) for x in SIGNALS}
    marks = {x: folder / f"kernel-{x}" for x in SIGNALS}
    wait(lambda: all(m.exists() and m.read_text() for m in marks.values()), "no kernel started")
    kernels = {x: int(mark.read_text()) for x, mark in marks.items()}
    running = {x: r["state"] for x, r in records(folder).items()}
    beside = toy.command("run", "own.ipynb", "--x", 101, cwd=folder)
    beside = (*beside.communicate(timeout=PATIENCE), beside.returncode)
    for x, number in SIGNALS.items():
        runs[x].send_signal(number)
    ended = {x: (*run.communicate(timeout=PATIENCE), run.returncode) for x, run in runs.items()}
    yield {
        "folder": folder,
        "kernels": kernels,
        "running": running,
        "beside": beside,
        "ended": ended,
    }
    for kernel in kernels.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(kernel).kill()


def test_the_record_says_running_meanwhile(interrupted):
    assert interrupted["running"] == dict.fromkeys(SIGNALS, "running")


def test_the_same_run_beside_it_is_refused(interrupted):
    out, err, status = interrupted["beside"]
    assert (out, status) == ("", 2)
    assert "`run` must be one that is not running already; got 'own/own/x-101-" in err


@pytest.mark.parametrize("x", [101, 102, 103])
def test_a_run_that_is_asked_to_end_says_killed(interrupted, x):
    _, err, status = interrupted["ended"][x]
    record = records(interrupted["folder"])[x]
    assert (record["state"], record["error"]) == ("killed", "cell 'sleep': interrupted")
    assert status == 1
    assert "Traceback" not in err
    assert "%|" not in err, "a bar was drawn into a pipe"
    folder = interrupted["folder"] / "reports" / record["folder"]
    assert sorted(p.name for p in folder.iterdir()) == ["notebook.ipynb", "record.json"]


def test_a_run_that_is_killed_never_says_done(interrupted):
    record = records(interrupted["folder"])[104]
    assert (record["state"], interrupted["ended"][104][2]) == ("running", -signal.SIGKILL)
    assert not (interrupted["folder"] / "reports" / record["folder"] / "page.html").exists()


@pytest.mark.parametrize("x", SIGNALS)
def test_no_kernel_is_left_behind(interrupted, x):
    wait(lambda: gone(interrupted["kernels"][x]), "the kernel lives on")


def test_the_next_run_after_a_killed_one_is_clean(interrupted, monkeypatch):
    """The same identity, whose cell now ends: the kernel finds a `sleep` that does not."""
    folder = interrupted["folder"]
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{toy.ROOT}")
    (folder / "sitecustomize.py").write_text("import time\ntime.sleep = lambda _: None\n")
    before = records(folder)[104]
    record = execute(job("own.ipynb", {"x": 104}), folder / "reports")
    assert (record["identity"], record["state"]) == (before["identity"], "done")
    run = folder / "reports" / record["folder"]
    assert sorted(p.name for p in run.iterdir()) == ["notebook.ipynb", "page.html", "record.json"]

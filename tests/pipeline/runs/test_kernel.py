"""Whole runs in real kernels, from the command line on; what comes of those that end badly."""

import contextlib
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import toy_notebooks
from click.testing import CliRunner
from terminal import on_a_terminal

from workbench.cli import cli
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
    path = toy_notebooks.notebook(
        folder / "my <b>own {x}.ipynb",
        toy_notebooks.prose("# Mine", "title"),
        "import os, sys\nprint(sys.executable, x, os.getcwd())",
        "# nothing but a comment",
        "",
        toy_notebooks.code("raise SystemExit('the panel ran')", "panel", "panel"),
        toy_notebooks.code("raise SystemExit('skipped')", "skipped", "skip-execution"),
        "print(open('beside.txt').read())",
    )
    (folder / "beside.txt").write_text("read from beside")
    spec = tmp_path / "home" / "kernels" / "python3"
    spec.mkdir(parents=True)
    broken = {"argv": ["/bin/false"], "display_name": "broken", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(broken))
    home = str(tmp_path / "home")
    seen, _, status = on_a_terminal(
        *("run", path.name, "--x", "5", "--reports", "out {y}"),
        cwd=folder,
        env=toy_notebooks.environment(JUPYTER_PATH=home, JUPYTER_DATA_DIR=home),
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


ENDS = toy_notebooks.DEADLY | {
    "raise": ("1 / 0", "failed", "cell 'bad': ZeroDivisionError: division by zero"),
    "input": ("input()", "failed", "cell 'bad': StdinNotImplementedError"),
}


@pytest.mark.parametrize(("source", "state", "error"), list(ENDS.values()), ids=list(ENDS))
def test_a_cell_that_ends_badly(tmp_path, source, state, error, capfd):
    path = toy_notebooks.notebook(
        tmp_path / "own.ipynb",
        toy_notebooks.code(source, "bad"),
        toy_notebooks.code("print('after')", "after"),
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
    """Also where an earlier session has noted in the notebook that the cell ran to its end."""
    cell = toy_notebooks.code("import os\nos._exit(0)", "bad")
    cell.metadata["execution"] = {"shell.execute_reply": "2026-01-01T00:00:00.000000+00:00"}
    path = toy_notebooks.notebook(tmp_path / "own.ipynb", cell)
    record = execute(job(str(path), {}), tmp_path / "r")
    assert (record["state"], record["error"]) == ("killed", "cell 'bad': the kernel died")


def test_nothing_starts_for_a_value_that_is_refused(tmp_path, monkeypatch):
    from jupyter_client.provisioning import local_provisioner

    begun = []

    def launch(*args, **_):
        begun.append(args)
        raise RuntimeError("no kernel today")

    monkeypatch.setattr(local_provisioner, "launch_kernel", launch)
    path = str(toy_notebooks.notebook(tmp_path / "own.ipynb", "x"))
    for words in (["--x", "a"], ["--y", "1"], ["--x", "1.5"]):
        ran = CliRunner().invoke(cli.main, ["run", path, "--reports", str(tmp_path / "r"), *words])
        assert ran.exit_code == 2
    assert begun == []
    assert not (tmp_path / "r").exists()
    ran = CliRunner().invoke(cli.main, ["run", path, "--reports", str(tmp_path / "r")])
    assert ran.exit_code == 1
    assert "RuntimeError: no kernel today" in ran.stderr
    assert len(begun) == 1


SIGNALS = {101: signal.SIGINT, 102: signal.SIGTERM, 104: signal.SIGKILL}


def test_runs_that_are_interrupted(tmp_path, monkeypatch):
    """One test for all of them, since what costs is starting their kernels."""
    toy_notebooks.notebook(
        tmp_path / "own.ipynb", toy_notebooks.code(SLEEPER, "sleep"), "print('after')"
    )
    runs = {x: toy_notebooks.command("run", "own.ipynb", "--x", x, cwd=tmp_path) for x in SIGNALS}
    kernels = {}
    try:
        marks = {x: tmp_path / f"kernel-{x}" for x in SIGNALS}
        wait(lambda: all(m.exists() and m.read_text() for m in marks.values()), "no kernel starts")
        kernels |= {x: int(mark.read_text()) for x, mark in marks.items()}
        assert {r["state"] for r in records(tmp_path).values()} == {"running"}
        refused_beside_another(tmp_path)
        for x, number in SIGNALS.items():
            runs[x].send_signal(number)
        for x in (101, 102):
            says_killed(runs[x], tmp_path, x)
        assert runs[104].wait(PATIENCE) == -signal.SIGKILL
        killed = records(tmp_path)[104]
        assert killed["state"] == "running"
        assert not (tmp_path / "reports" / killed["folder"] / "page.html").exists()
        wait(lambda: all(map(gone, kernels.values())), "a kernel lives on")
    finally:
        for process in runs.values():
            process.kill()
            process.communicate(timeout=60)
        for kernel in kernels.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(kernel).kill()
    runs_again(tmp_path, killed, monkeypatch)


def refused_beside_another(folder):
    """The same run as one that is running."""
    second = toy_notebooks.command("run", "own.ipynb", "--x", 101, cwd=folder)
    out, err = second.communicate(timeout=PATIENCE)
    assert (out, second.returncode) == ("", 2)
    assert "`run` must be one that is not running already; got 'own/own/x-101-" in err


def says_killed(process, folder, x):
    _, err = process.communicate(timeout=PATIENCE)
    record = records(folder)[x]
    assert (record["state"], record["error"]) == ("killed", "cell 'sleep': interrupted")
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "%|" not in err, "a bar was drawn into a pipe"
    files = sorted(p.name for p in (folder / "reports" / record["folder"]).iterdir())
    assert files == ["notebook.ipynb", "record.json"]


def runs_again(folder, before, monkeypatch):
    """The run that was killed, whose cell now ends: the kernel finds a `sleep` that does not."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{toy_notebooks.ROOT}")
    (folder / "sitecustomize.py").write_text("import time\ntime.sleep = lambda _: None\n")
    record = execute(job("own.ipynb", {"x": 104}), folder / "reports")
    assert (record["identity"], record["state"]) == (before["identity"], "done")
    run = folder / "reports" / record["folder"]
    assert sorted(p.name for p in run.iterdir()) == ["notebook.ipynb", "page.html", "record.json"]


def test_a_reply_whose_arrival_was_not_reported_is_found(monkeypatch):
    """ZeroMQ reports an arrival once, and a message sent meanwhile may take the report."""
    import asyncio
    from queue import Empty

    from jupyter_client.channels import AsyncZMQSocketChannel

    from workbench.runs.kernels import kernel

    waits = []

    async def unreported(self, timeout=None):
        waits.append(timeout)
        if len(waits) < 3:
            await asyncio.sleep(1e9 if timeout is None else timeout)
            raise Empty
        return {"reply": 1}

    monkeypatch.setattr(AsyncZMQSocketChannel, "get_msg", unreported)
    monkeypatch.setattr(kernel, "_POLL_SECONDS", 0.01)
    channel = kernel._ShellChannel.__new__(kernel._ShellChannel)

    async def asked(timeout):
        return await asyncio.wait_for(channel.get_msg(timeout), 5)

    assert asyncio.run(asked(None)) == {"reply": 1}
    waits.clear()
    with pytest.raises(Empty):
        asyncio.run(asked(0.015))
    assert len(waits) == 2
    assert kernel._Client.shell_channel_class.klass is kernel._ShellChannel

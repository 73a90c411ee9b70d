"""Whatever is killed, nothing that it has started lives on, and no files of kernels stay."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import kills
import psutil
import pytest
import toy_notebooks

from workbench.records.store import read_points
from workbench.runs import reaper
from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.kernels.forked_kernel import Template
from workbench.studies.pool import WorkerPool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

PATIENCE = 60
# By name, how a cell starts a process that writes its number and sleeps.
SLEEPER = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
STARTS = f"""
import multiprocessing, os, pathlib, subprocess, sys, time
pathlib.Path("pids").mkdir(exist_ok=True)
words = [sys.executable, "-c", {SLEEPER!r}]
name = f"pids/{{x}}-"
subprocess.Popen([*words, name + "child"])
subprocess.Popen([*words, name + "session"], start_new_session=True)
subprocess.Popen(["sh", "-c", '"$@" & exit', "sh", *words, name + "orphan"], start_new_session=True)
subprocess.Popen(["sh", "-c", 'trap "" TERM HUP INT; "$@"; :', "sh", *words, name + "deaf"])
subprocess.Popen([*words, name + "bare"], env={{}})
def fork():
    pathlib.Path(name + "fork").write_text(str(os.getpid()))
    time.sleep(600)
multiprocessing.get_context("fork").Process(target=fork).start()
while len([p for p in pathlib.Path("pids").glob(f"{{x}}-*") if p.read_text()]) < 6:
    time.sleep(0.01)
"""


def started(folder, x, seconds=PATIENCE):
    """The processes that the cell of the run has started."""
    until = time.monotonic() + seconds
    while True:
        texts = [p.read_text() for p in (folder / "pids").glob(f"{x}-*")]
        if len(list(filter(None, texts))) == 6:
            return [psutil.Process(int(text)) for text in texts]
        assert time.monotonic() < until, "the cell starts nothing"
        time.sleep(0.05)


def alive(processes, seconds=20):
    """Those of them that do not end."""
    return psutil.wait_procs(processes, timeout=seconds)[1]


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The user's runtime folder for this test, and this process without one of its own yet."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr(reaper, "_FOLDERS", {})
    return tmp_path / "runtime"


ENDS = {
    "done": "1",
    "raise": "1 / 0",
    "exit": "os._exit(0)",
    "kill": "os.kill(os.getpid(), 9)",
    "leave": "sys.exit(0)",
}


@pytest.mark.notebook
@pytest.mark.parametrize("way", ENDS)
@pytest.mark.parametrize("is_forked", [False, True])
def test_what_cells_started_ends_with_their_kernel(tmp_path, monkeypatch, runtime, way, is_forked):
    monkeypatch.chdir(tmp_path)
    cells = [STARTS, "pathlib.Path('begun').write_text('')", ENDS[way]]
    toy_notebooks.notebook(tmp_path / "own.ipynb", *cells)
    template = Template() if is_forked else None
    try:
        execute(job("own.ipynb", {"x": 1}), tmp_path / "r", template=template)
        assert (tmp_path / "begun").exists()
        # Those that were awaited by nobody are gone already.
        for path in (tmp_path / "pids").iterdir():
            number = int(path.read_text())
            assert not psutil.pid_exists(number) or ended(number), path.name
    finally:
        if template:
            template.close()
    (folder,) = runtime.iterdir()
    assert list(folder.iterdir()) == [], "a connection file stays"


def ended(number):
    return psutil.Process(number).status() == psutil.STATUS_ZOMBIE


# Has another session, another parent and another environment than the cell that starts it.
DAEMON = f"""
import os, pathlib, subprocess, sys, time
words = [sys.executable, "-c", {SLEEPER!r}, "daemon"]
subprocess.run(["setsid", "-f", *words], env={{}}, check=True)
while not (pathlib.Path("daemon").exists() and pathlib.Path("daemon").read_text()):
    time.sleep(0.01)
"""


def daemon(folder):
    until = time.monotonic() + PATIENCE
    while not ((folder / "daemon").exists() and (folder / "daemon").read_text()):
        assert time.monotonic() < until, "the cell starts nothing"
        time.sleep(0.05)
    return psutil.Process(int((folder / "daemon").read_text()))


@pytest.mark.notebook
@pytest.mark.parametrize("way", ["done", "raise", "leave"])
@pytest.mark.parametrize("is_forked", [False, True])
def test_a_daemon_ends_with_its_kernel(tmp_path, monkeypatch, runtime, way, is_forked):
    monkeypatch.chdir(tmp_path)
    toy_notebooks.notebook(tmp_path / "own.ipynb", DAEMON, ENDS[way])
    template = Template() if is_forked else None
    try:
        execute(job("own.ipynb", {}), tmp_path / "r", template=template)
        with contextlib.suppress(psutil.NoSuchProcess):
            # It was killed and may need a moment to end.
            assert alive([psutil.Process(int((tmp_path / "daemon").read_text()))]) == []
    finally:
        if template:
            template.close()


@pytest.mark.notebook
def test_a_daemon_ends_with_a_killed_sweep(tmp_path, runtime):
    toy_notebooks.notebook(tmp_path / "own.ipynb", DAEMON, "time.sleep(600)")
    process = toy_notebooks.command("sweep", "own.ipynb", "--x", "1", cwd=tmp_path)
    try:
        found = daemon(tmp_path)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert alive([found]) == []


@pytest.mark.notebook
def test_what_a_killed_run_started_ends(tmp_path, runtime):
    toy_notebooks.notebook(tmp_path / "own.ipynb", STARTS, "time.sleep(600)")
    for x, whole_group in ((1, False), (2, True)):
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "run", "own.ipynb", "--x", str(x)],
            cwd=tmp_path,
            env=toy_notebooks.environment(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            found = [*started(tmp_path, x), *kills.family(process)]
            assert [p for p in runtime.rglob("kernel-*.json")]
        finally:
            os.killpg(process.pid, signal.SIGKILL) if whole_group else process.kill()
            process.wait(PATIENCE)
        assert alive(found) == []
        assert list(runtime.iterdir()) == [], "files of its kernel stay"


@pytest.mark.notebook
def test_what_a_killed_sweep_or_worker_started_ends(tmp_path, runtime):
    toy_notebooks.notebook(tmp_path / "own.ipynb", STARTS, "time.sleep(600 if x < 3 else 0)")
    words = ["sweep", "own.ipynb", "--x", "1,2,3", "--jobs", "2", "--out", "study"]
    process = toy_notebooks.command(*words, cwd=tmp_path)
    try:
        first, second = started(tmp_path, 1), started(tmp_path, 2)
        (worker,) = [w for w in kills.workers(process) if first[0] in w.children(recursive=True)]
        worker.kill()
        assert alive([worker, *first]) == []
        assert len(alive(second, 0)) == 6, "those of its neighbour ended, too"
        third = started(tmp_path, 3)
        found = [*second, *third, *kills.family(process)]
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert alive(found) == []
    assert list(runtime.iterdir()) == []
    states = {r["knobs"]["x"]: r["state"] for r in read_points(tmp_path / "study")}
    assert states[1] == "killed"


def test_what_a_worker_of_function_runs_started_ends(tmp_path):
    """Also what is its child no more."""
    with WorkerPool(os.system, 1) as slots:
        path = tmp_path / "pid"
        command = subprocess.list2cmdline([sys.executable, "-c", SLEEPER, str(path)])
        slots.begin(1, f"setsid {command} &")
        while not slots.ended(1.0):
            pass
        until = time.monotonic() + PATIENCE
        while not (path.exists() and path.read_text()):
            assert time.monotonic() < until
            time.sleep(0.01)
        left = psutil.Process(int(path.read_text()))
    assert alive([left]) == []


WATCHES = """
import os, subprocess, sys
from workbench.runs import reaper
folder = reaper.watch()
words = [sys.executable, "-c", "import time; time.sleep(600)"]
left = subprocess.Popen(words, env=os.environ | reaper.marks(os.environ, folder.name))
print(folder, left.pid, flush=True)
sys.stdin.read()
"""


def test_folders_that_nobody_holds_go_with_the_next_start(tmp_path, runtime):
    """Also where the reaper was killed with its owner; those of others that live stay."""
    owners = []
    for _ in range(2):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        owner = subprocess.Popen([sys.executable, "-c", WATCHES], **how)
        folder, child = owner.stdout.readline().split()
        owners.append((owner, folder, psutil.Process(int(child))))
    (dead, left, orphan), (living, used, child) = owners
    (its_reaper,) = [p for p in psutil.Process(dead.pid).children() if p != orphan]
    its_reaper.kill()
    dead.kill()
    dead.wait(PATIENCE)
    (runtime / "kernel-of-another.json").write_text("{}")
    for path in (left, used):
        os.utime(path, (time.time() - 3600,) * 2)
    mine = reaper.watch()
    assert alive([orphan]) == []
    assert child.is_running()
    dead.communicate(timeout=PATIENCE)
    assert {p.name for p in runtime.iterdir()} == {
        mine.name,
        os.path.basename(used),
        "kernel-of-another.json",
    }
    assert mine.stat().st_mode & 0o077 == 0
    living.communicate("", timeout=PATIENCE)
    until = time.monotonic() + PATIENCE
    while os.path.exists(used):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "file" / "runtime"))
    monkeypatch.setattr(reaper.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(reaper, "_FOLDERS", {})
    assert reaper.watch().parent == tmp_path


def test_a_run_inside_a_run_ends_with_it(tmp_path, runtime):
    """A cell that runs another notebook, whose cell starts a process."""
    toy_notebooks.notebook(tmp_path / "inner.ipynb", STARTS, "time.sleep(600)")
    words = [sys.executable, "-m", "workbench", "run", "inner.ipynb"]
    cell = f"import subprocess\nsubprocess.run({json.loads(json.dumps(words))!r})"
    toy_notebooks.notebook(tmp_path / "outer.ipynb", cell)
    process = toy_notebooks.command("run", "outer.ipynb", "--x", "7", cwd=tmp_path)
    try:
        found = [*started(tmp_path, 3), *kills.family(process)]
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    assert alive(found) == []

"""Studies that are killed again and again, and what can be found wrong with what they leave.

`benchmarks/reliability.py` asks for two hundred kills, the tests for some.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil

SUPPORT = Path(__file__).parent
sys.path.insert(0, str(SUPPORT))

import toy_notebooks  # noqa: E402

from workbench.records.store import LeftOut, read_points  # noqa: E402
from workbench.runs.run_folder import PARTIAL  # noqa: E402

TRIAL = SUPPORT / "toy_experiment.py"
COUNT = 120


def begun(folder, count, slots, milliseconds):
    """A sweep of function runs in a process of its own."""
    words = [sys.executable, str(TRIAL), str(folder), *map(str, (count, slots, milliseconds))]
    path = f"{SUPPORT}{os.pathsep}{toy_notebooks.ROOT}"
    return subprocess.Popen(
        words,
        env=toy_notebooks.environment(PYTHONPATH=path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def notebooks_begun(folder, count, slots):
    """A sweep of notebook runs in a process of its own."""
    if not (folder / "own.ipynb").exists():
        toy_notebooks.notebook(folder / "own.ipynb", "import time\ntime.sleep(0.05)", "2 * x")
    words = ["sweep", "own.ipynb", "--x", f"0:{count - 1}:{count}", "--jobs", slots]
    return toy_notebooks.command(*words, "--out", "study", cwd=folder)


def family(process):
    """Every process that this one started and that still is there."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def running(process, word):
    """Those of its family whose command holds the word."""
    found = []
    for one in family(process):
        with contextlib.suppress(psutil.Error):
            if word in " ".join(one.cmdline()):
                found.append(one)
    return found


def workers(process):
    return running(process, "spawn_main")


def kernels(process):
    """What the workers' templates have forked."""
    templates = running(process, "kernel_template")
    pids, found = [t.pid for t in templates], []
    for one in templates:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if one.ppid() in pids:
                found.append(one)
    return found


def orphans(processes):
    """How many of them do not leave within some seconds."""
    return len(psutil.wait_procs(processes, timeout=30)[1])


def wrong(folder):
    """What is not as it should be in the study's folder, now that nobody works there."""
    found = []
    left_out = LeftOut()
    for told in read_points(folder / "study", left_out) or []:
        if told["state"] == "running":
            found.append(f"{told['run']} says running")
        doubled = told["depth"] == "notebook" or told["summary"] == {"double": 2 * _x(told)}
        if told["state"] == "done" and not doubled:
            found.append(f"{told['run']} holds a wrong number")
    found += left_out.sentences()
    for path in (folder / "study").rglob("record.json"):
        there = json.loads(path.read_text())
        if (path.parent / "page.html").exists() != _has_page(there):
            found.append(f"{path.parent} has a page and should not, or should and has none")
    for page in (folder / "study").rglob("page.html"):
        if not page.read_text().rstrip().endswith("</html>"):
            found.append(f"{page} is half a page")
    return found


def _x(record):
    return record["knobs"]["x"]


def _has_page(record):
    return record["state"] == "done" and record["depth"] == "notebook"


class Tally:
    """What came of all kills."""

    def __init__(self):
        self.kills = self.points = self.done = self.orphans = self.again = 0
        self.wrong = []

    def finished(self, folder, count, process, seconds=600):
        """Lets the last sweep run to its end and looks at all that is there."""
        process.communicate(timeout=seconds)
        self.wrong += wrong(folder) + list(map(str, folder.rglob(f"{PARTIAL}*")))
        states = [r["state"] for r in read_points(folder / "study")]
        self.points += count
        self.done += states.count("done")

    def counts(self):
        names = {"kills": self.kills, "points": self.points, "points done": self.done}
        found = {"wrong records or half files": len(self.wrong), "orphans": self.orphans}
        return names | found | {"calls made twice beyond those killed": self.again}


def kill_sweeps(folder, kills, seed):
    """The whole sweep is killed at random moments, from its start on, and begun again."""
    rng, tally, number = random.Random(seed), Tally(), 0
    part = _part(folder, number)
    while tally.kills < kills:
        process = begun(part, COUNT, 1 + tally.kills % 2, 2)
        before, until = called(part), time.monotonic() + 300
        # Some die while they still load, most in the middle of their work.
        wanted = rng.choice([0, *range(1, 9)])
        while called(part) < before + wanted and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        children = family(process)
        process.kill()
        tally.kills += process.wait(60) < 0
        process.communicate(timeout=60)
        tally.orphans += orphans(children)
        tally.wrong += wrong(part)
        if called(part) >= COUNT:
            _finish_calls(tally, part, 2)
            number += 1
            part = _part(folder, number)
    _finish_calls(tally, part, 2)
    return tally


def _finish_calls(tally, part, milliseconds):
    done = {r["knobs"]["x"] for r in read_points(part / "study") or [] if r["state"] == "done"}
    before = called(part)
    tally.finished(part, COUNT, begun(part, COUNT, 2, milliseconds))
    # The last sweep calls what was not done, once, and nothing else.
    tally.again += called(part) - before - (COUNT - len(done))


def kill_workers(folder, kills, seed, jobs=2):
    """Workers are killed at random moments while the sweep goes on."""
    rng, tally, number = random.Random(seed), Tally(), 0
    while tally.kills < kills:
        part = _part(folder, number)
        number += 1
        process = begun(part, COUNT, jobs, 20)
        while process.poll() is None and tally.kills < kills:
            time.sleep(rng.random() * 0.5)
            _kill_one(tally, rng, workers(process))
        children = family(process)
        process.communicate(timeout=600)
        tally.orphans += orphans(children)
        tally.wrong += wrong(part)
        _finish_calls(tally, part, 20)
    return tally


def kill_kernels(folder, kills, seed, count=20):
    """Kernels and workers of notebook runs are killed at random moments."""
    rng, tally, number = random.Random(seed), Tally(), 0
    while tally.kills < kills:
        part = _part(folder, number)
        number += 1
        process = notebooks_begun(part, count, 2)
        while process.poll() is None and tally.kills < kills:
            time.sleep(rng.random() * 0.5)
            find = rng.choice([kernels, kernels, workers])
            _kill_one(tally, rng, find(process))
        children = family(process)
        process.communicate(timeout=600)
        tally.orphans += orphans(children)
        tally.wrong += wrong(part)
        # A kernel that is killed fails its run only; the next sweep makes those again.
        tally.finished(part, count, notebooks_begun(part, count, 2))
    return tally


def _kill_one(tally, rng, found):
    if found:
        with contextlib.suppress(psutil.Error):
            rng.choice(found).kill()
            tally.kills += 1


def _part(folder, number):
    made = Path(folder) / f"part-{number}"
    made.mkdir()
    return made


def called(folder):
    """How many calls began so far."""
    path = folder / "calls.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0

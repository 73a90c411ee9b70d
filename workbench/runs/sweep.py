"""A study's runs: what is done already, what has to run, and the records of all that happens."""

from __future__ import annotations

import heapq
import json
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.checks import refuse, whole
from workbench.knobs import Parameters
from workbench.runs.atomic import owned, write_json, write_text
from workbench.runs.function_run import FunctionJob, call
from workbench.runs.interruption import interruptible
from workbench.runs.job import Job, job, model_of
from workbench.runs.lock import LOCK, lock
from workbench.runs.notebook_run import NotebookTask, execute_task, prepare
from workbench.runs.provenance import around, provenance
from workbench.runs.record import PAGE, RECORD, begun, clear, clock
from workbench.runs.records import read_record
from workbench.runs.slots import Lost, Slots

STUDY = "study.json"
_STATES = ("done", "failed", "killed", "timed out", "queued")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0


@dataclass(frozen=True)
class Limits:
    """How many runs at a time, how long each may take, and how often it is tried again.

    Attributes:
        jobs: runs at the same time.
        timeout: seconds that a whole run may take; None for no limit.
        cell_timeout: seconds that one cell of a notebook may take; None for no limit.
        retries: how often a run that is not done is tried again, after 0.5, 1, 2, ... seconds.
    """

    jobs: int = 1
    timeout: float | None = None
    cell_timeout: int | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        """Refuses what would never begin, or never end."""
        whole("jobs", self.jobs, 1)
        whole("retries", self.retries, 0)
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            refuse("timeout", "a number of seconds above 0", self.timeout)


@dataclass
class Plan:
    """What a study would do now.

    Attributes:
        done: runs whose record says `done`, with the same identity.
        waiting: runs that are to be made, in order.
        states: how many of them stand in which state before: `new`, `failed`, `killed`, ...
        seconds: the mean time of the runs of this kind that are done; None if there is none.
    """

    done: list[Job | FunctionJob] = field(default_factory=list)
    waiting: list[Job | FunctionJob] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    seconds: float | None = None


def study_jobs(
    target: str, points: Sequence[Parameters], *, function: bool = False
) -> list[Job] | list[FunctionJob]:
    """The jobs of all points, which share what code, environment and hardware are.

    Args:
        target: an experiment's name or a notebook's path.
        points: as `study.sweep` makes them.
        function: call the experiment's `run` instead of executing its notebook.

    Raises:
        ValueError: if the target is unknown, has no function, or a point cannot be run here.
    """
    _, found = model_of(target)
    if function and found is None:
        refuse("function", "left out for a notebook of your own, which has none", target)
    known = around()
    if function:
        title = found.title
        return [FunctionJob(found.name, title, p, provenance(p, known)) for p in points]
    first = job(target, points[0].changed(), known)
    return [replace(first, params=p, provenance=provenance(p, known)) for p in points]


def plan(jobs: Sequence[Job | FunctionJob], out: Path) -> Plan:
    """What is done and what is not; nothing is written."""
    found, took = Plan(), []
    for one in jobs:
        folder = out / one.name / one.run
        record = read_record(folder / RECORD)
        has_page = one.depth == "function" or (folder / PAGE).is_file()
        if record and record["state"] == "done" and has_page and record["identity"] == one.identity:
            found.done.append(one)
            took.append(record["timings"].get("seconds"))
            continue
        state = record["state"] if record and record["state"] != "done" else "new"
        found.waiting.append(one)
        found.states[state] = found.states.get(state, 0) + 1
    took = [s for s in took if isinstance(s, int | float)]
    found.seconds = sum(took) / len(took) if took else None
    return found


def run_study(
    jobs: Sequence[Job | FunctionJob],
    out: Path,
    limits: Limits | None = None,
    tell: Callable[[dict[str, Any]], None] = lambda record: None,
) -> dict[str, int]:
    """Makes the runs that are missing, failed or changed; how many ended in which state.

    Runs that were done before count as `kept`, those that an interruption left alone as `queued`.

    Args:
        jobs: the study's runs, all of one depth.
        out: the folder of the study; each run has its folder NAME/RUN in it.
        limits: how many at a time, how long, how often.
        tell: called with every record that is final.

    Raises:
        ValueError: if `out` cannot be written or another study runs there; nothing has started.
    """
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(owned(out))
            write_json(out / STUDY, _declared(jobs))
            if jobs:
                write_text(out / LOCK, lock(jobs[0].provenance), durable=False)
        except BlockingIOError:
            refuse("out", "a folder in which no other study runs", str(out))
        except OSError as error:
            refuse("out", f"a folder that can be written ({error.strerror})", str(out))
        found = plan(jobs, out)
        stack.enter_context(interruptible())
        counts = _Study(found.waiting, out, limits or Limits(), tell).run()
        return {"kept": len(found.done), **{s: counts[s] for s in _STATES if s in counts}}


def _declared(jobs: Sequence[Job | FunctionJob]) -> dict[str, Any]:
    return {
        "points": [
            {"name": j.name, "run": j.run, "identity": j.identity, "changed": j.params.changed()}
            for j in jobs
        ]
    }


class _Here:
    """A slot in this very process, for functions one at a time: it cannot be lost, nor late."""

    free = 1

    def __init__(self) -> None:
        self._ended: list[tuple[Any, Any]] = []

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def begin(self, key: Any, task: Any) -> None:
        self._ended.append((key, call(task)))

    def ended(self, patience: float) -> list[tuple[Any, Any]]:
        told, self._ended = self._ended, []
        return told


class _Study:
    """The runs on their way: waiting, pausing before another try, running."""

    def __init__(self, jobs: Sequence[Any], out: Path, limits: Limits, tell: Any):
        self._out, self._limits, self._tell = out, limits, tell
        self._waiting = deque((job, 1) for job in jobs)
        self._pausing: list[tuple[float, int, Any, int]] = []
        self._running: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._counts: dict[str, int] = {}
        self._depth = jobs[0].depth if jobs else "function"

    def run(self) -> dict[str, int]:
        try:
            with self._slots() as slots:
                while self._waiting or self._pausing or self._running:
                    self._begin(slots)
                    for key, outcome in slots.ended(self._patience()):
                        self._settle(key, outcome)
        except KeyboardInterrupt:
            for key in list(self._running):
                self._settle(key, Lost("killed", "interrupted"), is_last=True)
            left = len(self._waiting) + len(self._pausing)
            self._counts |= {"queued": left} if left else {}
        return self._counts

    def _slots(self) -> Any:
        if self._depth == "notebook":
            return Slots(execute_task, self._limits.jobs, self._limits.timeout, prepare)
        if self._limits.jobs == 1 and self._limits.timeout is None:
            return _Here()
        return Slots(call, self._limits.jobs, self._limits.timeout)

    def _begin(self, slots: Any) -> None:
        """Fills the free slots with runs whose time has come."""
        now = time.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            _, _, job, attempt = heapq.heappop(self._pausing)
            self._waiting.append((job, attempt))
        while slots.free and self._waiting and len(self._running) < self._limits.jobs:
            job, attempt = self._waiting.popleft()
            record = begun(job, attempt)
            self._running[job.run] = job, record
            if job.depth == "function":
                self._write(job, record)
                task: Any = job.task
            else:
                how = str(self._out), self._limits.cell_timeout, attempt
                task = NotebookTask(job.target, job.params.changed(), job.identity, *how)
            slots.begin(job.run, task)

    def _patience(self) -> float:
        """How long nothing but an outcome can give something to do."""
        pauses = [p[0] - time.monotonic() for p in self._pausing[:1]]
        if pauses and not self._running:
            time.sleep(max(0.0, pauses[0]))
            return 0.0
        return min([1.0, *pauses])

    def _settle(self, key: str, outcome: Any, is_last: bool = False) -> None:
        """Writes what came of a run, and lines it up again if it may be tried again."""
        job, record = self._running.pop(key)
        start = record["timings"]["start"]
        if isinstance(outcome, Lost):
            record |= {"state": outcome.state, "error": outcome.reason}
            record["timings"] |= clock(start)
            self._write(job, record)
        elif "identity" in outcome:  # a notebook's run has written this record itself
            record |= outcome
        else:
            timings = {"start": start, **clock(start), **outcome.get("timings", {})}
            record |= outcome | {"timings": timings}
            self._write(job, record)
        attempt = record["attempt"]
        if record["state"] != "done" and attempt <= self._limits.retries and not is_last:
            pause = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            entry = time.monotonic() + pause, len(self._pausing) + attempt, job, attempt + 1
            heapq.heappush(self._pausing, entry)
            return
        self._counts[record["state"]] = self._counts.get(record["state"], 0) + 1
        self._tell(record)

    def _write(self, job: Any, record: dict[str, Any]) -> None:
        """Writes the record; a full disk fails the run, not the study."""
        path = self._out / job.name / job.run / RECORD
        if job.depth == "notebook":
            there = read_record(path)
            if there and there["state"] == "running":  # somebody else's, outside this study
                return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if record["state"] != "done":
                clear(path.parent)
            text = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
            # The system keeps it also when this process dies; waiting for the disk takes longer
            # than most calls, and a record lost with the power is a run to be made again.
            write_text(path, text, durable=False)
        except (OSError, ValueError) as error:
            record |= {"state": "failed", "error": f"the record could not be written: {error}"}

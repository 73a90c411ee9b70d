"""The runs of a study on their way: begun, ended, tried again, each with its record."""

from __future__ import annotations

import heapq
import itertools
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.records.store import read_record
from workbench.runs.atomic import write_text
from workbench.runs.notebook_outcome import keep_partial
from workbench.runs.record import RECORD, begun, clear, clock
from workbench.studies.executor import Limits, executor
from workbench.studies.notebook_run import NotebookTask
from workbench.studies.pool import Lost

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0


class Watcher:
    """Is told what happens in a study; whoever wants to know overrides what it needs."""

    def planned(self, kept: int) -> None:
        """So many points are done already."""

    def begun(self, record: Mapping[str, Any]) -> None:
        """A run begins, or a further try of it."""

    def paused(self, record: Mapping[str, Any]) -> None:
        """A try has ended, and another one follows after a pause."""

    def ended(self, record: Mapping[str, Any]) -> None:
        """A run has ended, and is not tried again."""


class StudyRun:
    """Runs on their way: waiting, pausing before another try, running.

    Args:
        jobs: the runs, all of one depth.
        out: the folder of the study.
        limits: how many at a time, how long, how much memory, how often, and where.
        watcher: is told what begins and ends.
    """

    def __init__(self, jobs: Sequence[Any], out: Path, limits: Limits, watcher: Watcher):
        self._out, self._limits, self._watcher = out, limits, watcher
        self._waiting = deque((job, 1) for job in jobs)
        # When it is tried again, a number that no other entry has, the run, and its attempt.
        self._pausing: list[tuple[float, int, Any, int]] = []
        self._entries = itertools.count()
        self._running: dict[str, tuple[Any, dict[str, Any], float]] = {}
        self._counts: dict[str, int] = {}
        self._depth = jobs[0].depth if jobs else "function"

    def run(self) -> dict[str, int]:
        """Makes all runs, or those that an interruption leaves time for; the count of states."""
        try:
            with executor(self._depth, self._limits, self._out) as slots:
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

    def _begin(self, slots: Any) -> None:
        """Fills the free slots with runs whose time has come."""
        now = time.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            _, _, job, attempt = heapq.heappop(self._pausing)
            self._waiting.append((job, attempt))
        while slots.free and self._waiting and len(self._running) < slots.count:
            job, attempt = self._waiting.popleft()
            record, now = begun(job, attempt), time.monotonic()
            self._running[job.run] = job, record, now
            self._watcher.begun(record)
            if job.depth == "function":
                self._write(job, record)
                task: Any = job.task
            else:
                how = str(self._out.resolve()), self._limits.cell_timeout, attempt, job.inputs
                task = NotebookTask(job.target, job.params.given(), job.identity, *how)
            if shown := slots.begin(job.run, task):
                environment = {**job.provenance["environment"], **shown}
                record["provenance"] = {**job.provenance, "environment": environment}

    def _patience(self) -> float:
        """How long nothing but an outcome can give something to do."""
        pauses = [p[0] - time.monotonic() for p in self._pausing[:1]]
        if pauses and not self._running:
            time.sleep(max(0.0, pauses[0]))
            return 0.0
        return min([1.0, *pauses])

    def _settle(self, key: str, outcome: Any, is_last: bool = False) -> None:
        """Writes what came of a run, and lines it up again if it may be tried again."""
        job, record, began = self._running.pop(key)
        start = record["timings"]["start"]
        if isinstance(outcome, Lost):
            record |= {"state": outcome.state, "error": outcome.reason}
            peak = {"peak_memory_mib": outcome.peak_memory_mib}
            record["timings"] |= clock(start, began) | (peak if peak["peak_memory_mib"] else {})
            self._write(job, record)
        elif "identity" in outcome:  # a notebook's run has written this record itself
            record |= outcome
        else:
            timings = {"start": start, **clock(start, began), **outcome.get("timings", {})}
            record |= outcome | {"timings": timings}
            self._write(job, record)
        attempt = record["attempt"]
        if record["state"] != "done" and attempt <= self._limits.retries and not is_last:
            pause = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            entry = time.monotonic() + pause, next(self._entries), job, attempt + 1
            heapq.heappush(self._pausing, entry)
            self._watcher.paused(record)
            return
        self._counts[record["state"]] = self._counts.get(record["state"], 0) + 1
        self._watcher.ended(record)

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
                keep_partial(path.parent)
                clear(path.parent)
            text = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
            # The system keeps it also when this process dies; waiting for the disk takes longer
            # than most calls, and a record lost with the power is a run to be made again.
            write_text(path, text, durable=False)
        except (OSError, ValueError) as error:
            record |= {"state": "failed", "error": f"the record could not be written: {error}"}

"""Scheduling of a study's runs: start, end, retries, and the record of each."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.base.files.atomic import make_folder, write_text
from workbench.records.call_log import CallLog
from workbench.records.store import read_record
from workbench.runs.notebook_outcome import save_partial
from workbench.runs.record import RECORD, begun, clear, clock
from workbench.runs.run_folder import Reserve, is_of_disk, why
from workbench.studies.executor import Limits, executor
from workbench.studies.notebook_run import NotebookTask
from workbench.studies.pool import WorkerLost

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0


class StudyObserver:
    """Receives the events of a study; subclasses override the methods they need."""

    def planned(self, done: int) -> None:
        """`done` points were done before."""

    def begun(self, record: Mapping[str, Any]) -> None:
        """An attempt of a run starts."""

    def paused(self, record: Mapping[str, Any]) -> None:
        """An attempt has ended; the next one follows after a pause."""

    def ended(self, record: Mapping[str, Any]) -> None:
        """A run has ended, without a further attempt."""

    def noted(self, sentence: str) -> None:
        """A message about the study as a whole."""


class StudyRun:
    """Schedules runs: waiting, pausing before a retry, running.

    Args:
        jobs: the runs, all of one depth.
        out: the folder of the study.
        limits: how many at a time, how long, how much memory, how often, and where.
        observer: receives the events.
        log: stores the records of function runs; notebook runs write their own.

    Attributes:
        done: the notebook runs that are done; of function runs, the log knows.
    """

    def __init__(
        self,
        jobs: Sequence[Any],
        out: Path,
        limits: Limits,
        observer: StudyObserver,
        log: CallLog | None = None,
    ):
        self._out, self._limits, self._observer, self._log = out, limits, observer, log
        self._new, self._left = iter(jobs), len(jobs)
        # Retries whose pause is over.
        self._waiting: deque[tuple[Any, int]] = deque()
        # Time of the retry, a unique number, the run, and the number of its attempt.
        self._pausing: list[tuple[float, int, Any, int]] = []
        self._entries = itertools.count()
        self._running: dict[str, tuple[Any, dict[str, Any], float]] = {}
        self._counts: dict[str, int] = {}
        self._depth = jobs[0].depth if jobs else "function"
        # Disk space for the final record of each concurrent run.
        self._reserves: list[Reserve] = []
        self._is_stopped = False
        self.done: list[Any] = []

    def run(self) -> dict[str, int]:
        """Executes the runs until all have ended or an interruption; the count of each state."""
        try:
            with executor(self._depth, self._limits, self._out) as pool:
                while self._left or self._waiting or self._pausing or self._running:
                    if self._has_room(pool.count):
                        self._start_runs(pool)
                    for key, outcome in pool.ended(self._wait_seconds()):
                        self._settle(key, outcome)
        except KeyboardInterrupt:
            for key in list(self._running):
                self._settle(key, WorkerLost("killed", "interrupted"), is_last=True)
            self._cancel_waiting()
        finally:
            for reserve in self._reserves:
                reserve.release()
        return self._counts

    def _cancel_waiting(self) -> None:
        """Counts the runs that have not started as queued, and drops them."""
        left = self._left + len(self._waiting) + len(self._pausing)
        left += self._counts.get("queued", 0)
        self._counts |= {"queued": left} if left else {}
        self._left = 0
        self._waiting.clear()
        self._pausing.clear()

    def _stop(self, sentence: str) -> None:
        """Stops the study: every further run would fail for the same reason."""
        if not self._is_stopped:
            self._is_stopped = True
            again = "the same command again makes the runs that are left"
            self._observer.noted(f"the study stops: {sentence}; {again}")
        self._cancel_waiting()

    def _has_room(self, count: int) -> bool:
        """Whether the disk has space reserved for the final records of `count` runs."""
        try:
            while len(self._reserves) < count and (self._left or self._waiting or self._pausing):
                self._out.mkdir(parents=True, exist_ok=True)
                self._reserves.append(Reserve(self._out))
        except OSError as error:
            self._stop(why(error, self._out))
        return not self._is_stopped

    def _start_runs(self, pool: Any) -> None:
        """Starts runs in the free workers."""
        now = time.monotonic()
        while self._pausing and self._pausing[0][0] <= now:
            _, _, job, attempt = heapq.heappop(self._pausing)
            self._waiting.append((job, attempt))
        while pool.free and len(self._running) < pool.count and (taken := self._next()):
            job, attempt = taken
            record, now = begun(job, attempt), time.monotonic()
            self._running[job.run] = job, record, now
            self._observer.begun(record)
            if self._log is not None:
                if not self._announce(job, record):
                    return
                task: Any = job.task
            else:
                how = str(self._out.resolve()), self._limits.cell_timeout, attempt, job.inputs
                task = NotebookTask(job.target, job.params.given(), job.identity, *how)
            if shown := pool.begin(job.run, task):
                environment = {**job.provenance["environment"], **shown}
                record["provenance"] = {**job.provenance, "environment": environment}

    def _announce(self, job: Any, record: dict[str, Any]) -> bool:
        """Logs the start of a function run; False if the disk is full."""
        try:
            self._log.start(record)
        except OSError as error:
            if is_of_disk(reason := why(error, self._out)):
                del self._running[job.run]
                self._observer.paused(record)
                self._waiting.append((job, record["attempt"]))
                self._stop(reason)
                return False
            # Any other error is reported by the record of the run's end.
        return True

    def _next(self) -> tuple[Any, int] | None:
        """The next run and the number of its attempt; new runs come before retries."""
        if self._left:
            self._left -= 1
            return next(self._new), 1
        return self._waiting.popleft() if self._waiting else None

    def _wait_seconds(self) -> float:
        """How long to wait for an outcome before the next retry is due."""
        pauses = [p[0] - time.monotonic() for p in self._pausing[:1]]
        if pauses and not self._running:
            time.sleep(max(0.0, pauses[0]))
            return 0.0
        return min([1.0, *pauses])

    def _settle(self, key: str, outcome: Any, is_last: bool = False) -> None:
        """Records the outcome of a run, and schedules a retry if one is left."""
        job, record, began = self._running.pop(key)
        start = record["timings"]["start"]
        if isinstance(outcome, WorkerLost):
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
        if record["state"] == "failed" and is_of_disk(record["error"]):
            self._stop(record["error"])
        attempt, is_last = record["attempt"], is_last or self._is_stopped
        if record["state"] != "done" and attempt <= self._limits.retries and not is_last:
            pause = min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)
            entry = time.monotonic() + pause, next(self._entries), job, attempt + 1
            heapq.heappush(self._pausing, entry)
            self._observer.paused(record)
            return
        self._counts[record["state"]] = self._counts.get(record["state"], 0) + 1
        if self._log is None and record["state"] == "done":
            self.done.append(job)
        self._observer.ended(record)

    def _write(self, job: Any, record: dict[str, Any]) -> None:
        """Writes the record; an error fails the run, and a full disk stops the study."""
        path = self._out / job.name / job.run / RECORD
        try:
            if self._log is not None:
                self._log.finish(record)
                return
            there = read_record(path)
            if there and there["state"] == "running":  # of another process
                return
            make_folder(self._out, job.name, job.run)
            if record["state"] != "done":
                save_partial(path.parent)
                clear(path.parent)
            text = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
            # Not synchronised to the disk: it survives this process, and a power failure only costs
            # a run that is repeated.
            write_text(path, text, durable=False)
        except (OSError, ValueError) as error:
            reason = why(error, self._out)
            record |= {"state": "failed", "error": f"the record could not be written: {reason}"}
            if is_of_disk(reason):
                self._stop(reason)
            self._write_short(job, record)

    def _write_short(self, job: Any, record: dict[str, Any]) -> None:
        """Writes a short record of the failed write into the reserved space."""
        reserve = self._reserves.pop() if self._reserves else None
        if self._log is not None:
            if reserve is not None:
                reserve.release()
            self._log.fail(record)
        elif reserve is not None:
            with contextlib.suppress(OSError, ValueError):
                folder = make_folder(self._out, job.name, job.run)
                short = record | {"claims": [], "summary": {}, "traceback": None}
                reserve.put(folder / RECORD, json.dumps(short, allow_nan=False))

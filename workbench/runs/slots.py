"""Worker processes that can be lost: each works on one task at a time, within a time limit.

A pool of the standard library gives up as a whole when one of its processes is killed, and cannot
tell which task that was; here a lost worker loses its own task and is replaced.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

# Importing an experiment on a busy machine takes seconds; whoever needs longer hangs.
START_SECONDS = 300.0


class Lost(NamedTuple):
    """A task whose worker came to no answer: `killed` or `timed out`, and why."""

    state: str
    reason: str


@dataclass
class _Worker:
    process: Any
    connection: Any
    key: Any = None
    task: Any = None
    is_ready: bool = False
    deadline: float | None = None


class Slots:
    """A number of worker processes; use it as a context, at whose end all of them are gone.

    Args:
        work: an importable function of one task.
        count: how many tasks may be worked on at the same time.
        timeout: seconds that a task may take; None for no limit.
        prepare: called in each worker before its first task, outside the time limit.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        count: int,
        timeout: float | None = None,
        prepare: Callable[[], None] | None = None,
    ):
        self._work, self._count, self._timeout, self._prepare = work, count, timeout, prepare
        self._busy: list[_Worker] = []
        self._idle: list[_Worker] = []

    def __enter__(self) -> Slots:
        """Workers start when they are first needed."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Kills every worker and what it started."""
        for worker in [*self._busy, *self._idle]:
            _end(worker)
        self._busy, self._idle = [], []

    @property
    def free(self) -> int:
        """How many tasks may begin now."""
        return self._count - len(self._busy)

    def begin(self, key: Any, task: Any) -> None:
        """Hands the task to a worker; `ended` will tell its outcome under the key."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                break
            _end(worker)
        else:
            worker = self._started()
        worker.key, worker.task, worker.deadline = key, task, None
        self._busy.append(worker)
        if worker.is_ready:
            self._hand_over(worker)
        else:
            worker.deadline = time.monotonic() + START_SECONDS

    def ended(self, patience: float) -> list[tuple[Any, Any]]:
        """The keys and outcomes that are there within `patience` seconds; `Lost` is one, too."""
        now = time.monotonic()
        waits = [w.deadline - now for w in self._busy if w.deadline is not None]
        connections = {w.connection: w for w in self._busy}
        seconds = max(0.0, min([patience, *waits]))
        found = []
        for connection in multiprocessing.connection.wait(list(connections), seconds):
            found += self._heard(connections[connection])
        now = time.monotonic()
        for worker in [w for w in self._busy if w.deadline is not None and w.deadline <= now]:
            self._busy.remove(worker)
            _end(worker)
            late = Lost("timed out", f"it took longer than {self._timeout:g} s")
            if not worker.is_ready:
                late = Lost("killed", f"its worker did not start within {START_SECONDS:g} s")
            found.append((worker.key, late))
        return found

    def _heard(self, worker: _Worker) -> list[tuple[Any, Any]]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._busy.remove(worker)
            _end(worker, seconds=5)
            return [(worker.key, Lost("killed", _exit_reason(worker.process.exitcode)))]
        if not worker.is_ready:
            worker.is_ready = True
            self._hand_over(worker)
            return []
        self._busy.remove(worker)
        self._idle.append(worker)
        return [(worker.key, answer)]

    def _hand_over(self, worker: _Worker) -> None:
        worker.deadline = None if self._timeout is None else time.monotonic() + self._timeout
        # A worker that died meanwhile is noticed at its connection's end.
        with contextlib.suppress(OSError):
            worker.connection.send(worker.task)

    def _started(self) -> _Worker:
        # Forked processes would share locks of threads, and a GPU that is already in use.
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, self._work, self._prepare))
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(connection: Any, work: Callable[[Any], Any], prepare: Callable[[], None] | None) -> None:
    """A worker's life: it ends with its connection, and dies with the process that started it."""
    # Ctrl-C reaches every process of the terminal; whoever started us ends us. A handler, since
    # an ignored signal would be ignored in kernels, too.
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if prepare is not None:
        # What cannot be prepared fails again in the task, where it is told.
        with contextlib.suppress(Exception):
            prepare()
    try:
        connection.send(None)
        while True:
            connection.send(work(connection.recv()))
    except (EOFError, OSError):
        return


def _die_with_parent() -> None:
    multiprocessing.parent_process().join()
    _kill_children(os.getpid())
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _end(worker: _Worker, seconds: float = 0.0) -> None:
    """Ends the worker and whatever it started; it may take `seconds` to leave by itself."""
    if seconds:
        worker.process.join(seconds)
    if worker.process.is_alive():
        _kill_children(worker.process.pid)
        worker.process.kill()
        worker.process.join()
    worker.connection.close()


def _kill_children(process: int) -> None:
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()


def _exit_reason(status: int | None) -> str:
    if status is not None and status < 0:
        try:
            return f"its process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"its process was ended by signal {-status}"
    return f"its process left with status {status}"

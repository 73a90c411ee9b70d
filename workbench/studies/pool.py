"""Worker processes that can be lost: each works on one task at a time, within a time limit.

A pool of the standard library gives up as a whole when one of its processes is killed, and cannot
tell which task that was; here a lost worker loses its own task and is replaced.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from workbench.runs.processes import exit_reason, held_bytes, kill_children, spelled_bytes
from workbench.runs.reaper import leave_to, marks, reap_noted, watch

# Importing an experiment on a busy machine takes seconds; whoever needs longer hangs.
START_SECONDS = 300.0


# How often the memory of workers is looked at: with a limit, and to know the peak of a killed one.
_LOOK_SECONDS, _GLANCE_SECONDS = 0.1, 1.0
# Python's variable by which a new interpreter leaves the current folder alone; any text does. This
# one says that it is for workers, and not for what their tasks start.
SAFE_PATH = {"PYTHONSAFEPATH": "workbench"}
_NUMBERS = itertools.count(1)


class Lost(NamedTuple):
    """A task whose worker came to no answer.

    Attributes:
        state: `killed` or `timed out`.
        reason: why.
        peak_memory_mib: the most that the worker and all it started held when looked at.
    """

    state: str
    reason: str
    peak_memory_mib: int | None = None


@dataclass
class _Worker:
    process: Any
    connection: Any
    mark: str
    key: Any = None
    task: Any = None
    is_ready: bool = False
    deadline: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    most: int = 0

    @property
    def peak_memory_mib(self) -> int | None:
        return self.most // 2**20 or None


class Slots:
    """A number of worker processes; use it as a context, at whose end all of them are gone.

    Args:
        work: an importable function of one task.
        count: how many tasks may be worked on at the same time.
        timeout: seconds that a task may take; None for no limit.
        prepare: called in each worker before its first task, outside the time limit.
        memory: bytes that a worker may hold with all that it starts; None for no limit.
        environments: by slot, variables that its workers find in their environment.

    Attributes:
        count: how many tasks may be worked on at the same time.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        count: int,
        timeout: float | None = None,
        prepare: Callable[[], None] | None = None,
        memory: int | None = None,
        environments: Sequence[Mapping[str, str]] = (),
    ):
        self._work, self.count, self._timeout, self._prepare = work, count, timeout, prepare
        self._memory, self._looked = memory, 0.0
        self._environments = [dict(one) for one in environments] or [{} for _ in range(count)]
        self._busy: list[_Worker] = []
        self._idle: list[_Worker] = []

    def __enter__(self) -> Slots:
        """Workers start when they are first needed."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Kills every worker and what it started."""
        workers = [*self._busy, *self._idle]
        for worker in workers:
            _kill(worker)
        _reap(workers)
        self._busy, self._idle = [], []

    @property
    def free(self) -> int:
        """How many tasks may begin now."""
        return self.count - len(self._busy)

    def begin(self, key: Any, task: Any) -> Mapping[str, str]:
        """Hands the task to a worker; `ended` will tell its outcome under the key.

        Returns the variables that were set in this worker's environment.
        """
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                break
            _end(worker)
        else:
            worker = self._started()
        worker.key, worker.task, worker.deadline, worker.most = key, task, None, 0
        self._busy.append(worker)
        if worker.is_ready:
            self._hand_over(worker)
        else:
            worker.deadline = time.monotonic() + START_SECONDS
        return worker.environment

    def ended(self, patience: float) -> list[tuple[Any, Any]]:
        """The keys and outcomes that are there within `patience` seconds; `Lost` is one, too."""
        now = time.monotonic()
        waits = [w.deadline - now for w in self._busy if w.deadline is not None]
        connections = {w.connection: w for w in self._busy}
        look = _GLANCE_SECONDS if self._memory is None else _LOOK_SECONDS
        seconds = max(0.0, min([patience, *waits, *([look] if self._busy else [])]))
        found = []
        for connection in multiprocessing.connection.wait(list(connections), seconds):
            found += self._heard(connections[connection])
        now = time.monotonic()
        for worker in [w for w in self._busy if w.deadline is not None and w.deadline <= now]:
            self._busy.remove(worker)
            _end(worker)
            peak = worker.peak_memory_mib
            late = Lost("timed out", f"it took longer than {self._timeout:g} s", peak)
            if not worker.is_ready:
                late = Lost("killed", f"its worker did not start within {START_SECONDS:g} s", peak)
            found.append((worker.key, late))
        if now - self._looked >= look:
            self._looked = now
            found += self._heavy()
        return found

    def _heavy(self) -> list[tuple[Any, Any]]:
        """Looks how much memory the workers hold, and ends those that hold more than they may."""
        found = []
        all_held = held_bytes([worker.process.pid for worker in self._busy])
        for worker in list(self._busy):
            worker.most = max(worker.most, held := all_held[worker.process.pid])
            if self._memory is not None and held > self._memory:
                self._busy.remove(worker)
                _end(worker)
                limit, told = spelled_bytes(self._memory), spelled_bytes(held)
                reason = f"it held {told} of memory, more than the limit of {limit}"
                found.append((worker.key, Lost("killed", reason, worker.peak_memory_mib)))
        return found

    def _heard(self, worker: _Worker) -> list[tuple[Any, Any]]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._busy.remove(worker)
            _end(worker, seconds=5)
            return [
                (
                    worker.key,
                    Lost("killed", exit_reason(worker.process.exitcode), worker.peak_memory_mib),
                )
            ]
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
        owner = watch()
        mark = f"{owner.name}.worker-{next(_NUMBERS)}"
        process = spawn.Process(target=_serve, args=(theirs, self._work, self._prepare, owner))
        taken = [w.environment for w in [*self._busy, *self._idle]]
        mine = next(e for e in self._environments if not any(e is t for t in taken))
        with set_variables(SAFE_PATH):
            # It belongs to this process, and must not bear the mark of its first worker.
            _start_tracker()
        with set_variables(mine | SAFE_PATH | marks(os.environ, owner.name, mark)):
            process.start()
        theirs.close()
        return _Worker(process, ours, mark, environment=mine)


def _start_tracker() -> None:
    """Starts what Python starts beside its first process, to tidy up after all of them."""
    if os.name == "posix":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()


@contextlib.contextmanager
def set_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables of the environment for as long as a process needs to take them over."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(
    connection: Any,
    work: Callable[[Any], Any],
    prepare: Callable[[], None] | None,
    owner: Path,
) -> None:
    """A worker's life: it ends with its connection, and dies with the process that started it."""
    if os.environ.items() >= SAFE_PATH.items():
        del os.environ["PYTHONSAFEPATH"]
    leave_to(owner)
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
    kill_children(os.getpid())
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _end(worker: _Worker, seconds: float = 0.0) -> None:
    """Ends the worker and whatever it started; it may take `seconds` to leave by itself."""
    if seconds:
        worker.process.join(seconds)
    _kill(worker)
    _reap([worker])


def _reap(workers: Sequence[_Worker]) -> None:
    """Ends what workers that have ended have left."""
    for worker in workers:
        reap_noted(watch(), [worker.mark], worker.process.pid)


def _kill(worker: _Worker) -> None:
    if worker.process.is_alive():
        kill_children(worker.process.pid)
        worker.process.kill()
        worker.process.join()
    worker.connection.close()

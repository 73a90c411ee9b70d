"""A pool of worker processes with limits of time and memory per task.

`concurrent.futures.ProcessPoolExecutor` breaks as a whole when one process is killed, and does not
report which task that was; here a killed worker fails its own task and is replaced.
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

from workbench.runs.kernels.ipykernel_launcher import adopt_orphans
from workbench.runs.processes import exit_reason, kill_children, resident_bytes, spelled_bytes
from workbench.runs.reaper import leave_to, marks, reap_noted, watch

# Importing an experiment on a busy machine takes seconds; after this time a worker counts as hung.
START_SECONDS = 300.0
# Interval between measurements of the workers' memory, with a limit and without one.
_LIMITED_SECONDS, _UNLIMITED_SECONDS = 0.1, 1.0
# Keeps the current folder out of a new interpreter's module search path. Any text does; this one
# marks the variable as ours, so that a worker removes it from the environment of its tasks.
SAFE_PATH = {"PYTHONSAFEPATH": "workbench"}
_NUMBERS = itertools.count(1)


class WorkerLost(NamedTuple):
    """A task whose worker ended without an answer.

    Attributes:
        state: `killed` or `timed out`.
        reason: why.
        peak_memory_mib: the largest memory measured, of the worker and its descendants.
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


class WorkerPool:
    """A pool of worker processes; a context manager that kills them at its end.

    Args:
        work: an importable function of one task.
        count: how many tasks may run at the same time.
        timeout: seconds that a task may take; None for no limit.
        prepare: called in each worker before its first task, outside the time limit.
        memory: bytes that a worker and its descendants may use; None for no limit.
        environments: for each concurrent worker, environment variables to set.

    Attributes:
        count: how many tasks may run at the same time.
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

    def __enter__(self) -> WorkerPool:
        """Workers start when they are first needed."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Kills every worker and its descendants."""
        workers = [*self._busy, *self._idle]
        for worker in workers:
            _kill(worker)
        _reap(workers)
        self._busy, self._idle = [], []

    @property
    def free(self) -> int:
        """How many tasks may start now."""
        return self.count - len(self._busy)

    def begin(self, key: Any, task: Any) -> Mapping[str, str]:
        """Starts the task in a worker; `ended` returns its outcome with the key.

        Returns the variables set in this worker's environment.
        """
        while self._idle:
            worker = self._idle.pop()
            if worker.process.is_alive():
                break
            _end(worker)
        else:
            worker = self._start_worker()
        worker.key, worker.task, worker.deadline, worker.most = key, task, None, 0
        self._busy.append(worker)
        if worker.is_ready:
            self._send_task(worker)
        else:
            worker.deadline = time.monotonic() + START_SECONDS
        return worker.environment

    def ended(self, timeout: float) -> list[tuple[Any, Any]]:
        """Waits up to `timeout` seconds; the keys and outcomes of tasks that have ended.

        The outcome is a `WorkerLost` if the worker was killed.
        """
        now = time.monotonic()
        waits = [w.deadline - now for w in self._busy if w.deadline is not None]
        connections = {w.connection: w for w in self._busy}
        look = _UNLIMITED_SECONDS if self._memory is None else _LIMITED_SECONDS
        seconds = max(0.0, min([timeout, *waits, *([look] if self._busy else [])]))
        outcomes = []
        for connection in multiprocessing.connection.wait(list(connections), seconds):
            outcomes += self._received(connections[connection])
        now = time.monotonic()
        for worker in [w for w in self._busy if w.deadline is not None and w.deadline <= now]:
            self._busy.remove(worker)
            _end(worker)
            peak = worker.peak_memory_mib
            late = WorkerLost("timed out", f"it took longer than {self._timeout:g} s", peak)
            if not worker.is_ready:
                late = WorkerLost(
                    "killed", f"its worker did not start within {START_SECONDS:g} s", peak
                )
            outcomes.append((worker.key, late))
        if now - self._looked >= look:
            self._looked = now
            outcomes += self._over_memory()
        return outcomes

    def _over_memory(self) -> list[tuple[Any, Any]]:
        """Measures the workers' memory and kills those above the limit."""
        outcomes = []
        sizes = resident_bytes([worker.process.pid for worker in self._busy])
        for worker in list(self._busy):
            worker.most = max(worker.most, size := sizes[worker.process.pid])
            if self._memory is not None and size > self._memory:
                self._busy.remove(worker)
                _end(worker)
                limit, amount = spelled_bytes(self._memory), spelled_bytes(size)
                reason = f"it held {amount} of memory, more than the limit of {limit}"
                outcomes.append((worker.key, WorkerLost("killed", reason, worker.peak_memory_mib)))
        return outcomes

    def _received(self, worker: _Worker) -> list[tuple[Any, Any]]:
        try:
            answer = worker.connection.recv()
        except (EOFError, OSError):
            self._busy.remove(worker)
            _end(worker, seconds=5)
            return [
                (
                    worker.key,
                    WorkerLost(
                        "killed", exit_reason(worker.process.exitcode), worker.peak_memory_mib
                    ),
                )
            ]
        if not worker.is_ready:
            worker.is_ready = True
            self._send_task(worker)
            return []
        self._busy.remove(worker)
        self._idle.append(worker)
        return [(worker.key, answer)]

    def _send_task(self, worker: _Worker) -> None:
        worker.deadline = None if self._timeout is None else time.monotonic() + self._timeout
        # The end of the connection reports a worker that has died.
        with contextlib.suppress(OSError):
            worker.connection.send(worker.task)

    def _start_worker(self) -> _Worker:
        # Forking would copy locks that other threads hold, and a CUDA context.
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        owner = watch()
        mark = f"{owner.name}.worker-{next(_NUMBERS)}"
        process = spawn.Process(target=_serve, args=(theirs, self._work, self._prepare, owner))
        taken = [w.environment for w in [*self._busy, *self._idle]]
        mine = next(e for e in self._environments if not any(e is t for t in taken))
        with set_variables(SAFE_PATH):
            # It is shared by all workers, so that it must not have the mark of the first one.
            _start_tracker()
        with set_variables(mine | SAFE_PATH | marks(os.environ, owner.name, mark)):
            process.start()
        theirs.close()
        return _Worker(process, ours, mark, environment=mine)


def _start_tracker() -> None:
    """Starts multiprocessing's resource tracker, which otherwise starts with the first worker."""
    if os.name == "posix":
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()


@contextlib.contextmanager
def set_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables, which processes started in the context inherit."""
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
    """The main function of a worker, which ends with its connection or its parent process."""
    if os.environ.items() >= SAFE_PATH.items():
        del os.environ["PYTHONSAFEPATH"]
    leave_to(owner)
    adopt_orphans()
    # Ctrl-C reaches every process of the terminal; the parent ends this one. A handler, since
    # kernels would inherit an ignored signal.
    signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    if prepare is not None:
        # An error here occurs again in the task, which reports it.
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
    """Waits `seconds` for the worker to exit, then kills it and its descendants."""
    if seconds:
        worker.process.join(seconds)
    _kill(worker)
    _reap([worker])


def _reap(workers: Sequence[_Worker]) -> None:
    """Kills the processes that ended workers have left running."""
    for worker in workers:
        reap_noted(watch(), [worker.mark], worker.process.pid)


def _kill(worker: _Worker) -> None:
    if worker.process.is_alive():
        kill_children(worker.process.pid)
        worker.process.kill()
        worker.process.join()
    worker.connection.close()

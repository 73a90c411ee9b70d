"""Slots on the machines of a dask cluster: each task in a worker process beside dask's own.

Time limits, memory limits and kills are those of `slots`, so that a study ends alike wherever it
runs. Notebook runs write where the study writes, which must be a folder that all machines share.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import queue
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse
from workbench.runs.atomic import PARTIAL
from workbench.runs.reaper import marks, watch
from workbench.studies.pool import SAFE_PATH, Lost, Slots, set_variables

_CONNECT_SECONDS = 20
# Folders of this name in that of a study are removed, also what a killed one has left.
_SCRATCH = f"{PARTIAL}dask-"
# Closes the port at which a scheduler or a worker serves pages about itself, to everybody.
_NO_PAGES = "def dask_setup(node):\n    node.http_server.stop()\n"


class DaskSlots:
    """As many tasks at a time as asked for, made by a cluster; use it as a context.

    Args:
        work: an importable function of one task.
        count: how many tasks may be worked on at the same time.
        address: of the scheduler, such as `tcp://10.0.0.1:8786`; "local" for a cluster of so many
            workers on this machine.
        folder: where a cluster of this machine leaves what it needs while it is there.
        limits: `timeout`, `prepare` and `memory` as `Slots` has them.

    Raises:
        ValueError: if dask is not installed, or nobody answers at the address.
    """

    def __init__(
        self, work: Callable[[Any], Any], count: int, address: str, folder: Path, **limits: Any
    ):
        try:
            import distributed
        except ImportError:
            refuse("dask", "left out where the extra `dask` is not installed", address)
        self.count, self._limits = count, limits
        self._made = functools.partial(_made, work, limits, os.getcwd(), uuid.uuid4().hex)
        self._running: dict[Any, Any] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stack = ExitStack()
        if address == "local":
            cluster = self._stack.enter_context(_local_cluster(count, folder))
            self._client = self._stack.enter_context(distributed.Client(cluster))
            return
        # A client that cannot be made may hang when it is thrown away: somebody must answer first.
        try:
            _in_a_loop_of_its_own(_answered(address))
            self._client = distributed.Client(address, timeout=_CONNECT_SECONDS)
        except (OSError, ValueError, TypeError) as error:
            told = " ".join(str(error).split())[:120]
            refuse("dask", f"the address of a scheduler that answers ({told})", address)

    def __enter__(self) -> DaskSlots:
        """The cluster is there already."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Gives up what runs, and ends the cluster if it is one of ours."""
        self._client.cancel(list(self._running.values()), force=True)
        with self._stack:
            self._client.close()

    @property
    def free(self) -> int:
        """How many tasks may begin now."""
        return self.count - len(self._running)

    def begin(self, key: Any, task: Any) -> dict[str, str]:
        """Hands the task to the cluster; `ended` will tell its outcome under the key."""
        future = self._client.submit(self._made, task, key=uuid.uuid4().hex, retries=0)
        self._running[key] = future
        future.add_done_callback(lambda _: self._ended.put(key))
        return {}

    def ended(self, patience: float) -> list[tuple[Any, Any]]:
        """The keys and outcomes that are there within `patience` seconds."""
        try:
            key = self._ended.get(timeout=patience)
        except queue.Empty:
            return []
        future = self._running.pop(key)
        if future.status == "finished":
            return [(key, future.result())]
        reason = " ".join(str(future.exception() if future.status == "error" else "").split())
        return [(key, Lost("killed", f"dask lost it ({future.status}) {reason[:200]}".strip()))]


@contextmanager
def _local_cluster(count: int, folder: Path) -> Iterator[Any]:
    """A cluster of this machine that speaks to whoever has its keys, which are in memory alone.

    Any user can connect to its ports, and whoever is let in runs code as this user.

    Raises:
        ValueError: if no keys can be made.
    """
    import dask
    import distributed

    try:
        keys = distributed.Security.temporary()
    except ImportError:
        refuse("dask", "left out where the package cryptography is not installed", "local")
    for stale in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(stale, ignore_errors=True)
    started = SAFE_PATH | marks(os.environ, watch().name)
    # A worker that dies is started again, long after this.
    name = "distributed.nanny.pre-spawn-environ"
    settings: dict[str, Any] = {name: {**dask.config.get(name), **started}}
    for kind in ("scheduler", "worker"):
        name = f"distributed.{kind}.preload"
        settings |= {name: [*dask.config.get(name), _NO_PAGES]}
        settings |= {f"distributed.{kind}.http.routes": []}
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder) as scratch:
        options = {"n_workers": count, "threads_per_worker": 1}
        options |= {"security": keys, "local_directory": scratch, "silence_logs": "CRITICAL"}
        # Any port, since the usual one may be another's, which dask would complain about.
        options |= {"scheduler_kwargs": {"dashboard": False, "dashboard_address": "127.0.0.1:0"}}
        with set_variables(started), dask.config.set(settings):
            cluster = distributed.LocalCluster(**options)
        with cluster:
            yield cluster


async def _answered(address: str) -> None:
    """Returns once something at the address has spoken as dask does.

    Raises:
        OSError: if nothing did in time.
        ValueError: if it is no address.
    """
    from distributed import comm

    try:
        # Where another kind of server answers, dask's own limit does not end the wait.
        asked = comm.connect(address, timeout=_CONNECT_SECONDS)
        await (await asyncio.wait_for(asked, 2 * _CONNECT_SECONDS)).close()
    except TimeoutError:
        raise TimeoutError("what answers there is no scheduler") from None


def _in_a_loop_of_its_own(asked: Coroutine[Any, Any, Any]) -> None:
    """Runs it in a thread, since the caller's may have a loop that runs, as in a notebook."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, asked).result()


_SLOTS: dict[tuple[str, int], Slots] = {}


def _made(work: Any, limits: dict[str, Any], folder: str, study: str, task: Any) -> Any:
    """The outcome of a task in a worker of this thread's own; gives up when nobody wants it."""
    import distributed

    mine = study, threading.get_ident()
    for old in [k for k in _SLOTS if k[0] != study and k[1] == mine[1]]:
        _SLOTS.pop(old).__exit__()
    if mine not in _SLOTS:
        prepare = functools.partial(_prepared, folder, limits["prepare"])
        _SLOTS[mine] = Slots(work, 1, **{**limits, "prepare": prepare})
    slots = _SLOTS[mine]
    worker = distributed.get_worker()
    key = worker.get_current_task()
    _begin(slots, task)
    while True:
        for _, outcome in slots.ended(0.5):
            return outcome
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            _SLOTS.pop(mine).__exit__()
            return Lost("killed", "interrupted")


def _begin(slots: Slots, task: Any) -> None:
    """Starts a process beside one of dask's, which are daemons and may start none, says Python.

    What Python fears is that it outlives its parent; workers of ours die with theirs.
    """
    mark = multiprocessing.current_process()._config
    before = mark.get("daemon")
    mark["daemon"] = False
    try:
        slots.begin(None, task)
    finally:
        mark["daemon"] = before


def _prepared(folder: str, prepare: Callable[[], None] | None) -> None:
    """Begins where the command was given, as far as this machine has that folder."""
    os.chdir(folder)
    if prepare is not None:
        prepare()

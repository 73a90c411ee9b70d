"""A pool on a dask cluster: each task runs in a worker process started by dask's worker.

Limits of time and memory are those of `pool`. Notebook runs write into the study's folder, which
all machines must share.
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
from workbench.runs.reaper import marks, watch
from workbench.runs.run_folder import PARTIAL
from workbench.studies.pool import SAFE_PATH, WorkerLost, WorkerPool, set_variables

_CONNECT_SECONDS = 20
# Folders with this prefix in a study's folder are removed, also those left by a killed process.
_SCRATCH = f"{PARTIAL}dask-"
# Closes the HTTP port of a scheduler or worker, which any user of the machine could read.
_NO_PAGES = "def dask_setup(node):\n    node.http_server.stop()\n"


class DaskPool:
    """Runs up to `count` tasks at a time on a cluster; a context manager.

    Args:
        work: an importable function of one task.
        count: how many tasks may run at the same time.
        address: of the scheduler, such as `tcp://10.0.0.1:8786`; "local" for a cluster of so many
            workers on this machine.
        folder: for the temporary files of a local cluster.
        limits: `timeout`, `prepare` and `memory` as `WorkerPool` has them.

    Raises:
        ValueError: if dask is not installed, or no scheduler answers at the address.
    """

    def __init__(
        self, work: Callable[[Any], Any], count: int, address: str, folder: Path, **limits: Any
    ):
        try:
            import distributed
        except ImportError:
            refuse("dask", "left out where the extra `dask` is not installed", address)
        self.count, self._limits = count, limits
        self._run_task = functools.partial(_run_task, work, limits, os.getcwd(), uuid.uuid4().hex)
        self._running: dict[Any, Any] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stack = ExitStack()
        if address == "local":
            cluster = self._stack.enter_context(_local_cluster(count, folder))
            self._client = self._stack.enter_context(distributed.Client(cluster))
            return
        # A client that cannot connect may hang when it is deleted: test the connection first.
        try:
            _run_in_thread(_check_connection(address))
            self._client = distributed.Client(address, timeout=_CONNECT_SECONDS)
        except (OSError, ValueError, TypeError) as error:
            reason = " ".join(str(error).split())[:120]
            refuse("dask", f"the address of a scheduler that answers ({reason})", address)

    def __enter__(self) -> DaskPool:
        """The cluster has been started by the constructor."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Cancels running tasks, and closes a local cluster."""
        self._client.cancel(list(self._running.values()), force=True)
        with self._stack:
            self._client.close()

    @property
    def free(self) -> int:
        """How many tasks may begin now."""
        return self.count - len(self._running)

    def begin(self, key: Any, task: Any) -> dict[str, str]:
        """Submits the task; `ended` returns its outcome with the key."""
        future = self._client.submit(self._run_task, task, key=uuid.uuid4().hex, retries=0)
        self._running[key] = future
        future.add_done_callback(lambda _: self._ended.put(key))
        return {}

    def ended(self, timeout: float) -> list[tuple[Any, Any]]:
        """Waits up to `timeout` seconds; the keys and outcomes of tasks that have ended."""
        try:
            key = self._ended.get(timeout=timeout)
        except queue.Empty:
            return []
        future = self._running.pop(key)
        if future.status == "finished":
            return [(key, future.result())]
        reason = " ".join(str(future.exception() if future.status == "error" else "").split())
        return [
            (key, WorkerLost("killed", f"dask lost it ({future.status}) {reason[:200]}".strip()))
        ]


@contextmanager
def _local_cluster(count: int, folder: Path) -> Iterator[Any]:
    """A local cluster that admits only clients with its TLS keys, which exist in memory alone.

    Any user of the machine can connect to its ports, and a client can run code as this user.

    Raises:
        ValueError: if the package cryptography is missing.
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
    # dask also starts workers later, in the place of those that die.
    name = "distributed.nanny.pre-spawn-environ"
    settings: dict[str, Any] = {name: {**dask.config.get(name), **started}}
    for kind in ("scheduler", "worker"):
        name = f"distributed.{kind}.preload"
        settings |= {name: [*dask.config.get(name), _NO_PAGES]}
        settings |= {f"distributed.{kind}.http.routes": []}
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder) as scratch:
        options = {"n_workers": count, "threads_per_worker": 1}
        options |= {"security": keys, "local_directory": scratch, "silence_logs": "CRITICAL"}
        # Any free port: dask warns if its default port is in use.
        options |= {"scheduler_kwargs": {"dashboard": False, "dashboard_address": "127.0.0.1:0"}}
        with set_variables(started), dask.config.set(settings):
            cluster = distributed.LocalCluster(**options)
        with cluster:
            yield cluster


async def _check_connection(address: str) -> None:
    """Connects to the scheduler at the address and closes the connection.

    Raises:
        OSError: if no scheduler answers in time.
        ValueError: if it is no address.
    """
    from distributed import comm

    try:
        # dask's own limit does not apply if another kind of server answers.
        awaitable = comm.connect(address, timeout=_CONNECT_SECONDS)
        await (await asyncio.wait_for(awaitable, 2 * _CONNECT_SECONDS)).close()
    except TimeoutError:
        raise TimeoutError("what answers there is no scheduler") from None


def _run_in_thread(awaitable: Coroutine[Any, Any, Any]) -> None:
    """Runs a coroutine in a thread, since in a notebook this thread already runs a loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, awaitable).result()


_POOLS: dict[tuple[str, int], WorkerPool] = {}


def _run_task(work: Any, limits: dict[str, Any], folder: str, study: str, task: Any) -> Any:
    """Runs a task in this thread's own worker process; kills it if the task is cancelled."""
    import distributed

    mine = study, threading.get_ident()
    for old in [k for k in _POOLS if k[0] != study and k[1] == mine[1]]:
        _POOLS.pop(old).__exit__()
    if mine not in _POOLS:
        prepare = functools.partial(_prepared, folder, limits["prepare"])
        _POOLS[mine] = WorkerPool(work, 1, **{**limits, "prepare": prepare})
    pool = _POOLS[mine]
    worker = distributed.get_worker()
    key = worker.get_current_task()
    _begin(pool, task)
    while True:
        for _, outcome in pool.ended(0.5):
            return outcome
        state = worker.state.tasks.get(key)
        if state is None or state.state == "cancelled":
            _POOLS.pop(mine).__exit__()
            return WorkerLost("killed", "interrupted")


def _begin(pool: WorkerPool, task: Any) -> None:
    """Starts a task from a daemonic process of dask, to which Python forbids child processes.

    Python forbids them since they might outlive their parent; our workers end with theirs.
    """
    mark = multiprocessing.current_process()._config
    before = mark.get("daemon")
    mark["daemon"] = False
    try:
        pool.begin(None, task)
    finally:
        mark["daemon"] = before


def _prepared(folder: str, prepare: Callable[[], None] | None) -> None:
    """Changes to the folder in which the command was given, then prepares the worker."""
    os.chdir(folder)
    if prepare is not None:
        prepare()

"""Executors of a study's runs: this process, a pool of workers, or a dask cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse, whole
from workbench.runs.function_run import call
from workbench.studies.notebook_run import execute_task, prepare
from workbench.studies.pool import WorkerPool


@dataclass(frozen=True)
class Limits:
    """How many runs at a time, how long each may take, and how often it is tried again.

    Attributes:
        jobs: runs at the same time.
        timeout: seconds that a whole run may take; None for no limit.
        cell_timeout: seconds that one cell of a notebook may take; None for no limit.
        retries: how often a run that is not done is tried again, after 0.5, 1, 2, ... seconds.
        memory: bytes that a run may hold, with all that it starts; None for no limit.
        dask: the address of a scheduler of dask, or "local" for a cluster of this machine's.
        devices: the GPUs to share out, as `CUDA_VISIBLE_DEVICES` spells them; a worker sees one.
        per_device: runs at the same time on one device.
    """

    jobs: int = 1
    timeout: float | None = None
    cell_timeout: int | None = None
    retries: int = 0
    memory: int | None = None
    dask: str | None = None
    devices: tuple[str, ...] = ()
    per_device: int = 1

    def __post_init__(self) -> None:
        """Checks the limits."""
        whole("jobs", self.jobs, 1)
        whole("retries", self.retries, 0)
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            refuse("timeout", "a number of seconds above 0", self.timeout)
        whole("per_device", self.per_device, 1)
        if self.memory is not None:
            whole("memory", self.memory, 1)


def executor(depth: str, limits: Limits, out: Path) -> Any:
    """A context manager that executes runs of this depth within the limits.

    Args:
        depth: `notebook` or `function`.
        limits: how many at a time, and where.
        out: the folder of the study.
    """
    is_notebook = depth == "notebook"
    work, first = (execute_task, prepare) if is_notebook else (call, None)
    watch = {"timeout": limits.timeout, "prepare": first, "memory": limits.memory}
    if limits.dask is not None:
        from workbench.studies.dask_pool import DaskPool

        return DaskPool(work, limits.jobs, limits.dask, out, **watch)
    if limits.devices:
        shown = [
            {"CUDA_VISIBLE_DEVICES": d} for d in limits.devices for _ in range(limits.per_device)
        ]
        return WorkerPool(work, min(limits.jobs, len(shown)), environments=shown, **watch)
    if not is_notebook and limits.jobs == 1 and limits.timeout is None and limits.memory is None:
        return _InProcess()
    return WorkerPool(work, limits.jobs, **watch)


class _InProcess:
    """Executes function runs in this process, one at a time, without limits."""

    free = count = 1

    def __init__(self) -> None:
        self._ended: list[tuple[Any, Any]] = []

    def __enter__(self) -> _InProcess:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def begin(self, key: Any, task: Any) -> dict[str, str]:
        self._ended.append((key, call(task)))
        return {}

    def ended(self, timeout: float) -> list[tuple[Any, Any]]:
        outcomes, self._ended = self._ended, []
        return outcomes

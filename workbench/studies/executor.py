"""Where the runs of a study are made: in this process, in workers beside it, or by dask."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse, whole
from workbench.runs.function_run import call
from workbench.studies.notebook_run import execute_task, prepare
from workbench.studies.pool import Slots


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
        """Refuses what would never begin, or never end."""
        whole("jobs", self.jobs, 1)
        whole("retries", self.retries, 0)
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            refuse("timeout", "a number of seconds above 0", self.timeout)
        whole("per_device", self.per_device, 1)
        if self.memory is not None:
            whole("memory", self.memory, 1)


def executor(depth: str, limits: Limits, out: Path) -> Any:
    """The slots that make runs of this depth within the limits, to be used as a context.

    Args:
        depth: `notebook` or `function`.
        limits: how many at a time, and where.
        out: the folder of the study.
    """
    is_notebook = depth == "notebook"
    work, first = (execute_task, prepare) if is_notebook else (call, None)
    watch = {"timeout": limits.timeout, "prepare": first, "memory": limits.memory}
    if limits.dask is not None:
        from workbench.studies.dask_pool import DaskSlots

        return DaskSlots(work, limits.jobs, limits.dask, out, **watch)
    if limits.devices:
        shown = [
            {"CUDA_VISIBLE_DEVICES": d} for d in limits.devices for _ in range(limits.per_device)
        ]
        return Slots(work, min(limits.jobs, len(shown)), environments=shown, **watch)
    if not is_notebook and limits.jobs == 1 and limits.timeout is None and limits.memory is None:
        return _Here()
    return Slots(work, limits.jobs, **watch)


class _Here:
    """A slot in this very process, for functions one at a time: it cannot be lost, nor late."""

    free = count = 1

    def __init__(self) -> None:
        self._ended: list[tuple[Any, Any]] = []

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def begin(self, key: Any, task: Any) -> dict[str, str]:
        self._ended.append((key, call(task)))
        return {}

    def ended(self, patience: float) -> list[tuple[Any, Any]]:
        told, self._ended = self._ended, []
        return told

"""What every run's record holds from its first moment on, and whether its process still lives."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from workbench.runs.atomic import PARTIAL
from workbench.runs.function_run import FunctionJob
from workbench.runs.job import Job, plain

RECORD, NOTEBOOK, PAGE = "record.json", "notebook.ipynb", "page.html"
# The notebook of a run whose worker was killed, as far as it came.
PARTIAL_NOTEBOOK = "partial.ipynb"


def begun(job: Job | FunctionJob, attempt: int = 1) -> dict[str, Any]:
    """The record of a run that begins now in this process."""
    return {
        "state": "running",
        "error": None,
        "cell": None,
        "traceback": None,
        "name": job.name,
        "title": job.title,
        "depth": job.depth,
        "run": job.run,
        "folder": f"{job.name}/{job.run}",
        "identity": job.identity,
        "command": job.command,
        "process": os.getpid(),
        "process_start": _process_start(),
        "attempt": attempt,
        "knobs": plain(job.params),
        "changed": job.params.changed(),
        "claims": [],
        "summary": {},
        "timings": {"start": datetime.now(UTC).isoformat(timespec="milliseconds")},
        "provenance": job.provenance,
    }


def clock(start: str) -> dict[str, Any]:
    """The end, which is now, and the seconds since the start."""
    end = datetime.now(UTC)
    seconds = (end - datetime.fromisoformat(start)).total_seconds()
    return {"end": end.isoformat(timespec="milliseconds"), "seconds": seconds}


def clear(folder: Path) -> None:
    """Removes what an earlier run of the same identity made, and what a killed one left behind."""
    for stale in [folder / PAGE, folder / NOTEBOOK, *folder.glob(f"{PARTIAL}*")]:
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)


def is_alive(record: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the record still runs; a number used again is another's."""
    try:
        started = psutil.Process(record["process"]).create_time()
    except (psutil.Error, KeyError, TypeError, ValueError, OverflowError):
        return False
    known = record.get("process_start")
    return not isinstance(known, int | float) or abs(started - known) < 1


@functools.cache
def _process_start() -> float:
    return psutil.Process().create_time()

"""What every run's record holds from its first moment on, and whether its process still lives."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from workbench.experiment.kinds import as_json
from workbench.runs.atomic import PARTIAL

# Whoever reads records needs no notebooks, which take seconds to load.
if TYPE_CHECKING:
    from workbench.runs.function_run import FunctionJob
    from workbench.runs.job import Job

RECORD, NOTEBOOK, PAGE = "record.json", "notebook.ipynb", "page.html"
# The notebook of a run whose worker was killed, as far as it came.
PARTIAL_NOTEBOOK = "partial.ipynb"


def begun(job: Job | FunctionJob, attempt: int = 1) -> dict[str, Any]:
    """The record of a run that begins now in this process."""
    from workbench.runs.job import plain

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
        "directory": os.getcwd(),
        **process(),
        "attempt": attempt,
        "knobs": plain(job.params),
        "given": as_json(job.params.given()),
        "changed": as_json(job.params.changed()),
        "notes": [],
        "claims": [],
        "summary": {},
        "timings": {"start": datetime.now(UTC).isoformat(timespec="milliseconds")},
        "provenance": job.provenance,
    }


def process() -> dict[str, Any]:
    """This process's number, and when it started: a number is given again."""
    return _process(os.getpid())


@functools.cache
def _process(number: int) -> dict[str, Any]:
    return {"process": number, "process_start": _process_start(number)}


def clock(start: str, began: float) -> dict[str, Any]:
    """The end and the seconds since the start, also where somebody set the clock meanwhile.

    Args:
        start: when it was, as the record says.
        began: what `time.monotonic` said then.
    """
    seconds = round(time.monotonic() - began, 6)
    end = datetime.fromisoformat(start) + timedelta(seconds=seconds)
    return {"end": end.isoformat(timespec="milliseconds"), "seconds": seconds}


def clear(folder: Path, but: Path | None = None) -> None:
    """Removes what an earlier run of the same identity made, and what a killed one left behind.

    Args:
        folder: the run's.
        but: a file that stays.
    """
    for stale in [folder / PAGE, folder / NOTEBOOK, *folder.glob(f"{PARTIAL}*")]:
        if stale.is_dir() and not stale.is_symlink():
            shutil.rmtree(stale)
        elif stale != but:
            stale.unlink(missing_ok=True)


def is_alive(record: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the record still runs; a number used again is another's."""
    process = record.get("process")
    if not isinstance(process, int):
        return False
    try:
        started = _process_start(process)
    except (psutil.Error, OSError, ValueError, OverflowError, IndexError):
        return False
    return record.get("process_start", started) == started


def _process_start(process: int) -> str:
    """When the process started, in words that do not change when somebody sets the clock."""
    if sys.platform != "linux":
        return str(psutil.Process(process).create_time())
    # The fields after the command, which stands in brackets and may hold any letters.
    fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2]
    return f"{_boot()} {fields.split()[19]}"


@functools.cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

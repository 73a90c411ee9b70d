"""The fields that every record has from the start of a run, and whether its process is alive."""

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
from workbench.runs.run_folder import PARTIAL

# Reading records needs no notebook libraries, which take seconds to import.
if TYPE_CHECKING:
    from workbench.runs.function_run import FunctionJob
    from workbench.runs.job import Job

RECORD, NOTEBOOK, PAGE = "record.json", "notebook.ipynb", "page.html"
# The last saved notebook of a run whose worker was killed.
PARTIAL_NOTEBOOK = "partial.ipynb"


def begun(job: Job | FunctionJob, attempt: int = 1) -> dict[str, Any]:
    """The record of a run that starts now in this process."""
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
    """This process's ID and start time, since IDs are reused."""
    return _process(os.getpid())


@functools.cache
def _process(number: int) -> dict[str, Any]:
    return {"process": number, "process_start": _process_start(number)}


def clock(start: str, began: float) -> dict[str, Any]:
    """End and duration, which do not depend on changes of the system clock.

    Args:
        start: when it was, as the record says.
        began: what `time.monotonic` said then.
    """
    seconds = round(time.monotonic() - began, 6)
    end = datetime.fromisoformat(start) + timedelta(seconds=seconds)
    return {"end": end.isoformat(timespec="milliseconds"), "seconds": seconds}


def clear(folder: Path, but: Path | None = None) -> None:
    """Removes the files of an earlier run of the same identity, and those left by a killed one.

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
    """Whether the process that wrote the record is alive, and its ID is not reused."""
    process = record.get("process")
    if not isinstance(process, int):
        return False
    try:
        started = _process_start(process)
    except (psutil.Error, OSError, ValueError, OverflowError, IndexError):
        return False
    return record.get("process_start", started) == started


def _process_start(process: int) -> str:
    """Start time of the process, as a text that does not depend on the system clock."""
    if sys.platform != "linux":
        return str(psutil.Process(process).create_time())
    # The fields after the command, which stands in brackets and may hold any letters.
    fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2]
    return f"{_boot()} {fields.split()[19]}"


@functools.cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()

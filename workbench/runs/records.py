"""The records under a folder, read as they stand: what a broken one or a dead process left is told.

Reading never runs anything: records are JSON, and what has another form is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.runs.record import RECORD, is_alive

LARGEST = 50_000_000
_TEXTS = ("name", "run", "identity", "state")
_MAPPINGS = ("knobs", "summary", "timings")


def read_record(path: Path) -> dict[str, Any] | None:
    """The record in the file; None where there is none, or half of one.

    A run whose record says `running` while its process is gone was killed.
    """
    try:
        if path.stat().st_size > LARGEST:
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    texts = all(isinstance(record.get(name), str) for name in _TEXTS)
    if not texts or not all(isinstance(record.get(name), dict) for name in _MAPPINGS):
        return None
    if record["state"] == "running" and not is_alive(record):
        record |= {"state": "killed", "error": "its process is gone"}
    return record


def read_records(reports: Path) -> Iterator[dict[str, Any]]:
    """Every record of the folder's runs, in the order of their folders' names."""
    for path in sorted(reports.glob(f"*/*/*/{RECORD}")):
        record = read_record(path)
        if record is not None:
            yield record


def read_points(study: Path) -> list[dict[str, Any]] | None:
    """A study's points as records, in their order; those that never began are `queued`.

    None if no study was declared in the folder.
    """
    try:
        held = json.loads((study / "study.json").read_text(encoding="utf-8"))
        points = [(str(p["name"]), str(p["run"]), dict(p["changed"])) for p in held["points"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    found = []
    for name, run, changed in points:
        queued = {"name": name, "run": run, "state": "queued", "identity": ""}
        queued |= {"knobs": changed, "summary": {}, "timings": {}}
        # A name from elsewhere must not lead out of the study's folder.
        is_inside = ".." not in Path(name, run).parts and not Path(name, run).is_absolute()
        record = read_record(study / name / run / RECORD) if is_inside else None
        found.append(record or queued)
    return found

"""The records under a folder, read as they stand: what a broken one or a dead process left is told.

Reading never runs anything: records are JSON, and what has another form is left out.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.base.checks import refuse
from workbench.experiment.decisions import Claim
from workbench.runs.record import PAGE, RECORD, is_alive

LARGEST = 50_000_000
STUDY = "study.json"
_DEEPEST = 40
_TEXTS = ("name", "run", "identity", "state")
_MAPPINGS = ("knobs", "summary", "timings")


def read_record(path: Path) -> dict[str, Any] | None:
    """The record in the file; None where there is none, or half of one.

    A run whose record says `running` while its process is gone was killed. What was asked of a run
    that failed before it set a knob tells it from the others.
    """
    try:
        if path.stat().st_size > LARGEST or not path.is_file():
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
    if record["state"] != "done":
        record["knobs"] = _mapping(record.get("changed")) | record["knobs"]
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
    placed = _declared_points(study)
    return None if placed is None else [record for _, record in placed]


def placed_points(study: Path) -> list[tuple[Path, dict[str, Any]]]:
    """A study's points with the folders they are in; every record below, if no study is declared.

    A point that would lead out of the study's folder is in the study's folder itself.
    """
    placed = _declared_points(study)
    return list(find_records(study)) if placed is None else placed


def _declared_points(study: Path) -> list[tuple[Path, dict[str, Any]]] | None:
    try:
        held = json.loads((study / STUDY).read_text(encoding="utf-8"))
        points = [(str(p["name"]), str(p["run"]), dict(p["changed"])) for p in held["points"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    found = []
    for name, run, changed in points:
        queued = {"name": name, "run": run, "state": "queued", "identity": ""}
        queued |= {"knobs": changed, "summary": {}, "timings": {}}
        folder = _inside(study, name, run)
        record = read_record(folder / RECORD) if folder else None
        found.append((folder or study, record or queued))
    return found


def _inside(study: Path, *parts: str) -> Path | None:
    """The folder below the study's; None for a name from elsewhere that leads out of it."""
    try:
        folder = study.joinpath(*parts)
        is_inside = ".." not in Path(*parts).parts
        is_inside &= folder.resolve().is_relative_to(study.resolve()) and folder != study
    except (OSError, ValueError):  # a name that no file can have
        return None
    return folder if is_inside else None


def find_records(reports: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every record at any depth below the folder, studies' among them, with the folder it is in.

    Links are not followed, so that nothing outside the folder is taken for a part of it.
    """
    for place, folders, files in os.walk(reports):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        path = Path(place, RECORD)
        record = read_record(path) if RECORD in files and not path.is_symlink() else None
        if record is not None:
            yield path.parent, record


def find_studies(reports: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Every study at any depth below the folder: its folder and its points as records."""
    for place, folders, files in os.walk(reports):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        points = read_points(Path(place)) if STUDY in files else None
        if points is not None:
            yield Path(place), points


def given_record(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of the run that a person named: its folder or a file in it.

    Raises:
        ValueError: if no record is there.
    """
    folder = path if path.is_dir() else path.parent
    is_file_of_run = path.is_dir() or path.suffix in {".html", ".ipynb"}
    record = read_record(folder / RECORD if is_file_of_run else path)
    if record is None:
        refuse("run", f"the folder of a run, or its {RECORD} or {PAGE}", str(path))
    return folder, normal(record)


def normal(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record from anywhere with every part present and in its form.

    What has another form gives way to nothing: a claim that is none is left out, a number that is
    not finite and letters that no file can hold become words.
    """
    held = {name: _held(value) for name, value in record.items()}
    known = _mapping(held.get("provenance"))
    timings = _mapping(held["timings"])
    return {
        **{name: held[name] for name in _TEXTS},
        **{name: _text(held.get(name)) for name in ("error", "command", "depth")},
        "title": _text(held.get("title")) or held["name"],
        "knobs": held["knobs"],
        "changed": _mapping(held.get("changed")),
        "given": held["given"] if isinstance(held.get("given"), dict) else None,
        "notes": [n for n in _list(held.get("notes")) if isinstance(n, str)],
        "summary": {k: v for k, v in held["summary"].items() if isinstance(v, str | int | float)},
        "claims": [c for c in map(_claim, _list(held.get("claims"))) if c],
        "timings": {
            "start": _text(timings.get("start")),
            "end": _text(timings.get("end")),
            "seconds": _number(timings.get("seconds")),
            "peak_memory_mib": _number(timings.get("peak_memory_mib")),
        },
        "provenance": known
        | {part: _mapping(known.get(part)) for part in ("code", "environment")}
        | {
            "packages": {k: v for k, v in _mapping(known.get("packages")).items() if _text(v)},
            "data": {k: v for k, v in _mapping(known.get("data")).items() if _mapping(v)},
            "modules": {k: _text(v) for k, v in _mapping(known.get("modules")).items()},
        },
    }


def _held(value: Any, depth: int = 0) -> Any:
    """The value as a page, a table and a file can hold it."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {_held(name): _held(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [_held(one, depth + 1) for one in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    is_beyond = isinstance(value, int) and value.bit_length() > 1000
    is_infinite = isinstance(value, float) and not math.isfinite(value)
    return f"{value}" if is_beyond or is_infinite else value


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _claim(value: Any) -> dict[str, Any] | None:
    try:
        return Claim.model_validate(value).model_dump(mode="json")
    except ValidationError:
        return None

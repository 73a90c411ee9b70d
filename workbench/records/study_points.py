"""The points of a study in `study.json`, one per line, so that they can be read one by one."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.base.files.regular_file import is_regular
from workbench.records.record_file import Unreadable, parsed, read_bytes
from workbench.runs.run_folder import PARTIAL

STUDY = "study.json"
_HEAD = b'{"points": [\n'
_LONGEST_LINE = 1_000_000


def declare(folder: Path, points: Iterable[Mapping[str, Any]]) -> None:
    """Writes the file atomically.

    Raises:
        OSError: if it cannot be written.
    """
    temporary = folder / f"{PARTIAL}{uuid.uuid4().hex}"
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(_HEAD.decode())
            separator = ""
            for point in points:
                text = json.dumps(point, ensure_ascii=False, allow_nan=False)
                file.write(f"{separator}{text}")
                separator = ",\n"
            file.write("\n]}\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / STUDY)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def declared(study: Path) -> Iterator[tuple[str, str, dict[str, Any]]] | None:
    """The name, run and changed knobs of every point; None if the folder has no study."""
    path = study / STUDY
    try:
        with path.open("rb") if is_regular(path) else _nothing() as file:
            is_by_line = file.read(len(_HEAD)) == _HEAD
    except OSError:
        return None
    if is_by_line:
        return _by_line(path)
    try:
        content = parsed(read_bytes(path)[0])
        return iter([_point(p) for p in content["points"]])
    except (OSError, Unreadable, KeyError, TypeError, ValueError):
        return None


def queued(name: str, run: str, changed: dict[str, Any]) -> dict[str, Any]:
    """The brief of a run that has not started."""
    about = {"name": name, "title": name, "run": run, "state": "queued", "identity": ""}
    about |= {"error": None, "depth": "", "attempt": None}
    times = dict.fromkeys(("seconds", "peak_memory_mib")) | {"start": "", "end": ""}
    return about | {
        "knobs": changed,
        "changed": changed,
        "summary": {},
        "claims": [],
        "timings": times,
    }


def _by_line(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    with path.open("rb") as file:
        file.readline()
        while line := file.readline(_LONGEST_LINE):
            try:
                yield _point(parsed(line.rstrip().removesuffix(b",")))
            except (Unreadable, KeyError, TypeError, ValueError):
                continue


def _point(content: Any) -> tuple[str, str, dict[str, Any]]:
    return str(content["name"]), str(content["run"]), dict(content["changed"])


def _nothing() -> Any:
    raise FileNotFoundError

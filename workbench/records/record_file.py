"""One record, read from its file or refused for a reason, and the part of it that tables need."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from workbench.base.files.regular_file import opened
from workbench.runs.record import is_alive

LARGEST = 50_000_000
SCHEMA = 1
TEXTS = ("name", "run", "identity", "state")
_MAPPINGS = ("knobs", "summary", "timings")


class Unreadable(ValueError):
    """Why a file holds no record, in a few words."""


def read_bytes(path: Path | str, *, follow: bool = True) -> tuple[bytes, os.stat_result]:
    """The content of a regular file of at most 50 MB, and what the system says of the file.

    Args:
        path: of the file.
        follow: read what a link leads to; else a link is refused.

    Raises:
        FileNotFoundError: if there is none.
        Unreadable: if it is something else or larger, or the system refuses it.
    """
    try:
        with opened(path, LARGEST, follow=follow) as file:
            about = os.fstat(file.fileno())
            # Not beyond the size that was checked, also of a file that grows meanwhile.
            return file.read(about.st_size), about
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(error.strerror or "the system refuses it") from None


def parsed(content: bytes) -> Any:
    """What the JSON says.

    Raises:
        Unreadable: if it is none.
    """
    try:
        # Faster than Python's, and strings that many records share are one string.
        return from_json(content, cache_strings="all")
    except ValueError:
        # It refuses half of a pair of surrogates and deep nests, which Python reads.
        try:
            return json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"it is no JSON ({' '.join(str(error).split())[:80]})") from None


def checked(record: Any) -> dict[str, Any]:
    """The record, if it has the parts that every record has.

    Raises:
        Unreadable: if it lacks one, or is of another version.
    """
    if not isinstance(record, dict):
        raise Unreadable("it holds no mapping")
    for names, kind, told in ((TEXTS, str, "text"), (_MAPPINGS, dict, "mapping")):
        for name in names:
            if not isinstance(record.get(name), kind):
                raise Unreadable(f"its `{name}` is no {told}")
    version = record.get("schema", SCHEMA)
    if type(version) is not int or version != SCHEMA:
        raise Unreadable(f"its schema is {str(version)[:20]}, and this workbench reads {SCHEMA}")
    return record


def settled(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it stands now: a run whose process is gone was killed.

    What was given to a run that failed before it set a knob tells it from the others.
    """
    if record["state"] == "running" and not is_alive(record):
        record = record | {"state": "killed", "error": "its process is gone"}
    changed = record.get("changed")
    if record["state"] != "done" and isinstance(changed, dict):
        record = record | {"knobs": changed | record["knobs"]}
    return record

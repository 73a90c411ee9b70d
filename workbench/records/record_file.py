"""Reads one record from its file, or raises `Unreadable` with the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from workbench.base.files.regular_file import opened
from workbench.runs.record import is_alive

# Bytes of the largest record, and its largest number of values, which take memory as objects.
LARGEST, MOST_VALUES = 50_000_000, 500_000
SCHEMA = 1
TEXTS = ("name", "run", "identity", "state")
_MAPPINGS = ("knobs", "summary", "timings")


class Unreadable(ValueError):
    """The reason why a file holds no record, in a few words."""


def read_bytes(path: Path | str, *, follow: bool = True) -> tuple[bytes, os.stat_result]:
    """The content and the status of a regular file of at most 50 MB.

    Args:
        path: path of the file.
        follow: whether links are followed; else they are refused.

    Raises:
        FileNotFoundError: if there is no such file.
        Unreadable: if it is something else or larger, or cannot be read.
    """
    try:
        with opened(path, LARGEST, follow=follow) as file:
            status = os.fstat(file.fileno())
            # Of a file that grows meanwhile, not more than the size that was checked.
            return file.read(status.st_size), status
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(error.strerror or "the system refuses it") from None


def check_count(content: bytes) -> None:
    """Refuses JSON with too many values before memory is allocated for them.

    Every value but the first of its list or object follows a comma; commas in texts count as well.

    Raises:
        Unreadable: if it has more than 500,000.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Unreadable(f"it has more than {MOST_VALUES:,} values")


def parsed(content: bytes) -> Any:
    """The value of the JSON.

    Raises:
        Unreadable: if it is no JSON, or has more than 500,000 values.
    """
    check_count(content)
    try:
        # Faster than Python's parser, and equal strings share memory.
        return from_json(content, cache_strings="all")
    except ValueError:
        # Python's parser accepts lone surrogates and deeper nesting.
        try:
            return json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"it is no JSON ({' '.join(str(error).split())[:80]})") from None


def checked(record: Any) -> dict[str, Any]:
    """The record, if it has the parts that every record has.

    Raises:
        Unreadable: if it lacks one, or has another schema.
    """
    if not isinstance(record, dict):
        raise Unreadable("it is no object")
    for names, kind, word in ((TEXTS, str, "text"), (_MAPPINGS, dict, "object")):
        for name in names:
            if not isinstance(record.get(name), kind):
                raise Unreadable(f"its `{name}` is no {word}")
    version = record.get("schema", SCHEMA)
    if type(version) is not int or version != SCHEMA:
        raise Unreadable(f"its schema is {str(version)[:20]}, and this workbench reads {SCHEMA}")
    return record


def settled(record: dict[str, Any]) -> dict[str, Any]:
    """The record with its present state: a running run whose process has ended was killed.

    The knobs of a run that failed before it read them back are the given ones.
    """
    if record["state"] == "running" and not is_alive(record):
        record = record | {"state": "killed", "error": "its process is gone"}
    changed = record.get("changed")
    if record["state"] != "done" and isinstance(changed, dict):
        record = record | {"knobs": changed | record["knobs"]}
    return record

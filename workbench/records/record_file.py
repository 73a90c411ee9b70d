"""One record, read from its file or refused for a reason, and the part of it that tables need."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from workbench.base.files.regular_file import opened
from workbench.records.normal import claims_of, held, normal_timings
from workbench.runs.record import is_alive

LARGEST = 50_000_000
SCHEMA = 1
# More values of one part than this are no columns of a table; the record's file has them.
MOST_VALUES = 500
_LONGEST_TEXT = 10_000
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


def brief(record: Mapping[str, Any]) -> dict[str, Any]:
    """What tables, reports and the gallery tell of a run; each part has its form.

    Texts of more than 10,000 letters are cut, and of a part with more than 500 values none is
    taken: `left` says how many there were.

    Args:
        record: as `checked` lets it pass.
    """
    claims = record.get("claims")
    parts = {name: record[name] for name in ("knobs", "summary")}
    parts["claims"] = claims if isinstance(claims, list) else []
    left = {name: len(part) for name, part in parts.items() if len(part) > MOST_VALUES}
    empty: dict[str, Any] = {name: type(parts[name])() for name in left}
    parts |= empty
    changed = record.get("changed")
    texts = {name: record.get(name) for name in ("title", "depth")}
    error = record.get("error")
    attempt = record.get("attempt")
    return {
        **{name: _short(record[name]) for name in TEXTS},
        **{name: _short(text) if isinstance(text, str) else "" for name, text in texts.items()},
        "title": _short(texts["title"]) if isinstance(texts["title"], str) else record["name"],
        "error": _short(error) if isinstance(error, str) else None,
        "attempt": attempt if isinstance(attempt, int) else None,
        "knobs": _short_values(parts["knobs"]),
        "changed": _short_values(changed) if isinstance(changed, dict) and "knobs" not in left else {},
        "summary": _short_values(parts["summary"]),
        "claims": claims_of(parts["claims"]),
        "timings": normal_timings(record["timings"]),
        **({"left": left} if left else {}),
        **{
            n: record[n]
            for n in ("process", "process_start")
            if record["state"] == "running" and n in record
        },
    }


def _short(value: Any) -> Any:
    """The value as a table can hold it."""
    if isinstance(value, dict | list):
        value = held(value)
        text = json.dumps(value)
        return value if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    value = held(value)
    is_long = isinstance(value, str) and len(value) > _LONGEST_TEXT
    return value[:_LONGEST_TEXT] + "…" if is_long else value


def _short_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_short(name): _short(value) for name, value in values.items()}

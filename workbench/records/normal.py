"""Brings a record of unknown origin into the form that pages, tables and files require."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from workbench.experiment.decisions import Claim

_DEEPEST = 40
_MOST_BITS = 1000
_TEXTS = ("name", "run", "identity", "state")
_OTHERS = ("error", "command", "depth", "directory")
_PARTS = ("title", "knobs", "changed", "given", "notes", "summary", "claims", "timings")
_READ = (*_TEXTS, *_OTHERS, *_PARTS, "provenance")


def normal(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record with all its parts, each in its form.

    A part of another form is replaced by an empty one, and an invalid claim is left out. Numbers
    that are not finite become words, and lone surrogates question marks.
    """
    # Other parts may be large, and nothing reads them.
    whole = {name: storable(record[name]) for name in _READ if name in record}
    known = _mapping(whole.get("provenance"))
    return {
        **{name: whole[name] for name in _TEXTS},
        **{name: _text(whole.get(name)) for name in _OTHERS},
        "title": _text(whole.get("title")) or whole["name"],
        "knobs": whole["knobs"],
        "changed": _mapping(whole.get("changed")),
        "given": whole["given"] if isinstance(whole.get("given"), dict) else None,
        "notes": [n for n in _list(whole.get("notes")) if isinstance(n, str)],
        "summary": {k: v for k, v in whole["summary"].items() if isinstance(v, str | int | float)},
        "claims": claims_of(_list(whole.get("claims"))),
        "timings": normal_timings(_mapping(whole["timings"])),
        "provenance": known
        | {part: _mapping(known.get(part)) for part in ("code", "environment")}
        | {
            "packages": {k: v for k, v in _mapping(known.get("packages")).items() if _text(v)},
            "data": {k: v for k, v in _mapping(known.get("data")).items() if _mapping(v)},
            "modules": {k: _text(v) for k, v in _mapping(known.get("modules")).items()},
        },
    }


def storable(value: Any, depth: int = 0) -> Any:
    """The value in a form that pages, tables and files can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value if value.bit_length() <= _MOST_BITS else str(value)
    if depth > _DEEPEST:
        return "…" if isinstance(value, dict | list) else value
    if isinstance(value, dict):
        return {storable(name): storable(one, depth + 1) for name, one in value.items()}
    return [storable(one, depth + 1) for one in value] if isinstance(value, list) else value


def normal_timings(timings: Mapping[str, Any]) -> dict[str, Any]:
    """Start and end as texts, seconds and peak memory; None if a number is unknown."""
    return {
        "start": storable(_text(timings.get("start"))),
        "end": storable(_text(timings.get("end"))),
        "seconds": _number(timings.get("seconds")),
        "peak_memory_mib": _number(timings.get("peak_memory_mib")),
    }


def claims_of(values: list[Any]) -> list[dict[str, Any]]:
    """The valid claims among the values."""
    claims = []
    for value in values:
        # As `model_dump` gives it, in a third of its time.
        with contextlib.suppress(ValidationError, ValueError):
            claim = {**vars(Claim.model_validate(value))}
            claim["measured"] = storable(claim["measured"])
            claim["interval"] = claim["interval"] and [*claim["interval"]]
            claims.append(claim)
    return claims


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int | float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1e300 else None

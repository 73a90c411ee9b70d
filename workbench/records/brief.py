"""Briefs of records: the parts of a record that tables, reports and the gallery show.

A brief is a dictionary with the texts `name`, `run`, `identity`, `state`, `title`, `depth` and
`error`, the number `attempt`, the dictionaries `knobs`, `changed` and `summary`, the list `claims`,
and `timings`. Texts and nested values are shortened, and `left` counts the values of parts that
are too large. A running run also has `process` and `process_start`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from workbench.experiment.decisions import Claim
from workbench.records.normal import claims_of, normal_timings, storable
from workbench.records.record_file import SCHEMA, TEXTS, check_count

# Parts with more values than this have no columns; the record itself has them.
MOST_IN_PART = 500
_LONGEST_TEXT = 10_000
_PROCESS = ("process", "process_start")


def brief(record: Mapping[str, Any]) -> dict[str, Any]:
    """The brief of a record that `record_file.checked` accepts.

    Texts are cut after 10,000 letters, and parts with more than 500 values are left out.
    """
    claims, changed = record.get("claims"), record.get("changed")
    parts = {name: record[name] for name in ("knobs", "summary")}
    parts["claims"] = claims if isinstance(claims, list) else []
    left = {name: len(part) for name, part in parts.items() if len(part) > MOST_IN_PART}
    parts |= {name: type(parts[name])() for name in left}
    error, attempt = record.get("error"), record.get("attempt")
    result = {
        **{name: _short(record[name]) for name in TEXTS},
        "title": _short(_text(record.get("title")) or record["name"]),
        "depth": _short(_text(record.get("depth"))),
        "error": _short(error) if isinstance(error, str) else None,
        "attempt": attempt if type(attempt) is int and attempt.bit_length() < 64 else None,
        "knobs": _short_values(parts["knobs"]),
        "changed": {},
        "summary": _short_values(parts["summary"]),
        "claims": claims_of(parts["claims"]),
        "timings": normal_timings(record["timings"]),
    }
    if isinstance(changed, dict) and "knobs" not in left:
        result["changed"] = _short_values(changed)
    if record["state"] == "running":
        result |= {name: record[name] for name in _PROCESS if name in record}
    return result | ({"left": left} if left else {})


def plain_brief(record: bytes) -> dict[str, Any] | None:
    """The brief of a record in JSON if every part already has its form there; else None.

    It equals what `brief` returns, and takes a third of the time, as no value passes through
    Python. Records of running runs are not plain.

    Raises:
        Unreadable: if it has more values than are read.
    """
    check_count(record)
    result = _valid(record, _plain_record())
    if result is None or result["state"] == "running":
        return None
    result.pop("schema", None)
    return result


def cached_brief(text: bytes) -> dict[str, Any] | None:
    """The brief in JSON; None if the JSON has another form."""
    return _valid(text, _brief())


def _valid(text: bytes, validator: SchemaValidator) -> dict[str, Any] | None:
    try:
        result = validator.validate_json(text)
    except (ValidationError, OverflowError):
        return None
    result["timings"] = normal_timings(result["timings"])
    return result


def _overflow(value: int) -> None:
    # A ValueError would let the union go on to `float`, which rounds.
    raise OverflowError("an integer beyond 64 bits")


_STRICT = schema.CoreConfig(strict=True, allow_inf_nan=False)
_BOOLEAN, _TEXT = schema.bool_schema(), schema.str_schema()
_INTEGER = schema.int_schema(gt=-(2**63), lt=2**63)
_LARGER = schema.no_info_after_validator_function(_overflow, schema.int_schema())
_NUMBER = schema.union_schema([_INTEGER, _LARGER, schema.float_schema()], mode="left_to_right")


@functools.cache
def _plain_record() -> SchemaValidator:
    text = schema.str_schema(max_length=_LONGEST_TEXT)
    # As text, 300 numbers have fewer letters than the longest text.
    numbers = schema.list_schema(_NUMBER, max_length=300)
    value = schema.union_schema([_BOOLEAN, _NUMBER, text, schema.none_schema(), numbers])
    values = schema.dict_schema(text, value, max_length=MOST_IN_PART)
    version = schema.int_schema(ge=SCHEMA, le=SCHEMA)
    return _validator(text, values, {"schema": version})


@functools.cache
def _brief() -> SchemaValidator:
    values = schema.dict_schema(_TEXT)
    counts = schema.dict_schema(_TEXT, _INTEGER)
    process = dict.fromkeys(_PROCESS, schema.any_schema())
    return _validator(_TEXT, values, {"left": counts, **process})


def _validator(text: Any, values: Any, optional: dict[str, Any]) -> SchemaValidator:
    claim = {n: TypeAdapter(f.annotation).core_schema for n, f in Claim.model_fields.items()}
    ends = schema.list_schema(schema.float_schema(), min_length=2, max_length=2)
    claim |= {
        "measured": schema.union_schema([_BOOLEAN, _NUMBER, _TEXT]),
        "interval": schema.nullable_schema(ends),
    }
    fields = {
        **dict.fromkeys((*TEXTS, "depth"), text),
        "title": text | {"min_length": 1},
        "error": schema.nullable_schema(text),
        "attempt": schema.nullable_schema(_INTEGER),
        **dict.fromkeys(("knobs", "changed", "summary"), values),
        "claims": schema.list_schema(_typed_dict(claim), max_length=MOST_IN_PART),
        "timings": schema.dict_schema(_TEXT),
    }
    return SchemaValidator(_typed_dict(fields | optional, optional))


def _typed_dict(fields: Mapping[str, Any], optional: Iterable[str] = ()) -> Any:
    all_fields = {
        name: schema.typed_dict_field(one, required=name not in optional)
        for name, one in fields.items()
    }
    return schema.typed_dict_schema(all_fields, config=_STRICT)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short(value: Any) -> Any:
    """The value as a table can hold it."""
    if isinstance(value, dict | list):
        value = storable(value)
        text = json.dumps(value)
        return value if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
    value = storable(value)
    is_long = isinstance(value, str) and len(value) > _LONGEST_TEXT
    return value[:_LONGEST_TEXT] + "…" if is_long else value


def _short_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {_short(name): _short(value) for name, value in values.items()}

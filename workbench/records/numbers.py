"""A run's own numbers as a table: a row for each knob, result and claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBERS = "numbers.csv"


def run_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a page shows of its run, at full precision, in columns that every row has.

    Args:
        record: as `records.normal` makes it.
    """
    columns = ("kind", "name", "value", "low", "high", "expected", "verdict")
    rows = [("knob", name, value) for name, value in record["knobs"].items()]
    rows += [("number", name, value) for name, value in record["summary"].items()]
    for claim in record["claims"]:
        low, high = claim["interval"] or (None, None)
        told = f"{claim['where']}: {claim['statement']}"
        verdict = claim["expected"], claim["verdict"]
        rows.append(("claim", told, claim["measured"], low, high, *verdict))
    return [dict(zip(columns, [*row, *[None] * 4], strict=False)) for row in rows]

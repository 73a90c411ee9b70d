"""Records as a table: chosen by a condition, printed, or written as CSV that no program obeys."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.base.condition import chosen
from workbench.base.csv_safety import escape_formula

FIRST = ("name", "run", "state", "seconds", "peak_memory_mib", "attempt", "start")


def rows(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One flat row a record: what the run is, its knobs, its numbers and its verdicts.

    A number named like a knob gets the prefix `summary.`; a verdict's column is its statement.
    """
    found = []
    for record in records:
        times = record["timings"]
        row = {
            **{n: record[n] for n in FIRST[:3]},
            "seconds": times.get("seconds"),
            "peak_memory_mib": times.get("peak_memory_mib"),
            "attempt": record.get("attempt"),
            "start": times.get("start"),
        }
        for prefix, values in (("knob", record["knobs"]), ("summary", record["summary"])):
            for name, value in values.items():
                row[f"{prefix}.{name}" if name in row else name] = value
        claims = record.get("claims")
        for claim in claims if isinstance(claims, list) else []:
            if isinstance(claim, dict) and isinstance(claim.get("statement"), str):
                row[f"claim: {claim['statement']}"] = claim.get("verdict")
        found.append(row)
    return found


def columns(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every column that some row has, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in table for name in row))


def where(table: Sequence[Mapping[str, Any]], condition: str) -> list[Mapping[str, Any]]:
    """The rows that fulfil the condition, as SQLite reads it: `threshold > 10 and state = 'done'`.

    SQLite parses it over a table in memory and may do nothing but read that table.

    Raises:
        ValueError: if SQLite refuses it, or a column is unknown.
    """
    names = columns(table)
    values = ([row.get(name) for name in names] for row in table)
    return [table[i] for i in chosen(names, values, condition, "where", "runs")]


def as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """The table as CSV, one row a run; numbers keep all their digits.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    names = columns(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(escape_formula, names))
    for row in table:
        writer.writerow([escape_formula(row.get(name)) for name in names])
    return text.getvalue()


def as_text(table: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The columns side by side for a terminal; what could command one is left out."""
    head = [_shown(name) for name in names]
    cells = [head, *([_shown(row.get(name)) for name in names] for row in table)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= 60 else text[:57] + "..."


NUMBERS = "numbers.csv"


def run_rows(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a page shows of its run, at full precision, in columns that every row has.

    Args:
        record: as `store.normal` makes it.
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

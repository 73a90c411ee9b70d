"""Records as a table: filtered by a condition, printed, or written as CSV without formulas."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.base.condition import chosen
from workbench.base.csv_safety import escape_formula

FIRST = ("name", "run", "state", "seconds", "peak_memory_mib", "attempt", "start")
# SQLite's tables have at most 2,000.
MOST_COLUMNS = 1000
_MOST_NAMES = 20_000


def rows(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per record, from `row`."""
    return [row(record) for record in records]


def row(record: Mapping[str, Any]) -> dict[str, Any]:
    """A flat row with the run's name and state, its knobs, numbers and verdicts.

    A knob or number with a name in use gets the prefix `knob.` or `summary.`; the column of a
    verdict is named by its statement.
    """
    times = record["timings"]
    cells = {
        **{n: record[n] for n in FIRST[:3]},
        "seconds": times.get("seconds"),
        "peak_memory_mib": times.get("peak_memory_mib"),
        "attempt": record.get("attempt"),
        "start": times.get("start"),
    }
    for prefix, values in (("knob", record["knobs"]), ("summary", record["summary"])):
        for name, value in values.items():
            while name in cells:
                name = f"{prefix}.{name}"
            cells[name] = value
    claims = record.get("claims")
    for claim in claims if isinstance(claims, list) else []:
        if isinstance(claim, dict) and isinstance(claim.get("statement"), str):
            cells[f"claim: {claim['statement']}"] = claim.get("verdict")
    return cells


class Columns:
    """Collects the columns of rows that come one by one, up to a bound."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._places: dict[str, int] = {}
        self._unseen = 0

    def add(self, name: str) -> int | None:
        """Counts the name, and returns its index; None if there are too many names."""
        place = self._places.get(name)
        if place is None:
            if len(self._places) == _MOST_NAMES:
                self._unseen += 1
                return None
            place = self._places[name] = len(self._places)
        self._counts[name] += 1
        return place

    def place(self, name: str) -> int:
        """The index of a name."""
        return self._places[name]

    def chosen(
        self, left_out: Callable[[str, str], None] | None = None, most: int = MOST_COLUMNS
    ) -> list[str]:
        """The names in the order of their appearance; of more than `most`, those of most rows."""
        count = len(self._places)
        if count <= most:
            return list(self._places)
        if left_out is not None:
            more = "" if not self._unseen else "at least "
            reason = f"a table holds {most} columns, those that most runs have"
            left_out(f"{more}{count - most} columns", reason)
        frequent = {name for name, _ in self._counts.most_common(most)}
        return [name for name in self._places if name in frequent]


def columns(
    table: Iterable[Mapping[str, Any]],
    left_out: Callable[[str, str], None] | None = None,
    most: int = MOST_COLUMNS,
) -> list[str]:
    """The columns of all rows in the order of their first appearance.

    Of more than `most`, those of most rows.
    """
    names = Columns()
    for row in table:
        for name in row:
            names.add(name)
    return names.chosen(left_out, most)


def where(table: Sequence[Mapping[str, Any]], condition: str) -> list[Mapping[str, Any]]:
    """The rows that fulfil a condition in SQLite's SQL: `threshold > 10 and state = 'done'`.

    The condition can only read the rows, which are in a database in memory.

    Raises:
        ValueError: if SQLite refuses it, or a column is unknown.
    """
    names = columns(table)
    values = ([row.get(name) for name in names] for row in table)
    return [table[i] for i in chosen(names, values, condition, "where", "runs")]


def as_csv(
    table: Sequence[Mapping[str, Any]], left_out: Callable[[str, str], None] | None = None
) -> str:
    """The table as CSV, one row per run, with all digits of numbers.

    A text that a spreadsheet would interpret as a formula gets a leading apostrophe.
    """
    names = columns(table, left_out)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(escape_formula, names))
    for row in table:
        writer.writerow([escape_formula(row.get(name)) for name in names])
    return text.getvalue()


def as_text(table: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The columns side by side for a terminal, without control characters."""
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
    """The knobs, numbers and claims on a run's page at full precision, all with the same columns.

    Args:
        record: from `normal.normal`.
    """
    columns = ("kind", "name", "value", "low", "high", "expected", "verdict")
    rows = [("knob", name, value) for name, value in record["knobs"].items()]
    rows += [("number", name, value) for name, value in record["summary"].items()]
    for claim in record["claims"]:
        low, high = claim["interval"] or (None, None)
        statement = f"{claim['where']}: {claim['statement']}"
        verdict = claim["expected"], claim["verdict"]
        rows.append(("claim", statement, claim["measured"], low, high, *verdict))
    return [dict(zip(columns, [*row, *[None] * 4], strict=False)) for row in rows]

"""Records as a table: chosen by a condition, printed, or written as CSV that no program obeys."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.checks import spell
from workbench.experiment.params import nearest
from workbench.spreadsheet import harmless

FIRST = ("name", "run", "state", "seconds", "peak_memory_mib", "attempt", "start")
# A condition that takes longer looks at every row in some endless way.
_STEPS = 1_000_000_000
_LONGEST = 1_000_000


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
    base = sqlite3.connect(":memory:")
    try:
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        spelled = ", ".join(f'"{n.replace(chr(34), chr(34) * 2)}"' for n in ["#", *apart(names)])
        base.execute(f"CREATE TABLE runs ({spelled})")
        marks = ", ".join("?" * (len(names) + 1))
        values = ([i, *(_plain(row.get(n)) for n in names)] for i, row in enumerate(table))
        base.executemany(f"INSERT INTO runs VALUES ({marks})", values)
        return [table[i] for i in _chosen(base, condition, len(table))]
    except (sqlite3.Error, ValueError, OverflowError) as error:
        unknown = re.fullmatch("no such column: (.*)", str(error))
        if unknown:
            told = nearest(unknown.group(1), names) if names else "there is no run"
            sentence = f"`{unknown.group(1)}` must be a column of the runs; {told}"
            # A record from elsewhere may name a knob in two lines.
            raise ValueError(" ".join(sentence.split())) from None
        told = " ".join(str(error).split())[:200]
        raise ValueError(f"`where` must be a condition ({told}); got {spell(condition)}") from None
    finally:
        base.close()


def _chosen(base: sqlite3.Connection, condition: str, count: int) -> list[int]:
    allowed = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}

    def may(action: int, table: str | None, *_: Any) -> int:
        is_elsewhere = action == sqlite3.SQLITE_READ and table != "runs"
        may_do = action in allowed and not is_elsewhere
        return sqlite3.SQLITE_OK if may_do else sqlite3.SQLITE_DENY

    base.set_authorizer(may)
    left = iter(range(_STEPS // 10_000))
    base.set_progress_handler(lambda: next(left, None) is None, 10_000)
    # The line end closes a comment in which the condition might end.
    found = base.execute(f'SELECT "#" FROM runs WHERE (\n{condition}\n) ORDER BY "#"')
    chosen = [i for (i,) in found]
    # A bracket closed too early can begin another query, which would choose by other means.
    if not set(chosen) <= set(range(count)) or len(set(chosen)) < len(chosen):
        raise ValueError("it is more than one condition")
    return chosen


def apart(names: Sequence[str]) -> list[str]:
    """Names that SQL tells apart, as it takes a capital and a small letter for the same."""
    taken, found = {"#"}, []
    for name in names:
        unique = name.replace("\0", "?")
        while unique.lower() in taken:
            unique += "'"
        taken.add(unique.lower())
        found.append(unique)
    return found


def _plain(value: Any) -> Any:
    """What SQLite holds; a whole number beyond 64 bits becomes the nearest fraction."""
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return repr(value)


def as_csv(table: Sequence[Mapping[str, Any]]) -> str:
    """The table as CSV, one row a run; numbers keep all their digits.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    names = columns(table)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(harmless, names))
    for row in table:
        writer.writerow([harmless(row.get(name)) for name in names])
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

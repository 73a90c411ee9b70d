"""Rows chosen by a condition that a person writes: `threshold > 10 and state = 'done'`.

SQLite parses it over a table in memory and may do nothing but read that table: its authoriser
admits no more, and functions that are linear in texts of a bounded length, since nothing ends a
step of SQLite's: `printf` writes two thousand million letters in one. A count of steps and a clock
end an endless query.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.base.checks import nearest, refuse, spell

# A condition that takes longer looks at every row in some endless way.
_STEPS, _SECONDS = 1_000_000_000, 5.0
# How often it is looked at: a step may take a hundredth of a second.
_LOOK = 200
# Letters of a text, and of a condition: `instr` of two such texts takes a hundredth of a second.
_LONGEST = 20_000
_FUNCTIONS = {
    "abs", "avg", "ceil", "ceiling", "char", "coalesce", "count", "date", "datetime", "exp",
    "floor", "glob", "hex", "ifnull", "iif", "instr", "julianday", "length", "like", "ln", "log",
    "log10", "log2", "lower", "ltrim", "max", "min", "mod", "nullif", "pow", "power", "quote",
    "replace", "round", "rtrim", "sign", "sqrt", "strftime", "substr", "substring", "sum", "time",
    "total", "trim", "trunc", "typeof", "unicode", "unixepoch", "upper",
}  # fmt: skip
_QUOTED = re.compile(r"'(?:[^']|'')*'")
# A name between double quotes that is compared with something.
_COMPARED = re.compile(r'"((?:[^"]|"")+)"\s*(?:[<>=!]|not\b|in\b|is\b|like\b|between\b)', re.I)


def chosen(
    names: Sequence[str], rows: Iterable[Sequence[Any]], condition: str, knob: str, what: str
) -> list[int]:
    """Which rows fulfil the condition, by their places.

    Args:
        names: of the columns. One that is no plain word stands between double quotes in the
            condition; a text stands between single ones.
        rows: a value for every name.
        condition: as SQLite reads it, with `==` and `!=` as well; at most 20,000 letters. A longer
            text in a row counts as its first 20,000 letters.
        knob: what names the condition, for the sentences.
        what: what the columns are of: "runs".

    Raises:
        ValueError: if SQLite refuses it, it takes longer than 5 s, or a column is unknown.
    """
    if len(condition) > _LONGEST:
        refuse(knob, f"a condition of at most {_LONGEST} letters", len(condition))
    base = sqlite3.connect(":memory:")
    try:
        count = _fill(base, names, rows, condition)
        # SQLite would take an unknown name between double quotes for a text, and compare that.
        for name in _COMPARED.findall(_QUOTED.sub("''", condition)):
            if name.replace('""', '"').lower() not in {n.lower() for n in names}:
                raise sqlite3.OperationalError(f"no such column: {name}")
        return _chosen(base, condition, count)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        unknown = re.fullmatch("no such column: (.*)", str(error))
        if unknown:
            told = nearest(unknown.group(1), list(names)) if names else "there is none"
            if re.search(rf"[=<>]\s*{re.escape(unknown.group(1))}", condition):
                told += " (a text stands in 'single quotes')"
            sentence = f"`{unknown.group(1)}` must be a column of the {what}; {told}"
            # A record from elsewhere may name a knob in two lines.
            raise ValueError(" ".join(sentence.split())) from None
        told = " ".join(str(error).split())[:200]
        if told == "interrupted":
            told = f"it takes longer than {_SECONDS:g} s"
        raise ValueError(f"`{knob}` must be a condition ({told}); got {spell(condition)}") from None
    finally:
        base.close()


def _fill(
    base: sqlite3.Connection, names: Sequence[str], rows: Iterable[Sequence[Any]], condition: str
) -> int:
    """Makes the table of the columns that the condition names; the number of its rows.

    A table of SQLite's has at most 2,000 columns, and a record may have more numbers than that.
    """
    quoted = [n.replace('"', '""') for n in apart(names)]
    used = [i for i, name in enumerate(quoted) if name.casefold() in condition.casefold()]
    spelled = ", ".join(f'"{name}"' for name in ["#", *(quoted[i] for i in used)])
    base.execute(f"CREATE TABLE runs ({spelled})")
    marks = ", ".join("?" * (len(used) + 1))
    values = ([i, *(_plain(row[k]) for k in used)] for i, row in enumerate(rows))
    base.executemany(f"INSERT INTO runs VALUES ({marks})", values)
    return base.execute('SELECT count("#") FROM runs').fetchone()[0]


def _chosen(base: sqlite3.Connection, condition: str, count: int) -> list[int]:
    def may(action: int, table: str | None, function: str | None, *_: Any) -> int:
        may_do = action == sqlite3.SQLITE_SELECT
        may_do |= action == sqlite3.SQLITE_READ and table == "runs"
        may_do |= action == sqlite3.SQLITE_FUNCTION and (function or "").lower() in _FUNCTIONS
        return sqlite3.SQLITE_OK if may_do else sqlite3.SQLITE_DENY

    base.set_authorizer(may)
    # In bytes, of which a letter has up to four.
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * _LONGEST)
    left, until = iter(range(_STEPS // _LOOK)), time.monotonic() + _SECONDS
    base.set_progress_handler(lambda: next(left, None) is None or time.monotonic() > until, _LOOK)
    # The line end closes a comment in which the condition might end.
    found = base.execute(f'SELECT "#" FROM runs WHERE (\n{condition}\n) ORDER BY "#"')
    places = [i for (i,) in found]
    # A bracket closed too early can begin another query, which would choose by other means.
    if not set(places) <= set(range(count)) or len(set(places)) < len(places):
        raise ValueError("it is more than one condition")
    return places


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
        return value[:_LONGEST].encode("utf-8", "replace").decode()
    return repr(value)[:_LONGEST]

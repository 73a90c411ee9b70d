"""Selects rows by a condition of a user's: `threshold > 10 and state = 'done'`.

SQLite evaluates it over a table in memory. Its authoriser admits only reading that table, and
functions of linear time, on texts of bounded length, because a single step of SQLite cannot be
interrupted: `printf` can write two thousand million characters in one. A limit on steps and one on
time end long queries.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.base.checks import nearest, refuse, spell

# Limits of one query.
_STEPS, _SECONDS = 1_000_000_000, 5.0
# Steps between two checks of the limits: a step may take a hundredth of a second.
_CHECK = 200
# Characters of a text or a condition: `instr` of two such texts takes a hundredth of a second.
_LONGEST = 20_000
_FUNCTIONS = {
    "abs", "avg", "ceil", "ceiling", "char", "coalesce", "count", "date", "datetime", "exp",
    "floor", "glob", "hex", "ifnull", "iif", "instr", "julianday", "length", "like", "ln", "log",
    "log10", "log2", "lower", "ltrim", "max", "min", "mod", "nullif", "pow", "power", "quote",
    "replace", "round", "rtrim", "sign", "sqrt", "strftime", "substr", "substring", "sum", "time",
    "total", "trim", "trunc", "typeof", "unicode", "unixepoch", "upper",
}  # fmt: skip
_QUOTED = re.compile(r"'(?:[^']|'')*'")
# A name in double quotes before a comparison.
_COMPARED = re.compile(r'"((?:[^"]|"")+)"\s*(?:[<>=!]|not\b|in\b|is\b|like\b|between\b)', re.I)


def chosen(
    names: Sequence[str], rows: Iterable[Sequence[Any]], condition: str, knob: str, what: str
) -> list[int]:
    """The indices of the rows that satisfy the condition.

    Args:
        names: the names of the columns. In the condition a name that is no plain word is put in
            double quotes; a text in single ones.
        rows: a value for every name.
        condition: in SQLite's syntax, at most 20,000 characters. A longer text in a row is cut
            after 20,000 characters.
        knob: the name of the condition, for error messages.
        what: what the rows are, for error messages: "runs".

    Raises:
        ValueError: if SQLite refuses it, it takes longer than 5 s, or a column is unknown.
    """
    if len(condition) > _LONGEST:
        refuse(knob, f"a condition of at most {_LONGEST} characters", len(condition))
    base = sqlite3.connect(":memory:")
    try:
        count = _fill(base, names, rows, condition)
        # SQLite would treat an unknown name in double quotes as a text.
        for name in _COMPARED.findall(_QUOTED.sub("''", condition)):
            if name.replace('""', '"').lower() not in {n.lower() for n in names}:
                raise sqlite3.OperationalError(f"no such column: {name}")
        return _chosen(base, condition, count)
    except (sqlite3.Error, ValueError, OverflowError) as error:
        unknown = re.fullmatch("no such column: (.*)", str(error))
        if unknown:
            hint = nearest(unknown.group(1), list(names)) if names else "there is none"
            if re.search(rf"[=<>]\s*{re.escape(unknown.group(1))}", condition):
                hint += " (a text stands in 'single quotes')"
            sentence = f"`{unknown.group(1)}` must be a column of the {what}; {hint}"
            # A name in a record of another program may have line breaks.
            raise ValueError(" ".join(sentence.split())) from None
        cause = " ".join(str(error).split())[:200]
        if cause == "interrupted":
            cause = f"it takes longer than {_SECONDS:g} s"
        raise ValueError(
            f"`{knob}` must be a condition ({cause}); got {spell(condition)}"
        ) from None
    finally:
        base.close()


def _fill(
    base: sqlite3.Connection, names: Sequence[str], rows: Iterable[Sequence[Any]], condition: str
) -> int:
    """Creates the table with the columns that the condition names; returns the number of rows.

    SQLite's tables have at most 2,000 columns, and a record may have more numbers.
    """
    quoted = [n.replace('"', '""') for n in distinct_names(names)]
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
    # In bytes; a character has up to four.
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 4 * _LONGEST)
    left, until = iter(range(_STEPS // _CHECK)), time.monotonic() + _SECONDS
    base.set_progress_handler(lambda: next(left, None) is None or time.monotonic() > until, _CHECK)
    # The line break ends a comment at the end of the condition.
    matches = base.execute(f'SELECT "#" FROM runs WHERE (\n{condition}\n) ORDER BY "#"')
    places = [i for (i,) in matches]
    # An early closing bracket could append another query, whose rows are no selection.
    if not set(places) <= set(range(count)) or len(set(places)) < len(places):
        raise ValueError("it is more than one condition")
    return places


def distinct_names(names: Sequence[str]) -> list[str]:
    """Unique names in SQL, which does not distinguish upper and lower case."""
    taken, distinct = {"#"}, []
    for name in names:
        unique = name.replace("\0", "?")
        while unique.lower() in taken:
            unique += "'"
        taken.add(unique.lower())
        distinct.append(unique)
    return distinct


def _plain(value: Any) -> Any:
    """The value as SQLite stores it; an integer beyond 64 bits becomes a float."""
    if isinstance(value, bool | float | None):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else float(value)
    if isinstance(value, str):
        return value[:_LONGEST].encode("utf-8", "replace").decode()
    return repr(value)[:_LONGEST]

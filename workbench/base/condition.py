"""Rows chosen by a condition that a person writes: `threshold > 10 and state = 'done'`.

SQLite parses it over a table in memory and may do nothing but read that table: its authoriser
admits no more, and a count of steps ends an endless query.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from workbench.base.checks import nearest, spell

# A condition that takes longer looks at every row in some endless way.
_STEPS = 1_000_000_000
_LONGEST = 1_000_000
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
        condition: as SQLite reads it, with `==` and `!=` as well.
        knob: what names the condition, for the sentences.
        what: what the columns are of: "runs".

    Raises:
        ValueError: if SQLite refuses it, or a column is unknown.
    """
    base = sqlite3.connect(":memory:")
    try:
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        spelled = ", ".join(f'"{n.replace(chr(34), chr(34) * 2)}"' for n in ["#", *apart(names)])
        base.execute(f"CREATE TABLE runs ({spelled})")
        marks = ", ".join("?" * (len(names) + 1))
        values = ([i, *map(_plain, row)] for i, row in enumerate(rows))
        base.executemany(f"INSERT INTO runs VALUES ({marks})", values)
        count = base.execute('SELECT count("#") FROM runs').fetchone()[0]
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
        raise ValueError(f"`{knob}` must be a condition ({told}); got {spell(condition)}") from None
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
        return value.encode("utf-8", "replace").decode()
    return repr(value)

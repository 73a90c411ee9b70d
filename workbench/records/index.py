"""A folder's records as one Parquet file, for DuckDB, Polars or pandas; it can always be rebuilt.

Nothing here reads it back: what the workbench tells of runs comes from their records, so an index
that is old or gone makes nothing wrong. Conditions of `workbench runs --where` stay with SQLite
(`table.where`): its authoriser admits reading one table and nothing else, a count of steps ends an
endless query, and a column may hold a number in one run and a text in the next, as knobs do. DuckDB
can be kept from files and networks, but not from its own settings and catalogues, nor from a query
without an end.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse
from workbench.base.condition import distinct_names
from workbench.base.files.atomic import written
from workbench.experiment.kinds import NONFINITE
from workbench.records.table import Columns

INDEX = "index.parquet"


class _Kind:
    """The narrowest of DuckDB's types that holds all values seen so far without a change."""

    def __init__(self) -> None:
        self._seen: set[type] = set()
        self._is_small = self._is_exact = True

    def see(self, value: Any) -> None:
        if isinstance(value, str) and value in NONFINITE:
            self._seen.add(complex)  # the word for a number that JSON has not
        elif value is not None:
            self._seen.add(type(value))
            if type(value) is int:
                self._is_small = self._is_small and -(2**63) <= value < 2**63
                # A whole number beyond 2**53 would lose digits beside fractions.
                self._is_exact = self._is_exact and abs(value) <= 2**53

    @property
    def name(self) -> str:
        if self._seen == {bool}:
            return "BOOLEAN"
        if self._seen == {int} and self._is_small:
            return "BIGINT"
        is_number = self._seen <= {int, float, complex} and self._seen & {int, float}
        return "DOUBLE" if is_number and self._is_exact else "VARCHAR"

    @property
    def is_mixed(self) -> bool:
        """Whether some values must become texts."""
        return self.name == "VARCHAR" and not self._seen <= {str, complex}


def write_index(rows: Iterable[Mapping[str, Any]], folder: Path, left_out: Any = None) -> Path:
    """The path of the Parquet file with a row a run, whole or not at all.

    A column is BOOLEAN, BIGINT or DOUBLE where all its values fit in, else VARCHAR; the words `nan`
    and `inf` fit in beside numbers. Of two names that differ by capitals alone, which SQL does not
    tell apart, the second gets an apostrophe. Of more than 1,000 names those are columns that most
    runs have; the records have the rest.

    Args:
        rows: as `table.row` makes them; each is read once.
        folder: where `index.parquet` is to stand.
        left_out: takes a sentence about columns that are left out.

    Raises:
        ValueError: if there is no row, or the folder cannot be written.
    """
    import duckdb

    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        refuse("folder", "one that holds a run", str(folder))
    rows = itertools.chain([first], rows)
    columns, kinds = Columns(), {}
    try:
        with written(folder / INDEX) as made:
            lines = made.with_suffix(".json")
            with lines.open("x", encoding="utf-8", newline="\n") as file:
                file.writelines(_lines(rows, columns, kinds))
            names = columns.chosen(left_out)
            if not names:
                refuse("folder", "one that holds a run", str(folder))
            places = [columns.place(name) for name in names]
            _spell_texts(lines, [i for i in places if kinds[i].is_mixed])
            # DuckDB reads plain names, and gives the columns their own; a name is never a query.
            pairs = zip(places, distinct_names(names), strict=True)
            spelled = ", ".join(f"c{i} AS {_name(n)}" for i, n in pairs)
            types = ", ".join(f"c{i}: '{kinds[i].name}'" for i in places)
            how = f"columns = {{{types}}}, maximum_object_size = 100000000"
            with duckdb.connect(":memory:", config={"memory_limit": "1GB"}) as base:
                source = f"read_ndjson({_text(str(lines))}, {how})"
                there = _text(str(made))
                base.execute(f"COPY (SELECT {spelled} FROM {source}) TO {there} (FORMAT parquet)")
    except (OSError, duckdb.IOException) as error:
        told = " ".join(str(error).split())[:120]
        refuse("folder", f"one that can be written ({told})", str(folder))
    return folder / INDEX


def _lines(
    rows: Iterable[Mapping[str, Any]], columns: Columns, kinds: dict[int, _Kind]
) -> Iterator[str]:
    """A line of JSON a row; what its columns are and hold is noted on the way."""
    for row in rows:
        told = {}
        for name, value in row.items():
            place = columns.see(name)
            if place is not None:
                kinds.setdefault(place, _Kind()).see(value)
                told[f"c{place}"] = value if _is_plain(value) else _as_text(value)
        yield json.dumps(told) + "\n"


def _spell_texts(lines: Path, places: list[int]) -> None:
    """Makes texts of the numbers in columns that hold both."""
    if not places:
        return
    new = lines.with_name(f"{lines.name}.new")
    try:
        with lines.open(encoding="utf-8") as old, new.open("x", encoding="utf-8") as file:
            for line in old:
                told = json.loads(line)
                for name in (f"c{place}" for place in places):
                    if told.get(name) is not None:
                        told[name] = _as_text(told[name])
                file.write(json.dumps(told) + "\n")
        os.replace(new, lines)
    finally:
        new.unlink(missing_ok=True)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


def _name(text: str) -> str:
    """A column's name as SQL quotes it."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?") or " "
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

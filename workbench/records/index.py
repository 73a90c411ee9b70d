"""Writes a folder's records into one Parquet file, for DuckDB, Polars or pandas.

The workbench never reads the file, so an index that is out of date or missing affects nothing; it
can be written again at any time. `workbench runs --where` uses SQLite instead (`table.where`): its
authorizer restricts a condition to reading one table, a limit of steps stops an endless query, and
a column may hold a number in one run and a text in another, as knobs do. DuckDB can be denied files
and the network, but not its own settings and catalogues, and it has no limit of steps.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json, to_json

from workbench.base.checks import refuse
from workbench.base.condition import distinct_names
from workbench.base.files.atomic import written
from workbench.experiment.kinds import NONFINITE
from workbench.records.table import Columns

INDEX = "index.parquet"


class _Column:
    """A column of the JSON lines, and the narrowest DuckDB type that holds its values exactly.

    Attributes:
        key: its name in the lines, which needs no quoting.
    """

    def __init__(self, place: int):
        self.key = f"c{place}"
        self._types: set[type] = set()
        self._is_64_bit = self._is_exact_in_float = True

    def add(self, value: Any) -> Any:
        """Takes the value into account, and returns it as a line holds it."""
        kind = type(value)
        if kind is float or kind is bool:
            self._types.add(kind)
        elif kind is int:
            self._types.add(int)
            self._is_64_bit = self._is_64_bit and -(2**63) <= value < 2**63
            # Beside fractions, a larger integer would lose digits.
            self._is_exact_in_float = self._is_exact_in_float and abs(value) <= 2**53
        elif value is not None:
            value = _as_text(value)
            # The words for infinite numbers and NaN, which JSON lacks, fit into both.
            self._types.add(complex if value in NONFINITE else str)
        return value

    @property
    def type(self) -> str:
        if self._types == {bool}:
            return "BOOLEAN"
        if self._types == {int} and self._is_64_bit:
            return "BIGINT"
        is_number = self._types <= {int, float, complex} and self._types & {int, float}
        return "DOUBLE" if is_number and self._is_exact_in_float else "VARCHAR"

    @property
    def is_mixed(self) -> bool:
        """Whether some values are not texts although the column is one of texts."""
        return self.type == "VARCHAR" and not self._types <= {str, complex}


def write_index(
    rows: Iterable[Mapping[str, Any]],
    folder: Path,
    left_out: Callable[[str, str], None] | None = None,
) -> Path:
    """Writes the Parquet file atomically, one row per run, and returns its path.

    A column is BOOLEAN, BIGINT or DOUBLE if all its values fit, else VARCHAR; the words `nan` and
    `inf` fit beside numbers. Of two names that differ only in case, which SQL does not distinguish,
    the second gets an apostrophe. Of more than 1,000 names, those in most rows become columns.

    Args:
        rows: from `table.row`; each is read once.
        folder: the folder for `index.parquet`.
        left_out: called with the number of omitted columns and the reason.

    Raises:
        ValueError: if there is no row, or the folder cannot be written.
    """
    import duckdb

    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        refuse("folder", "one that holds a run", str(folder))
    names, columns = Columns(), []
    try:
        with written(folder / INDEX) as target:
            source = target.with_suffix(".json")
            with source.open("xb") as file:
                file.writelines(_lines(itertools.chain([first], rows), names, columns))
            chosen = names.chosen(left_out)
            if not chosen:
                refuse("folder", "one that holds a run", str(folder))
            columns = [columns[names.place(name)] for name in chosen]
            _numbers_to_text(source, [column.key for column in columns if column.is_mixed])
            with duckdb.connect(":memory:", config={"memory_limit": "1GB"}) as database:
                database.execute(_query(source, target, chosen, columns))
    except (OSError, duckdb.IOException) as error:
        cause = " ".join(str(error).split())[:120]
        refuse("folder", f"one that can be written ({cause})", str(folder))
    return folder / INDEX


def _lines(
    rows: Iterable[Mapping[str, Any]], names: Columns, columns: list[_Column]
) -> Iterator[bytes]:
    """One line of JSON per row; collects the names and the columns."""
    for row in rows:
        line = {}
        for name, value in row.items():
            place = names.add(name)
            if place is not None:
                if place == len(columns):
                    columns.append(_Column(place))
                column = columns[place]
                line[column.key] = column.add(value)
        yield to_json(line) + b"\n"


def _numbers_to_text(path: Path, keys: list[str]) -> None:
    """Converts the numbers in the columns of mixed types to text."""
    if not keys:
        return
    new = path.with_name(f"{path.name}.new")
    with path.open("rb") as old, new.open("xb") as file:
        for text in old:
            line = from_json(text)
            texts = {key: _as_text(line[key]) for key in keys if line.get(key) is not None}
            file.write(to_json(line | texts) + b"\n")
    os.replace(new, path)


def _query(source: Path, target: Path, names: list[str], columns: list[_Column]) -> str:
    """The SQL that copies the lines into the Parquet file under the columns' real names."""
    pairs = zip(columns, distinct_names(names), strict=True)
    selected = ", ".join(f"{column.key} AS {_identifier(name)}" for column, name in pairs)
    types = ", ".join(f"{column.key}: '{column.type}'" for column in columns)
    options = f"columns = {{{types}}}, maximum_object_size = 100000000"
    lines = f"read_ndjson({_literal(source)}, {options})"
    return f"COPY (SELECT {selected} FROM {lines}) TO {_literal(target)} (FORMAT parquet)"


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


def _identifier(name: str) -> str:
    """The name as a quoted SQL identifier."""
    name = name.encode("utf-8", "replace").decode().replace("\0", "?") or " "
    return '"' + name.replace('"', '""') + '"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""A folder's records as one Parquet file, for DuckDB, Polars or pandas; it can always be rebuilt.

Nothing here reads it back: what the workbench tells of runs comes from their records, so an index
that is old or gone makes nothing wrong. Conditions of `workbench runs --where` stay with SQLite
(`table.where`): its authoriser admits reading one table and nothing else, a count of steps ends an
endless query, and a column may hold a number in one run and a text in the next, as knobs do. DuckDB
can be kept from files and networks, but not from its own settings and catalogues, nor from a query
without an end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.base.atomic import written
from workbench.base.checks import refuse
from workbench.base.condition import apart
from workbench.records.table import columns

INDEX = "index.parquet"


def write_index(rows: Sequence[Mapping[str, Any]], folder: Path) -> Path:
    """The path of the Parquet file with a row a run, whole or not at all.

    A column is BOOLEAN, BIGINT or DOUBLE where all its values fit in, else VARCHAR. Of two names
    that differ by capitals alone, which SQL does not tell apart, the second gets an apostrophe.

    Args:
        rows: as `table.rows` makes them.
        folder: where `index.parquet` is to stand.

    Raises:
        ValueError: if there is no row, or the folder cannot be written.
    """
    import duckdb

    names = columns(rows)
    if not names:
        refuse("folder", "one that holds a run", str(folder))
    kinds = [_kind([row.get(name) for row in rows]) for name in names]
    # DuckDB reads plain names, and gives the columns their own; text in a name is never a query.
    spelled = ", ".join(f"c{i} AS {_name(n)}" for i, n in enumerate(apart(names)))
    types = ", ".join(f"c{i}: '{kind}'" for i, kind in enumerate(kinds))
    try:
        with written(folder / INDEX) as made:
            lines = made.with_suffix(".json")
            with lines.open("x", encoding="utf-8", newline="\n") as file:
                for row in rows:
                    held = {f"c{i}": _held(row.get(n), kinds[i]) for i, n in enumerate(names)}
                    file.write(json.dumps(held) + "\n")
            source = f"read_ndjson({_text(str(lines))}, columns = {{{types}}})"
            with duckdb.connect(":memory:") as base:
                there = _text(str(made))
                base.execute(f"COPY (SELECT {spelled} FROM {source}) TO {there} (FORMAT parquet)")
    except (OSError, duckdb.IOException) as error:
        told = " ".join(str(error).split())[:120]
        refuse("folder", f"one that can be written ({told})", str(folder))
    return folder / INDEX


def _kind(values: Sequence[Any]) -> str:
    """The narrowest of DuckDB's types that holds all values without a change."""
    there = [v for v in values if v is not None]
    if there and all(isinstance(v, bool) for v in there):
        return "BOOLEAN"
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in there) or not there:
        return "VARCHAR"
    if all(isinstance(v, int) and -(2**63) <= v < 2**63 for v in there):
        return "BIGINT"
    # A whole number beyond 2**53 would lose digits beside fractions.
    return "DOUBLE" if all(isinstance(v, float) or abs(v) <= 2**53 for v in there) else "VARCHAR"


def _held(value: Any, kind: str) -> Any:
    if value is None or kind != "VARCHAR":
        return value
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "replace").decode()


def _name(text: str) -> str:
    """A column's name as SQL quotes it."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?") or " "
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

"""Tables of runs in files, and the rows of them that a fit keeps."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from workbench.checks import refuse
from workbench.scaling import tables


def only_rows(table: dict[str, np.ndarray], only: str) -> np.ndarray:
    """Which rows have these values in the columns of text."""
    texts = [v for v in table.values() if v.dtype.kind not in "iuf"]
    if not only or not texts:
        return np.ones(len(next(iter(table.values()))), bool)
    keys = np.array([" / ".join(k) for k in zip(*(t.astype(str) for t in texts), strict=True)])
    if only not in keys:
        every = list(dict.fromkeys(keys.tolist()))
        tables.known(only, every, "combination of the table's text columns")
    return keys == only


def read_table(path: str) -> dict[str, np.ndarray]:
    """The columns of a file; those that hold numbers throughout as numbers."""
    if Path(path).suffix == ".parquet":
        try:
            import pandas
        except ImportError:
            refuse("table_file", "a .csv file where pandas is not installed", path)
        frame = pandas.read_parquet(path)
        return {str(c): frame[c].to_numpy() for c in frame.columns}
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        refuse("table_file", "a table of at least one row", path)
    return {name: _typed([r[name] or "nan" for r in rows]) for name in rows[0]}


def _typed(values: list[str]) -> np.ndarray:
    try:
        return np.array([float(v) for v in values])
    except ValueError:
        return np.array(values)

"""Tables of learning curves, rows grouped by curve."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from workbench.scaling.datasets.lcdb import lcdb
from workbench.scaling.datasets.run_tables import by_meaning

TRAINING = "Training"
# Columns that name a curve even by numbers.
NAMING = ("domain", "task", "dataset", "model", "learner", "curve", "run", "run_id", "seed")


class CurveTable(NamedTuple):
    """A table of curves without its rows of zero error.

    Attributes:
        table: its columns.
        curve: the columns that name a curve.
        size: the column of sizes.
        loss: the column of losses.
        names: the curve of each row.
        every: the curves, in the order of the table or of their choice.
        rows: those of each curve.
        dropped: how many rows had no error.
    """

    table: dict[str, np.ndarray]
    curve: tuple[str, ...]
    size: str
    loss: str
    names: np.ndarray
    every: list[str]
    rows: list[np.ndarray]
    dropped: int


def curves_of(path: str) -> CurveTable:
    """The curves of the file, or the bundled ones.

    Columns of text name a curve, but for one that names each row, and so do columns such as `run`;
    sizes and losses are recognised by name. A column `Training` may mark rows to fit by 1, and
    rows held out by 0.
    """
    if not path:
        return _shipped()
    table, columns_by_meaning = by_meaning(path, "curves_file", ("size", "loss"), ("loss",))
    size, loss = (
        next(n for n in table if table[n] is columns_by_meaning[m]) for m in ("size", "loss")
    )
    texts = [n for n, v in table.items() if v.dtype == object or n.lower() in NAMING]
    curve = tuple(n for n in texts if len(set(table[n].tolist())) < len(table.lines))
    if TRAINING in table:
        table.complete([TRAINING])
    columns = dict(table)
    if not curve:
        curve = (table.name,)
        columns[table.name] = np.full(len(table.lines), table.name, dtype=object)
    return _indexed(columns, curve, size, loss)


def marked(curves: CurveTable, which: np.ndarray, reach: float) -> CurveTable:
    """Some curves, their rows to fit marked by 1 in the column `Training`, the others by 0.

    As the table marks them; else those of at most the curve's largest size over the reach.
    """
    marks = np.full(len(curves.names), np.nan)
    for i in which.tolist():
        rows = curves.rows[i]
        size = curves.table[curves.size][rows]
        below = (size * reach <= size.max() * (1 + 1e-9)).astype(float)
        marks[rows] = curves.table[TRAINING][rows] if TRAINING in curves.table else below
    chosen = np.isfinite(marks)
    table = {k: v[chosen] for k, v in curves.table.items()} | {TRAINING: marks[chosen]}
    place = np.cumsum(chosen) - 1
    return curves._replace(
        table=table,
        names=curves.names[chosen],
        every=[curves.every[i] for i in which.tolist()],
        rows=[place[curves.rows[i]] for i in which.tolist()],
    )


@functools.cache
def _shipped() -> CurveTable:
    """The bundled curves, cached since grouping thousands of rows takes long."""
    return _indexed(lcdb(), ("dataset", "learner"), "size_train", "test_error")


def _indexed(
    table: dict[str, np.ndarray], curve: tuple[str, ...], size: str, loss: str
) -> CurveTable:
    zero = np.asarray(table[loss]) <= 0
    table = {k: np.asarray(v)[~zero] for k, v in table.items()}
    keys = zip(*(table[c].astype(str) for c in curve), strict=True)
    names = np.array([" / ".join(k) for k in keys])
    every = list(dict.fromkeys(names.tolist()))
    places = {name: place for place, name in enumerate(every)}
    number = np.array([places[name] for name in names.tolist()], int)
    order = np.argsort(number, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(number, minlength=len(every)))[:-1])
    return CurveTable(table, curve, size, loss, names, every, rows, int(zero.sum()))

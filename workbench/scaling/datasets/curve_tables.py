"""Tables of learning curves, rows grouped by curve."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from workbench.scaling.datasets.lcdb import lcdb
from workbench.scaling.datasets.run_tables import by_meaning
from workbench.scaling.learning_curves import grouped

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
        rows: those of each curve, by its name.
        dropped: how many rows had no error.
    """

    table: dict[str, np.ndarray]
    curve: tuple[str, ...]
    size: str
    loss: str
    rows: dict[str, np.ndarray]
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


def marked(curves: CurveTable, names: Iterable[str], reach: float) -> CurveTable:
    """Some curves, their rows to fit marked by 1 in the column `Training`, the others by 0.

    As the table marks them; else those of at most the curve's largest size over the reach.
    """
    rows = {name: curves.rows[name] for name in names}
    chosen = np.sort(np.concatenate(list(rows.values())))
    table = {k: v[chosen] for k, v in curves.table.items()}
    rows = {name: np.searchsorted(chosen, places) for name, places in rows.items()}
    if TRAINING not in table:
        table[TRAINING] = np.zeros(len(chosen))
        for places in rows.values():
            size = table[curves.size][places]
            table[TRAINING][places] = size * reach <= size.max() * (1 + 1e-9)
    return curves._replace(table=table, rows=rows)


@functools.cache
def _shipped() -> CurveTable:
    """The bundled curves, cached since grouping thousands of rows takes long."""
    return _indexed(lcdb(), ("dataset", "learner"), "size_train", "test_error")


def _indexed(
    table: dict[str, np.ndarray], curve: tuple[str, ...], size: str, loss: str
) -> CurveTable:
    zero = np.asarray(table[loss]) <= 0
    table = {k: np.asarray(v)[~zero] for k, v in table.items()}
    rows = grouped(table, curve, int((~zero).sum()))
    return CurveTable(table, curve, size, loss, rows, int(zero.sum()))

"""Tables of learning curves, row by row under the names of their curves."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workbench.checks import refuse
from workbench.scaling.bundled import lcdb

FILE = ("Domain", "Task", "Model", "Seen Examples", "Loss", "Training")


class CurveTable(NamedTuple):
    """A table of curves without its rows of zero error.

    Attributes:
        table: its columns.
        curve: the columns that name a curve.
        size: the column of sizes.
        loss: the column of losses.
        names: the curve of each row.
        every: the curves, in the order of the table.
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
    """The curves of the file, or those that come with the page."""
    return _indexed(benchmark(path), FILE[:3], *FILE[3:5]) if path else _shipped()


@functools.cache
def _shipped() -> CurveTable:
    """The shipped curves, whose thousands of rows take long to put under their names."""
    return _indexed(lcdb(), ("dataset", "learner"), "size_train", "test_error")


def _indexed(
    table: dict[str, np.ndarray], curve: tuple[str, ...], size: str, loss: str
) -> CurveTable:
    zero = np.asarray(table[loss]) <= 0
    table = {k: np.asarray(v)[~zero] for k, v in table.items()}
    names = np.array([" / ".join(k) for k in zip(*(table[c].astype(str) for c in curve),
                                                 strict=True)])  # fmt: skip
    every = list(dict.fromkeys(names.tolist()))
    places = {name: place for place, name in enumerate(every)}
    number = np.array([places[name] for name in names.tolist()], int)
    order = np.argsort(number, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(number, minlength=len(every)))[:-1])
    return CurveTable(table, curve, size, loss, names, every, rows, int(zero.sum()))


def benchmark(path: str) -> dict[str, np.ndarray]:
    """The table of the public benchmark: curves named by three columns, rows marked to fit."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(FILE) <= set(rows[0]):
        refuse("curves_file", "a table with columns " + ", ".join(FILE), path)
    numeric = {k: np.array([float(r[k]) for r in rows]) for k in FILE[3:]}
    return {**{k: np.array([r[k] for r in rows]) for k in FILE[:3]}, **numeric}

"""Many learning curves fitted at once by several laws, and scored on their held-out ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.array import Array
from workbench.checks import refuse
from workbench.scaling import derivatives, losses, starts, tables
from workbench.scaling.law import Law
from workbench.scaling.laws import NAMED
from workbench.scaling.solver import Problem, limits, minima
from workbench.watch import steps

LAWS = ("power", "power_constant", "bnsl1")
KEPT = 12
# Two laws whose held-out errors differ by less than this share coincide on a curve.
SAME = 1e-3


@dataclass(frozen=True)
class Scored:
    """One law on all curves.

    Attributes:
        law: the law.
        parameters: natural parameters, (curves, parameters).
        train: root mean square of log (predicted / observed) on the fitted ends.
        held: the same on the held-out ends.
        converged: by curve.
    """

    law: Law
    parameters: np.ndarray = field(repr=False)
    train: np.ndarray = field(repr=False)
    held: np.ndarray = field(repr=False)
    converged: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Curves:
    """All laws on all curves.

    Attributes:
        names: the label of every curve.
        scores: law → scores.
        skipped: curves with fewer fitted points than the largest law has parameters, or without a
            held-out point: named, and in no score.
    """

    names: tuple[str, ...]
    scores: dict[str, Scored] = field(repr=False)
    skipped: tuple[str, ...]

    @property
    def medians(self) -> dict[str, float]:
        """The median held-out error of every law."""
        return {n: float(np.median(s.held)) for n, s in self.scores.items()}

    @property
    def wins(self) -> dict[str, int]:
        """On how many curves each law has the lowest held-out error; laws that coincide all win.

        A constant that is driven to zero leaves the plain power law, and a broken law without a
        break is one with a constant: to credit one of them alone would be arbitrary.
        """
        return {n: int(self.best(n).sum()) for n in self.scores}

    def best(self, law: str) -> Array:
        """Whether a law has the lowest held-out error, by curve; several may."""
        least = np.min([s.held for s in self.scores.values()], axis=0)
        return self.scores[law].held <= least * (1 + SAME)


def learning_curves(
    table: Any,
    curve: str | Sequence[str],
    *,
    size: str = "size",
    loss: str = "loss",
    held: str | float = 0.5,
    laws: Sequence[Law | str] = LAWS,
    cost: str = "squared",
    delta: float = 1e-3,
    least: int = 0,
) -> Curves:
    """Laws of one variable on every curve's beginning, scored on its end.

    Args:
        table: a mapping of columns or a data frame.
        curve: the column or columns whose values name a curve.
        size: the column of data, steps or compute.
        loss: the column of losses or error rates, positive.
        held: a column that is 1 on rows to fit and 0 on rows held out; or a share: the rows with
            the largest sizes of each curve, at least one, are held out.
        laws: laws of `size`, or their names.
        cost: what a residual of log loss costs.
        delta: the cost's corner or scale.
        least: fitted rows that a curve must have, if more than the largest law has parameters.

    Raises:
        ValueError: bad columns, or no curve long enough for the laws.

    Source:
        The benchmark of Alabdulmohsin et al. (2022), as scored by Caballero et al. (2023).
    """
    chosen = [_law(m) for m in laws]
    read = tables.read(table, [size, loss])
    tables.positive(read)
    labels = _labels(table, curve, len(read[size]))
    fitted = _fitted(table, read[size], labels, held)
    most = max(least, *(len(m.parameters) for m in chosen))
    parts, names, skipped = [], [], []
    for name in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == name)
        enough = fitted[rows].sum() >= most and (~fitted[rows]).any()
        if enough and np.ptp(read[size][rows[fitted[rows]]]) > 0:
            # Fitted points first, so that each fit's points are one stretch.
            parts.append((rows[fitted[rows]], rows[~fitted[rows]]))
            names.append(name)
        else:
            skipped.append(name)
    if not parts:
        refuse("table", f"of curves with at least {most} fitted and one held-out row", skipped)
    price = losses.cost(cost, delta)
    x, y = read[size], np.log(read[loss])
    home = tables.home(table, read)
    scores = {m.name: _scored(m, x, y, parts, price, home) for m in steps(chosen)}
    return Curves(tuple(names), scores, tuple(skipped))


def _law(law: Law | str) -> Law:
    if isinstance(law, str):
        tables.known(law, list(NAMED), "law's name")
        law = NAMED[law]
    if len(law.columns) != 1:
        refuse("laws", "of one column", law.name)
    return law


def _labels(table: Any, curve: str | Sequence[str], rows: int) -> Array:
    columns = [curve] if isinstance(curve, str) else list(curve)
    for name in columns:
        tables.known(name, tables.names(table), "column of the table")
    each = [[str(v) for v in table[name]] for name in columns]
    if any(len(values) != rows for values in each):
        refuse("curve", f"columns of {rows} rows", columns)
    return np.array([" / ".join(v) for v in zip(*each, strict=True)], dtype=object)


def _fitted(table: Any, size: Array, labels: Array, held: str | float) -> Array:
    """Which rows are fitted."""
    if isinstance(held, str):
        marks = tables.read(table, [held])[held]
        if not np.isin(marks, (0.0, 1.0)).all():
            refuse(held, "1 on rows to fit and 0 on rows held out", marks)
        return marks == 1
    if not 0 < held < 1:
        refuse("held", "a column or a share between 0 and 1", held)
    keep = np.ones(len(size), bool)
    for name in dict.fromkeys(labels.tolist()):
        rows = np.flatnonzero(labels == name)
        order = rows[np.argsort(size[rows], kind="stable")]
        keep[order[len(order) - max(1, int(held * len(order))) :]] = False
    return keep


def _scored(law: Law, x: Array, y: Array, parts: list, cost: losses.Cost, home: Array) -> Scored:
    """All starts of all curves in one batch."""
    column, program = law.columns[0], law.program
    low, high = limits(program)
    blocks, begins, places, first = [], [], [], 0
    for fitted, _ in steps(parts):
        here = {column: x[fitted]}
        data, n = program.bound(here), len(fitted)
        one = Problem(
            program, data, y[fitted], np.ones((1, n)), np.array([[0, n, 0]]), low, high, cost
        )  # fmt: skip
        begin = starts.apart(starts.profile(law, here, one), KEPT)
        blocks.append((data, y[fitted]))
        begins.append(begin)
        places += [[first, first + n, 0]] * len(begin)
        first += n
    problem = Problem(
        program, np.concatenate([b[0] for b in blocks], axis=1),
        np.concatenate([b[1] for b in blocks]), np.ones((1, first)), np.array(places), low, high,
        cost, home,
    )  # fmt: skip
    found = minima(problem, np.concatenate(begins))
    owner = np.repeat(np.arange(len(parts)), [len(b) for b in begins])
    order = np.lexsort((~found.converged, found.objective, owner))
    best = order[np.searchsorted(owner[order], np.arange(len(parts)))]
    theta = found.theta[best]
    train = [_error(law, theta[i], x[p[0]], y[p[0]]) for i, p in enumerate(parts)]
    held = [_error(law, theta[i], x[p[1]], y[p[1]]) for i, p in enumerate(parts)]
    natural = program.outside(theta)
    return Scored(law, natural, np.array(train), np.array(held), found.converged[best])


def _error(law: Law, theta: Array, x: Array, y: Array) -> float:
    data = law.program.bound({law.columns[0]: x})
    predicted = derivatives.log_loss(law.program, theta[None], data)[0]
    return float(np.sqrt(((predicted - y) ** 2).mean()))

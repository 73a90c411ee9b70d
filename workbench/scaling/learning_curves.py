"""Many learning curves fitted at once by several laws, and scored on their held-out ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.cancellation import steps
from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.fit import losses, starts
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.fit.solvers.problem import Problem, limits
from workbench.scaling.laws import autodiff
from workbench.scaling.laws.catalogue import resolved
from workbench.scaling.laws.law import Law

LAWS = ("power", "power_constant", "bnsl1")
NODES = 12
# Two laws whose held-out errors differ by less than this share coincide on a curve.
SAME = 1e-3


@dataclass(frozen=True)
class Scored:
    """One law on all curves.

    Attributes:
        law: the law.
        parameters: natural parameters, (curves, parameters).
        train: root mean square of log (predicted / observed) on the fitted ends.
        held_out: the same on the held-out ends.
        converged: by curve.
    """

    law: Law
    parameters: np.ndarray = field(repr=False)
    train: np.ndarray = field(repr=False)
    held_out: np.ndarray = field(repr=False)
    converged: np.ndarray = field(repr=False)

    def predict(self, curve: int, size: Array) -> Array:
        """The loss that the fit to a curve expects at other sizes."""
        parameters = dict(zip(self.law.parameters, self.parameters[curve], strict=True))
        return self.law.value(parameters, {self.law.columns[0]: size})

    @property
    def distribution(self) -> tuple[np.ndarray, np.ndarray]:
        """The held-out errors in ascending order, and the share of curves up to each."""
        return np.sort(self.held_out), np.arange(1, len(self.held_out) + 1) / len(self.held_out)


@dataclass(frozen=True)
class Curves:
    """All laws on all curves.

    Attributes:
        names: the label of every curve.
        scores: law → scores.
        skipped: curves with fewer fitted sizes than the largest law has parameters, without a
            held-out point, or without a start of finite cost for some law: listed here, and in no
            score.
    """

    names: tuple[str, ...]
    scores: dict[str, Scored] = field(repr=False)
    skipped: tuple[str, ...]

    @property
    def medians(self) -> dict[str, float]:
        """The median held-out error of every law."""
        return {n: float(np.median(s.held_out)) for n, s in self.scores.items()}

    @property
    def wins(self) -> dict[str, int]:
        """On how many curves each law has the lowest held-out error; laws that coincide all win.

        A constant that is driven to zero leaves the plain power law, and a broken law without a
        break is one with a constant, so that all of them win.
        """
        return {n: int(self.best(n).sum()) for n in self.scores}

    def best(self, law: str) -> Array:
        """Whether a law has the lowest held-out error, by curve; several may."""
        least = np.min([s.held_out for s in self.scores.values()], axis=0)
        return self.scores[law].held_out <= least * (1 + SAME)


def learning_curves(
    table: Any,
    curve: str | Sequence[str],
    *,
    size: str = "size",
    loss: str = "loss",
    held_out: str | float = 0.5,
    laws: Sequence[Law | str] = LAWS,
    cost: str = "squared",
    delta: float = 1e-3,
) -> Curves:
    """Laws of one variable on every curve's beginning, scored on its end.

    Args:
        table: a mapping of columns or a data frame.
        curve: the column or columns whose values name a curve.
        size: the column of data, steps or compute.
        loss: the column of losses or error rates, positive.
        held_out: a column that is 1 on rows to fit and 0 on rows held out; or a share of each
            curve's rows, at least one, those of the largest sizes.
        laws: laws of `size`, or their names.
        cost: what a residual of log loss costs.
        delta: the cost's corner or scale.

    Raises:
        ValueError: bad columns, or no curve long enough for the laws.

    Source:
        The benchmark of Alabdulmohsin et al. (2022), as scored by Caballero et al. (2023).
    """
    chosen = [resolved(m) for m in laws]
    for each in chosen:
        if len(each.columns) != 1:
            refuse("laws", "of one column", each.name)
    read = tables.read(table, [size, loss])
    tables.positive(read)
    rows_by_curve = grouped(table, curve, len(read[size]))
    fitted = _fitted(table, read[size], rows_by_curve.values(), held_out)
    most = max(len(m.parameters) for m in chosen)
    residual_cost, x, y = losses.cost(cost, delta), read[size], np.log(read[loss])
    curves, skipped = [], []
    for name, rows in rows_by_curve.items():
        sizes = len(np.unique(read[size][rows[fitted[rows]]]))
        if sizes >= max(most, 2) and (~fitted[rows]).any():
            # Fitted points first, so that each fit's points are contiguous.
            curves.append(_Curve(name, rows[fitted[rows]], rows[~fitted[rows]]))
        else:
            skipped.append(name)
    prepared = {
        m.name: [_prepared(m, x, y, c, residual_cost) for c in steps(curves)] for m in chosen
    }
    lost = [any(len(each[i][2]) == 0 for each in prepared.values()) for i in range(len(curves))]
    skipped += [c.name for c, no in zip(curves, lost, strict=True) if no]
    prepared = {n: [b for b, no in zip(each, lost, strict=True) if not no]
             for n, each in prepared.items()}  # fmt: skip
    curves = [c for c, no in zip(curves, lost, strict=True) if not no]
    if not curves:
        refuse(
            "table", f"of curves with at least {most} fitted sizes and one held-out row", skipped
        )
    home = tables.home(table, read)
    scores = {
        m.name: _scored(m, x, y, curves, prepared[m.name], residual_cost, home)
        for m in steps(chosen)
    }
    return Curves(tuple(c.name for c in curves), scores, tuple(skipped))


class _Curve(NamedTuple):
    name: str
    fitted: Array
    held_out: Array


def grouped(table: Any, curve: str | Sequence[str], rows: int) -> dict[str, Array]:
    """The rows of each curve, under the values that name it.

    Args:
        table: a mapping of columns or a data frame.
        curve: the column or columns whose values name a curve.
        rows: how many rows the table has.
    """
    columns = [curve] if isinstance(curve, str) else list(curve)
    for name in columns:
        tables.known(name, tables.names(table), "column of the table")
    each = [[str(v) for v in table[name]] for name in columns]
    if any(len(values) != rows for values in each):
        refuse("curve", f"columns of {rows} rows", columns)
    places: dict[str, list[int]] = {}
    for place, values in enumerate(zip(*each, strict=True)):
        places.setdefault(" / ".join(values), []).append(place)
    return {name: np.array(own) for name, own in places.items()}


def _fitted(table: Any, size: Array, curves: Iterable[Array], held_out: str | float) -> Array:
    """Which rows are fitted."""
    if isinstance(held_out, str):
        marks = tables.read(table, [held_out])[held_out]
        if not np.isin(marks, (0.0, 1.0)).all():
            refuse(held_out, "1 on rows to fit and 0 on rows held out", marks)
        return marks == 1
    if not 0 < held_out < 1:
        refuse("held_out", "a column or a share between 0 and 1", held_out)
    fitted = np.ones(len(size), bool)
    for rows in curves:
        order = rows[np.argsort(size[rows], kind="stable")]
        fitted[order[len(order) - max(1, int(held_out * len(order))) :]] = False
    return fitted


def _prepared(
    law: Law, x: Array, y: Array, curve: _Curve, cost: losses.Cost
) -> tuple[Array, Array, Array]:
    """Data and targets of a curve's fitted rows, and the slots that its fits start from."""
    here, n = {law.columns[0]: x[curve.fitted]}, len(curve.fitted)
    data, target, place = law.program.bound(here), y[curve.fitted], np.array([[0, n, 0]])
    ends = limits(law.program)
    one = Problem(law.program, data, target, np.ones((1, n)), place, *ends, cost)
    return data, target, starts.apart(starts.profile(law, here, one), NODES)


def _scored(
    law: Law,
    x: Array,
    y: Array,
    curves: list[_Curve],
    prepared: list,
    cost: losses.Cost,
    home: Array,
) -> Scored:
    """All starts of all curves in one batch."""
    program, begins = law.program, [b[2] for b in prepared]
    counts = np.array([len(b[1]) for b in prepared])
    ends = counts.cumsum()
    stretches = np.stack([ends - counts, ends, 0 * ends], axis=1)
    owner = np.repeat(np.arange(len(curves)), [len(b) for b in begins])
    problem = Problem(
        program, np.concatenate([b[0] for b in prepared], axis=1),
        np.concatenate([b[1] for b in prepared]), np.ones((1, ends[-1])), stretches[owner],
        *limits(program), cost, home,
    )  # fmt: skip
    results = minima(problem, np.concatenate(begins))
    order = np.lexsort((~results.converged, results.objective, owner))
    best = order[np.searchsorted(owner[order], np.arange(len(curves)))]
    theta = results.theta[best]
    train = [_error(law, theta[i], x[c.fitted], y[c.fitted]) for i, c in enumerate(curves)]
    held_out = [_error(law, theta[i], x[c.held_out], y[c.held_out]) for i, c in enumerate(curves)]
    natural = program.outside(theta)
    return Scored(law, natural, np.array(train), np.array(held_out), results.converged[best])


def _error(law: Law, theta: Array, x: Array, y: Array) -> float:
    data = law.program.bound({law.columns[0]: x})
    predicted = autodiff.log_loss(law.program, theta[None], data)[0]
    return float(np.sqrt(((predicted - y) ** 2).mean()))

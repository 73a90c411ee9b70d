"""A law fitted without some rows, and scored on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array, host
from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.fit import starts
from workbench.scaling.fit.result import Fit
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.fit.solvers.problem import Problem
from workbench.scaling.inference.bootstrap import bootstrap
from workbench.scaling.inference.prediction import prediction

NODES = 8


class Extrapolation(NamedTuple):
    """A law fitted without the held-out rows, scored on them.

    Attributes:
        rmsle: root mean square of log (predicted / observed) over the held-out rows; NaN where a
            cut leaves fewer different rows than the law has parameters.
        bias: mean of log (predicted / observed).
        coverage: share of them inside the 95 % band predicted for a run, of those whose band has
            two ends; NaN where none has, or without resamples.
        rows: how many rows were held out, over all cuts.
    """

    rmsle: float
    bias: float
    coverage: float
    rows: int


def cuts(fit: Fit, holdout: str, share: float) -> list[tuple[Array, Array]]:
    """Pairs of masks, the rows to fit and the rows to score."""
    if holdout == "rollout":
        order = np.argsort(np.argsort(_size(fit, "compute"), kind="stable"))
        fifths = order * 10 // len(order)
        return [(fifths < k, (fifths >= k) & (fifths < k + 2)) for k in (4, 5, 6, 7, 8)]
    if holdout != "compute":
        tables.known(holdout, [*tables.names(fit.table), "compute", "rollout"], "column to cut by")
        values = host(fit.table[holdout])
        if values.dtype.kind not in "iuf":
            groups = list(dict.fromkeys(values.tolist()))
            if len(groups) < 2:
                refuse("holdout", "a column of at least two groups", holdout)
            return [(values != g, values == g) for g in groups]
    size = _size(fit, holdout)
    if size.min() == size.max():
        refuse("holdout", "a column that leaves rows on both sides of the cut", holdout)
    top = size > cut(size, share)
    return [(~top, top)]


def cut(size: Array, share: float) -> float:
    """The size beyond which rows are held out: the largest share of them, or the largest size.

    Where more than that share of the rows ties at the largest size, these are held out.
    """
    quantile = float(np.quantile(size, 1 - share))
    return quantile if quantile < size.max() else float(size[size < size.max()].max())


def _size(fit: Fit, name: str) -> Array:
    if name != "compute" or "compute" in fit.columns:
        return np.asarray(host(fit.table[name]), float)
    if {"parameters", "tokens"} <= set(fit.columns):
        return 6 * fit.columns["parameters"] * fit.columns["tokens"]
    return fit.columns[fit.law.columns[0]]


def extrapolation(
    fit: Fit, masks: Sequence[tuple[Array, Array]], resamples: int = 200
) -> Extrapolation:
    """The law fitted to the rows of each cut, scored on the others."""
    errors, inside = [], []
    for chosen, scored in masks:
        mine = chosen & (fit.weights > 0)
        if _only(fit, fit.theta, mine).settings < len(fit.free):
            none = float("nan")
            return Extrapolation(none, none, none, sum(int(s.sum()) for _, s in masks))
        theta, _ = least(fit, fit.problem._replace(weights=(fit.weights * chosen)[None]))
        partial = _only(fit, theta, mine)
        rows = {c: v[scored] for c, v in fit.columns.items()}
        observed = rows[fit.law.response]
        errors.append(np.log(partial.predict(rows) / observed))
        if resamples:
            band = prediction(partial, bootstrap(partial, resamples), rows)
            covered = (band.low <= observed) & (observed <= band.high)
            inside.append(covered[np.isfinite(band.high) & (band.low > 0)])
    e = np.concatenate(errors)
    covered = np.concatenate(inside) if inside else np.zeros(0)
    coverage = float(covered.mean()) if len(covered) else float("nan")
    return Extrapolation(float(np.sqrt((e**2).mean())), float(e.mean()), coverage, len(e))


def fewest_rows(fit: Fit, masks: Sequence[tuple[Array, Array]]) -> int:
    """The least number of rows of positive weight that a cut leaves to fit."""
    return min(int((chosen & (fit.weights > 0)).sum()) for chosen, _ in masks)


def _only(fit: Fit, theta: Array, rows: Array) -> Fit:
    """The fit with that minimum, restricted to those rows."""
    problem = fit.problem
    return replace(
        fit,
        theta=theta,
        columns={c: v[rows] for c, v in fit.columns.items()},
        problem=problem._replace(
            data=np.ascontiguousarray(problem.data[:, rows]), target=problem.target[rows],
            weights=problem.weights[:, rows], places=np.array([[0, int(rows.sum()), 0]]),
        ),
    )  # fmt: skip


def least(fit: Fit, problem: Problem) -> tuple[Array, float]:
    """The best minimum from the fit and from the grid, as another cost may have another."""
    nodes = starts.profile(fit.law, fit.columns, problem)[:NODES]
    at = np.concatenate([fit.theta[None], nodes])
    results = minima(problem.every(len(at)), at)
    best = int(np.argmin(results.objective))
    return results.theta[best], results.objective[best]

"""Four kinds of bootstrap of a fit, all resamples fitted at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.base.array import Array, host
from workbench.base.checks import refuse
from workbench.scaling.fit.result import Fit
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.fit.solvers.problem import Minima, Problem
from workbench.scaling.inference.curvature import covariance

# The largest share of resamples that may leave the parameters undetermined.
ALLOWED = 0.025
# The share of a normal distribution within one standard deviation.
ONE_SIGMA = 0.6826894921370859
KINDS = ("pairs", "residual", "wild", "block")


@dataclass(frozen=True)
class Bootstrap:
    """The parameters of every resample.

    Attributes:
        parameters: names, in the order of the draws' columns.
        slots: what was fitted, coefficients as logarithms, (resamples, parameters).
        objectives: each resample's objective.
        kind: how the resamples were drawn.
        converged: share of the resamples at their minimum.
        determined: whether a resample's rows determine the parameters, (resamples,): whether they
            have as many different rows as there are free parameters, and no constant column.
        flat: the parameters that the fit itself leaves undetermined.
        logged: the parameters that are fitted as logarithms.
    """

    parameters: tuple[str, ...]
    slots: np.ndarray = field(repr=False)
    objectives: np.ndarray = field(repr=False)
    kind: str
    converged: float
    determined: np.ndarray = field(repr=False)
    flat: frozenset[str] = frozenset()
    logged: frozenset[str] = frozenset()

    @property
    def draws(self) -> Array:
        """Natural parameters, (resamples, parameters)."""
        logged = np.array([p in self.logged for p in self.parameters])
        with np.errstate(over="ignore"):
            return np.where(logged, np.exp(np.where(logged, self.slots, 0.0)), self.slots)

    @property
    def errors(self) -> dict[str, float]:
        """Standard deviations over the resamples; infinite for what is not determined."""
        if self.determined.sum() < 2:
            return dict.fromkeys(self.parameters, np.inf)
        with np.errstate(invalid="ignore", over="ignore"):
            deviations = self.draws[self.determined].std(axis=0, ddof=1)
        errors = dict(zip(self.parameters, map(float, deviations), strict=True))
        return {
            p: v if np.isfinite(v) and self._is_determined(p) else np.inf for p, v in errors.items()
        }

    @property
    def deviations(self) -> dict[str, float]:
        """Standard errors of what was fitted, of the logarithms of coefficients.

        Half the width of the middle 68 % of the resamples, which outliers do not move.
        """
        return {
            p: self._half_width(p) if self._is_determined(p) else np.inf for p in self.parameters
        }

    @property
    def undetermined(self) -> int:
        """How many resamples do not determine the parameters."""
        return int((~self.determined).sum())

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on resamples that are undetermined or not at a minimum."""
        count, remarks = len(self.draws), []
        if self.undetermined:
            remarks.append(
                f"{self.undetermined} of {count} resamples have too few different rows to "
                "determine the law, and count on both ends of every interval"
            )
        failed = round((1 - self.converged) * count)
        if failed:
            remarks.append(
                f"{failed} of {count} resamples did not reach a minimum; their best is used"
            )
        return tuple(remarks)

    def interval(self, parameter: str, level: float = 0.95) -> tuple[float, float]:
        """The percentile interval of a parameter, of its logarithm where that was fitted.

        A resample that does not determine it counts on both ends: where
        more than (1 - level) / 2 of them do not, the interval is infinite, from 0 for a
        coefficient.
        """
        slots = self._slots(parameter)
        lost = ~self.determined | np.isnan(slots) | (parameter in self.flat)
        low = percentile(np.where(lost, -np.inf, slots), 50 * (1 - level))
        high = percentile(np.where(lost, np.inf, slots), 50 * (1 + level))
        ends = np.array([low, high])
        with np.errstate(over="ignore"):
            low, high = np.exp(ends) if parameter in self.logged else ends
        return float(low), float(high)

    def _slots(self, parameter: str) -> Array:
        return self.slots[:, self.parameters.index(parameter)]

    def _is_determined(self, parameter: str) -> bool:
        return parameter not in self.flat and bool(self.determined.mean() >= 1 - ALLOWED)

    def _half_width(self, parameter: str) -> float:
        slots = self._slots(parameter)[self.determined]
        tail = 50 * (1 - ONE_SIGMA)
        return float(percentile(slots, 100 - tail) - percentile(slots, tail)) / 2

    def __getitem__(self, parameter: str) -> Array:
        """The draws of one parameter."""
        if parameter not in self.parameters:
            refuse("parameter", "one of " + ", ".join(self.parameters), parameter)
        return self.draws[:, self.parameters.index(parameter)]


def bootstrap(
    fit: Fit,
    resamples: int = 4000,
    kind: str = "pairs",
    rng: Any = 0,
    *,
    block: str | None = None,
    starts: int = 1,
) -> Bootstrap:
    """The fit again on resampled data.

    A resample of rows is a row of integer weights over the same table, so all resamples share one
    block of data. Each starts from the fit itself.

    Args:
        fit: the fit.
        resamples: how many, at least 2.
        kind: "pairs" draws rows; "residual" draws residuals with replacement;
            "wild" changes the sign of each residual at random; "block" draws groups of
            rows, for checkpoints that share a run.
        rng: a generator, a seed, or NumPy's legacy RandomState.
        block: the column that names each row's group.
        starts: how many starts a resample has; the others are other resamples' minima.

    Raises:
        ValueError: for an unknown kind or column, fewer than 2 resamples, or pairs of a fit with
            the preset "as_published", whose bootstrap was another.
    """
    if kind not in KINDS:
        refuse("kind", "one of " + ", ".join(KINDS), kind)
    if fit.preset == "as_published" and kind == "pairs":
        refuse("fit", "of the preset 'converged'", fit.preset)
    if resamples < 2:
        refuse("resamples", "at least 2", resamples)
    if isinstance(rng, int | np.integer):
        rng = np.random.default_rng(rng)
    problem = _drawn(fit, resamples, kind, rng, block)
    at = np.repeat(fit.theta[None], resamples, axis=0)
    results = _refitted(problem, at, starts, rng)
    if fit.is_exact:
        # Every resample of rows on the law has the law's minimum; what differs is rounding.
        results.theta[:] = fit.theta
    share = float(results.converged.mean())
    settled = np.isfinite(results.objective)
    if kind in ("pairs", "block") and not fit.is_exact:
        settled &= determined(fit, problem.weights)
    return Bootstrap(
        fit.law.parameters, results.theta, results.objective, kind, share, settled, flat(fit),
        fit.law.positive,
    )  # fmt: skip


def percentile(values: Array, rank: float) -> Array:
    """The percentiles along the first axis; between an infinite value and another, the infinite."""
    with np.errstate(invalid="ignore"):
        values_at_rank = np.percentile(values, rank, axis=0)
    return np.where(np.isnan(values_at_rank), np.inf if rank > 50 else -np.inf, values_at_rank)


def determined(fit: Fit, weights: Array) -> Array:
    """Which rows of weights leave as many different rows as parameters, and no constant column."""
    columns = np.stack([fit.columns[c] for c in fit.law.columns])
    enough = _different(weights, columns) >= len(fit.free)
    return enough & np.all([_different(weights, c[None]) > 1 for c in columns], axis=0)


def flat(fit: Fit) -> frozenset[str]:
    """The free parameters that the rows of the fit do not determine, by the curvature."""
    lost = np.isinf(np.diag(covariance(fit)))
    return frozenset(p for p, yes in zip(fit.free, lost, strict=True) if yes)


def _different(weights: Array, columns: Array) -> Array:
    """How many different points of the columns have a weight, by row of weights."""
    group = np.unique(columns, axis=1, return_inverse=True)[1].reshape(-1)
    order = np.argsort(group, kind="stable")
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    return np.logical_or.reduceat(weights[:, order] > 0, first, axis=1).sum(axis=1)


def _refitted(problem: Problem, at: Array, starts: int, rng: Any) -> Minima:
    best = minima(problem, at, near=True, levels=2)
    for _ in range(starts - 1):
        other = minima(problem, rng.permutation(best.theta), near=True, levels=2)
        better = other.objective < best.objective
        best = Minima(
            *(np.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)
              for a, b in zip(other, best, strict=True))
        )  # fmt: skip
    return best


def pair_counts(rng: Any, resamples: int, rows: int) -> Array:
    """How often each row is drawn in each resample, (resamples, rows)."""
    if isinstance(rng, np.random.RandomState):
        drawn = (rng.choice(rows, size=rows, replace=True) for _ in range(resamples))
    else:
        drawn = rng.integers(0, rows, (resamples, rows))
    return np.array([np.bincount(d, minlength=rows) for d in drawn])


def _drawn(fit: Fit, resamples: int, kind: str, rng: Any, block: str | None) -> Problem:
    rows = len(fit.weights)
    if kind == "pairs":
        return fit.problem.resampled(pair_counts(rng, resamples, rows) * fit.weights)
    if kind == "block":
        groups = _groups(fit, block)
        counts = pair_counts(rng, resamples, int(groups.max()) + 1)
        return fit.problem.resampled(counts[:, groups] * fit.weights)
    residuals, fitted = fit.residuals, fit.problem.target - fit.residuals
    if kind == "wild":
        signs = 2.0 * rng.integers(0, 2, (resamples, rows)) - 1
        targets = fitted + signs * residuals
    else:
        targets = fitted + residuals[rng.integers(0, rows, (resamples, rows))]
    first = rows * np.arange(resamples)
    return fit.problem._replace(
        data=np.tile(fit.problem.data, resamples),
        target=targets.reshape(-1),
        weights=np.tile(fit.weights, resamples)[None],
        places=np.stack([first, first + rows, 0 * first], axis=1),
    )


def _groups(fit: Fit, block: str | None) -> Array:
    """Each row's group as a whole number."""
    from workbench.scaling import tables

    if block is None:
        refuse("block", "the column that names each row's group", block)
    tables.known(block, tables.names(fit.table), "column of the table")
    groups = np.unique(host(fit.table[block]), return_inverse=True)[1]
    if groups.max() < 1:
        refuse("block", "a column of at least two groups", "one")
    return groups

"""Several laws on one table: information criteria and held-out extrapolation, side by side.

Where the two disagree, neither alone is a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse
from workbench.base.parallel import one_numba_thread
from workbench.base.rows import Rows
from workbench.scaling.fit import losses
from workbench.scaling.fit.result import ROUNDING, UNDETERMINED, Fit, or_undetermined
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.inference.holdout import (
    Extrapolation,
    cuts,
    extrapolation,
    fewest_rows,
    least,
)

LIKELIHOODS = ("gaussian", "laplace", "student")
FREEDOM = 4.0


class Criteria(NamedTuple):
    """Criteria of a law at a likelihood's maximum; the noise's scale counts as a parameter."""

    log_likelihood: float
    aic: float
    aicc: float
    bic: float


@dataclass(frozen=True)
class Comparison:
    """Both tables, by law.

    Attributes:
        criteria: law → likelihood → criteria.
        extrapolations: law → held-out scores; empty without a hold-out.
        holdout: what was held out.
        share: how much of it.
    """

    criteria: dict[str, dict[str, Criteria]] = field(repr=False)
    extrapolations: dict[str, Extrapolation] = field(repr=False)
    holdout: str | None
    share: float

    @property
    def fitted(self) -> Rows:
        """The criteria of each law under each likelihood, a pair a row."""
        rows = [
            (name, likelihood, *map(or_undetermined, (c.aic, c.aicc, c.bic)))
            for name, by_likelihood in self.criteria.items()
            for likelihood, c in by_likelihood.items()
        ]
        return Rows(("law", "likelihood", "AIC", "AICc", "BIC"), rows, digits=5)

    @property
    def held_out_errors(self) -> Rows:
        """The errors of each law on the rows held out, a law a row."""
        rows = [
            (n, *map(or_undetermined, (e.rmsle, e.bias, e.coverage)), e.rows)
            for n, e in self.extrapolations.items()
        ]
        return Rows(("law", "RMSLE", "bias", "coverage", "rows"), rows)

    @property
    def best(self) -> dict[str, str]:
        """The law preferred by each criterion: the three AICs and the held-out error.

        A criterion without a value for some law is not determined.
        """
        preferred = {
            f"AIC {k}": _least({n: each[k].aic for n, each in self.criteria.items()})
            for k in LIKELIHOODS
        }
        if self.extrapolations:
            preferred["held out"] = _least({n: e.rmsle for n, e in self.extrapolations.items()})
        return preferred


def compare(
    fits: Sequence[Fit], holdout: str | None = None, share: float = 0.2, resamples: int = 200
) -> Comparison:
    """Criteria of fits to one table, and their extrapolation beyond a cut.

    Args:
        fits: fits with one table and one kind of residual.
        holdout: "compute" (6 N D), or a column: the rows with its largest values are held out; a
            column of text: each of its groups in turn (leave one family out); "rollout": five cuts
            of growing compute or size, each scored on the next fifth.
        share: the share of the rows held out.
        resamples: of the fitted rows, for the coverage of bands; 0 for none.

    Raises:
        ValueError: if the fits do not share their rows, or the cut leaves too few.
    """
    fits = list(fits)
    if not fits:
        refuse("fits", "at least one fit", "none")
    first = fits[0]
    for other in fits[1:]:
        same = other.space == first.space and len(other.weights) == len(first.weights)
        if not same or not np.array_equal(other.problem.target, first.problem.target):
            refuse("fits", "to the same rows and residuals", other.law.name)
    if not 0 < share < 1:
        refuse("share", "between 0 and 1", share)
    named = {_name(f, i, fits): f for i, f in enumerate(fits)}
    criteria = {
        n: {k: likelihood(f, k) for k in LIKELIHOODS} for n, f in named.items()
    }  # fmt: skip
    scores = {}
    if holdout is not None:
        masks = scored_cuts(fits, holdout, share)
        scores = {n: extrapolation(f, masks, resamples) for n, f in named.items()}
    return Comparison(criteria, scores, holdout, share)


def scored_cuts(fits: Sequence[Fit], holdout: str, share: float) -> list[tuple[Array, Array]]:
    """Pairs of masks, the rows to fit and the rows to score, that leave the fits enough rows."""
    masks = cuts(fits[0], holdout, share)
    least, fewest = min(len(f.free) for f in fits), fewest_rows(fits[0], masks)
    if fewest < least:
        refuse("holdout", f"a cut that keeps at least {least} rows", fewest)
    return masks


def _least(values: dict[str, float]) -> str:
    if np.isnan(list(values.values())).any():
        return UNDETERMINED
    return min(values, key=lambda name: values[name])


def _name(fit: Fit, at: int, fits: Sequence[Fit]) -> str:
    names = [f.law.name for f in fits]
    return fit.law.name if names.count(fit.law.name) == 1 else f"{fit.law.name} {at + 1}"


def likelihood(fit: Fit, kind: str) -> Criteria:
    """The law's best log likelihood under a noise model with a free scale.

    Gaussian: -n/2 (log 2πs² + 1), s² = Σ w r²/n. Laplace: -n (log 2b + 1), b = Σ w |r| / n. Student
    with four degrees of freedom: maximised over the scale as well. n counts the rows of positive
    weight, and their weights are relative, 1 in the mean.

    k counts the free parameters and the scale: AIC = 2k - 2ℓ, AICc = AIC + 2k(k + 1)/(n - k - 1),
    BIC = k log n - 2ℓ. All are NaN, not determined, where n ≤ k + 1, or where the law passes
    through every row and the likelihood has no maximum.
    """
    n, k = fit.rows, len(fit.free) + 1
    if n <= k + 1 or fit.freedom == 0:
        return Criteria(*[float("nan")] * 4)
    rounding = ROUNDING * (1.0 if fit.space == "log" else float(np.abs(fit.problem.target).max()))
    if kind == "student":
        value = _student(fit, fit.weights * n / fit.weights.sum(), rounding)
    else:
        squared = kind == "gaussian"
        mean = _refitted(fit, losses.cost("squared" if squared else "absolute", 1.0))
        width = np.sqrt(2 * mean) if squared else mean
        unit, extra = (np.sqrt(2 * np.pi), 0.5) if squared else (2, 1)
        value = -n * (np.log(unit * width) + extra) if width > rounding else np.nan
    aic = 2 * k - 2 * value
    corrected = aic + 2 * k * (k + 1) / (n - k - 1)
    return Criteria(float(value), float(aic), float(corrected), float(k * np.log(n) - 2 * value))


def _refitted(fit: Fit, cost: losses.Cost) -> float:
    """The least mean cost of a row."""
    objective = least(fit, fit.problem._replace(cost=cost))[1]
    return float(objective / fit.weights.sum())


def _student(fit: Fit, weights: Array, rounding: float) -> float:
    """Student's maximum: fit and scale in turn until neither moves."""
    from scipy.special import gammaln

    n, nu, r = weights.sum(), FREEDOM, fit.residuals
    scale = 1.4826 * np.median(np.abs(r[weights > 0])) + 1e-12
    wide = fit.problem._replace(cost=losses.cost("student", float(scale), nu))
    theta, _ = least(fit, wide)
    for _ in range(100):
        problem = fit.problem._replace(cost=losses.cost("student", float(scale), nu))
        # Fits are sequential here, so threads would not help.
        with one_numba_thread():
            theta = minima(problem, theta[None], near=True, levels=1).theta[0]
        r = _residuals(fit, theta)
        # The scale's own equation, s² = (ν + 1)/n Σ r² / (ν + r²/s²), one step of its iteration.
        moved = np.sqrt((nu + 1) * (weights * r**2 / (nu + (r / scale) ** 2)).sum() / n)
        if moved <= rounding:
            return float("nan")
        done, scale = abs(moved / scale - 1) < 1e-10, moved
        if done:
            break
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    tail = (weights * np.log1p((r / scale) ** 2 / nu)).sum() * (nu + 1) / 2
    return float(n * (constant - np.log(scale)) - tail)


def _residuals(fit: Fit, theta: Array) -> Array:
    return replace(fit, theta=theta).residuals

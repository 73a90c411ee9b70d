"""Several laws on one table: information criteria and held-out extrapolation, side by side.

The two may disagree, and then neither alone is a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.array import Array, host
from workbench.checks import refuse
from workbench.scaling import losses, starts, tables
from workbench.scaling.solver import Problem, minima

if TYPE_CHECKING:
    from workbench.scaling.fitted import Fit

LIKELIHOODS = ("gaussian", "laplace", "student")
FREEDOM = 4.0
KEPT = 8


class Criteria(NamedTuple):
    """Of one law under one likelihood, each at its own maximum, the noise's scale counted."""

    log_likelihood: float
    aic: float
    aicc: float
    bic: float


class Extrapolation(NamedTuple):
    """A law fitted without the held-out rows, scored on them.

    Attributes:
        rmsle: root mean square of log (predicted / observed) over the held-out rows.
        bias: mean of log (predicted / observed).
        rows: how many rows were held out, over all cuts.
    """

    rmsle: float
    bias: float
    rows: int


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

    def __str__(self) -> str:
        """Both tables as text, a law a row."""
        head = "law".ljust(18) + "".join(f"AIC {k}".rjust(15) for k in LIKELIHOODS)
        rows = [head + (f"RMSLE beyond {self.holdout}".rjust(28) if self.holdout else "")]
        for name, found in self.criteria.items():
            row = name[:17].ljust(18) + "".join(f"{found[k].aic:15.1f}" for k in LIKELIHOODS)
            if self.holdout:
                row += f"{self.extrapolations[name].rmsle:28.5f}"
            rows.append(row)
        return "\n".join(rows)

    @property
    def best(self) -> dict[str, str]:
        """The law each judge prefers: the three AICs and the held-out error."""
        found = {
            f"AIC {k}": min(self.criteria, key=lambda n: self.criteria[n][k].aic)
            for k in LIKELIHOODS
        }
        if self.extrapolations:
            found["held out"] = min(self.extrapolations, key=lambda n: self.extrapolations[n].rmsle)
        return found


def compare(fits: Sequence[Fit], holdout: str | None = None, share: float = 0.2) -> Comparison:
    """Criteria of fits to one table, and their extrapolation beyond a cut.

    Args:
        fits: fits with one table and one kind of residual.
        holdout: "compute" (6 N D), or a column: the rows with its largest values are held out; a
            column of text: each of its groups in turn (leave one family out); "rollout": five cuts
            of growing compute or size, each scored on the next fifth.
        share: the share of the rows held out.

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
        kept = cuts(first, holdout, share)
        scores = {n: extrapolation(f, kept) for n, f in named.items()}
    return Comparison(criteria, scores, holdout, share)


def _name(fit: Fit, at: int, fits: Sequence[Fit]) -> str:
    names = [f.law.name for f in fits]
    return fit.law.name if names.count(fit.law.name) == 1 else f"{fit.law.name} {at + 1}"


def likelihood(fit: Fit, kind: str) -> Criteria:
    """The law's best log likelihood under a noise model with a free scale.

    Gaussian: -n/2 (log 2πs² + 1), s² = Σ r²/n. Laplace: -n (log 2b + 1), b = Σ |r| / n. Student
    with four degrees of freedom: maximised over the scale as well.

    k counts the free parameters and the scale: AIC = 2k - 2ℓ, AICc = AIC + 2k(k + 1)/(n - k - 1),
    BIC = k log n - 2ℓ; AICc is infinite where n ≤ k + 1.
    """
    weights, n = fit.weights, fit.weights.sum()
    if kind == "gaussian":
        found = _refitted(fit, losses.cost("squared", 1.0))
        value = -n / 2 * (np.log(2 * np.pi * 2 * found / n) + 1)
    elif kind == "laplace":
        total = _refitted(fit, losses.cost("absolute", 1.0))
        value = -n * (np.log(2 * total / n) + 1)
    else:
        value = _student(fit, weights)
    k = len(fit.free) + 1
    aic = 2 * k - 2 * value
    extra = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.inf
    return Criteria(float(value), float(aic), float(aic + extra), float(k * np.log(n) - 2 * value))


def _refitted(fit: Fit, cost: losses.Cost) -> float:
    return float(_least(fit, fit.problem._replace(cost=cost))[1])


def _least(fit: Fit, problem: Problem) -> tuple[Array, float]:
    """The best minimum from the fit and from the grid: another cost may lie in another valley."""
    nodes = starts.profile(fit.law, fit.columns, problem)[:KEPT]
    at = np.concatenate([fit.theta[None], nodes])
    found = minima(problem.every(len(at)), at)
    best = int(np.argmin(found.objective))
    return found.theta[best], found.objective[best]


def _student(fit: Fit, weights: Array) -> float:
    """Student's maximum: fit and scale in turn until neither moves."""
    from scipy.special import gammaln

    n, nu = weights.sum(), FREEDOM
    scale = 1.4826 * np.median(np.abs(fit.residuals)) + 1e-12
    wide = fit.problem._replace(cost=losses.cost("student", float(scale), nu))
    theta, _ = _least(fit, wide)
    for _ in range(100):
        problem = fit.problem._replace(cost=losses.cost("student", float(scale), nu))
        theta = minima(problem, theta[None], near=True, levels=1).theta[0]
        r = _residuals(fit, theta)
        # The scale's own equation, s² = (ν + 1)/n Σ r² / (ν + r²/s²), one step of its iteration.
        moved = np.sqrt((nu + 1) * (weights * r**2 / (nu + (r / scale) ** 2)).sum() / n)
        done, scale = abs(moved / scale - 1) < 1e-10, moved
        if done or scale < 1e-12:
            break
    constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
    tail = (weights * np.log1p((r / scale) ** 2 / nu)).sum() * (nu + 1) / 2
    return float(n * (constant - np.log(scale)) - tail)


def _residuals(fit: Fit, theta: Array) -> Array:
    from dataclasses import replace

    return replace(fit, theta=theta).residuals


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
    top = size > np.quantile(size, 1 - share)
    if not top.any() or top.all():
        refuse("holdout", "a column that leaves rows on both sides of the cut", holdout)
    return [(~top, top)]


def _size(fit: Fit, name: str) -> Array:
    if name != "compute" or "compute" in fit.columns:
        return np.asarray(host(fit.table[name]), float)
    if {"parameters", "tokens"} <= set(fit.columns):
        return 6 * fit.columns["parameters"] * fit.columns["tokens"]
    return fit.columns[fit.law.columns[0]]


def extrapolation(fit: Fit, kept: Sequence[tuple[Array, Array]]) -> Extrapolation:
    """The fit's law and loss on the kept rows, scored on the others."""
    errors = []
    for chosen, scored in kept:
        rows = int((chosen & (fit.weights > 0)).sum())
        if rows < len(fit.free):
            refuse("holdout", f"a cut that keeps at least {len(fit.free)} rows", rows)
        problem = fit.problem._replace(weights=(fit.weights * chosen)[None])
        theta, _ = _least(fit, problem)
        r = -_residuals(fit, theta)
        if fit.space == "raw":
            observed = fit.problem.target
            r = np.log(np.maximum(observed + r, 1e-300) / observed)
        errors.append(r[scored])
    e = np.concatenate(errors)
    return Extrapolation(float(np.sqrt((e**2).mean())), float(e.mean()), len(e))

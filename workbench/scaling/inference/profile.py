"""Profile likelihood: the objective as one parameter is fixed and the others are fitted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import stdtrit

from workbench.base.array import Array
from workbench.base.parallel import one_numba_thread
from workbench.scaling import tables
from workbench.scaling.fit import losses
from workbench.scaling.fit.result import Fit
from workbench.scaling.fit.solvers.minimise import minima
from workbench.scaling.inference.curvature import covariance, scale

LEVEL = 0.95
# Steps outward of a side, how often it then doubles its reach, and the steps of each doubling.
STEPS, DOUBLED, FURTHER = 30, 6, 8


@dataclass(frozen=True)
class Profile:
    """The deviance along one parameter.

    Attributes:
        parameter: its name.
        values: at which it was fixed, ascending.
        deviances: 2 (log likelihood at the fit - there), about χ² with one degree of freedom.
        interval: where the deviance stays below `threshold`; infinite, or 0 for a coefficient, on
            an open side.
        ends: the interval of the slot, of the logarithm of a coefficient.
    """

    parameter: str
    values: np.ndarray = field(repr=False)
    deviances: np.ndarray = field(repr=False)
    interval: tuple[float, float]
    ends: tuple[float, float]


def profile(fit: Fit, parameter: str, level: float = LEVEL) -> Profile:
    """The profile of a parameter around a fit, with a confidence interval.

    Least squares: n log (S / Ŝ). Otherwise 2 (f - f̂) / τ with τ = Σ ψ² / Σ ρ'' at the fit. On each
    side it covers two half widths of the curvature's interval, and up to 64 times as much where the
    threshold is not passed by then.

    Args:
        fit: the fit; one that leaves no degree of freedom has an infinite interval, and one that
            is exact an interval of no width.
        parameter: one of its free parameters.
        level: the confidence of the interval.

    Source:
        Least squares: Bates & Watts (1988), section 6.1. Robust: Heritier & Ronchetti (1994),
        J. Am. Stat. Assoc. 89, 897, the likelihood-ratio type test.
    """
    tables.known(parameter, fit.free, "free parameter of the fit")
    at = fit.law.parameters.index(parameter)
    start = fit.theta[at]
    error = _error(fit, parameter)
    none = np.zeros(0), np.zeros(0)
    if fit.freedom == 0 or (fit.is_exact and np.isinf(error)):
        return _profile(fit, parameter, (none, none), (-np.inf, np.inf))
    if fit.is_exact:
        return _profile(fit, parameter, (none, none), (start, start))
    most = threshold(fit, level)
    error = error if np.isfinite(error) and error > 0 else 0.1
    reach = 2 * error * students(fit.freedom, level)
    # Fits are sequential here, so threads would not help.
    with one_numba_thread():
        below, above = (_side(fit, at, sign * reach, most) for sign in (-1, 1))
    low, high = (_crossing(start, *side, most) for side in (below, above))
    low, high = -np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high
    return _profile(fit, parameter, (below, above), (low, high))


def _profile(fit: Fit, parameter: str, sides: tuple, ends: tuple[float, float]) -> Profile:
    """The profile from both sides, with coefficients in natural units."""
    at = fit.law.parameters.index(parameter)
    below, above = sides
    slots = np.concatenate([below[0][::-1], [fit.theta[at]], above[0]])
    deviances = np.concatenate([below[1][::-1], [0.0], above[1]])
    outside = np.exp if fit.law.program.logged[at] else np.asarray
    with np.errstate(over="ignore"):
        low, high = map(float, outside(np.array(ends)))
        pair = float(ends[0]), float(ends[1])
        return Profile(parameter, outside(slots), deviances, (low, high), pair)


def students(freedom: int, level: float = LEVEL) -> float:
    """The quantile t of Student's distribution that leaves 1 - level outside ±t."""
    return float(stdtrit(freedom, (1 + level) / 2)) if freedom else float("inf")


def threshold(fit: Fit, level: float = LEVEL) -> float:
    """The deviance at the ends of an interval, from Student's t with n - k degrees of freedom.

    n log (1 + t² / (n - k)) for least squares, exact for a linear law; n t² / (n - k) otherwise.
    Both tend to the quantile of χ² as n grows; infinite where n ≤ k.
    """
    if fit.freedom == 0:
        return float("inf")
    share = students(fit.freedom, level) ** 2 / fit.freedom
    return fit.rows * float(np.log1p(share) if fit.cost.code == losses.SQUARED else share)


def deviance(fit: Fit, objective: Array) -> Array:
    """The rise of the objective over the fit's, in units of twice the log likelihood.

    Weights are relative: their mean over the rows that have one counts as 1.
    """
    if fit.cost.code == losses.SQUARED:
        return fit.rows * np.log(objective / max(fit.objective, 1e-300))
    return 2 * (objective - fit.objective) / scale(fit) * fit.rows / fit.weights.sum()


def _error(fit: Fit, parameter: str) -> float:
    """The standard error of the slot by the curvature; infinite or NaN where there is none."""
    at = fit.free.index(parameter)
    return float(np.sqrt(covariance(fit)[at, at]))


def _side(fit: Fit, at: int, reach: float, most: float) -> tuple[Array, Array]:
    """Slots outward from the fit and their deviances, each started from the one before.

    It stops where the deviance has passed `most`, on a bound, or 64 times as far as `reach`.
    """
    low, high = fit.problem.low[at], fit.problem.high[at]
    if not low <= fit.theta[at] <= high:
        low, high = -np.inf, np.inf
    if reach < 0 and fit.law.parameters[at] in fit.absent:
        return np.zeros(0), np.zeros(0)
    first = _inside(fit, at, reach > 0)
    theta, slots, objectives = fit.theta, [], []
    for part in np.concatenate([[0.0], 2.0 ** np.arange(DOUBLED)]):
        width, count = (part, FURTHER) if part else (1.0, STEPS)
        steps = first + reach * (part + width * np.arange(1, count + 1) / count)
        for slot in np.unique(np.clip(steps, low, high))[:: 1 if reach > 0 else -1]:
            if slot == fit.theta[at]:
                continue
            theta, objective = _constrained(fit, at, slot, theta)
            slots.append(slot)
            objectives.append(objective)
        past = objectives and deviance(fit, np.array(objectives[-1])) > most
        if past or not low < steps[-1] < high:
            break
    return np.array(slots), deviance(fit, np.array(objectives))


def _inside(fit: Fit, at: int, rises: bool) -> float:
    """The start of a side: the fit, or where an absent constant begins to matter."""
    if not (rises and fit.law.parameters[at] in fit.absent):
        return float(fit.theta[at])
    return float(np.log(fit.faintest))


def _constrained(fit: Fit, at: int, slot: float, theta: Array) -> tuple[Array, float]:
    """The minimum with one slot fixed, started at the previous one."""
    low, high = fit.problem.low.copy(), fit.problem.high.copy()
    low[at] = high[at] = slot
    result = minima(fit.problem._replace(low=low, high=high), theta[None], near=True, levels=1)
    return result.theta[0], float(result.objective[0])


def _crossing(start: float, slots: Array, deviances: Array, most: float) -> float:
    """Where the deviance first passes `most`, between two values by the line of its square root."""
    x, y = np.append(start, slots), np.sqrt(np.maximum(np.append(0.0, deviances), 0))
    over = np.flatnonzero(y > np.sqrt(most))
    if len(over) == 0:
        return float("nan")
    k = over[0]
    return float(x[k - 1] + (np.sqrt(most) - y[k - 1]) / (y[k] - y[k - 1]) * (x[k] - x[k - 1]))

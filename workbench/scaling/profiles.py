"""How the objective rises as one parameter is held and the others follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workbench.array import Array
from workbench.scaling import losses, tables
from workbench.scaling.solver import minima

if TYPE_CHECKING:
    from workbench.scaling.fitted import Fit

# χ² with one degree of freedom at 0.95.
CHI2 = 3.841458820694124


@dataclass(frozen=True)
class Profile:
    """The deviance along one parameter.

    Attributes:
        parameter: its name.
        values: where it was held, ascending.
        deviances: 2 (log likelihood at the fit - there), about χ² with one degree of freedom.
        interval: where the deviance stays below 3.84, 95 %; infinite on a side it never leaves.
    """

    parameter: str
    values: np.ndarray = field(repr=False)
    deviances: np.ndarray = field(repr=False)
    interval: tuple[float, float]


def profile(fit: Fit, parameter: str, points: int = 61, width: float = 4.0) -> Profile:
    """The profile of a parameter around a fit.

    Least squares: n log (S / Ŝ). Otherwise 2 (f - f̂) / τ with τ = Σ ψ² / Σ ρ'' at the fit.

    Args:
        fit: the fit.
        parameter: one of its free parameters.
        points: how many values on both sides together.
        width: how far to go, in standard errors of the curvature, before the profile is said to
            be open on that side.

    Source:
        Least squares: Bates & Watts (1988), section 6.1. Robust: Heritier & Ronchetti (1994),
        J. Am. Stat. Assoc. 89, 897, the likelihood-ratio type test.
    """
    tables.known(parameter, fit.free, "free parameter of the fit")
    at = fit.law.parameters.index(parameter)
    from workbench.scaling.covariances import curvature

    error = float(np.sqrt(curvature(fit)[fit.free.index(parameter), fit.free.index(parameter)]))
    error = error if np.isfinite(error) and error > 0 else max(0.1, abs(fit.theta[at]) / 10)
    sides = [_side(fit, at, sign * error * width, points // 2) for sign in (-1, 1)]
    slots = np.concatenate([sides[0][0][::-1], [fit.theta[at]], sides[1][0]])
    deviances = np.concatenate([sides[0][1][::-1], [0.0], sides[1][1]])
    ends = [_crossing(fit.theta[at], *side) for side in sides]
    logged = fit.law.program.logged[at]
    values = np.exp(slots) if logged else slots
    low, high = np.exp(ends) if logged else ends
    return Profile(parameter, values, deviances, (float(low), float(high)))


def scale(fit: Fit) -> float:
    """τ = Σ w ψ² / Σ w ρ'', what twice a rise of the objective is measured in.

    Where the corner of a cost is narrower than the residuals' spacing allows, ρ'' is averaged over
    a window of 1.06 s n^(-1/5), s the scaled median absolute residual.
    """
    r, w, cost = fit.residuals, fit.weights, fit.cost
    _, psi, bend, _ = losses.parts(cost.code, -r, cost.delta, cost.shape)
    top = (w * psi**2).sum()
    window = 1.06 * 1.4826 * np.median(np.abs(r)) * len(r) ** -0.2
    if cost.code in (losses.HUBER, losses.ABSOLUTE, losses.ASYMMETRIC) and cost.delta < window:
        slope = np.where(r < 0, cost.shape, 1.0) if cost.code == losses.ASYMMETRIC else 1.0
        unit = 1.0 if cost.code == losses.ABSOLUTE else cost.delta
        bend = slope * unit * (np.abs(r) < window) / window
    return float(top / max((w * bend).sum(), 1e-300))


def deviance(fit: Fit, objective: Array) -> Array:
    """The rise of the objective over the fit's, in units of twice the log likelihood."""
    if fit.cost.code == losses.SQUARED:
        return fit.weights.sum() * np.log(objective / max(fit.objective, 1e-300))
    return 2 * (objective - fit.objective) / scale(fit)


def _side(fit: Fit, at: int, reach: float, points: int) -> tuple[Array, Array]:
    """Held slots outward from the fit and their deviances, each started from the one before."""
    slots = fit.theta[at] + reach * np.arange(1, points + 1) / points
    slots = np.clip(slots, fit.problem.low[at], fit.problem.high[at])
    theta, found = fit.theta, []
    for slot in slots:
        low, high = fit.problem.low.copy(), fit.problem.high.copy()
        low[at] = high[at] = slot
        ended = minima(fit.problem._replace(low=low, high=high), theta[None], near=True, levels=1)
        theta = ended.theta[0]
        found.append(ended.objective[0])
    return slots, deviance(fit, np.array(found))


def _crossing(start: float, slots: Array, deviances: Array) -> float:
    """Where the deviance first passes 3.84, between two values by the line of its square root."""
    x, y = np.append(start, slots), np.sqrt(np.maximum(np.append(0.0, deviances), 0))
    over = np.flatnonzero(y > np.sqrt(CHI2))
    if len(over) == 0:
        return float(np.inf * np.sign(slots[-1] - start))
    k = over[0]
    return float(x[k - 1] + (np.sqrt(CHI2) - y[k - 1]) / (y[k] - y[k - 1]) * (x[k] - x[k - 1]))

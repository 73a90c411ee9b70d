"""The errors of a fit by three routes, side by side: curvature, profile, bootstrap."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.rows import Rows
from workbench.scaling.fit import losses
from workbench.scaling.inference.bootstrap import Bootstrap, bootstrap
from workbench.scaling.inference.estimates import Estimates, estimated
from workbench.scaling.inference.profile import profile, scale, students
from workbench.scaling.laws import autodiff

if TYPE_CHECKING:
    from workbench.scaling.fit.result import Fit

# A slot whose change by 1 changes no prediction by more than this share is not seen by the data.
FAINT = 1e-8
# A row's loss depends on such a slot, or on a direction without curvature, from this slope on.
SEEN = 1e-3
# Errors that differ by more than this factor do not describe the same thing.
APART = 1.5


@dataclass(frozen=True)
class Errors:
    """Standard errors and intervals of the free parameters, by three routes.

    Errors are those of what was fitted: of the logarithm of a coefficient, of an exponent itself.
    They are infinite where the rows do not determine it, and NaN on a bound, where only an interval
    makes sense.

    Attributes:
        parameters: the free parameters.
        curvature: from the second derivative at the minimum, which trusts the noise model.
        profile: from where the objective has risen enough, which trusts it too, but no parabola:
            the width of its interval over 2 t.
        bootstrap: from resampled rows, which trusts neither.
        correlation: of the slots, from the curvature.
        condition: the condition number of the normal matrix.
        disagreement: the largest ratio between two of the three, by parameter; NaN where one of
            them is not finite.
        estimates: each parameter with its 95 % interval, for people and for verdicts.
    """

    parameters: tuple[str, ...]
    curvature: dict[str, float]
    profile: dict[str, float]
    bootstrap: dict[str, float]
    correlation: np.ndarray
    condition: float
    disagreement: dict[str, float]
    estimates: Estimates

    @property
    def rows(self) -> Rows:
        """The three side by side, a parameter a row."""
        names = ("standard error of", "curvature", "profile", "bootstrap", "largest ratio")
        routes = (self.curvature, self.profile, self.bootstrap, self.disagreement)
        logged = self.estimates.logged
        told = [f"log {p}" if p in logged else p for p in self.parameters]
        each = [[route[p] for route in routes] for p in self.parameters]
        return Rows(names, [(t, *e) for t, e in zip(told, each, strict=True)])

    def __str__(self) -> str:
        """The rows as text."""
        return str(self.rows)


def covariance(fit: Fit, resamples: int | Bootstrap = 1000, rng: int = 0) -> Errors:
    """The three side by side, with a warning when they disagree by more than a factor 1.5.

    Args:
        fit: the fit.
        resamples: how many pairs to draw, or a bootstrap at hand.
        rng: seed or generator of the draws.

    Warns:
        FitWarning: naming the parameters whose errors differ, and by how much; and those that are
            not determined.
    """
    drawn = resamples if isinstance(resamples, Bootstrap) else bootstrap(fit, resamples, rng=rng)
    matrix = curvature(fit)
    profiles = {p: profile(fit, p) for p in fit.free}
    slots = dict(zip(fit.free, map(float, np.sqrt(np.diag(matrix))), strict=True))
    widths = {p: _half_width(fit, p, found.ends) for p, found in profiles.items()}
    draws = {p: np.nan if p in fit.bounded else drawn.deviations[p] for p in fit.free}
    apart = {p: _apart(slots[p], widths[p], draws[p]) for p in fit.free}
    estimates = estimated(fit, drawn, profiles)
    _warn(apart, estimates)
    size = np.sqrt(np.diag(matrix))
    safe = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    correlation = np.where(np.isfinite(matrix), matrix, 0.0) / np.outer(safe, safe)
    return Errors(
        fit.free, slots, widths, draws, correlation, fit.condition, apart, estimates
    )  # fmt: skip


def _half_width(fit: Fit, parameter: str, ends: tuple[float, float]) -> float:
    """A profile's interval as a standard error of the slot; NaN on a bound."""
    if parameter in fit.bounded:
        return float("nan")
    low, high = ends
    if low == high:
        return 0.0
    return float((high - low) / (2 * students(fit.freedom))) if fit.freedom else float("inf")


def _apart(*errors: float) -> float:
    three = np.array(errors)
    if not np.isfinite(three).all():
        return float("nan")
    if three.max() == 0:
        return 1.0
    return float(three.max() / three.min()) if three.min() > 0 else float("inf")


def _warn(apart: dict[str, float], estimates: Estimates) -> None:
    from workbench.scaling.fit.result import FitWarning

    lost = [p for p in apart if estimates.is_open(p)]
    if lost:
        warnings.warn(
            f"the rows do not determine {', '.join(lost)}: "
            + "; ".join(dict.fromkeys(estimates.remarks[p] for p in lost)),
            FitWarning,
            stacklevel=3,
        )
    wide = {n: r for n, r in apart.items() if r > APART}
    if wide:
        told = ", ".join(f"{n} by a factor {r:.2g}" for n, r in wide.items())
        warnings.warn(
            f"the errors from curvature, profile and bootstrap disagree ({told}): the noise is not "
            "what the loss assumes, or the minimum is no parabola; report all three",
            FitWarning,
            stacklevel=3,
        )


def curvature(fit: Fit) -> Array:
    """The covariance of the free slots from the curvature at the minimum.

    Least squares: s² (Jᵀ W J)⁻¹ with s² = Σ w r² / (n - k). Otherwise τ' (Jᵀ W J)⁻¹ with
    τ' = n Σ w ψ² / (Σ w ρ'')², Huber's formula. Directions without curvature come out as infinite,
    all of them where no degree of freedom is left; parameters on a bound, around which there is no
    parabola, as NaN, and the others as if these were fixed.

    Source:
        Huber (1981), Robust Statistics, section 7.6.
    """
    width = len(fit.free)
    inner = np.flatnonzero([p not in fit.bounded for p in fit.free])
    found = np.full((width, width), np.nan)
    if fit.freedom == 0:
        found[inner, inner] = np.inf
    elif len(inner):
        directions = _directions(fit, inner)
        found[np.ix_(inner, inner)] = _noise(fit) * directions.inverse
        lost = inner[directions.lost]
        found[lost, lost] = np.inf
    return found


def unseen(fit: Fit, data: Array) -> Array:
    """Whether the loss on a row depends on what the fit's rows leave open, by row.

    Args:
        fit: the fit.
        data: the law's data on the rows, (data, rows).
    """
    free = [fit.law.parameters.index(p) for p in fit.free]
    inner = np.flatnonzero([p not in fit.bounded for p in fit.free])
    if len(inner) == 0:
        return np.zeros(data.shape[1], bool)
    trace = autodiff.forward(fit.problem.program, fit.theta[None], data)
    slopes = autodiff.gradient(trace)[0][:, np.array(free)[inner]]
    known = _directions(fit, inner)
    along = np.abs(slopes / known.size @ known.vectors[:, known.flat]).max(axis=1, initial=0.0)
    faint = np.abs(slopes[:, known.faint]).max(axis=1, initial=0.0)
    return (along > SEEN) | (faint > SEEN * _unit(fit))


def _noise(fit: Fit) -> float:
    if fit.is_exact:
        return 0.0
    w, cost = fit.weights, fit.cost
    if cost.code == losses.SQUARED:
        return float((w * fit.residuals**2).sum() / fit.freedom)
    psi = losses.parts(cost.code, -fit.residuals, cost.delta, cost.shape)[1]
    top = (w * psi**2).sum()
    return float(scale(fit) ** 2 * w.sum() / max(top, 1e-300) * w.sum() / fit.freedom)


class _Directions(NamedTuple):
    """The directions of slots that the rows see: eigenvectors of Jᵀ W J scaled to a unit diagonal.

    Attributes:
        size: the root of the diagonal, √Σ w J².
        values: eigenvalues of the scaled matrix.
        vectors: its eigenvectors.
        flat: which of them have no curvature but rounding.
        faint: which slots change no prediction.
    """

    size: Array
    values: Array
    vectors: Array
    flat: Array
    faint: Array

    @property
    def inverse(self) -> Array:
        """(Jᵀ W J)⁻¹ over the directions that have a curvature."""
        steep = np.where(self.flat, 0.0, 1 / np.where(self.flat, 1.0, self.values))
        return (self.vectors * steep) @ self.vectors.T / np.outer(self.size, self.size)

    @property
    def lost(self) -> Array:
        """Which slots lie in a direction without curvature."""
        return self.faint | ((self.vectors[:, self.flat] ** 2).sum(axis=1) > 1e-6)


def _directions(fit: Fit, inner: Array) -> _Directions:
    j, w = fit.jacobian[:, inner], fit.weights
    matrix = j.T @ (w[:, None] * j)
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    faint = size <= FAINT * np.sqrt(w.sum()) * _unit(fit)
    return _Directions(size, values, vectors, values <= 1e-15 * values.max(), faint)


def _unit(fit: Fit) -> float:
    """The size of what residuals compare: 1 for logarithms, the largest of raw losses."""
    return 1.0 if fit.space == "log" else float(np.abs(fit.problem.target).max())

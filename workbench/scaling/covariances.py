"""The errors of a fit by three routes, side by side: curvature, profile, bootstrap."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.array import Array
from workbench.rows import Rows
from workbench.scaling import losses
from workbench.scaling.profiles import CHI2, profile, scale
from workbench.scaling.resampling import Bootstrap, bootstrap

if TYPE_CHECKING:
    from workbench.scaling.fitted import Fit

# Errors that differ by more than this factor do not describe the same thing.
APART = 1.5


@dataclass(frozen=True)
class Errors:
    """Standard errors of the free parameters; the profile's is a quarter of its 95 % width.

    Attributes:
        parameters: the free parameters.
        curvature: from the second derivative at the minimum, which trusts the noise model.
        profile: from where the objective has risen enough, which trusts it too, but no parabola.
        bootstrap: from resampled rows, which trusts neither.
        correlation: of the slots, from the curvature.
        condition: the condition number of the normal matrix.
        disagreement: the largest ratio between two of the three, by parameter.
    """

    parameters: tuple[str, ...]
    curvature: dict[str, float]
    profile: dict[str, float]
    bootstrap: dict[str, float]
    correlation: np.ndarray
    condition: float
    disagreement: dict[str, float]

    @property
    def rows(self) -> Rows:
        """The three side by side, a parameter a row."""
        names = ("parameter", "curvature", "profile", "bootstrap", "largest ratio")
        routes = (self.curvature, self.profile, self.bootstrap, self.disagreement)
        return Rows(names, [(p, *(route[p] for route in routes)) for p in self.parameters])

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
        FitWarning: naming the parameters whose errors differ, and by how much.
    """
    from workbench.scaling.fitted import FitWarning

    drawn = resamples if isinstance(resamples, Bootstrap) else bootstrap(fit, resamples, rng=rng)
    matrix = curvature(fit)
    slots = np.sqrt(np.diag(matrix))
    by_curvature, by_profile, by_draws, apart = {}, {}, {}, {}
    for at, name in enumerate(fit.free):
        unit = fit.parameters[name] if name in fit.law.positive else 1.0
        low, high = profile(fit, name).interval
        by_curvature[name] = float(slots[at] * unit)
        by_profile[name] = float((high - low) / (2 * np.sqrt(CHI2)))
        by_draws[name] = drawn.errors[name]
        three = np.array([by_curvature[name], by_profile[name], by_draws[name]])
        apart[name] = float(three.max() / three.min()) if three.min() > 0 else np.inf
    wide = {n: r for n, r in apart.items() if r > APART}
    if wide:
        told = ", ".join(f"{n} by a factor {r:.2g}" for n, r in wide.items())
        warnings.warn(
            f"the errors from curvature, profile and bootstrap disagree ({told}): the noise is not "
            "what the loss assumes, or the minimum is no parabola; report all three",
            FitWarning,
            stacklevel=2,
        )
    safe = np.where(slots > 0, slots, 1.0)
    return Errors(
        fit.free, by_curvature, by_profile, by_draws, matrix / np.outer(safe, safe),
        fit.condition, apart,
    )  # fmt: skip


def curvature(fit: Fit) -> Array:
    """The covariance of the free slots from the curvature at the minimum.

    Least squares: s² (Jᵀ W J)⁻¹ with s² = Σ w r² / (n - k). Otherwise τ' (Jᵀ W J)⁻¹ with
    τ' = n Σ w ψ² / (Σ w ρ'')², Huber's formula. Directions without curvature come out as infinite.

    Source:
        Huber (1981), Robust Statistics, section 7.6.
    """
    j, w, n = fit.jacobian, fit.weights, (fit.weights > 0).sum()
    matrix = j.T @ (w[:, None] * j)
    if fit.cost.code == losses.SQUARED:
        noise = (w * fit.residuals**2).sum() / max(n - j.shape[1], 1)
    else:
        cost = fit.cost
        psi = losses.parts(cost.code, -fit.residuals, cost.delta, cost.shape)[1]
        top = (w * psi**2).sum()
        noise = scale(fit) ** 2 * w.sum() / max(top, 1e-300) * w.sum() / max(n - j.shape[1], 1)
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = np.linalg.eigh(matrix / np.outer(size, size))
    with np.errstate(divide="ignore"):
        inverse = np.where(values > 1e-15 * values.max(), 1 / np.maximum(values, 1e-300), np.inf)
    flat = ~np.isfinite(inverse)
    made = (vectors * np.where(flat, 0, inverse)) @ vectors.T
    lost = (vectors[:, flat] ** 2).sum(axis=1) > 1e-6
    made = noise * made / np.outer(size, size)
    made[lost, lost] = np.inf
    return made

"""The curvature of the objective at a fit, its scale, and the covariance it implies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.scaling.fit import losses
from workbench.scaling.fit.result import Fit
from workbench.scaling.laws import autodiff


def scale(fit: Fit) -> float:
    """τ = Σ w ψ² / Σ w ρ'', the unit of twice a rise of the objective.

    Where the corner of a cost is narrower than the residuals' spacing allows, ρ'' is averaged over
    a window of 1.06 s n^(-1/5), s the scaled median absolute residual.
    """
    r, w, cost = fit.residuals, fit.weights, fit.cost
    _, psi, bend, _ = losses.parts(cost.code, -r, cost.delta, cost.shape)
    top = (w * psi**2).sum()
    window = 1.06 * 1.4826 * np.median(np.abs(r[w > 0])) * fit.rows**-0.2
    if cost.code in (losses.HUBER, losses.ABSOLUTE, losses.ASYMMETRIC) and cost.delta < window:
        slope = np.where(r < 0, cost.shape, 1.0) if cost.code == losses.ASYMMETRIC else 1.0
        unit = 1.0 if cost.code == losses.ABSOLUTE else cost.delta
        bend = slope * unit * (np.abs(r) < window) / window
    return float(top / max((w * bend).sum(), 1e-300))


# A slot whose change by 1 changes no prediction by more than this share is not determined by the
# data.
FAINT = 1e-8


# A row's loss depends on such a slot, or on a direction without curvature, from this slope on.
SEEN = 1e-3


def covariance(fit: Fit) -> Array:
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
    matrix = np.full((width, width), np.nan)
    if fit.freedom == 0:
        matrix[inner, inner] = np.inf
    elif len(inner):
        directions = _directions(fit, inner)
        matrix[np.ix_(inner, inner)] = _noise(fit) * directions.inverse
        lost = inner[directions.lost]
        matrix[lost, lost] = np.inf
    return matrix


def unseen(fit: Fit, data: Array) -> Array:
    """Whether the loss on a row depends on directions that the fit's rows do not determine, by row.

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
    """The directions of slots in the data: eigenvectors of Jᵀ W J scaled to a unit diagonal.

    Attributes:
        size: the root of the diagonal, √Σ w J².
        values: eigenvalues of the scaled matrix.
        vectors: its eigenvectors.
        flat: which of them have no curvature beyond rounding.
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

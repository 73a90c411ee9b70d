"""Costs of a residual: squared, Huber, absolute, asymmetric and Student's t.

The residual is predicted minus observed, of the logarithm of the loss unless raw losses are
compared. Each cost comes as value ρ, slope ψ = ρ', curvature ρ'' and reweighting ψ / r.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse

NAMES = ("squared", "huber", "absolute", "asymmetric", "student")
SQUARED, HUBER, ABSOLUTE, ASYMMETRIC, STUDENT = range(len(NAMES))
# The absolute cost is Huber's with a corner this wide, far below any residual that matters.
CORNER = 1e-8


class Cost(NamedTuple):
    """A cost and its constants.

    Attributes:
        code: place in `NAMES`.
        delta: where Huber's cost turns linear; Student's scale.
        shape: Student's degrees of freedom; for the asymmetric cost, how many times dearer it is
            to predict too much loss than too little.
    """

    code: int
    delta: float
    shape: float

    @property
    def name(self) -> str:
        """The name of the cost."""
        return NAMES[self.code]

    def schedule(self) -> Array:
        """Deltas from wide to the final one: each minimum starts the next, narrower problem."""
        if self.code == SQUARED:
            return np.array([1.0])
        # Least absolute deviations end on a corner: smaller steps follow the active points.
        first, factor = (1e-2, 2**0.5) if self.code == ABSOLUTE else (0.1, 10.0)
        steps = max(0, int(np.ceil(np.log(first / self.delta) / np.log(factor) - 1e-9)))
        return self.delta * factor ** np.arange(steps, -1, -1.0)

    def total(self, residuals: Array, weights: Array) -> Array:
        """Σ w ρ(r) over the last axis."""
        return (weights * parts(self.code, residuals, self.delta, self.shape)[0]).sum(axis=-1)


def cost(name: str, delta: float, shape: float | None = None) -> Cost:
    """The cost of that name.

    ρ(r) = r²/2 (squared); r²/2 for |r| ≤ δ, else δ (|r| - δ/2) (Huber); |r| (absolute);
    c Huber(r) with c = shape for r > 0, 1 for r < 0 (asymmetric);
    δ² (ν + 1)/2 log (1 + r²/(ν δ²)) with ν = shape (Student).

    Raises:
        ValueError: if the name is unknown or a number is not positive.
    """
    if name not in NAMES:
        refuse("loss", "one of " + ", ".join(NAMES), name)
    if not (np.isfinite(delta) and delta > 0):
        refuse("delta", "a positive number", delta)
    shape = {"asymmetric": 10.0, "student": 4.0}.get(name, 1.0) if shape is None else shape
    if not (np.isfinite(shape) and shape > 0):
        refuse("shape", "a positive number", shape)
    code = NAMES.index(name)
    return Cost(code, CORNER if code == ABSOLUTE else float(delta), float(shape))


@np.errstate(all="ignore")
def parts(code: int, r: Array, delta: float, shape: float) -> tuple:
    """ρ, ψ, ρ'' and ψ / r of an array of residuals.

    An infinite residual has an infinite cost and no slope.
    """
    size = np.abs(r)
    if code == SQUARED:
        return r * r / 2, r, np.ones_like(r), np.ones_like(r)
    if code == STUDENT:
        z = (r / delta) ** 2
        weight = (shape + 1) / (shape + z)
        value = delta**2 * (shape + 1) / 2 * np.log1p(z / shape)
        return value, weight * r, weight * (shape - z) / (shape + z), weight
    inner = size <= delta
    value = np.where(inner, r * r / 2, delta * (size - delta / 2))
    weight = np.where(inner, 1.0, delta / np.where(inner, 1.0, size))
    scale = np.where(r > 0, shape, 1.0) if code == ASYMMETRIC else np.ones_like(r)
    if code == ABSOLUTE:
        scale = scale / delta
    return scale * value, scale * weight * r, scale * inner, scale * weight

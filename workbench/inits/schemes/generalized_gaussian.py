"""The generalised Gaussian: draws, a fit of its shape, and weights of that shape.

density ∝ exp(-(|x|/α)^ν),  variance α² Γ(3/ν)/Γ(1/ν)

ν = 2 is normal, ν = 1 Laplace; below one the density is peaked and its tail heavy.

Source:
    Wu et al. (2025), It takes a good model to train a good model: generalized Gaussian priors for
    optimized LLMs, arXiv:2506.00486.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from workbench.base.array import Array, namespace
from workbench.base.checks import refuse
from workbench.inits.schemes.fans import fans
from workbench.inits.schemes.sampling import gammas, uniforms

# The shapes that a fit searches; at 10 the density is nearly uniform.
LOWEST, HIGHEST = 0.05, 10.0


class Fit(NamedTuple):
    """A fitted shape and scale.

    Attributes:
        shape: ν.
        error: the shape's standard error; NaN where the shape ended at a bound.
        scale: α.
    """

    shape: float
    error: float
    scale: float


def scale_of(shape: float, variance: float = 1.0) -> float:
    """The scale α with which a shape has a variance, α² = variance · Γ(1/ν)/Γ(3/ν)."""
    log_ratio = special.gammaln(1 / shape) - special.gammaln(3 / shape)
    return math.sqrt(variance) * math.exp(0.5 * float(log_ratio))


def kurtosis(shape: float) -> float:
    """E x⁴/(E x²)² = Γ(5/ν)Γ(1/ν)/Γ(3/ν)²; 3 at ν = 2, 6 at ν = 1, 2.8 million at ν = 0.1."""
    five, one, three = (float(special.gammaln(k / shape)) for k in (5, 1, 3))
    return math.exp(five + one - 2 * three)


def variates(
    rng: Any,
    size: tuple[int, ...],
    shape: float,
    variance: float = 1.0,
    dtype: Any = "float32",
) -> Array:
    """Independent draws of mean zero and the given variance.

    x = α · u · g^(1/ν),  u uniform on [-1, 1), g gamma of power 1 + 1/ν

    A mixture of uniforms, which needs no gamma draws of power below one and no sign.

    Args:
        rng: a generator of any backend.
        size: of the result.
        shape: ν in [0.05, 10].
        variance: positive.
        dtype: "float32" or "float64".

    Source:
        Walker & Gutiérrez-Peña (1999), in Bayesian Statistics 6: the mixture.
    """
    _legal_shape(shape)
    if not 0 < variance < math.inf:
        refuse("variance", "positive and finite", variance)
    mixed = gammas(rng, size, 1 + 1 / shape, dtype)
    xp = namespace(mixed)
    # Through logarithms, since g^(1/ν) alone overflows float32 before α brings it back.
    size_of = xp.exp(xp.log(mixed) / shape + math.log(scale_of(shape, variance)))
    return size_of * uniforms(rng, size, dtype)


def weights(
    rng: Any,
    shape: tuple[int, ...],
    tail: float,
    scale: float = 1.0,
    *,
    dtype: Any = "float32",
    **axes: Any,
) -> Array:
    """Initial weights of variance scale/fan_in with a generalised Gaussian's tail.

    Departure from the authors' code, which divides by the first axis, the fan-out of (out, in).

    Args:
        rng: a generator of any backend.
        shape: of the weights.
        tail: ν.
        scale: variance times fan-in; 2 for relu.
        dtype: "float32" or "float64".
        **axes: how to read the shape; see `fans`.
    """
    return variates(rng, shape, tail, scale / fans(shape, **axes).fan_in, dtype)


def density(x: Float[np.ndarray, " n"], shape: float, variance: float = 1.0) -> np.ndarray:
    """The density ν/(2 α Γ(1/ν)) exp(-|x/α|^ν) at each x."""
    _legal_shape(shape)
    scale = scale_of(shape, variance)
    logs = math.log(shape / (2 * scale)) - float(special.gammaln(1 / shape))
    return np.exp(logs - np.abs(np.asarray(x, dtype=np.float64) / scale) ** shape)


def fit(values: Float[np.ndarray, " n"]) -> Fit:
    """Shape and scale of greatest likelihood, with the error from the likelihood's curvature.

    α^ν = ν · mean |x|^ν leaves one number to search, ν, on [0.05, 10].

    Args:
        values: a sample of mean zero.

    Raises:
        ValueError: if there are fewer than 8 values, or they are all zero or not finite.
    """
    from scipy.optimize import minimize_scalar  # imported here, since it takes a fifth of a second

    x = magnitudes(values)
    logs = np.log(x[x > 0])

    def loss(log_shape: float) -> float:
        return -_profile(logs, len(x), math.exp(log_shape))

    ends = math.log(LOWEST), math.log(HIGHEST)
    optimum = minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-8})
    shape = math.exp(optimum.x)
    # The curvature in ln ν; the error of ν is ν times that of ln ν.
    step = 1e-2
    bend = (loss(optimum.x + step) - 2 * loss(optimum.x) + loss(optimum.x - step)) / step**2
    inside = ends[0] + 2 * step < optimum.x < ends[1] - 2 * step and bend > 0
    error = shape / math.sqrt(len(x) * bend) if inside else math.nan
    return Fit(shape, error, _scale_at(logs, len(x), shape))


def log_likelihood(values: Float[np.ndarray, " n"], fitted: Fit) -> float:
    """The mean log density of the values, ln ν - ln 2α - ln Γ(1/ν) - mean (|x|/α)^ν [nats]."""
    x = magnitudes(values)
    norm = math.log(fitted.shape / (2 * fitted.scale)) - float(special.gammaln(1 / fitted.shape))
    return norm - float(((x / fitted.scale) ** fitted.shape).mean())


def _profile(logs: np.ndarray, count: int, shape: float) -> float:
    """The mean log density at a shape with the best scale for it."""
    scale = _scale_at(logs, count, shape)
    return math.log(shape / (2 * scale)) - float(special.gammaln(1 / shape)) - 1 / shape


def _scale_at(logs: np.ndarray, count: int, shape: float) -> float:
    """α = (ν mean |x|^ν)^(1/ν); zeros count in the mean and add nothing to the sum."""
    top = logs.max()
    power = math.log(np.exp(shape * (logs - top)).sum() * shape / count)
    return math.exp(top + power / shape)


def magnitudes(values: np.ndarray) -> np.ndarray:
    """The sizes of a legal sample, in float64."""
    x = np.abs(np.asarray(values, dtype=np.float64).ravel())
    if x.size < 8 or not np.isfinite(x).all() or not x.any():
        refuse("values", "at least 8 finite numbers that are not all zero", values)
    return x


def _legal_shape(shape: float) -> None:
    if not LOWEST <= shape <= HIGHEST:
        refuse("shape", f"in [{LOWEST}, {HIGHEST}]", shape)

"""Gaussian moments of an activation, and the maps of signals and gradients in depth.

A layer is z' = W f(z) + b with Var W = C_W/fan_in and Var b = C_b. In a wide network every z is
normal with a variance K that moves by a map of its own, and gradients by its slopes.

Source:
    Poole et al. (2016), arXiv:1606.05340; Schoenholz et al. (2017), arXiv:1611.01232;
    Roberts, Yaida & Hanin (2022), The Principles of Deep Learning Theory, arXiv:2106.10165.
    Integrals are taken by two Gauss-Legendre panels that meet at zero, where activations have
    their kinks, and are halved towards it for large variances; Gauss-Hermite nodes err by 1e-2.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.polynomial import hermite_e

from workbench.base.checks import real, refuse
from workbench.inits.functions.activations import Activation, Map, activation

# The normal density at 12 deviations is 1e-32: the rest changes no double.
REACH = 12.0
NODES = 80

Which = str | Activation | Map
Number = float | np.ndarray
Moment = Literal["forward", "backward", "std"]


class Moments(NamedTuple):
    """Moments of f(z), z ~ N(0, variance): E f, E f², E f'²."""

    mean: Number
    second: Number
    slope: Number


class Chi(NamedTuple):
    """Slopes of the layer map: of the variance along itself, and of gradients and small angles."""

    parallel: Number
    perpendicular: Number


def moments(which: Which, variance: Number = 1.0) -> Moments:
    """E f(z), E f(z)² and E f'(z)² for z ~ N(0, variance).

    The relative error is below 1e-14 for the named activations.

    Args:
        which: an activation by name, or a callable; a callable's kinks, if any, are at zero.
        variance: positive; a number, or an array for as many moments.

    Raises:
        ValueError: if a variance is not positive and finite, or f is not finite within 12
            deviations.
    """
    f = activation(which)
    return Moments(
        expectation(f.function, variance, kinks=f.kinks),
        expectation(lambda z: f.function(z) ** 2, variance, kinks=f.kinks),
        expectation(lambda z: f.derivative(z) ** 2, variance, kinks=f.kinks),
    )


def expectation(
    function: Map, variance: Number = 1.0, hermite: int = 0, kinks: tuple[float, ...] = ()
) -> Number:
    """E[h(z) · He(z/√K)] for z ~ N(0, K), with the Hermite polynomial of the given degree.

    Each pair of degrees is a derivative by K: ∂ⁿ E h/∂Kⁿ = E[h(z) He₂ₙ(z/√K)] / (2K)ⁿ, by the heat
    equation, and needs no derivative of h.

    Args:
        function: h, on arrays.
        variance: K, positive.
        hermite: degree of the probabilists' Hermite polynomial; 0 for the plain mean.
        kinks: where h has kinks apart from zero; panels end there.
    """
    variances = _positive("variance", variance)
    if kinks and variances.ndim:
        each = [expectation(function, float(k), hermite, kinks) for k in variances.flat]
        return np.reshape(each, variances.shape)
    cuts = tuple(k / math.sqrt(float(variances)) for k in kinks)
    nodes, weights = _panels(_halvings(float(variances.max())), cuts)
    # What overflows on the way may still be finite at the end; the check below decides.
    with np.errstate(over="ignore"):
        values = np.asarray(function(np.sqrt(variances)[..., None] * nodes), dtype=np.float64)
    if values.shape != variances.shape + nodes.shape:
        refuse("activation", "a function that keeps the shape of its argument", values.shape)
    if not np.isfinite(values).all():
        refuse("activation", "finite within 12 standard deviations", "NaN or infinity")
    result = values @ (weights * hermite_e.hermeval(nodes, [0.0] * hermite + [1.0]))
    return float(result) if result.ndim == 0 else result


def gain(which: Which, kind: Moment = "forward") -> float:
    """The factor on a deviation of 1/√fan_in that preserves a layer's signal, or gradient, of one.

    forward 1/√(E f²), backward 1/√(E f'²), std 1/√(E f² - (E f)²), all for z ~ N(0, 1).

    The third subtracts the mean, which the next layer still receives; libraries' empirical gains
    use it, and it is wrong for a signal in depth.

    Raises:
        ValueError: if the kind is unknown, or the moment is zero.
    """
    mean, second, slope = moments(which)
    kinds = {"forward": second, "backward": slope, "std": second - mean**2}
    if kind not in kinds:
        refuse("kind", "'forward', 'backward' or 'std'", kind)
    if kinds[kind] <= 0:
        refuse("activation", f"one with a {kind} moment above zero", activation(which).name)
    return 1 / math.sqrt(kinds[kind])


def variance_map(
    which: Which, variance: Number, weight_variance: Number, bias_variance: Number = 0.0
) -> Number:
    """The next layer's variance, g(K) = C_b + C_W E f(z)², z ~ N(0, K)."""
    f = activation(which)
    second = expectation(lambda z: f.function(z) ** 2, variance, kinks=f.kinks)
    return bias_variance + weight_variance * second


def chi(which: Which, variance: Number, weight_variance: float) -> Chi:
    """Slopes of the layer map at a variance.

    χ∥ = dg/dK = C_W/(2K) · E[f(z)² (z²/K - 1)],  χ⊥ = C_W E f'(z)²

    χ∥ above one means that a variance near this one runs away from a fixed point here; χ⊥ is the
    factor on the gradient's second moment per layer, and on a small angle between two inputs.

    Args:
        which: an activation by name, or a callable.
        variance: K, positive.
        weight_variance: C_W, the weights' variance times their fan-in, positive.
    """
    f = activation(which)
    real("weight_variance", weight_variance, 0.0, math.inf)
    tilt = expectation(lambda z: f.function(z) ** 2, variance, hermite=2, kinks=f.kinks)
    slope = expectation(lambda z: f.derivative(z) ** 2, variance, kinks=f.kinks)
    return Chi(weight_variance * tilt / (2 * variance), weight_variance * slope)


def depth_scale(slope: float) -> float:
    """Layers over which a deviation changes by a factor e, 1/|ln χ|; infinite at χ = 1.

    Source:
        Schoenholz et al. (2017); the magnitude, so that growth has a scale as well.
    """
    if not slope > 0:
        refuse("slope", "positive", slope)
    return math.inf if slope == 1 else 1 / abs(math.log(slope))


def correlation_map(
    which: Which,
    correlation: float,
    variance: float = 1.0,
    weight_variance: float | None = None,
    bias_variance: float = 0.0,
) -> float:
    """The next layer's correlation of two inputs that both have the given variance.

    c' = (C_b + C_W E f(u) f(v)) / (C_b + C_W E f(u)²),  u, v ~ N(0, K), corr(u, v) = c

    With u = √K(αs + βt), v = √K(αs - βt), α² = (1+c)/2, β² = (1-c)/2 the kinks of both factors
    are at s = ±βt/α, so each inner integral is cut there and every piece is smooth.

    Args:
        which: an activation by name, or a callable with kinks at zero alone.
        correlation: c in [-1, 1].
        variance: K.
        weight_variance: C_W; 1/E f² when None.
        bias_variance: C_b.
    """
    c = float(real("correlation", correlation, -1.0, 1.0))
    f = activation(which)
    second = moments(f, variance).second
    weight = 1 / second if weight_variance is None else weight_variance
    product = _product(f.function, c, math.sqrt(variance))
    return float((bias_variance + weight * product) / (bias_variance + weight * second))


def _product(function: Map, c: float, deviation: float) -> float:
    """E f(u) f(v); the integrand is even in t, since t → -t swaps u and v."""
    nodes, weights = _legendre()
    alpha, beta = math.sqrt((1 + c) / 2), math.sqrt((1 - c) / 2)
    # Beyond this t the cuts in s lie out of reach: near c = -1 all of the integral is below it.
    edge = REACH * min(1.0, alpha / beta if beta > 0 else 1.0)
    t = np.concatenate([edge * (nodes + 1) / 2, edge + (REACH - edge) * (nodes + 1) / 2])
    outer = np.concatenate([edge * weights, (REACH - edge) * weights])
    cut = np.minimum(REACH, beta * t / alpha if alpha > 0 else np.full_like(t, REACH))
    total = 0.0
    for low, high in ((-REACH + 0 * cut, -cut), (-cut, cut), (cut, REACH + 0 * cut)):
        s = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * nodes
        u, v = alpha * s + beta * t[:, None], alpha * s - beta * t[:, None]
        density = np.exp(-(s**2 + t[:, None] ** 2) / 2) / (2 * math.pi)
        inner = (function(deviation * u) * function(deviation * v) * density) @ weights
        total += float((inner * (high - low) / 2) @ outer)
    return total


@cache
def _legendre() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes on [-1, 1] and their weights, cached since they take milliseconds."""
    return np.polynomial.legendre.leggauss(NODES)


@cache
def _panels(halvings: int, cuts: tuple[float, ...] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on [-12, 12] with weights that carry the normal density; panels meet at zero and cuts.

    The nodes of a panel and of its mirror image are mirror images too, without cuts.
    """
    nodes, weights = _legendre()
    right = REACH * 0.5 ** np.arange(halvings, -1, -1)
    inside = [cut for cut in cuts if abs(cut) < REACH]
    ends = np.unique(np.concatenate([-right, [0.0], right, inside]))
    half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    points = (middle + half * nodes).ravel()
    density = np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)
    return points, (half * weights).ravel() * density


def _halvings(variance: float) -> int:
    """How often panels are halved towards zero, where a saturating f(√K z) steepens as √K."""
    return math.ceil(math.log2(max(1.0, variance)) / 2)


def _positive(name: str, value: Number) -> np.ndarray:
    values = np.asarray(value, dtype=np.float64)
    bad = ~((values > 0) & np.isfinite(values))
    if bad.any():
        refuse(name, "positive and finite", np.extract(bad, values)[0])
    return values

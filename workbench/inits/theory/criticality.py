"""Criticality of deep networks: fixed points, the edge of chaos, critical pairs of variances.

Source:
    Roberts, Yaida & Hanin (2022), arXiv:2106.10165: the three classes of criticality;
    Schoenholz et al. (2017), arXiv:1611.01232: the edge of chaos. Which side a half-stable point
    attracts from is derived here, from the sign of the layer map's curvature.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from workbench.base.checks import real, refuse
from workbench.inits.functions.activations import Activation, activation
from workbench.inits.theory.moments import Chi, Number, Which, chi, expectation, variance_map

# Range searched for a half-stable point, and where a variance counts as diverged.
LOW, HIGH, AWAY = 1e-2, 1e3, 1e9
TIGHT = {"xtol": 1e-300, "rtol": 8.9e-16}

Kind = Literal["scale-invariant", "zero", "half-stable", "none"]
Side = Literal["neither, every variance stays", "above", "below", "none"]


class Critical(NamedTuple):
    """A pair of variances at which both slopes of the layer map are one.

    Attributes:
        bias_variance: C_b; NaN where there is none.
        weight_variance: C_W; NaN where there is none.
        variance: K*, the fixed point; NaN where every variance is one, or none is.
        kind: the universality class.
        attracts: the side from which variances move towards K*.
        runs_away: whether a variance above K* grows without bound.
    """

    bias_variance: float
    weight_variance: float
    variance: float
    kind: Kind
    attracts: Side
    runs_away: bool


class FixedPoint(NamedTuple):
    """A variance that a layer preserves, with the slopes of the map there."""

    variance: float
    slopes: Chi


class Edge(NamedTuple):
    """Weights at which gradients neither grow nor shrink at the signal's own fixed point."""

    weight_variance: float
    variance: float


@functools.lru_cache(maxsize=64)
def critical(which: Which) -> Critical:
    """The critical pair of an activation, its class, and from which side it attracts.

    scale-invariant: f(ax) = a f(x), a > 0; C_b = 0, C_W = 1/E f(z)² at K = 1, any K stays
    zero:            f(0) = 0 and shrinking near it; C_b = 0, C_W = 2/(f'(0⁺)² + f'(0⁻)²), K* = 0
    half-stable:     χ∥ = χ⊥ = 1 at K* > 0; it attracts from the side where g'' pushes towards it
    none:            no such point for K in [0.01, 1000] with C_b ≥ 0

    Args:
        which: an activation by name, or a callable.
    """
    f = activation(which)
    nothing = Critical(math.nan, math.nan, math.nan, "none", "none", False)
    return _scale_invariant(f) or _zero(f) or _half_stable(f) or nothing


def edge_of_chaos(which: Which, bias_variance: float) -> Edge:
    """The weights' variance at which χ⊥ = 1 at the signal's own stable fixed point.

    q = C_b + E f(z)²/E f'(z)²,  C_W = 1/E f'(z)²,  z ~ N(0, q)

    Args:
        which: an activation by name, or a callable.
        bias_variance: C_b, positive; at zero the edge is the critical point.

    Raises:
        ValueError: if no stable point solves it for q in [1e-6, 1e3]; relu has none at C_b > 0.
    """
    f = activation(which)
    bias = float(real("bias_variance", bias_variance, 0.0, math.inf))
    if bias == 0:
        refuse("bias_variance", "positive; at zero ask for the critical point", bias)
    for q in _roots(lambda k: bias + _quotient(f, k) - k, 1e-6, HIGH):
        weight = float(1 / expectation(lambda z: f.derivative(z) ** 2, q))
        if chi(f, q, weight).parallel < 1:
            return Edge(weight, q)
    return refuse("bias_variance", f"one at which {f.name} has a stable edge of chaos", bias)


def fixed_point(
    which: Which, weight_variance: float, bias_variance: float = 0.0, start: float = 1.0
) -> FixedPoint:
    """The variance at which depth settles, from a start at the input.

    K* = C_b + C_W E f(z)², z ~ N(0, K*): the nearest on the side to which the start moves. Zero
    comes back with the slopes' limits, when the variance shrinks below 1e-12 of the start.

    Raises:
        ValueError: if the variance grows beyond 1e9 times the start instead of settling.
    """
    f = activation(which)

    def excess(k: Number) -> Number:
        return variance_map(f, k, weight_variance, bias_variance) / k - 1

    push = float(excess(start))
    if abs(push) < 1e-14:
        return FixedPoint(start, chi(f, start, weight_variance))
    ends = (start, start * AWAY) if push > 0 else (start * 1e-12, start)
    roots = _roots(excess, *ends)
    if push > 0 and not roots:
        refuse(
            "weight_variance", f"small enough for {f.name}'s variance to settle", weight_variance
        )
    if not roots:
        return FixedPoint(0.0, chi(f, start * 1e-12, weight_variance))
    nearest = roots[0] if push > 0 else roots[-1]
    return FixedPoint(nearest, chi(f, nearest, weight_variance))


def attracting_sides(which: Which) -> int:
    """From how many sides of the critical variance K* the next layer's variance is nearer to it.

    Counted at 0.4 % on either side; one for a half-stable point.

    Args:
        which: an activation with a critical point at K* > 0.
    """
    pair = critical(which)
    near = pair.variance * np.array([0.996, 1.004])
    moved = variance_map(which, near, pair.weight_variance, pair.bias_variance)
    return int((np.abs(moved - pair.variance) < np.abs(near - pair.variance)).sum())


def _scale_invariant(f: Activation) -> Critical | None:
    """Homogeneous of degree one: (leaky) relu and the identity."""
    x = np.linspace(-4.0, 4.0, 17)
    if not np.allclose(f(3.0 * x), 3.0 * f(x), rtol=1e-12, atol=0.0) or not np.any(f(x)):
        return None
    weight = float(1 / expectation(lambda z: f(z) ** 2))
    return Critical(
        0.0, weight, math.nan, "scale-invariant", "neither, every variance stays", False
    )


def _zero(f: Activation) -> Critical | None:
    """A point at K = 0 that attracts: g(K)/K below one just above it."""
    zero, ends = np.zeros(1), np.array([1e-300, -1e-300])
    slopes = float((f.derivative(ends) ** 2).sum())
    if abs(float(f(zero)[0])) > 1e-300 or slopes == 0:
        return None
    weight = 2 / slopes
    if not variance_map(f, 1e-4, weight) < 1e-4:
        return None
    return Critical(0.0, weight, 0.0, "zero", "above", False)


def _half_stable(f: Activation) -> Critical | None:
    """The smallest K at which both slopes are equal, with C_W making them one."""

    def gap(k: Number) -> Number:
        parallel, perpendicular = chi(f, k, 1.0)
        return parallel - perpendicular

    for k in _roots(gap, LOW, HIGH):
        weight = float(1 / chi(f, k, 1.0).perpendicular)
        bias = k - float(variance_map(f, k, weight))
        if bias >= 0:
            # g'' by the heat equation; the map pushes up on both sides where it is positive.
            bends_up = expectation(lambda z: f(z) ** 2, k, hermite=4) > 0
            above = k * np.geomspace(1.001, 1e4, 300)
            grows = bool((variance_map(f, above, weight, bias) > above).all())
            side: Side = "below" if bends_up else "above"
            return Critical(bias, weight, k, "half-stable", side, grows)
    return None


def _quotient(f: Activation, k: Number) -> Number:
    second = expectation(lambda z: f(z) ** 2, k)
    return second / expectation(lambda z: f.derivative(z) ** 2, k)


def _roots(function: Callable, low: float, high: float) -> list[float]:
    """Where the function changes sign, in order, on a grid that is 0.5 % apart."""
    from scipy.optimize import brentq  # imported here, since it takes a fifth of a second

    count = max(2, math.ceil(math.log(high / low) / math.log1p(0.005)))
    grid = np.geomspace(low, high, count)
    # In parts, since every point has hundreds of quadrature nodes.
    parts = np.array_split(grid, math.ceil(count / 512))
    signs = np.concatenate([np.sign(function(part)) for part in parts])
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0)
    return [float(brentq(lambda k: float(function(k)), grid[i], grid[i + 1], **TIGHT)) for i in at]

"""Whether depth preserves a signal, judged against the scatter of finite width.

Source:
    Hanin & Nica (2018), arXiv:1812.05994, for the products of random (relu) layers;
    Roberts, Yaida & Hanin (2022), arXiv:2106.10165: scatter is a function of depth over
    width.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.checks import refuse
from workbench.inits.functions.activations import activation
from workbench.inits.theory.moments import Which, expectation, moments

DEVIATIONS = 5.0
Decision = Literal["preserved", "grows", "vanishes", "undecided"]


class Verdict(NamedTuple):
    """The verdict on a second moment.

    Attributes:
        decision: "preserved" when the mean ratio lies within the tolerance of one, "grows" or
            "vanishes" when it does not, "undecided" when the tolerance is so wide that it includes
            zero.
        ratio: mean ratio over the networks.
        tolerance: DEVIATIONS standard errors of that mean.
    """

    decision: Decision
    ratio: float
    tolerance: float


def verdict(
    ratios: Float[np.ndarray, " networks"], width: int, depth: int, scatter: float = 5.0
) -> Verdict:
    """Whether a ratio of second moments over depth is one, within the networks' own scatter.

    tolerance = 5 · √((1 + c/n)^L - 1) / √networks

    Args:
        ratios: the ratio of each independent network, output over input or the other way round.
        width: units of a layer, n.
        depth: layers, L.
        scatter: c, the relative variance that one layer of one unit adds; see `scatter`.

    Raises:
        ValueError: if there is no network, a ratio is negative or NaN, or a size is not positive.
    """
    values = np.asarray(ratios, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not (values >= 0).all():
        refuse("ratios", "one number of at least 0 for each network", ratios)
    if width < 1 or depth < 1 or not scatter > 0:
        refuse("width, depth, scatter", "positive", (width, depth, scatter))
    ratio = float(values.mean())
    tolerance = DEVIATIONS * spread(width, depth, scatter) / math.sqrt(values.size)
    if ratio > 1 + tolerance:
        decision: Decision = "grows"
    elif ratio < 1 - tolerance:
        decision = "vanishes"
    else:
        decision = "preserved" if tolerance < 1 else "undecided"
    return Verdict(decision, ratio, tolerance)


def spread(width: int, depth: int, scatter: float = 5.0) -> float:
    """The relative deviation of one network's second moment, √((1 + c/n)^L - 1)."""
    return math.sqrt(math.expm1(depth * math.log1p(scatter / width)))


def scatter(
    which: Which, variance: float = 1.0, kind: Literal["forward", "backward"] = "forward"
) -> float:
    """The relative variance that one layer of one unit adds to a second moment.

    forward  c = E f(z)⁴/(E f(z)²)² - 1,  5 for relu, 2 for linear
    backward c = 3 E f'(z)⁴/(E f'(z)²)² - 1,  the same two

    Exact at one input where every variance is a fixed point, as for (leaky) relu; elsewhere the
    map pulls variances back and the networks scatter less. Averages over inputs scatter less too.

    Args:
        which: an activation by name, or a callable.
        variance: of z.
        kind: which second moment.
    """
    f = activation(which)
    if kind == "forward":
        second = moments(f, variance).second
        return float(expectation(lambda z: f.function(z) ** 4, variance) / second**2 - 1)
    if kind == "backward":
        slope = moments(f, variance).slope
        return float(3 * expectation(lambda z: f.derivative(z) ** 4, variance) / slope**2 - 1)
    return refuse("kind", "'forward' or 'backward'", kind)


def relu_scatter(width: int, kurtosis: float = 3.0) -> float:
    """The scatter that a layer of relu units adds to one input, for weights of any kurtosis.

    c = 5 + 12 (κ - 3)/n

    To first order in 1/n. A sum z of weights times the signals a below has E z⁴/(E z²)² =
    3 + (κ - 3) Σ a⁴/(Σ a²)², where the last factor is 6/n for a = relu of a normal number, and
    E f⁴/(E f²)² is twice that.

    Args:
        width: units of a layer, n.
        kurtosis: of the weights, κ; 3 for normal ones.
    """
    return 5 + 12 * (kurtosis - 3) / width

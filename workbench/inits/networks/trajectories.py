"""The variance of a signal by layer, by the infinite-width map and in networks of finite width."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.intervals import student_interval
from workbench.inits.networks.propagation import Propagation, propagate
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.criticality import fixed_point
from workbench.inits.theory.moments import Which, variance_map

# Where a diverging variance is clipped.
LARGEST = 1e12
MOST = math.log(np.finfo(float).max)


class Trajectory(NamedTuple):
    """A setting's variance by layer: its law, and that of a typical network with its interval.

    Typical is the geometric mean, which a few large networks do not move.
    """

    law: Float[np.ndarray, " layers"]
    typical: Float[np.ndarray, " layers"]
    interval: tuple[Float[np.ndarray, " layers"], Float[np.ndarray, " layers"]]


def trajectory(
    rng: Any,
    which: str,
    weight_variance: float,
    bias_variance: float = 0.0,
    *,
    input_variance: float = 1.0,
    width: int,
    depth: int,
    networks: int,
    deviations: float = 5.0,
) -> Trajectory:
    """The variance of the pre-activations through `depth` layers, by the map and in networks.

    Args:
        rng: draws the networks, on its device.
        which: name of the activation.
        weight_variance: C_W, weights having the variance C_W / fan-in.
        bias_variance: C_b.
        input_variance: variance of the first pre-activations, K at layer 0.
        width: units of every layer.
        depth: layers.
        networks: independent networks, at least 2; each sees 16 inputs.
        deviations: half-width of the intervals, in standard deviations.
    """
    size = {"width": width, "depth": depth, "networks": networks}
    variances: dict[str, Any] = {"bias_variance": bias_variance, "input_variance": input_variance}
    moments = _propagated(rng, which, weight_variance, **size, **variances).before
    # A moment that underflows in float32 counts as its smallest number.
    logs = np.log(np.where(moments > 0, moments, np.finfo(np.float32).smallest_subnormal))
    middle, error = logs.mean(axis=1), logs.std(axis=1, ddof=1) / math.sqrt(networks)
    low, high = student_interval(middle, error, networks, deviations)
    # An end beyond the largest double is clipped there, as for few networks that differ much.
    interval = np.exp(low), np.exp(np.minimum(high, MOST))
    law = iterated(which, weight_variance, bias_variance, input_variance, depth)
    return Trajectory(law, np.exp(middle), interval)


def gradient_decay(
    rng: Any,
    which: str,
    weight_variance: float,
    bias_variance: float = 0.0,
    *,
    width: int,
    depth: int,
    networks: int,
) -> tuple[Float[np.ndarray, " networks"], float]:
    """By network, the logarithmic decay of a gradient's second moment a layer, and its law -ln χ⊥.

    Signals begin at the fixed point of the layer map, which must exist. For the arguments see
    `trajectory`.
    """
    settled = fixed_point(which, weight_variance, bias_variance)
    size = {"width": width, "depth": depth, "networks": networks}
    variances: dict[str, Any] = {"bias_variance": bias_variance, "input_variance": settled.variance}
    drawn = _propagated(rng, which, weight_variance, **size, **variances)
    return -np.log(drawn.gradient_ratio) / depth, -math.log(settled.slopes.perpendicular)


def _propagated(
    rng: Any, which: str, weight_variance: float, *, width: int, depth: int, **options: Any
) -> Propagation:
    """Networks of one width and normal weights, 16 inputs each."""
    scheme = functools.partial(variance_scaling, scale=weight_variance)
    return propagate(rng, [width] * (depth + 1), which, scheme, inputs=16, **options)


@functools.lru_cache(maxsize=64)
def iterated(
    which: Which, weight_variance: float, bias_variance: float, start: float, depth: int
) -> Float[np.ndarray, " layers"]:
    """The map of infinite width, K' = C_b + C_W E f(z)², iterated from layer 0; read only."""
    law = [start]
    while len(law) <= depth:
        after = variance_map(which, law[-1], weight_variance, bias_variance)
        law.append(min(float(after), LARGEST))
    values = np.array(law)
    values.flags.writeable = False
    return values

"""The variance of a signal by layer: what its map says, and what networks of finite width do."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.experiment.decisions import Interval
from workbench.inits import schemes
from workbench.inits.moments import variance_map
from workbench.inits.one_input import one_input
from workbench.inits.propagation import propagate

DEVIATIONS = 5.0


class Trajectory(NamedTuple):
    """A setting's variance by layer: its law, and the networks' mean with its standard error.

    A typical network (the geometric mean, which a few large ones do not move) ends at `typical`.
    """

    law: Float[np.ndarray, " layers"]
    measured: Float[np.ndarray, " layers"]
    error: Float[np.ndarray, " layers"]
    typical: tuple[float, Interval]


def trajectory(
    rng: Any, params: Any, which: str, weight: float, bias: float, begin: float
) -> Trajectory:
    """The variance through `params.depth` layers: what the map says and what networks do."""
    law = _law(which, weight, bias, begin, params.depth)
    found = propagate(
        rng,
        [params.width] * (params.depth + 1),
        which,
        functools.partial(schemes.variance_scaling, scale=weight),
        networks=params.networks,
        inputs=16,
        bias_variance=bias,
        input_variance=begin,
    ).before
    return _summed_up(law, found)


def glimpse(
    rng: Any, params: Any, which: str, weight: float, bias: float, begin: float
) -> Trajectory:
    """The same law, and networks that see one input each and draw no weights."""
    law = _law(which, weight, bias, begin, params.depth)
    found = one_input(
        *(rng, params.width, params.depth, which, weight),
        bias_variance=bias,
        input_variance=begin,
        networks=params.networks,
    )
    return _summed_up(law, found[0])


def _summed_up(law: list[float], found: Float[np.ndarray, "layers networks"]) -> Trajectory:
    networks = found.shape[1]
    error = found.std(axis=1, ddof=1) / math.sqrt(networks)
    # What float32 has no number for any more is at most its smallest.
    logs = np.log(np.where(found[-1] > 0, found[-1], np.finfo(np.float32).smallest_subnormal))
    middle, half = logs.mean(), DEVIATIONS * logs.std(ddof=1) / math.sqrt(networks)
    ends = tuple(float(np.exp(middle + side)) for side in (-half, half))
    return Trajectory(np.array(law), found.mean(axis=1), error, (float(np.exp(middle)), ends))


def _law(which: str, weight: float, bias: float, begin: float, depth: int) -> list[float]:
    law = _begun(which, weight, bias, begin)
    while len(law) <= depth:
        law.append(min(variance_map(which, law[-1], weight, bias), 1e12))
    return law[: depth + 1]


# A panel asks again and again for what few of its knobs change; the list is made longer in place.
@functools.lru_cache(maxsize=64)
def _begun(which: str, weight: float, bias: float, begin: float) -> list[float]:
    return [begin]

"""How much networks of finite width differ from each other, measured layer by layer.

A layer multiplies a signal's second moment by a random number whose mean is one and whose relative
variance is c/n, so after L layers E g²/(E g)² is (1 + c/n)^L, c = 5 for relu and 2 without an
activation, and ln g scatters with a variance near c L/n: depth counts in units of the width.

Source:
    Hanin & Nica (2018), arXiv:1812.05994; Roberts, Yaida & Hanin (2022), arXiv:2106.10165, who
    expand everything in depth over width.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.inits.networks.single_input import one_input
from workbench.inits.theory.preservation import scatter

BATCHES = 20


class Fluctuations(NamedTuple):
    """Scatter of one input's second moment over networks, after 1, 2, ... layers.

    Attributes:
        ratio: layers over width.
        law: (1 + c/n)^L.
        moment: E g²/(E g)², with E g = 1 by the scheme.
        error: its standard error over batches of networks.
        logarithm: the variance of ln g over the networks whose signal is alive; in narrow layers
            all units of a relu may be off.
    """

    ratio: Float[np.ndarray, " layers"]
    law: Float[np.ndarray, " layers"]
    moment: Float[np.ndarray, " layers"]
    error: Float[np.ndarray, " layers"]
    logarithm: Float[np.ndarray, " layers"]


def fluctuations(
    rng: Any, which: Literal["relu", "linear"], width: int, depth: int, networks: int
) -> Fluctuations:
    """The scatter of networks that preserve the variance on average, one input each.

    Weights are normal and need not be drawn for a single input (`one_input`), so that a network
    costs as many random numbers as it has units.

    Args:
        rng: a generator of any backend.
        which: an activation under whose gain every variance is a fixed point.
        width: units of a layer.
        depth: layers, at least 1.
        networks: independent ones, at least 40 so that batches have an error.
    """
    weight = 2.0 if which == "relu" else 1.0
    seen = one_input(rng, width, depth, which, weight, networks=networks)
    # A layer's output is normal given the layer below, and adds 1 + 2/n of its own.
    squares = seen.before[0, 1:] ** 2 / (1 + 2 / width)
    parts = np.array_split(squares, BATCHES, axis=1)
    batches = np.stack([part.mean(axis=1) for part in parts])
    layers = np.arange(1, depth + 1)
    return Fluctuations(
        layers / width,
        (1 + scatter(which) / width) ** layers,
        batches.mean(axis=0),
        batches.std(axis=0, ddof=1) / math.sqrt(BATCHES),
        _variance_of_logarithm(seen.after[0, :-1]),
    )


def _variance_of_logarithm(
    moments: Float[np.ndarray, "layers networks"],
) -> Float[np.ndarray, " layers"]:
    logs = np.log(moments, out=np.full_like(moments, np.nan), where=moments > 0)
    return np.nanvar(logs, axis=1, ddof=1)

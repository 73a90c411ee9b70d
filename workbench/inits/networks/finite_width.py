"""How much networks of finite width differ from each other, measured layer by layer.

A layer multiplies a signal's second moment by a random number whose mean is one and whose relative
variance is c/n, so after L layers E g²/(E g)² is (1 + c/n)^L, c = 5 for relu and 2 without an
activation, and ln g scatters with a variance near c L/n: depth counts in units of the width.

Source:
    Hanin & Nica (2018), arXiv:1812.05994, also for the independence of the layers; Roberts, Yaida &
    Hanin (2022), arXiv:2106.10165, who expand everything in depth over width.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, host, namespace
from workbench.base.cancellation import step
from workbench.base.checks import whole
from workbench.inits.functions.activations import activation
from workbench.inits.theory.preservation import scatter

BATCHES = 20

Which = Literal["relu", "linear"]


class Fluctuations(NamedTuple):
    """Scatter of one input's second moment g over networks, after 1, 2, ... layers.

    Attributes:
        networks: how many were drawn.
        ratio: layers over width.
        law: (1 + c/n)^L.
        moments: E g²/(E g)² by batch of networks, with E g = 1 by the scheme.
        logarithm: the variance of ln g over the networks whose signal is alive; in narrow layers
            all units of a relu may be off.
    """

    networks: int
    ratio: Float[np.ndarray, " layers"]
    law: Float[np.ndarray, " layers"]
    moments: Float[np.ndarray, "batches layers"]
    logarithm: Float[np.ndarray, " layers"]


def fluctuations(rng: Any, which: Which, width: int, depth: int, networks: int) -> Fluctuations:
    """The scatter of networks that preserve the variance on average, one input each.

    Args:
        rng: a generator of any backend.
        which: an activation under whose gain every variance is a fixed point.
        width: units of a layer, at least 1.
        depth: layers, at least 1.
        networks: independent ones, at least 40 so that batches have an error.

    Raises:
        ValueError: if a count is too small.
    """
    networks = int(whole("networks", networks, 2 * BATCHES))
    before, after = layer_moments(rng, which, width, depth, networks)
    # A layer's output is normal given the layer below, and adds 1 + 2/n of its own.
    squares = before[1:] ** 2 / (1 + 2 / width)
    batches = [part.mean(axis=1) for part in np.array_split(squares, BATCHES, axis=1)]
    logs = np.log(after, out=np.full_like(after, np.nan), where=after > 0)
    layers = np.arange(1, depth + 1)
    return Fluctuations(
        networks,
        layers / width,
        (1 + scatter(which) / width) ** layers,
        np.stack(batches),
        np.nanvar(logs[:-1], axis=1, ddof=1),
    )


def layer_moments(
    rng: Any, which: Which, width: int, depth: int, networks: int
) -> tuple[Float[np.ndarray, "layers networks"], Float[np.ndarray, "layers networks"]]:
    """Mean squares of one input before and after the activation, from the input (layer 0) on.

    z' = √(C_W mean f(z)²) x,  x independent standard normal numbers,  C_W = 1/E f(z)²

    The same in distribution as `propagate` with one input for each network and normal weights:
    given the layer below, these map an input to independent normal numbers of one variance. A
    layer of n units costs n random numbers in place of n². Numbers are float32.
    """
    width, depth = int(whole("width", width, 1)), int(whole("depth", depth, 1))
    f, gain = activation(which), 2.0 if which == "relu" else 1.0
    z = rng.standard_normal((networks, width), dtype=np.float32)
    xp = namespace(z)
    before, after = [_mean_square(z)], [_mean_square(f(z))]
    for _ in range(depth):
        step()
        z = rng.standard_normal((networks, width), dtype=np.float32)
        z *= xp.sqrt(gain * after[-1])[:, None]
        before.append(_mean_square(z))
        after.append(_mean_square(f(z)))
    below, above = (np.stack([host(row) for row in rows]) for rows in (before, after))
    return below.astype(np.float64), above.astype(np.float64)


def scatter_ratio(wide: Fluctuations, narrow: Fluctuations, depth: int) -> tuple[float, float]:
    """Var ln g after 2 L layers of networks twice as wide, over that after L layers, and its error.

    One if depth over width alone matters. The standard error takes ln g for normal, which it
    nearly is.

    Args:
        wide: networks of twice the width of `narrow`.
        narrow: the others.
        depth: L.
    """
    ratio = float(wide.logarithm[2 * depth - 1] / narrow.logarithm[depth - 1])
    return ratio, ratio * math.sqrt(sum(2 / (seen.networks - 1) for seen in (wide, narrow)))


def _mean_square(z: Array) -> Array:
    """The mean square over the units of each network."""
    return namespace(z).mean(z * z, axis=1)

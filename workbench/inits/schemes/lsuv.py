"""Layer-sequential unit variance: weights scaled until data itself leaves each layer at variance 1.

Source:
    Mishkin & Matas (2016), All you need is a good init, arXiv:1511.06422. Departure:
    weights come from the caller, orthonormal or not, since the rescaling does not ask.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import Array, host, namespace
from workbench.base.checks import refuse
from workbench.inits.functions.activations import activation
from workbench.inits.functions.batched_linalg import product
from workbench.inits.theory.moments import Which


class Scaled(NamedTuple):
    """Rescaled weights, the variances they leave, and how many rescalings each layer took."""

    weights: list[Array]
    variances: Float[np.ndarray, "layers networks"]
    rounds: Int[np.ndarray, " layers"]


def lsuv(
    weights: list[Array],
    inputs: Array,
    which: Which = "relu",
    tolerance: float = 0.01,
    most: int = 10,
) -> Scaled:
    """Weights divided by their outputs' deviation, layer by layer, until |variance - 1| is small.

    Args:
        weights: one array (networks, outputs, inputs) a layer.
        inputs: data (networks, examples, inputs).
        which: the activation between layers.
        tolerance: largest distance of a layer's variance from one, positive.
        most: rescalings a layer may take.

    Raises:
        ValueError: if a layer's output does not vary, or a layer does not settle.
    """
    if not tolerance > 0:
        refuse("tolerance", "positive", tolerance)
    f, z, found = activation(which), inputs, []
    for index, layer in enumerate(weights):
        xp = namespace(z, layer)
        signal = z if index == 0 else f(z)
        rounds, seen = 0, np.zeros(0)
        for rounds in range(most + 1):
            z = product(signal, xp.matrix_transpose(layer))
            variance = xp.var(z, axis=(1, 2))
            seen = host(variance)
            if not (np.isfinite(seen).all() and (seen > 0).all()):
                refuse(f"weights[{index}]", "such that outputs vary and are finite", seen.tolist())
            if np.abs(seen - 1).max() < tolerance:
                break
            if rounds == most:
                refuse("most", f"enough for layer {index} to settle at variance 1", seen.tolist())
            layer = layer / xp.sqrt(variance)[:, None, None]
        found.append((layer, seen, rounds))
    layers, variances, rounds_taken = zip(*found, strict=True)
    return Scaled(list(layers), np.array(variances, dtype=float), np.array(rounds_taken))

"""One input through many random networks whose weights need not be drawn.

Given the layer below, normal weights map one input to a vector of independent normal numbers of
one variance, and orthogonal ones to a vector of random direction and known length. So a layer of n
units costs n random numbers instead of n², exactly.

Source:
    Hanin & Nica (2018), arXiv:1812.05994, for the independence; the length under orthogonal weights
    is that of Saxe, McClelland & Ganguli (2014), arXiv:1312.6120.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, host, like, namespace
from workbench.base.cancellation import step
from workbench.base.checks import refuse, whole
from workbench.inits.functions.activations import activation
from workbench.inits.theory.moments import Which

Numbers = float | np.ndarray


class Squares(NamedTuple):
    """Mean squares over the units of each layer, from the input (layer 0) to the output.

    Attributes:
        before: of the pre-activations z.
        after: of the activations f(z).
    """

    before: Float[np.ndarray, "settings layers networks"]
    after: Float[np.ndarray, "settings layers networks"]


def one_input(
    rng: Any,
    width: int,
    depth: int,
    which: Which,
    weight_variance: Numbers,
    *,
    bias_variance: Numbers = 0.0,
    input_variance: Numbers = 1.0,
    is_orthogonal: bool | np.ndarray = False,
    networks: int = 16,
) -> Squares:
    """Mean squares by layer of one input through networks of normal or orthogonal weights.

    z' = √(C_W q + C_b) x,  q = mean f(z)²,  x independent standard normal numbers
    z' = √(C_W q) x/√(mean x²)  under orthogonal weights

    The same in distribution as `propagate` with one input for each network. Numbers are float32.

    Args:
        rng: a generator of any backend.
        width: units of every layer, at least 1.
        depth: layers, at least 1.
        which: the activation, by name or callable.
        weight_variance: C_W, variance times fan-in, positive; the square of the gain where
            weights are orthogonal. One number, or one for each setting, as are those below.
        bias_variance: C_b of normal biases, at least 0; 0 where weights are orthogonal.
        input_variance: of the input's z, positive.
        is_orthogonal: whether weights are a factor times an orthogonal matrix, instead of normal.
        networks: independent networks of a setting, at least 1.

    Raises:
        ValueError: if a size is not positive or a variance out of range.
    """
    width, depth = int(whole("width", width, 1)), int(whole("depth", depth, 1))
    networks, f = int(whole("networks", networks, 1)), activation(which)
    settings = (weight_variance, bias_variance, input_variance, is_orthogonal)
    weight, bias, start, fixed = np.broadcast_arrays(*map(np.atleast_1d, settings))
    for name, values, low in (
        *(("weight_variance", weight, 0.0), ("input_variance", start, 0.0)),
        ("bias_variance", bias, -1e-300),
    ):
        if not (np.isfinite(values) & (values > low)).all():
            refuse(name, "finite and positive" if low == 0 else "finite and at least 0", values)
    if (bias[fixed] > 0).any():
        refuse("bias_variance", "0 where weights are orthogonal", bias[fixed].max())
    shape = (len(weight), networks, width)
    z = _normal(rng, shape)
    column = [like(v[:, None].astype(np.float32), z) for v in (weight, bias, start, fixed)]
    weight, bias, start, fixed = column
    xp = namespace(z)
    z *= xp.sqrt(start)[:, :, None]
    before, after = [_square(z)], [_square(f.function(z))]
    for _ in range(depth):
        step()
        variance = weight * after[-1] + bias
        z = _normal(rng, shape)
        variance = variance / (fixed * _square(z) + (1 - fixed))
        z *= xp.sqrt(variance)[:, :, None]
        before.append(_square(z))
        after.append(_square(f.function(z)))
    return Squares(*map(_layers, (before, after)))


def _layers(rows: list[Array]) -> np.ndarray:
    return np.stack([host(row) for row in rows], axis=1).astype(np.float64)


def _normal(rng: Any, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape, dtype=np.float32)


def _square(z: Array) -> Array:
    """The mean square over the units of each network."""
    return namespace(z).mean(z * z, axis=2)

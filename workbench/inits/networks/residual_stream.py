"""The second moment of a residual stream: a sum over branches, block after block.

A block adds a branch of two layers to its input,

    x' = skip · x + factor · W₂ relu(W₁ x),    Var W₁ = 1/width, Var W₂ = 2/width,

whose weights preserve the second moment of the input and are independent of it, so that at any
width

    E x'² = (skip² + factor²) E x².

Source:
    the sum of independent terms; Zhang, Dauphin & Ma (2019), arXiv:1901.09321, for the doubling.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, host, namespace
from workbench.base.cancellation import steps
from workbench.base.checks import real, refuse, whole
from workbench.inits.functions.batched_linalg import product
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.residual_scaling import DeepNorm, deepnorm, depth_scaled, t_fixup


def growth(blocks: int, factor: float, skip: float = 1.0) -> float:
    """(skip² + factor²)^blocks, by which a stream's second moment has grown after all blocks.

    Args:
        blocks: residual blocks, [1, 10^5].
        factor: on the branch, [-10, 10].
        skip: on the block's input, [-10, 10].

    Returns:
        The factor, infinite past the largest double.

    Raises:
        ValueError: if a number is outside its span.
    """
    count = int(whole("blocks", blocks, 1, 10**5))
    each = np.float64(_factor("skip", skip) ** 2 + _factor("factor", factor) ** 2)
    with np.errstate(over="ignore"):
        return float(each**count)


def residual_stream(
    rng: Any,
    width: int,
    blocks: int,
    factor: float,
    *,
    skip: float = 1.0,
    normalised: bool = False,
    networks: int = 16,
    inputs: int = 16,
    dtype: Any = "float32",
) -> Float[np.ndarray, "blocks_1 networks"]:
    """E x² before the first block and after each, by network, from normal inputs.

    Args:
        rng: a generator of any backend.
        width: units of the stream and of the branches, at least 1.
        blocks: residual blocks, at least 1.
        factor: on the branch, [-10, 10].
        skip: on the block's input, [-10, 10].
        normalised: whether each block's sum is layer-normalised, which brings E x² back to one.
        networks: independent networks, at least 1.
        inputs: independent inputs of each, at least 1.
        dtype: "float32" or "float64".

    Raises:
        ValueError: if a count is below 1, or a factor is outside its span.
    """
    counts = {"width": width, "blocks": blocks, "networks": networks, "inputs": inputs}
    width, blocks, networks, inputs = (int(whole(name, n, 1)) for name, n in counts.items())
    factor, skip = _factor("factor", factor), _factor("skip", skip)
    if normalised and width < 2:
        refuse("width", "at least 2 where sums are normalised", width)
    kind = np.dtype(dtype)
    x = rng.standard_normal((networks, inputs, width), dtype=kind.type)
    moments = [_square(x)]
    for _ in steps(range(blocks)):
        xp = namespace(x)
        # Of a branch times zero nothing is seen, so that its weights need not be drawn.
        x = skip * x + factor * _branch(rng, x, kind.name) if factor else skip * x
        if normalised:
            x = x - xp.mean(x, axis=2, keepdims=True)
            x = x / xp.sqrt(xp.mean(x * x, axis=2, keepdims=True))
        moments.append(_square(x))
    return np.stack(moments)


def _branch(rng: Any, x: Array, dtype: str) -> Array:
    """W₂ relu(W₁ x) with new weights for each network."""
    networks, _, width = x.shape
    layer = {"in_axis": 2, "out_axis": 1, "batch_axis": 0, "dtype": dtype}
    first, last = (
        variance_scaling(rng, (networks, width, width), scale, **layer) for scale in (1.0, 2.0)
    )
    xp = namespace(x)
    hidden = xp.maximum(product(x, xp.matrix_transpose(first)), xp.zeros_like(x))
    return product(hidden, xp.matrix_transpose(last))


def factors(blocks: int) -> dict[str, dict[str, float | bool]]:
    """The `factor`, `skip` and `normalised` of each residual scheme, one branch a block.

    Branches of two layers take the product of their weights' factors: β² of DeepNorm, the square of
    T-Fixup's, and zero of Fixup, whose last layer starts at zero. ReZero (Bachlechner et al., 2020,
    arXiv:2003.04887) multiplies each branch by a learned factor that starts at zero.
    """
    # The first result is the encoder's, never None here.
    deep = cast(DeepNorm, deepnorm(encoder=blocks)[0])
    return {
        "unscaled": {"factor": 1.0},
        "depth_scaled": {"factor": depth_scaled(blocks, 1)},
        "t_fixup": {"factor": cast(float, t_fixup(encoder=blocks)[0]) ** 2},
        "deepnorm": {"factor": deep.beta**2, "skip": deep.alpha, "normalised": True},
        "fixup": {"factor": 0.0},
        "rezero": {"factor": 0.0},
    }


def _factor(name: str, value: float) -> float:
    return float(real(name, value, -10.0, 10.0))


def _square(x: Array) -> np.ndarray:
    return (host(x).astype(np.float64) ** 2).mean(axis=(1, 2))

"""Initial weights that preserve a variance: one sampler, and the usual names as calls of it.

Every scheme takes the generator first and draws on its device. `axes` are the arguments of `fans`
(`in_axis`, `out_axis`, `batch_axis`, `groups`, `spans`, `stride`); the default layout is PyTorch's,
(outputs, inputs, *field).

Source:
    LeCun et al. (1998), Efficient BackProp; Glorot & Bengio (2010), AISTATS;
    He et al. (2015), arXiv:1502.01852. One function for all follows JAX and Keras.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from workbench.base.array import Array, namespace
from workbench.base.checks import refuse
from workbench.inits.schemes.fans import Fans, fans
from workbench.inits.schemes.sampling import (
    normals,
    truncated_deviation,
    truncated_normals,
    uniforms,
)
from workbench.inits.theory.moments import Moment, Which, gain

Mode = Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]
Distribution = Literal["normal", "truncated_normal", "uniform"]


def variance_scaling(
    rng: Any,
    shape: tuple[int, ...],
    scale: float = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "normal",
    *,
    dtype: Any = "float32",
    **axes: Any,
) -> Array:
    """Weights of mean zero and variance scale/fan, with the fan that the mode names.

    The truncated normal is cut at two deviations of the normal it comes from and divided by its own
    deviation 0.8796, so that all three distributions have the requested variance. That is the
    convention of JAX's and Keras's variance_scaling; torch's trunc_normal_ cuts at the absolute
    ±2 and corrects nothing.

    Args:
        rng: a generator of any backend.
        shape: of the weights.
        scale: the numerator, positive.
        mode: "fan_in", "fan_out", their mean "fan_avg", or their geometric mean "fan_geo_avg".
        distribution: "normal", "truncated_normal" or "uniform" on ±√(3 · scale/fan).
        dtype: "float32" or "float64".
        **axes: how to read the shape; see `fans`.

    Raises:
        ValueError: if the scale is not positive, a name is unknown, or the shape has no fans.
    """
    if not 0 < scale < math.inf:
        refuse("scale", "positive and finite", scale)
    deviation = math.sqrt(scale / _fan(fans(shape, **axes), mode))
    if distribution == "normal":
        return normals(rng, shape, dtype, deviation)
    if distribution == "uniform":
        return uniforms(rng, shape, dtype, deviation * math.sqrt(3))
    if distribution != "truncated_normal":
        refuse("distribution", "'normal', 'truncated_normal' or 'uniform'", distribution)
    drawn = truncated_normals(rng, shape, dtype)
    drawn *= deviation / truncated_deviation()
    return drawn


def lecun(rng: Any, shape: tuple[int, ...], **options: Any) -> Array:
    """Variance 1/fan_in: keeps the signal of a linear layer, and of selu."""
    return variance_scaling(rng, shape, 1.0, **options)


def glorot(rng: Any, shape: tuple[int, ...], **options: Any) -> Array:
    """Variance 2/(fan_in + fan_out): between keeping the signal and keeping the gradient."""
    return variance_scaling(rng, shape, 1.0, **{"mode": "fan_avg", **options})


def he(rng: Any, shape: tuple[int, ...], slope: float = 0.0, **options: Any) -> Array:
    """Variance 2/((1 + slope²) fan): keeps the signal of a (leaky) relu, or its gradient."""
    return variance_scaling(rng, shape, 2.0 / (1.0 + slope**2), **options)


def preserving(
    rng: Any, shape: tuple[int, ...], activation: Which, kind: Moment = "forward", **options: Any
) -> Array:
    """Variance gain²/fan with the gain from the activation's own moments."""
    return variance_scaling(rng, shape, gain(activation, kind) ** 2, **options)


def torch_default(rng: Any, shape: tuple[int, ...], **options: Any) -> Array:
    """Variance 1/(3 fan_in), uniform: what torch.nn.Linear and its convolutions start with.

    Source:
        torch.nn.Linear.reset_parameters: kaiming_uniform_ with slope √5, 2/(1 + 5) = 1/3.
    """
    return variance_scaling(rng, shape, 1 / 3, **{"distribution": "uniform", **options})


def sparse(
    rng: Any,
    shape: tuple[int, int],
    sparsity: float = 0.9,
    scale: float = 1.0,
    *,
    dtype: Any = "float32",
) -> Array:
    """Each output has the same number of random inputs; the variance counts only those.

    k = fan_in - ⌈sparsity · fan_in⌉ weights of each output,  Var w = scale/k

    Args:
        rng: a generator of any backend.
        shape: (outputs, inputs).
        sparsity: share of zeros for each output, in [0, 1) and leaving at least one weight.
        scale: the numerator, positive.
        dtype: "float32" or "float64".

    Source:
        Martens (2010), Deep learning via Hessian-free optimization. Departure from
        torch's sparse_, which empties rows per column, so that some units may have no weights, and
        has a fixed deviation of 0.01.
    """
    if len(shape) != 2:
        refuse("shape", "of rank 2, (outputs, inputs)", tuple(shape))
    if not 0 <= sparsity < 1:
        refuse("sparsity", "in [0, 1)", sparsity)
    retained = shape[1] - math.ceil(round(sparsity * shape[1], 9))
    if retained < 1:
        refuse("sparsity", f"small enough to leave one of {shape[1]} inputs", sparsity)
    weights = variance_scaling(rng, shape, scale * shape[1] / retained, dtype=dtype)
    xp, order = namespace(weights), rng.random(shape)
    largest = xp.sort(order, axis=1)[:, retained - 1 : retained]
    return xp.where(order <= largest, weights, xp.zeros_like(weights))


def _fan(both: Fans, mode: str) -> float:
    kinds = {
        "fan_in": both.fan_in,
        "fan_out": both.fan_out,
        "fan_avg": (both.fan_in + both.fan_out) / 2,
        "fan_geo_avg": math.sqrt(both.fan_in * both.fan_out),
    }
    if mode not in kinds:
        refuse("mode", "'fan_in', 'fan_out', 'fan_avg' or 'fan_geo_avg'", mode)
    return kinds[mode]

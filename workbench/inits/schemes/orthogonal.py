"""Weights that preserve every length: orthogonal, delta-orthogonal and identity.

The default layout is PyTorch's, (outputs, inputs, *field), as in `schemes`.

Source:
    Saxe, McClelland & Ganguli (2014), arXiv:1312.6120; Xiao et al. (2018), arXiv:1806.05393,
    for convolutions; Mezzadri (2007), arXiv:math-ph/0609050, for the signs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from workbench.base.array import Array, like, namespace
from workbench.base.checks import refuse
from workbench.inits.functions.batched_linalg import orthonormal
from workbench.inits.schemes.fans import Axes, as_matrix, fans
from workbench.inits.schemes.sampling import normals


def orthogonal(
    rng: Any,
    shape: tuple[int, ...],
    gain: float = 1.0,
    *,
    in_axis: Axes = 1,
    out_axis: Axes = 0,
    batch_axis: Axes = (),
    dtype: Any = "float32",
) -> Array:
    """Weights whose matrix, outputs by all other axes, has all singular values equal to the gain.

    Q of a normal matrix's QR, with columns multiplied by the signs of R's diagonal, which makes Q
    uniform over the orthogonal group. The decomposition runs in float64 for any dtype.

    Args:
        rng: a generator of any backend.
        shape: of the weights.
        gain: the singular values.
        in_axis: the axis of inputs, or several.
        out_axis: the axis of outputs, or several.
        batch_axis: axes along which independent matrices are stacked.
        dtype: "float32" or "float64".

    Raises:
        ValueError: if the shape has no fans.
    """
    fans(shape, in_axis, out_axis, batch_axis)
    order = as_matrix(len(shape), in_axis, out_axis, batch_axis)
    several = [1 if isinstance(a, int) else len(a) for a in (batch_axis, out_axis)]
    sizes = [shape[a] for a in order]
    batch, rows = sizes[: several[0]], math.prod(sizes[several[0] : sum(several)])
    columns = math.prod(sizes[sum(several) :])
    matrices = _uniform_orthogonal(rng, (*batch, rows, columns))
    xp = namespace(matrices)
    weights = xp.permute_dims(xp.reshape(matrices, tuple(sizes)), tuple(np.argsort(order).tolist()))
    return xp.astype(gain * weights, getattr(xp, np.dtype(dtype).name))


def delta_orthogonal(
    rng: Any, shape: tuple[int, ...], gain: float = 1.0, *, dtype: Any = "float32"
) -> Array:
    """Convolution weights that are zero but for an orthogonal matrix at the field's centre.

    A circular convolution with them multiplies every input's length by the gain.

    Args:
        rng: a generator of any backend.
        shape: (outputs, inputs, *field) with at least as many outputs as inputs.
        gain: the singular values.
        dtype: "float32" or "float64".

    Raises:
        ValueError: if the inputs outnumber the outputs, where no matrix has orthonormal columns.
    """
    fans(shape)
    if len(shape) < 3:
        refuse("shape", "of rank 3 or more, (outputs, inputs, *field)", tuple(shape))
    if shape[1] > shape[0]:
        refuse("shape", f"one of at most outputs={shape[0]} inputs", tuple(shape))
    matrix = orthogonal(rng, shape[:2], gain, dtype=dtype)
    return _at_centre(matrix, shape[2:])


def identity(
    rng: Any, shape: tuple[int, ...], gain: float = 1.0, *, groups: int = 1, dtype: Any = "float32"
) -> Array:
    """Weights that pass each input on to the output of the same place in its group.

    The generator only sets the library and device; the one number drawn is not used.

    Args:
        rng: a generator of any backend.
        shape: (outputs, inputs of a group, *field).
        gain: the value of the ones.
        groups: groups of outputs, each of which repeats the identity.
        dtype: "float32" or "float64".
    """
    fans(shape, groups=groups)
    eye = np.tile(np.eye(shape[0] // groups, shape[1]), (groups, 1)) * gain
    return _at_centre(like(eye.astype(dtype), rng.random((1,))), shape[2:])


def _at_centre(matrix: Array, field: tuple[int, ...]) -> Array:
    """The matrix at the middle of a field of zeros."""
    delta = np.zeros(field)
    delta[tuple((n - 1) // 2 for n in field)] = 1.0
    xp = namespace(matrix)
    wide = xp.reshape(matrix, (*matrix.shape, *(1 for _ in field)))
    return wide * xp.astype(like(delta, matrix), matrix.dtype)


def _uniform_orthogonal(rng: Any, shape: tuple[int, ...]) -> Array:
    """Matrices with orthonormal columns, or rows where those are fewer."""
    *batch, rows, columns = shape
    draws = normals(rng, (*batch, max(rows, columns), min(rows, columns)), "float64")
    xp = namespace(draws)
    q, r = orthonormal(draws)
    signs = xp.sign(xp.linalg.diagonal(r))
    q = q * xp.expand_dims(signs, axis=-2)
    return q if rows >= columns else xp.matrix_transpose(q)

"""Products and decompositions of stacked matrices, networks on the first axis."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, namespace
from workbench.base.parallel import one_blas_thread, parallel_slices


def product(x: Array, y: Array) -> Array:
    """The matrix product of each network's pair, as matmul has it."""
    xp = namespace(x, y)
    if not isinstance(x, np.ndarray):
        return xp.matmul(x, y)
    out = np.empty((len(x), x.shape[1], y.shape[2]), dtype=np.result_type(x, y))
    parallel_slices(lambda some: np.matmul(x[some], y[some], out=out[some]), min(len(x), len(y)))
    return out


def orthonormal(x: Array) -> tuple[Array, Array]:
    """The factors Q, with orthonormal columns, and R of each matrix."""
    if not isinstance(x, np.ndarray) or x.ndim != 3:
        with one_blas_thread():
            return namespace(x).linalg.qr(x, mode="reduced")
    parts = parallel_slices(lambda some: np.linalg.qr(x[some], mode="reduced"), len(x))
    return np.concatenate([q for q, _ in parts]), np.concatenate([r for _, r in parts])


def singular_values(x: Float[np.ndarray, "networks rows columns"]) -> np.ndarray:
    """Each matrix's singular values, largest first; host arrays only."""
    return np.concatenate(parallel_slices(lambda s: np.linalg.svd(x[s], compute_uv=False), len(x)))

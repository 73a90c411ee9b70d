"""Products and decompositions of stacked matrices, networks on the first axis."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from workbench.array import Array, namespace


def product(x: Array, y: Array) -> Array:
    """The matrix product of each network's pair, as matmul has it."""
    xp = namespace(x, y)
    if not isinstance(x, np.ndarray):
        return xp.matmul(x, y)
    out = np.empty((len(x), x.shape[1], y.shape[2]), dtype=np.result_type(x, y))
    shared(lambda some: np.matmul(x[some], y[some], out=out[some]), min(len(x), len(y)))
    return out


def orthonormal(x: Array) -> tuple[Array, Array]:
    """The factors Q, with orthonormal columns, and R of each matrix."""
    if not isinstance(x, np.ndarray) or x.ndim != 3:
        with one_thread():
            return namespace(x).linalg.qr(x, mode="reduced")
    parts = shared(lambda some: np.linalg.qr(x[some], mode="reduced"), len(x))
    return np.concatenate([q for q, _ in parts]), np.concatenate([r for _, r in parts])


def singular_values(x: Float[np.ndarray, "networks rows columns"]) -> np.ndarray:
    """Each matrix's singular values, largest first; host arrays only."""
    return np.concatenate(shared(lambda s: np.linalg.svd(x[s], compute_uv=False), len(x)))


def shared(work: Callable[[slice], Any], count: int) -> list[Any]:
    """What the work returns for each thread's share of so many networks, in their order.

    BLAS takes one thread for each: where other programs hold a core, BLAS's own threads wait for
    each other, ten times longer than they work.
    """
    workers = min(count, os.cpu_count() or 1)
    ends = np.linspace(0, count, max(1, workers) + 1).astype(int).tolist()
    shares = [slice(a, b) for a, b in pairwise(ends)]
    with one_thread(), ThreadPoolExecutor(len(shares)) as pool:
        return list(pool.map(work, shares))


def one_thread() -> Any:
    """A context in which BLAS takes one thread for each call; many small calls need no more."""
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # only large products pay for the import

    return ThreadpoolController()

"""Products of stacked matrices, networks on the first axis."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from workbench.array import Array, namespace


def product(x: Array, y: Array) -> Array:
    """The matrix product of each network's pair, as matmul has it.

    On the host each thread takes some of the networks and BLAS one thread for each: where other
    programs hold a core, BLAS's own threads wait for each other, ten times longer than they work.
    """
    xp = namespace(x, y)
    workers = os.cpu_count() or 1
    if not isinstance(x, np.ndarray) or min(len(x), len(y), workers) < 2:
        return xp.matmul(x, y)
    out = np.empty((len(x), x.shape[1], y.shape[2]), dtype=np.result_type(x, y))
    parts = [p for p in np.array_split(np.arange(len(x)), workers) if p.size]

    def work(part: np.ndarray) -> None:
        these = slice(part[0], part[-1] + 1)
        np.matmul(x[these], y[these], out=out[these])

    with one_thread(), ThreadPoolExecutor(workers) as pool:
        # Reading the results raises what a thread raised.
        list(pool.map(work, parts))
    return out


def singular_values(x: Float[np.ndarray, "networks rows columns"]) -> np.ndarray:
    """Each matrix's singular values, largest first; host arrays only."""
    with one_thread():
        return np.linalg.svd(x, compute_uv=False)


def one_thread() -> Any:
    """A context in which BLAS takes one thread for each call; many small calls need no more."""
    return _blas().limit(limits=1, user_api="blas")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # only large products pay for the import

    return ThreadpoolController()

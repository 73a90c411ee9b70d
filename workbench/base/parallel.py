"""Thread pools for primitives; the threads stay alive, since starting them takes milliseconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np


def parallel_map(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """The results of `work` for all items, in their order; calls must not be nested."""
    # Reading the results raises what a thread raised.
    return list(_pool(os.cpu_count() or 1, os.getpid()).map(work, items))


def parallel_slices(work: Callable[[slice], Any], count: int) -> list[Any]:
    """The results of `work` for one slice of `range(count)` a thread, in their order.

    Each slice uses one BLAS thread: where other programs occupy a core, BLAS's own threads wait
    for each other ten times longer than they work.
    """
    workers = max(1, min(count, os.cpu_count() or 1))
    ends = np.linspace(0, count, workers + 1).astype(int).tolist()
    with one_blas_thread():
        return parallel_map(work, [slice(a, b) for a, b in pairwise(ends)])


def one_blas_thread() -> Any:
    """A context in which every BLAS call uses one thread; many small calls need no more."""
    return _blas().limit(limits=1, user_api="blas")


@contextmanager
def one_numba_thread() -> Iterator[None]:
    """A context in which Numba's CPU loops use one thread, with bit-identical results.

    On a busy machine threads wait for each other longer than a short loop takes.
    """
    import numba  # takes longer to import than all primitives together

    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(before)


@cache
def _pool(workers: int, process: int) -> ThreadPoolExecutor:
    """The thread pool of a process; a forked process gets its own."""
    return ThreadPoolExecutor(workers, "workbench")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # only large products need the import

    return ThreadpoolController()

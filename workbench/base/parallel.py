"""Work shared out over threads that wait for more, since starting them anew costs milliseconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np


def spread(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """What the work returns for each item, in their order; work must not spread work itself."""
    # Reading the results raises what a thread raised.
    return list(_pool(os.cpu_count() or 1, os.getpid()).map(work, items))


def shared(work: Callable[[slice], Any], count: int) -> list[Any]:
    """What the work returns for each thread's share of so many networks, in their order.

    BLAS takes one thread for each: where other programs hold a core, BLAS's own threads wait for
    each other, ten times longer than they work.
    """
    workers = max(1, min(count, os.cpu_count() or 1))
    ends = np.linspace(0, count, workers + 1).astype(int).tolist()
    with one_blas_thread():
        return spread(work, [slice(a, b) for a, b in pairwise(ends)])


def one_blas_thread() -> Any:
    """A context in which BLAS takes one thread for each call; many small calls need no more."""
    return _blas().limit(limits=1, user_api="blas")


@contextmanager
def one_numba_thread() -> Iterator[None]:
    """A context in which Numba's loops on the processor take one thread, with the same digits.

    Short ones take less time than threads take to wait for each other on a busy machine.
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
    """The threads of a process; a forked one has none of its parent's and gets its own."""
    return ThreadPoolExecutor(workers, "workbench")


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # only large products pay for the import

    return ThreadpoolController()

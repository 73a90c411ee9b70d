"""Exact methods that find all matching pairs, timed side by side, and the bytes they move."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse
from workbench.dendrites.codes import patterns as codes
from workbench.dendrites.matching.cost_model import Plan, Problem, pairs
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.theory import overlap_laws

PLANNED = {"gather": "gather", "inverted index": "index", "pair index": "pairs"}
FAST, OTHERS = tuple(PLANNED), ("packed bits", "sparse product")
# Sizes of copies that time a byte: far larger than any cache, and small enough for the second one.
MEMORY, CACHE = 1 << 27, 1 << 18
MOST_PAIRS = 80_000_000
# A method leaves the race at the batch that would take it longer than this, in seconds.
PATIENCE = 0.1
# Rows packed between two places to stop.
ROWS = 4096
COMPARED = 16


def methods(
    problem: Problem, segments: np.ndarray, detectors: dict[str, Detector]
) -> dict[str, Callable[[np.ndarray], Any]]:
    """Each method as a function from patterns to the sorted list; what it prepares is ready."""
    return {
        **{name: each.matches for name, each in detectors.items()},
        "packed bits": _bit_scan(problem, segments),
        "sparse product": _sparse_product(problem, segments),
    }


def has_pairs(problem: Problem) -> bool:
    """Whether the index of pairs races: for a threshold of two or more, and below a gigabyte."""
    size = problem.segments * pairs(problem.synapses, problem.threshold)
    return problem.threshold >= 2 and size <= MOST_PAIRS


def detectors(problem: Problem, segments: np.ndarray) -> dict[str, Detector]:
    """A detector for each of its methods, that of pairs if its index stays within a gigabyte.

    They use one thread, as the other methods do.
    """
    arguments = segments, problem.cells, problem.threshold
    return {
        name: Detector(*arguments, PLANNED[name], threads=1)
        for name in FAST
        if name != "pair index" or has_pairs(problem)
    }


def _bit_scan(problem: Problem, segments: np.ndarray) -> Callable[[np.ndarray], Any]:
    """Plain NumPy: AND of packed rows, count of bits, comparison."""
    width = 8 * -(-problem.cells // 64)
    stored = np.zeros((len(segments), width), dtype=np.uint8)
    used = -(-problem.cells // 8)
    for first in range(0, len(segments), ROWS):
        step()
        some = slice(first, first + ROWS)
        stored[some, :used] = codes.pack(segments[some], problem.cells)
    words = stored.view(np.uint64)

    def scan(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.zeros((len(patterns), width), dtype=np.uint8)
        rows[:, :used] = codes.pack(patterns, problem.cells)
        segments_of = []
        for row in rows.view(np.uint64):
            step()
            count = np.bitwise_count(words & row).sum(axis=1, dtype=np.int64)
            segments_of.append(np.flatnonzero(count >= problem.threshold))
        pattern = np.repeat(np.arange(len(patterns)), [len(f) for f in segments_of])
        return pattern, np.concatenate(segments_of)

    return scan


def _sparse_product(problem: Problem, segments: np.ndarray) -> Callable[[np.ndarray], Any]:
    """SciPy's product of sparse matrices, then a filter by the threshold."""
    step()
    from scipy import sparse

    def matrix(rows: np.ndarray) -> Any:
        ends = np.arange(len(rows) + 1) * rows.shape[1]
        ones = np.ones(rows.size, dtype=np.int32)
        return sparse.csr_array((ones, rows.ravel(), ends), (len(rows), problem.cells))

    stored = matrix(segments).T.tocsr()

    def multiply(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        product = (matrix(patterns) @ stored).tocoo()
        matched = product.data >= problem.threshold
        pattern, segment = (
            product.row[matched].astype(np.int64),
            product.col[matched].astype(np.int64),
        )
        order = np.lexsort((segment, pattern))
        return pattern[order], segment[order]

    return multiply


def bytes_moved(
    problem: Problem, name: str, batch: int, plan: Plan | None = None
) -> tuple[float, float]:
    """Bytes of memory and of the caches that a method must move for one pair.

    With s synapses, a of n cells active, P patterns at a time, and m the synapses counted first:

        gather: 2 s / P, lists read once a batch; of the cache, m rows of 8 w bytes for each 64 w g
            patterns or the rest of them, with w words and g patterns a lane
        inverted index: 2 m a/n, the entries of active cells; of the cache, as many counters of a
            byte, read and written, and each cleared and read
        pair index: 4 k (a/n)² entries, k pairs a segment, and 8 a²/2 / segments for their bounds
        packed bits: n / 8
        sparse product: 8 s a/n, an index and a value for each hit, and 8 for each pair not zero

    Args:
        problem: the sizes that decide.
        name: as in the result.
        batch: patterns at a time.
        plan: what the detector does for such a batch, where the method is the detector's.
    """
    share = problem.active / problem.cells
    if name == "packed bits":
        return problem.cells / 8, 0.0
    if name == "sparse product":
        equal = float(overlap_laws.false_match(problem.cells, problem.active, problem.synapses, 1))
        return 8 * problem.synapses * share + 8 * equal, 0.0
    if plan is None:
        refuse("plan", f"the detector's for {name}, which is one of its methods", plan)
    if name == "gather":
        tables = -(-batch // (64 * plan.words * plan.group))
        return 2 * problem.synapses / batch, plan.tested * 8 * plan.words * tables / batch
    if name == "inverted index":
        return 2 * plan.tested * share, 2 * plan.tested * share + 2
    return 4 * plan.stored * share**2 + 4 * problem.active**2 / problem.segments, 0.0


def copy_rates(rounds: int) -> Float[np.ndarray, 2]:
    """Bytes a nanosecond that a copy reads and writes, in memory and in the second cache."""
    rates = []
    for size in (MEMORY, CACHE):
        source, target = np.zeros(size // 8), np.ones(size // 8)
        repeats = max(1, MEMORY // size // 8)
        np.copyto(target, source)
        times = []
        for _ in range(rounds):
            step()
            start = time.perf_counter_ns()
            for _ in range(repeats):
                np.copyto(target, source)
            times.append((time.perf_counter_ns() - start) / repeats)
        rates.append(2 * size / np.median(times))
    return np.array(rates)


def compared(methods: dict[str, Callable[[np.ndarray], Any]], shown: np.ndarray) -> int:
    """How many pairs match, after every method has given the same list.

    Slow methods are compared on the first patterns only, of which half are near a stored one.
    """
    whole = methods["gather"](shown)
    part = methods["gather"](shown[:COMPARED])
    for name, method in methods.items():
        step()
        expected, result = (
            (whole, method(shown)) if name in FAST else (part, method(shown[:COMPARED]))
        )
        if not all(np.array_equal(a, b) for a, b in zip(result, expected, strict=True)):
            raise RuntimeError(f"{name} found another list of matches than the gather did")
    return len(whole[0])


def times(
    methods: dict[str, Callable[[np.ndarray], Any]],
    shown: np.ndarray,
    batches: Int[np.ndarray, " batches"],
    rounds: int,
) -> dict[str, Float[np.ndarray, "batches rounds"]]:
    """Seconds by method, batch and round, the methods taking turns; NaN where one had left.

    A method leaves by the faster of two calls, so that one disturbed moment does not end its race.
    """
    times = {name: np.full((len(batches), rounds), np.nan) for name in methods}
    for round in steps(range(rounds)):
        for name, method in methods.items():
            each = 0.0
            for place, batch in enumerate(batches):
                if each * batch > PATIENCE:
                    repeated = seconds(method, shown[: batches[place - 1]]) / batches[place - 1]
                    if min(each, repeated) * batch > PATIENCE:
                        break
                step()
                times[name][place, round] = seconds(method, shown[:batch])
                each = times[name][place, round] / batch
    return times


def seconds(method: Callable[[np.ndarray], Any], patterns: np.ndarray) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    method(patterns)
    return time.perf_counter() - start

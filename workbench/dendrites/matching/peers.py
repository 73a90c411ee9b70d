"""Exact methods that find all matching pairs, timed side by side, and the bytes they move."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse
from workbench.dendrites.codes.patterns import patterns as random_patterns
from workbench.dendrites.codes.patterns import perturbed, subsamples
from workbench.dendrites.matching.cost_model import Plan, Problem, pairs
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.theory import overlap_laws

PLANNED = {"gather": "gather", "inverted index": "index", "pair index": "pairs"}
FAST, OTHERS = tuple(PLANNED), ("packed bits", "sparse product")
# Sizes of copies that time a byte: far larger than any cache, and small enough for the second one.
MEMORY, CACHE = 1 << 27, 1 << 18
MOST_PAIRS = 80_000_000
# A method leaves the race at the batch that would take it longer than this, in seconds.
PATIENCE = 0.05
COMPARED = 16
Method = Callable[[np.ndarray], Any]


class Timing(NamedTuple):
    """Nanoseconds a pair at each place; NaN where a method had left the race in any round."""

    median: Float[np.ndarray, " places"]
    fastest: Float[np.ndarray, " places"]
    slowest: Float[np.ndarray, " places"]

    @classmethod
    def of(cls, rounds: Float[np.ndarray, "places rounds"]) -> Timing:
        """The median over rounds, and the fastest and the slowest round."""
        return cls(np.median(rounds, axis=1), rounds.min(axis=1), rounds.max(axis=1))


def workload(rng: np.random.Generator, problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """Random segments and patterns; every second pattern is near one that a segment stores.

    A segment subsamples the pattern it stores, of which some active cells are then moved elsewhere.
    """
    cells, active, synapses, threshold, count, shown = problem
    known = min(shown // 2, count)
    near = random_patterns(rng, known, cells, active)
    segments = random_patterns(rng, count, cells, synapses)
    segments[:known] = subsamples(rng, near, synapses)
    patterns = random_patterns(rng, shown, cells, active)
    moved = max(0, min(active - threshold, active // 4))
    patterns[1 : 2 * known : 2] = perturbed(rng, near, cells, moved)
    return segments, patterns


def methods(
    problem: Problem, segments: np.ndarray, detectors: dict[str, Detector]
) -> dict[str, Method]:
    """Each method as a function from patterns to the sorted list; what it prepares is ready."""
    return {
        **{name: each.matches for name, each in detectors.items()},
        "packed bits": _bit_scan(problem, segments),
        "sparse product": _sparse_product(problem, segments),
    }


def detectors(problem: Problem, segments: np.ndarray) -> dict[str, Detector]:
    """A detector for each of its methods; pairs need a threshold of 2 and an index below 1 GB.

    They use one thread, as the other methods do.
    """
    arguments = segments, problem.cells, problem.threshold
    size = problem.segments * pairs(problem.synapses, problem.threshold)
    has_pairs = problem.threshold >= 2 and size <= MOST_PAIRS
    return {
        name: Detector(*arguments, PLANNED[name], threads=1)
        for name in FAST
        if name != "pair index" or has_pairs
    }


def _bit_scan(problem: Problem, segments: np.ndarray) -> Method:
    """Plain NumPy: AND of packed rows, count of bits, comparison."""
    words = _packed(segments, problem.cells)

    def scan(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        segments_of = []
        for row in _packed(patterns, problem.cells):
            step()
            count = np.bitwise_count(words & row).sum(axis=1, dtype=np.int64)
            segments_of.append(np.flatnonzero(count >= problem.threshold))
        pattern = np.repeat(np.arange(len(patterns)), [len(f) for f in segments_of])
        return pattern, np.concatenate(segments_of)

    return scan


def _packed(rows: np.ndarray, cells: int) -> np.ndarray:
    """Sets of cells as rows of bits, in whole words."""
    step()
    width = -(-cells // 64)
    words = np.zeros(len(rows) * width, np.uint64)
    place = np.arange(len(rows))[:, None] * width + (rows >> 6)
    bit = np.uint64(1) << (rows & 63).astype(np.uint64)
    np.bitwise_or.at(words, place.ravel(), bit.ravel())
    return words.reshape(len(rows), width)


def _sparse_product(problem: Problem, segments: np.ndarray) -> Method:
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
        pattern, segment = product.row[matched], product.col[matched]
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


def floor(
    problem: Problem,
    detectors: dict[str, Detector],
    patterns: np.ndarray,
    batches: Int[np.ndarray, " batches"],
    rounds: int,
) -> dict[str, Float[np.ndarray, " batches"]]:
    """Nanoseconds a pair that a copy of a method's bytes takes, by method and batch."""
    rates, floors = copy_rates(rounds), {}
    for name in [*detectors, *OTHERS]:
        moved = []
        for batch in batches.tolist():
            plan = detectors[name].plan(patterns[:batch]) if name in detectors else None
            moved.append(bytes_moved(problem, name, batch, plan))
        floors[name] = (np.array(moved) / rates).sum(axis=1)
    return floors


@functools.cache
def copy_rates(rounds: int) -> Float[np.ndarray, 2]:
    """Bytes a nanosecond that a copy reads and writes, in memory and in the second cache.

    Measured once in a process: a copy larger than every cache takes a while.
    """
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


def compared(methods: dict[str, Method], patterns: np.ndarray) -> int:
    """How many pairs match, after every method has given the same list.

    Slow methods are compared on the first patterns only, of which half are near a stored one.

    Raises:
        RuntimeError: if a method gives another list.
    """
    whole, part = (methods["gather"](some) for some in (patterns, patterns[:COMPARED]))
    for name, method in methods.items():
        step()
        some, expected = (patterns, whole) if name in FAST else (patterns[:COMPARED], part)
        if not all(map(np.array_equal, method(some), expected)):
            raise RuntimeError(f"{name} returned another list of matches than the gather did")
    return len(whole[0])


def times(
    methods: dict[str, Method],
    problem: Problem,
    patterns: np.ndarray,
    batches: Int[np.ndarray, " batches"],
    rounds: int,
) -> dict[str, Float[np.ndarray, "batches rounds"]]:
    """Nanoseconds a pair by method, batch and round, the methods taking turns.

    A method leaves the race, for this round and all later ones, at the batch that would take it
    longer than `PATIENCE`, and is NaN from there. It leaves by the faster of two calls, so that one
    disturbed moment does not end its race.
    """
    times = {name: np.full((len(batches), rounds), np.nan) for name in methods}
    places = dict.fromkeys(methods, len(batches))
    for round in steps(range(rounds)):
        for name, method in methods.items():
            each = 0.0
            for place, batch in enumerate(batches[: places[name]]):
                if each * batch > PATIENCE:
                    before = batches[place - 1]
                    each = min(each, seconds(method, patterns[:before]) / before)
                if each * batch > PATIENCE:
                    places[name] = place
                    break
                step()
                each = seconds(method, patterns[:batch]) / batch
                times[name][place, round] = 1e9 * each / problem.segments
    return times


def seconds(method: Method, patterns: np.ndarray) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    method(patterns)
    return time.perf_counter() - start

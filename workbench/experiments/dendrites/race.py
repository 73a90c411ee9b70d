"""Which way of finding the matching pairs is the fastest on this machine, and what bounds it?

The same segments and patterns go through every exact method: the detector's gather and its inverted
index, a scan of packed bits, and a product of sparse matrices. Lists are compared before any clock
starts. Times are medians of interleaved rounds, in nanoseconds a pair of a pattern and a segment,
with the bytes that each method must move beside them.

Source:
    Ahmad & Hawkins (2016), arXiv:1601.00720, whose simulations stopped at 1e8 trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.array import generator, seeds
from workbench.checks import refuse
from workbench.claims import Claims, Statement, Summary
from workbench.dendrites import codes, laws
from workbench.dendrites.detector import Detector
from workbench.knobs import Knobs, knob

PAPER = "Ahmad & Hawkins (2016)"
RARE, EVENTS = 1e-9, 100
# A method leaves the race at the batch that would take it longer than this, in seconds.
PATIENCE = 0.25
COMPARED = 16
# The scan keeps every segment as a row of bits: half a gigabyte.
MOST_BITS = 2**32

PRACTICAL = Statement(
    PAPER,
    "simulation notes of the published code",
    "Realistic error rates are impractical to simulate; here, hours to count a hundred errors of "
    "one in a billion",
)
ABORTED = Statement(
    PAPER,
    "Fig. 4, 1e8 trials a point",
    "A hundred million trials are a long simulation; here, seconds for as many pairs",
)


class Params(Knobs):
    """The knobs of the experiment."""

    cells: int = knob(2048, "cells in the population", span=(256, 65536), log=True)
    active: int = knob(40, "active cells of a pattern", span=(4, 1000), log=True)
    synapses: int = knob(20, "synapses of a segment", span=(2, 60))
    threshold: int = knob(12, "active synapses that make a segment fire", span=(1, 60))
    segments: int = knob(100000, "segments", span=(100, 1000000), log=True)
    patterns: int = knob(512, "patterns in the largest batch", span=(1, 2048), log=True)
    rounds: int = knob(5, "rounds that every method is timed in", span=(3, 50))

    def relations(self) -> None:
        """A pattern fits its population, a segment its pattern; the race runs on the host."""
        if self.active > self.cells // 2:
            refuse("active", f"in [4, cells/2={self.cells // 2}]", self.active)
        if self.synapses > self.active:
            refuse("synapses", f"in [2, active={self.active}]", self.synapses)
        if self.threshold > self.synapses:
            refuse("threshold", f"in [1, synapses={self.synapses}]", self.threshold)
        most = MOST_BITS // self.cells
        if self.segments > most:
            refuse("segments", f"in [100, {most}] with cells={self.cells}", self.segments)
        if self.backend != "numpy":
            refuse("backend", "'numpy': the methods of the host race each other", self.backend)


class Result(NamedTuple):
    """Nanoseconds a pair, by method, batch and round; and the bytes a pair costs each method."""

    batches: Int[np.ndarray, " batches"]
    nanoseconds: dict[str, Float[np.ndarray, "batches rounds"]]
    bytes: dict[str, Float[np.ndarray, " batches"]]
    matches: int
    histogram_rate: Float[np.ndarray, " rounds"]


def run(params: Params) -> Result:
    """The race: every method on every batch, after all have given the identical list."""
    first, second, third = (generator(s) for s in seeds(params.seed, 3))
    stored = codes.patterns(first, params.segments, params.cells, params.active)
    segments = codes.subsamples(first, stored, params.synapses)
    shown = _shown(params, stored, second, third)
    methods = _methods(params, segments)
    matches = _compared(methods, shown)
    batches = np.unique(np.geomspace(1, params.patterns, 6).round().astype(np.int64))
    times = _times(methods, shown, batches, params.rounds)
    detector = Detector(segments, params.cells, params.threshold)
    rate = [
        len(shown) * params.segments / _seconds(detector.overlap_histogram, shown)
        for _ in range(params.rounds + 1)
    ]
    pairs = batches[:, None] * params.segments
    return Result(
        batches=batches,
        nanoseconds={name: t * 1e9 / pairs for name, t in times.items()},
        bytes={name: bytes_moved(params, name, batches) for name in methods},
        matches=matches,
        histogram_rate=np.array(rate[1:]),
    )


def _compared(methods: dict[str, Callable[[np.ndarray], Any]], shown: np.ndarray) -> int:
    """How many pairs match, after every method has given the same list.

    The slow methods are held to the first patterns, of which half are near a stored one.
    """
    whole = methods["gather"](shown)
    part = methods["gather"](shown[:COMPARED])
    for name, method in methods.items():
        fast = name in ("gather", "inverted index")
        wanted, found = (whole, method(shown)) if fast else (part, method(shown[:COMPARED]))
        if not all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True)):
            raise RuntimeError(f"{name} found another list of matches than the gather did")
    return len(whole[0])


def _times(
    methods: dict[str, Callable[[np.ndarray], Any]],
    shown: np.ndarray,
    batches: Int[np.ndarray, " batches"],
    rounds: int,
) -> dict[str, Float[np.ndarray, "batches rounds"]]:
    """Seconds by method, batch and round, the methods taking turns; NaN where one had left."""
    times = {name: np.full((len(batches), rounds), np.nan) for name in methods}
    for round in range(rounds):
        for name, method in methods.items():
            each = 0.0
            for place, batch in enumerate(batches):
                if each * batch > PATIENCE:
                    break
                times[name][place, round] = _seconds(method, shown[:batch])
                each = times[name][place, round] / batch
    return times


def _shown(params: Params, stored: Any, choose: Any, draw: Any) -> np.ndarray:
    """Patterns to show: half of them stored ones with cells moved, so that some pairs match."""
    known = params.patterns // 2
    some = choose.integers(0, params.segments, known)
    moved = min(params.active - params.threshold, params.active // 4)
    near = codes.perturbed(draw, stored[some], params.cells, max(0, moved))
    far = codes.patterns(draw, params.patterns - known, params.cells, params.active)
    mixed = np.concatenate([far, near])
    return mixed[np.argsort(np.arange(len(mixed)) % max(1, len(far)), kind="stable")]


def _methods(params: Params, segments: np.ndarray) -> dict[str, Callable[[np.ndarray], Any]]:
    """Each method as a function from patterns to the sorted list; what it prepares is ready."""
    arguments = (segments, params.cells, params.threshold)
    gather, index = (Detector(*arguments, method=m) for m in ("gather", "index"))
    return {
        "gather": gather.matches,
        "inverted index": index.matches,
        "packed bits": _bit_scan(params, segments),
        "sparse product": _sparse_product(params, segments),
    }


def _bit_scan(params: Params, segments: np.ndarray) -> Callable[[np.ndarray], Any]:
    """What one writes by hand in NumPy: AND of packed rows, count of bits, comparison."""
    width = 8 * -(-params.cells // 64)
    stored = np.zeros((len(segments), width), dtype=np.uint8)
    packed = codes.pack(segments, params.cells)
    stored[:, : packed.shape[1]] = packed
    words = stored.view(np.uint64)

    def scan(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = np.zeros((len(patterns), width), dtype=np.uint8)
        rows[:, : packed.shape[1]] = codes.pack(patterns, params.cells)
        found = [
            np.flatnonzero(
                np.bitwise_count(words & row).sum(axis=1, dtype=np.int64) >= params.threshold
            )
            for row in rows.view(np.uint64)
        ]
        pattern = np.repeat(np.arange(len(patterns)), [len(f) for f in found])
        return pattern, np.concatenate(found)

    return scan


def _sparse_product(params: Params, segments: np.ndarray) -> Callable[[np.ndarray], Any]:
    """SciPy's product of sparse matrices, then a filter by the threshold."""
    from scipy import sparse

    def matrix(rows: np.ndarray) -> Any:
        ends = np.arange(len(rows) + 1) * rows.shape[1]
        ones = np.ones(rows.size, dtype=np.int32)
        return sparse.csr_array((ones, rows.ravel(), ends), (len(rows), params.cells))

    stored = matrix(segments).T.tocsr()

    def multiply(patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        product = (matrix(patterns) @ stored).tocoo()
        kept = product.data >= params.threshold
        pattern, segment = product.row[kept].astype(np.int64), product.col[kept].astype(np.int64)
        order = np.lexsort((segment, pattern))
        return pattern[order], segment[order]

    return multiply


def _seconds(method: Callable[[np.ndarray], Any], patterns: np.ndarray) -> float:
    start = time.perf_counter()
    method(patterns)
    return time.perf_counter() - start


def bytes_moved(
    params: Params, method: str, batches: Int[np.ndarray, " batches"]
) -> Float[np.ndarray, " batches"]:
    """Bytes of the segments' side that a method must read for one pair, by batch size.

    gather: 2 s / P, lists read once a batch; inverted index: 2 s a/n + 2, the entries of active
    cells, and one counter cleared and read; packed bits: n / 8; sparse product: 8 s a/n, an index
    and a value for each hit, and 8 for each pair that is not zero.

    Args:
        params: the run's knobs, with s synapses, a active among n cells.
        method: as in the result.
        batches: patterns at a time, P.
    """
    hits = params.synapses * params.active / params.cells
    sharing = float(laws.false_match(params.cells, params.active, params.synapses, 1))
    of_method = {
        "gather": 2 * params.synapses / batches,
        "inverted index": np.full(len(batches), 2 * hits + 2),
        "packed bits": np.full(len(batches), params.cells / 8),
        "sparse product": np.full(len(batches), 8 * hits + 8 * sharing),
    }
    return np.asarray(of_method[method], dtype=np.float64)


def medians(result: Result) -> dict[str, Float[np.ndarray, " batches"]]:
    """Median nanoseconds a pair by method; NaN at a batch that a method did not reach in time."""
    reached = {n: ~np.isnan(t).any(axis=1) for n, t in result.nanoseconds.items()}
    return {
        name: np.where(reached[name], np.median(times, axis=1), np.nan)
        for name, times in result.nanoseconds.items()
    }


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by; for each method its best batch."""
    best = {f"{n}, ns a pair": float(np.nanmin(m)) for n, m in medians(result).items()}
    rate = float(np.median(result.histogram_rate))
    return Summary({"matches": result.matches, **best, "histogram, pairs a second": rate})


def claims(params: Params, result: Result) -> Claims:
    """Whether the paper's unreachable simulations are within reach of this machine."""
    hours = EVENTS / RARE / result.histogram_rate / 3600
    trials = 1e8 / result.histogram_rate
    return Claims(
        [
            PRACTICAL.bounded(
                measured=float(np.median(hours)),
                interval=(float(hours.min()), float(hours.max())),
                above=1.0,
                note="by the overlap histogram, all pairs of segments and random patterns; slowest "
                "and fastest round",
            ),
            ABORTED.bounded(
                measured=float(np.median(trials)),
                interval=(float(trials.min()), float(trials.max())),
                above=60.0,
                note="the same histogram; a minute is taken for long",
            ),
        ]
    )


def lines(result: Result) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By method: the batches it reached, its medians, and its fastest and slowest rounds."""
    drawn = {}
    for name, median in medians(result).items():
        reached = ~np.isnan(median)
        rounds = result.nanoseconds[name][reached]
        ends = np.stack([rounds.min(axis=1), rounds.max(axis=1)])
        drawn[name] = (result.batches[reached], median[reached], ends)
    return drawn


def told(params: Params, result: Result) -> str:
    """What the main figure shows, in words."""
    ends = ", ".join(f"{name} {np.nanmin(median):.3g}" for name, median in medians(result).items())
    return (
        "Nanoseconds a pair against patterns in a batch, both on log scales, a line a method; "
        f"best medians: {ends}."
    )

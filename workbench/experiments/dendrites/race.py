"""Which way of finding the matching pairs is the fastest on this machine, and what bounds it?

The same segments and patterns go through every exact method: the detector's gather, its inverted
index and its index of pairs, a scan of packed bits, and a product of sparse matrices. Lists are
compared before any clock starts. Times are medians of interleaved rounds, in nanoseconds a pair of
a pattern and a segment, beside what the bytes that a method must move take on this machine.

Source:
    Ahmad & Hawkins (2016), arXiv:1601.00720, whose simulations stopped at 1e8 trials.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.array import generator, seeds
from workbench.checks import refuse
from workbench.dendrites import codes
from workbench.dendrites.detector import Detector
from workbench.experiment.decisions import Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.dendrites import _race_methods
from workbench.watch import step, steps

PAPER = "Ahmad & Hawkins (2016)"
RARE, EVENTS = 1e-9, 100
# The scan keeps every segment as a row of bits: half a gigabyte.
MOST_BITS = 2**32
SIZES = (256, 1024, 4096, 16_384, 65_536)

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
    rounds: int = knob(5, "rounds that every method is timed in", span=(3, 50), is_budget=True)

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
    """Nanoseconds a pair, by method, batch and round, and what its bytes alone take, by batch.

    `bytes` are those of memory and those of the caches; `rates` are the bytes a nanosecond of each.
    In a sketch nothing was timed: `nanoseconds` are expected ones, and what comes after is None.
    """

    batches: Int[np.ndarray, " batches"]
    nanoseconds: dict[str, Float[np.ndarray, "batches rounds"]]
    bytes: dict[str, Float[np.ndarray, "2 batches"]]
    rates: Float[np.ndarray, 2]
    matches: int
    histogram_rate: Float[np.ndarray, " rounds"]


class Sizes(NamedTuple):
    """Nanoseconds a pair in populations of several sizes, by method, size and round."""

    cells: Int[np.ndarray, " sizes"]
    nanoseconds: dict[str, Float[np.ndarray, "sizes rounds"]]


def run(params: Params) -> Result:
    """The race: every method on every batch, after all have given the identical list."""
    segments, shown = _drawn(params)
    step()
    detectors = _race_methods.detectors(params, segments)
    step()
    methods = _race_methods.methods(params, segments, detectors)
    matches = _race_methods.compared(methods, shown)
    batches = _batches(params)
    times = _race_methods.times(methods, shown, batches, params.rounds)
    histogram = Detector(segments, params.cells, params.threshold).overlap_histogram
    rate = [
        len(shown) * params.segments / _race_methods.seconds(histogram, shown)
        for _ in steps(range(params.rounds + 1))
    ]
    moved = {}
    for name in methods:
        plan = detectors[name].plan if name in detectors else lambda _: None
        each = [
            _race_methods.bytes_moved(params, name, b, plan(shown[:b])) for b in batches.tolist()
        ]
        moved[name] = np.array(each).T
    each_pair = 1e9 / (batches[:, None] * params.segments)
    return Result(
        batches=batches,
        nanoseconds={name: seconds * each_pair for name, seconds in times.items()},
        bytes=moved,
        rates=_race_methods.copy_rates(params.rounds),
        matches=matches,
        histogram_rate=np.array(rate[1:]),
    )


def first_look(params: Params) -> Result:
    """What the detector's cost model expects of its methods; nothing is drawn, found or timed.

    The other methods have no model and wait for the race. The model takes the patterns for random.
    """
    batches = _batches(params)
    expected = _race_methods.expected(params, batches)
    return Result(batches, expected, None, None, None, None)


def _batches(params: Params) -> Int[np.ndarray, " batches"]:
    """From one pattern at a time to all of them."""
    return np.unique(np.geomspace(1, params.patterns, 6).round().astype(np.int64))


def over_cells(params: Params) -> Sizes:
    """The largest batch in populations of 256 … 65,536 cells, as sparse as that of the knobs.

    Sizes in which no pattern would hold the synapses of a segment are left out, and so are the
    methods that are not the detector's: they fall behind by more than a figure shows. A method is
    NaN where its plan expects it to take longer than a race should.
    """
    share = params.active / params.cells
    sizes = np.array([n for n in SIZES if params.synapses <= round(share * n)] or [params.cells])
    found: dict[str, list] = {}
    for cells in sizes.tolist():
        here = params.model_copy(update={"cells": cells, "active": round(share * cells)})
        first, second, third = (generator(s) for s in seeds(params.seed, 3))
        shown = codes.patterns(first, here.patterns, cells, here.active)
        segments = codes.patterns(second, here.segments, cells, here.synapses)
        known = min(here.patterns, here.segments) // 2
        segments[:known] = codes.subsamples(third, shown[:known], here.synapses)
        detectors = _race_methods.detectors(here, segments)
        methods = {
            name: each.matches
            for name, each in detectors.items()
            if name == "gather" or each.plan(shown).seconds < _race_methods.PATIENCE
        }
        _race_methods.compared(methods, shown)
        times = _race_methods.times(methods, shown, np.array([len(shown)]), here.rounds)
        late = np.full((1, here.rounds), np.nan)
        for name in detectors:
            each = times.get(name, late)[0] * 1e9 / (len(shown) * here.segments)
            found.setdefault(name, []).append(each)
    return Sizes(sizes, {name: np.array(each) for name, each in found.items()})


def _drawn(params: Params) -> tuple[np.ndarray, np.ndarray]:
    """Segments, and patterns to show them."""
    first, second, third = (generator(s) for s in seeds(params.seed, 3))
    stored = codes.patterns(first, params.segments, params.cells, params.active)
    segments = codes.subsamples(first, stored, params.synapses)
    return segments, _shown(params, stored, second, third)


def _shown(params: Params, stored: Any, choose: Any, draw: Any) -> np.ndarray:
    """Patterns to show: half of them stored ones with cells moved, so that some pairs match."""
    known = params.patterns // 2
    some = choose.integers(0, params.segments, known)
    moved = min(params.active - params.threshold, params.active // 4)
    near = codes.perturbed(draw, stored[some], params.cells, max(0, moved))
    far = codes.patterns(draw, params.patterns - known, params.cells, params.active)
    mixed = np.concatenate([far, near])
    return mixed[np.argsort(np.arange(len(mixed)) % max(1, len(far)), kind="stable")]


def over_floor(result: Result) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By method: the batches it reached, and its time over that of a copy of the same bytes."""
    lines = {}
    for name, median in medians(result).items():
        floor = (result.bytes[name] / result.rates[:, None]).sum(axis=0)
        reached = ~np.isnan(median)
        lines[name] = result.batches[reached], (median / floor)[reached]
    return lines


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
    return _lines(result.batches, result.nanoseconds)


def measured(result: Result) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of `lines` what was measured, which is NaN in a sketch: a legend names what has a place."""
    if result.matches is not None:
        return lines(result)
    none = np.full((3, len(result.batches)), np.nan)
    return dict.fromkeys(result.nanoseconds, (result.batches, none[0], none[1:]))


def size_lines(sizes: Sizes) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By method: the sizes, its medians, and its fastest and slowest rounds."""
    return _lines(sizes.cells, sizes.nanoseconds)


def _lines(places: np.ndarray, nanoseconds: dict[str, np.ndarray]) -> dict[str, tuple]:
    drawn = {}
    for name, rounds in nanoseconds.items():
        reached = ~np.isnan(rounds).any(axis=1)
        rounds = rounds[reached]
        ends = np.stack([rounds.min(axis=1), rounds.max(axis=1)])
        drawn[name] = (places[reached], np.median(rounds, axis=1), ends)
    return drawn


def told(params: Params, result: Result) -> str:
    """What the main figure shows, in words."""
    best = {n: np.nanmin(m) for n, m in medians(result).items() if np.isfinite(m).any()}
    ends = ", ".join(f"{name} {least:.3g}" for name, least in best.items())
    what = "best medians" if result.matches is not None else "expected by the cost model, at best"
    return (
        "Nanoseconds a pair against patterns in a batch, both on log scales, a line a method; "
        f"{what}: {ends}."
    )


def sizes_told(sizes: Sizes) -> str:
    """What the figure over population sizes shows, in words."""
    ends = ", ".join(
        f"{name} {median[0]:.3g} to {median[-1]:.3g}"
        for name, (_, median, _) in size_lines(sizes).items()
        if len(median)
    )
    return (
        f"Nanoseconds a pair in populations of {sizes.cells[0]} to {sizes.cells[-1]} cells, both "
        f"on log scales, a line a method: {ends}."
    )

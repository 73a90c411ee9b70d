"""Which way of finding the matching pairs is the fastest on this machine, and what bounds it?

The same segments and patterns go through every exact method: the detector's gather, its inverted
index and its index of pairs, a scan of packed bits, and a product of sparse matrices. Lists are
compared before any clock starts. Times are medians of interleaved rounds, in nanoseconds a pair of
a pattern and a segment, compared with the time to copy the bytes that a method must move.

Source:
    Ahmad & Hawkins (2016), arXiv:1601.00720, whose simulations stopped at 1e8 trials.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int

from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse
from workbench.dendrites.codes import patterns
from workbench.dendrites.matching import peers
from workbench.dendrites.matching.cost_model import Problem
from workbench.dendrites.matching.detector import Detector
from workbench.experiment.claims import Claim, Measured, Paper, between
from workbench.experiment.measurement import stream
from workbench.experiment.params import Knobs, knob

PAPER = Paper("Ahmad & Hawkins", 2016, "arXiv:1601.00720")
RARE, EVENTS = 1e-9, 100
SIZES = (256, 1024, 4096, 16_384, 65_536)
# Seconds differ from run to run: the contract does not compare numbers.
MEASURES_TIME = True


class Params(Knobs):
    """The knobs of the experiment."""

    at_most: ClassVar[dict[str, str]] = {
        "active": "cells // 2",
        "synapses": "active",
        "threshold": "synapses",
        # The scan stores every segment as a row of bits: half a gigabyte.
        "segments": "2 ** 32 // cells",
    }
    cells: int = knob(2048, "cells in the population", span=(256, 65536), log=True)
    active: int = knob(40, "active cells of a pattern", span=(4, 1000), log=True)
    synapses: int = knob(20, "synapses of a segment", span=(2, 60))
    threshold: int = knob(12, "active synapses that make a segment fire", span=(1, 60))
    segments: int = knob(100000, "segments", span=(100, 1000000), log=True)
    patterns: int = knob(512, "patterns in the largest batch", span=(1, 2048), log=True)
    rounds: int = knob(5, "rounds that every method is timed in", span=(3, 50), is_budget=True)

    def relations(self) -> None:
        """Adds that the race runs on the host."""
        super().relations()
        if self.backend != "numpy":
            refuse("backend", "'numpy': the methods of the host race each other", self.backend)


def run(p: Params) -> dict:
    """The race: every method on every batch, after all have given the identical list."""
    segments, shown = segments_and_patterns(p)
    step()
    problem = _problem(p)
    detectors = peers.detectors(problem, segments)
    methods = peers.methods(problem, segments, detectors)
    matches = peers.compared(methods, shown)
    # From one pattern at a time to all of them.
    batches = np.unique(np.geomspace(1, p.patterns, 6).round().astype(np.int64))
    seconds = peers.times(methods, shown, batches, p.rounds)
    times = {n: s * 1e9 / (batches[:, None] * p.segments) for n, s in seconds.items()}
    histogram = Detector(segments, p.cells, p.threshold).overlap_histogram
    rates = [
        len(shown) * p.segments / peers.seconds(histogram, shown)
        for _ in steps(range(p.rounds + 1))
    ]
    best = {f"{n}, ns a pair": float(np.nanmin(m)) for n, m in medians(times).items()}
    return {
        "matches": matches,
        **best,
        "histogram, pairs a second": float(np.median(rates[1:])),
        "batches": batches,
        "nanoseconds": times,
        "floor": _floor(problem, detectors, shown, batches, list(methods), p.rounds),
        "histogram rates": np.array(rates[1:]),
    }


def segments_and_patterns(p: Params) -> tuple[np.ndarray, np.ndarray]:
    """Segments, and patterns to show: half stored ones with cells moved, so that pairs match."""
    rng = stream("segments_and_patterns", p.seed)
    stored = patterns.patterns(rng, p.segments, p.cells, p.active)
    segments = patterns.subsamples(rng, stored, p.synapses)
    known = p.patterns // 2
    some = rng.integers(0, p.segments, known)
    moved = max(0, min(p.active - p.threshold, p.active // 4))
    near = patterns.perturbed(rng, stored[some], p.cells, moved)
    far = patterns.patterns(rng, p.patterns - known, p.cells, p.active)
    mixed = np.concatenate([far, near])
    return segments, mixed[np.argsort(np.arange(len(mixed)) % max(1, len(far)), kind="stable")]


def _problem(p: Params) -> Problem:
    return Problem(p.cells, p.active, p.synapses, p.threshold, p.segments, p.patterns)


def _floor(problem, detectors, shown, batches, names, rounds) -> dict[str, np.ndarray]:
    """Nanoseconds a pair that a copy of a method's bytes takes, by method and batch."""
    rates = peers.copy_rates(rounds)
    floors = {}
    for name in names:
        plan: Callable[[np.ndarray], Any] = (
            detectors[name].plan if name in detectors else lambda _: None
        )
        moved = [peers.bytes_moved(problem, name, b, plan(shown[:b])) for b in batches.tolist()]
        floors[name] = (np.array(moved) / rates).sum(axis=1)
    return floors


def over_cells(p: Params) -> dict:
    """The largest batch in populations of 256 … 65,536 cells, as sparse as that of the knobs.

    Sizes in which a pattern has fewer active cells than a segment has synapses are left out, and so
    are the methods that are not the detector's, which are too slow for the figure. A method is
    NaN where its plan expects it to take longer than a race should.
    """
    share = p.active / p.cells
    sizes = np.array([n for n in SIZES if p.synapses <= round(share * n)] or [p.cells])
    by_method: dict[str, list] = {}
    for cells in sizes.tolist():
        here = p.model_copy(update={"cells": cells, "active": round(share * cells)})
        rng = stream("over_cells", p.seed)
        shown = patterns.patterns(rng, here.patterns, cells, here.active)
        segments = patterns.patterns(rng, here.segments, cells, here.synapses)
        known = min(here.patterns, here.segments) // 2
        segments[:known] = patterns.subsamples(rng, shown[:known], here.synapses)
        detectors = peers.detectors(_problem(here), segments)
        methods = {
            name: each.matches
            for name, each in detectors.items()
            if name == "gather" or each.plan(shown).seconds < peers.PATIENCE
        }
        peers.compared(methods, shown)
        times = peers.times(methods, shown, np.array([len(shown)]), here.rounds)
        late = np.full((1, here.rounds), np.nan)
        for name in detectors:
            each = times.get(name, late)[0] * 1e9 / (len(shown) * here.segments)
            by_method.setdefault(name, []).append(each)
    return {
        "cells": sizes,
        "nanoseconds": {name: np.array(each) for name, each in by_method.items()},
    }


def medians(
    nanoseconds: dict[str, Float[np.ndarray, "places rounds"]],
) -> dict[str, Float[np.ndarray, " places"]]:
    """Median by method and place; NaN where a method had left the race in any round."""
    left = {n: np.isnan(t).any(axis=1) for n, t in nanoseconds.items()}
    return {n: np.where(left[n], np.nan, np.median(t, axis=1)) for n, t in nanoseconds.items()}


def lines(
    places: Int[np.ndarray, " places"], nanoseconds: dict[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By method: the places it reached, its medians, and its fastest and slowest rounds."""
    drawn = {}
    for name, rounds in nanoseconds.items():
        reached = ~np.isnan(rounds).any(axis=1)
        rounds = rounds[reached]
        ends = np.stack([rounds.min(axis=1), rounds.max(axis=1)])
        drawn[name] = (places[reached], np.median(rounds, axis=1), ends)
    return drawn


def _work(amount: float) -> Callable[[dict], Measured]:
    """How long a number of pairs takes, from the fastest round to the slowest."""

    def measure(result: dict) -> Measured:
        taken = amount / result["histogram rates"]
        return Measured(float(np.median(taken)), (float(taken.min()), float(taken.max())))

    return measure


CLAIMS = [
    Claim(
        "simulation notes of the published code",
        "Realistic error rates are impractical to simulate; here, hours to count a hundred errors "
        "of one in a billion",
        between(_work(EVENTS / RARE / 3600), above=1.0),
        finding="not reproduced",
        note="by the overlap histogram, all pairs of segments and random patterns; slowest and "
        "fastest round",
    ),
    Claim(
        "Fig. 4, 1e8 trials a point",
        "A hundred million trials are a long simulation; here, seconds for as many pairs",
        between(_work(1e8), above=60.0),
        finding="not reproduced",
        note="the same histogram; a minute is taken for long",
    ),
]

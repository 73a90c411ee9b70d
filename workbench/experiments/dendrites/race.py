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
from typing import ClassVar

import numpy as np

from workbench.base.cancellation import steps
from workbench.base.checks import refuse
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
    segments: int = knob(50000, "segments", span=(100, 1000000), log=True)
    patterns: int = knob(512, "patterns in the largest batch", span=(1, 2048), log=True)
    rounds: int = knob(5, "rounds that every method is timed in", span=(3, 50), is_budget=True)

    def relations(self) -> None:
        """Adds that the race runs on the host."""
        super().relations()
        if self.backend != "numpy":
            refuse("backend", "'numpy': the methods of the host race each other", self.backend)


def run(p: Params) -> dict:
    """The race: every method on every batch, after all have given the identical list."""
    problem = Problem(p.cells, p.active, p.synapses, p.threshold, p.segments, p.patterns)
    segments, shown = peers.workload(stream("run", p.seed), problem)
    detectors = peers.detectors(problem, segments)
    methods = peers.methods(problem, segments, detectors)
    matches = peers.compared(methods, shown)
    # From one pattern at a time to all of them.
    batches = np.unique(np.geomspace(1, p.patterns, 6).round().astype(np.int64))
    rounds = peers.times(methods, problem, shown, batches, p.rounds)
    times = {name: peers.Timing.of(each) for name, each in rounds.items()}
    histogram = Detector(segments, p.cells, p.threshold).overlap_histogram
    histogram(shown)
    seconds = np.array([peers.seconds(histogram, shown) for _ in steps(range(p.rounds))])
    rates = p.patterns * p.segments / seconds
    return {
        "matches": matches,
        **{f"{n}, ns a pair": float(np.nanmin(each.median)) for n, each in times.items()},
        "histogram, pairs a second": float(np.median(rates)),
        "batches": batches,
        "nanoseconds": times,
        "floor": peers.floor(problem, detectors, shown, batches, p.rounds),
        "histogram rates": rates,
    }


def over_cells(p: Params) -> dict:
    """The largest batch in populations of 256 … 65,536 cells, as sparse as that of the knobs.

    Sizes in which a pattern has fewer active cells than a segment has synapses are left out, and so
    are the methods that are not the detector's, which are too slow for the figure. A method is
    NaN where its plan expects it to take longer than a race should.
    """
    share, batch = p.active / p.cells, np.array([p.patterns])
    sizes = [n for n in SIZES if p.synapses <= round(share * n)] or [p.cells]
    rounds: dict[str, list] = {}
    for cells in sizes:
        active = round(share * cells)
        problem = Problem(cells, active, p.synapses, p.threshold, p.segments, p.patterns)
        segments, shown = peers.workload(stream("over_cells", p.seed), problem)
        detectors = peers.detectors(problem, segments)
        methods = {
            name: each.matches
            for name, each in detectors.items()
            if name == "gather" or each.plan(shown).seconds < peers.PATIENCE
        }
        peers.compared(methods, shown)
        times = peers.times(methods, problem, shown, batch, p.rounds)
        for name in detectors:
            rounds.setdefault(name, []).append(times.get(name, np.full((1, p.rounds), np.nan)))
    return {
        "cells": sizes,
        "nanoseconds": {n: peers.Timing.of(np.concatenate(each)) for n, each in rounds.items()},
    }


def _seconds(pairs: float) -> Callable[[dict], Measured]:
    """Seconds that counting so many pairs takes, from the fastest round to the slowest."""

    def measure(result: dict) -> Measured:
        taken = pairs / result["histogram rates"]
        return Measured(float(np.median(taken)), (float(taken.min()), float(taken.max())))

    return measure


CLAIMS = [
    Claim(
        "simulation notes of the published code",
        "Realistic error rates are impractical to simulate; seconds to count a hundred errors of "
        "one in a billion",
        between(_seconds(EVENTS / RARE), above=3600.0),
        finding="not reproduced",
        note="an hour is taken for impractical; by the overlap histogram over all pairs of "
        "segments and random patterns, fastest and slowest round",
    ),
    Claim(
        "Fig. 4, 1e8 trials a point",
        "A hundred million trials are a long simulation; seconds to count as many pairs",
        between(_seconds(1e8), above=60.0),
        finding="not reproduced",
        note="a minute is taken for long; by the same histogram",
    ),
]

"""How rarely does a dendrite with few synapses mistake one sparse pattern for another?

A segment of `synapses` subsamples one pattern of `active` cells out of `cells`. It fires when at
least `threshold` of its synapses are active. Random patterns test how often it fires by mistake,
its own pattern with `moved` active cells moved elsewhere how often it misses; both are measured at
every threshold in one pass and held against the laws. The numbers the paper prints are computed
again from the same laws.

Source:
    Ahmad & Hawkins (2016), How do neurons operate on sparse distributed representations?
    A mathematical theory of sparsity, neurons and active dendrites, arXiv:1601.00720.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.array import Array, generator, host, seeds
from workbench.checks import refuse
from workbench.dendrites import codes, laws
from workbench.dendrites.detector import Detector
from workbench.dendrites.overlap_table import overlap_table
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.dendrites._printed_numbers import (
    DEVIATIONS,
    PAPER,
    confirmed,
    contradicted,
)
from workbench.experiments.dendrites._printed_numbers import PRINTED as PRINTED
from workbench.intervals import chernoff_interval
from workbench.watch import is_watched, step, steps

# Active indices that a run holds at once: a few copies of 8 bytes each stay below 3 GB.
MOST_INDICES = 50_000_000
BATCH, PART = 4096, 128
# Active indices that a sketch stores, and shows, at most; and cells of all patterns that it shows.
STORED, SHOWN, BITS = 6_000, 20_000, 2**22

FALSE_LAW = Statement(
    PAPER, "eq. 4, Fig. 4A", "Random patterns fire a segment as often as the hypergeometric tail"
)
MISSED_LAW = Statement(
    PAPER, "eq. 5, Fig. 4B", "Moved cells make a segment miss as often as the law of misses says"
)
NO_MISS = Statement(
    PAPER, "eq. 5", "No pattern is missed while synapses minus threshold cells have moved"
)


class Params(Knobs):
    """The knobs of the experiment."""

    cells: int = knob(2048, "cells in the population", span=(64, 65536), log=True)
    active: int = knob(40, "active cells of a pattern", span=(1, 2000), log=True)
    synapses: int = knob(20, "synapses of a segment", span=(1, 200))
    threshold: int = knob(10, "active synapses that make a segment fire", span=(1, 200))
    moved: int = knob(22, "active cells of a stored pattern moved elsewhere", span=(0, 500))
    segments: int = knob(
        20000, "segments, each storing one pattern", span=(1, 200000), log=True, is_budget=True
    )
    pairs: int = knob(
        40_000_000,
        "pairs of a random pattern and a segment",
        span=(1, 10**13),
        log=True,
        is_budget=True,
    )

    def relations(self) -> None:
        """A pattern fits its population, a segment its pattern, a threshold its segment."""
        if self.active > self.cells // 2:
            refuse("active", f"in [1, cells/2={self.cells // 2}]", self.active)
        if self.synapses > self.active:
            refuse("synapses", f"in [1, active={self.active}]", self.synapses)
        if self.threshold > self.synapses:
            refuse("threshold", f"in [1, synapses={self.synapses}]", self.threshold)
        if self.moved > self.active:
            refuse("moved", f"in [0, active={self.active}]", self.moved)
        most = MOST_INDICES // self.active
        if self.segments > most:
            refuse("segments", f"in [1, {most}] with active={self.active}", self.segments)


class Result(NamedTuple):
    """Counts at every threshold from 1 to `synapses`, with the laws they are held against."""

    thresholds: Int[np.ndarray, " thresholds"]
    pairs: int
    false_counts: Int[np.ndarray, " thresholds"]
    false_law: Float[np.ndarray, " thresholds"]
    trials: int
    missed_counts: Int[np.ndarray, " thresholds"]
    missed_law: Float[np.ndarray, " thresholds"]
    missed_in_guard: int


def run(params: Params) -> Result:
    """The measured false and missed matches of the run, and their laws."""
    p = params
    drawn = _population(p.seed, p.backend, p.cells, p.active, p.synapses, p.segments)
    histogram, pairs = _false_matches(
        p.seed, p.backend, p.cells, p.active, p.synapses, p.segments, p.pairs
    )
    return _held_against_laws(p, *drawn, histogram, pairs)


def first_look(params: Params) -> Result:
    """The run with few segments and few pairs, whose rates have wider intervals.

    It counts without the detector, which prepares itself for each number of synapses.
    """
    segments = min(params.segments, max(1, STORED // params.active))
    shown = max(1, min(SHOWN // params.active, BITS // params.cells))
    p = params.model_copy(
        update={"segments": segments, "pairs": min(params.pairs, segments * shown)}
    )
    drawn = _population(p.seed, p.backend, p.cells, p.active, p.synapses, p.segments)
    rng = generator(seeds(p.seed, 3)[1], p.backend)
    patterns = codes.patterns(rng, -(-p.pairs // p.segments), p.cells, p.active)
    overlaps = host(overlap_table(drawn[1], patterns, p.cells)).ravel()
    histogram = np.bincount(overlaps, minlength=p.synapses + 1)
    return _held_against_laws(p, *drawn, histogram, len(overlaps))


def _held_against_laws(
    p: Params, stored: Array, segments: Array, histogram: Int[np.ndarray, " overlaps"], pairs: int
) -> Result:
    """The overlaps of random patterns, and those of stored ones with cells moved, and the laws."""
    rng = generator(seeds(p.seed, 3)[2], p.backend)
    guard = min(p.synapses - p.threshold, p.active)
    kept, guarded = (_kept(rng, p.cells, stored, segments, moved) for moved in (p.moved, guard))
    thresholds = np.arange(1, p.synapses + 1)
    return Result(
        thresholds=thresholds,
        pairs=pairs,
        false_counts=_at_least(histogram),
        false_law=laws.false_match(p.cells, p.active, p.synapses, thresholds),
        trials=p.segments,
        missed_counts=p.segments - _at_least(np.bincount(kept, minlength=p.synapses + 1)),
        missed_law=_missed_law(p.active, p.synapses, p.moved),
        missed_in_guard=int((guarded < p.threshold).sum()),
    )


@functools.lru_cache(maxsize=64)
def _missed_law(active: int, synapses: int, moved: int) -> Float[np.ndarray, " thresholds"]:
    """The law of misses at every threshold, which the number of cells does not enter."""
    return laws.false_negative(active, synapses, np.arange(1, synapses + 1), moved)


def _kept(rng, cells: int, stored: Array, segments: Array, moved: int) -> np.ndarray:
    """Each segment's overlap with its own pattern after cells of it have moved."""
    return host(codes.overlaps(segments, codes.perturbed(rng, stored, cells, moved)))


def _population(
    seed: int, backend: str, cells: int, active: int, synapses: int, segments: int
) -> tuple[Array, Array]:
    """The stored patterns and the segment of each."""
    rng = generator(seeds(seed, 3)[0], backend)
    stored = codes.patterns(rng, segments, cells, active)
    step()
    return stored, codes.subsamples(rng, stored, synapses)


# What the slider and the panel change most leaves the false matches as they are.
@functools.lru_cache(maxsize=64)
def _false_matches(
    seed: int, backend: str, cells: int, active: int, synapses: int, segments: int, pairs: int
) -> tuple[np.ndarray, int]:
    """How many pairs have each overlap, and how many pairs there were; memory stays bounded."""
    step()
    _, rows = _population(seed, backend, cells, active, synapses, segments)
    detector = Detector(rows, cells, 1)
    rng = generator(seeds(seed, 3)[1], backend)
    patterns = -(-pairs // segments)
    counts = [min(BATCH, patterns - start) for start in range(0, patterns, BATCH)]
    histogram = np.zeros(synapses + 1, dtype=np.int64)
    for count in steps(counts):
        random = codes.patterns(rng, count, cells, active)
        # Counts add up; where somebody may stop the run they come in parts.
        part = PART if is_watched() else count
        for first in steps(range(0, count, part)):
            histogram += host(detector.overlap_histogram(random[first : first + part, :]))
    return histogram, patterns * segments


def _at_least(histogram: Int[np.ndarray, " overlaps"]) -> Int[np.ndarray, " thresholds"]:
    """How many reach each threshold from 1 on, given how many have each overlap from 0 on."""
    return np.cumsum(histogram[::-1])[::-1][1:]


def interval(counts: Array, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of the rates' intervals, five standard deviations wide on each side.

    In an all-pairs design the matches of a pattern with all segments are pairwise uncorrelated,
    since every pattern meets a random segment with the same chance; so the count has the variance
    N p (1 - p) of N independent trials. Its tails are no binomial's, but hardly longer.

    Rare events call for Chernoff's interval: where fewer than 1/27 are expected, one alone puts the
    law outside Wilson's, which happens in up to one run of thirty.
    """
    ends = [chernoff_interval(int(k), trials, DEVIATIONS) for k in counts]
    low, high = np.array(ends).T
    return low, high


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    at = params.threshold - 1
    return Summary(
        {
            "false match law": float(result.false_law[at]),
            "false matches": int(result.false_counts[at]),
            "pairs": result.pairs,
            "missed law": float(result.missed_law[at]),
            "missed": int(result.missed_counts[at]),
            "stored patterns": result.trials,
        }
    )


def claims(params: Params, result: Result) -> Claims:
    """The paper's claims: the laws by this run's measurement, its printed numbers by the laws."""
    return Claims([*_measured(params, result), *confirmed(), *contradicted()])


def _measured(params: Params, result: Result) -> list[Claim]:
    false = _rarest(result.false_law, result.pairs)
    missed = _rarest(result.missed_law, result.trials)
    return [
        _law(FALSE_LAW, result.false_counts, result.false_law, result.pairs, false),
        _law(MISSED_LAW, result.missed_counts, result.missed_law, result.trials, missed),
        NO_MISS.exact(
            expected=0,
            measured=result.missed_in_guard,
            note=f"{result.trials:,} patterns with {params.synapses - params.threshold} cells "
            f"moved, threshold {params.threshold}",
        ),
    ]


def _rarest(law: Float[np.ndarray, " thresholds"], trials: int) -> int:
    """The place of the rarest event that the run can still count: a hundred expected of each kind.

    Chosen by the law alone, before the counts are looked at.
    """
    countable = np.flatnonzero((law * trials >= 100) & ((1 - law) * trials >= 100))
    if len(countable) == 0:
        return int(np.argmax(law * (1 - law)))
    return int(countable[np.argmin(law[countable])])


def _law(statement: Statement, counts: Array, law: Array, trials: int, at: int) -> Claim:
    count = int(counts[at])
    return statement.agrees(
        expected=float(law[at]),
        measured=count / trials,
        interval=chernoff_interval(count, trials, DEVIATIONS),
        note=f"at threshold {at + 1}: {count:,} of {trials:,}",
    )


def alternative(result: Result) -> str:
    """What the main figure shows, in words."""
    held = sum(
        int(((low <= law) & (law <= high)).sum())
        for (low, high), law in (
            (interval(result.false_counts, result.pairs), result.false_law),
            (interval(result.missed_counts, result.trials), result.missed_law),
        )
    )
    return (
        "Chance of an error against the threshold, on a log scale: false matches fall from "
        f"{result.false_law[0]:.2g} at threshold 1 to {result.false_law[-1]:.2g} at "
        f"{result.thresholds[-1]}, misses rise from {result.missed_law[0]:.2g} to "
        f"{result.missed_law[-1]:.2g}; {held} of {2 * len(result.thresholds)} measured intervals "
        "hold their law."
    )

"""Do the laws of random patterns hold for the patterns of real handwritten digits?

Scanned digits become sparse patterns: random projections score the cells, the best `active` win.
Every training image gives one segment, which subsamples its pattern. Other images, with `moved`
active cells moved elsewhere, are then shown to all segments. What random patterns do is known
exactly; what real, correlated ones do is measured here beside it.

Source:
    Ahmad & Hawkins (2016), How do neurons operate on sparse distributed representations?
    arXiv:1601.00720; the 1,797 digits are those of scikit-learn (Alpaydin & Kaynak 1998).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import Array, generator, host
from workbench.base.cancellation import steps
from workbench.base.checks import refuse
from workbench.base.parallel import one_blas_thread
from workbench.dendrites.codes import patterns
from workbench.dendrites.codes.digits import Patterns, chosen, thinned
from workbench.dendrites.codes.files import SUFFIXES, read_patterns
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.recognition import Fired, Rate, fired_at_each, rates, shares, vote
from workbench.dendrites.theory import overlap_laws
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob

PAPER = "Ahmad & Hawkins (2016)"
DEVIATIONS = 5.0
# What a sketch stores and shows, at most; and times the cells, for a code sorts all their scores.
FEW = 48
SCORES = FEW * 4096
# Above as many cells the weights alone take longer to draw than a sketch may.
MANY = 8192

CONTROL = Statement(PAPER, "eq. 4", "Random patterns fire these segments as often as the law says")
REAL = Statement(PAPER, "eq. 4", "Real patterns of other classes fire them as often, too")
MISSED = Statement(PAPER, "eq. 5", "Real patterns with cells moved are missed as the law says")
NO_MISS = Statement(
    PAPER, "eq. 5", "No real pattern is missed while synapses minus threshold cells have moved"
)
SAFE = Statement(
    PAPER, "Fig. 6, shaded", "At this threshold a segment errs less than once in a billion"
)


class Params(Knobs):
    """The knobs of the experiment."""

    cells: int = knob(2048, "cells in the population", span=(4, 65536), log=True)
    active: int = knob(40, "cells that win, the active ones", span=(2, 1000), log=True)
    synapses: int = knob(30, "synapses of a segment", span=(1, 100))
    threshold: int = knob(10, "active synapses that make a segment fire", span=(1, 100))
    moved: int = knob(4, "active cells moved elsewhere before a pattern is shown", span=(0, 500))
    training: int = knob(
        1200, "digits that are stored; the rest are shown", span=(100, 1700), is_budget=True
    )
    patterns_file: str = knob("", "your own patterns instead of the digits", suffixes=SUFFIXES)

    def relations(self) -> None:
        """A pattern fits its population, a segment its pattern; a file is read before any run."""
        if self.patterns_file:
            count, active = read_patterns(self.patterns_file, self.cells).patterns.shape
            name = "active cells in the file"
            if count < 2:
                refuse("patterns_file", "at least two patterns", f"{count}")
        else:
            active, name = self.active, "active"
        if active > self.cells // 2:
            refuse("active", f"in [2, cells/2={self.cells // 2}]", active)
        if self.synapses > active:
            refuse("synapses", f"in [1, {name}={active}]", self.synapses)
        if self.threshold > self.synapses:
            refuse("threshold", f"in [1, synapses={self.synapses}]", self.threshold)
        if self.moved > active:
            refuse("moved", f"in [0, {name}={active}]", self.moved)


class Result(NamedTuple):
    """What fired at every threshold from 1 to `synapses`, and recognition at every noise.

    A sketch leaves out what the main figure does not show: from `missed_law` on all is None but
    what it stored and showed.
    """

    thresholds: Int[np.ndarray, " thresholds"]
    law: Float[np.ndarray, " thresholds"]
    other: Rate
    own: Rate
    control: Rate
    missed_law: Float[np.ndarray, " thresholds"]
    missed: Rate
    missed_in_guard: int
    unseen: Rate
    mistaken: Rate
    balanced: int
    noise: Int[np.ndarray, " levels"]
    accuracy: Float[np.ndarray, " levels"]
    answered: Float[np.ndarray, " levels"]
    stored: int
    shown: int


def run(params: Params) -> Result:
    """Who fires for whom at every threshold, and who is recognised at every noise."""
    rng = generator(params.seed, params.backend)
    data = chosen(params, rng)
    active = data.stored.shape[1]
    segments = patterns.subsamples(rng, data.stored, params.synapses)
    pairs, control = _pairs(params, rng, data, segments)
    thresholds = np.arange(1, params.synapses + 1)
    labels = data.stored_labels, data.shown_labels
    unseen = np.array([(p.own.by_shown == 0).sum() for p in pairs])
    mistaken = np.array([(p.other.by_shown > 0).sum() for p in pairs])
    return Result(
        thresholds=thresholds,
        law=overlap_laws.false_match(params.cells, active, params.synapses, thresholds),
        **_rates(pairs, control),
        **_misses(params, rng, data.stored, segments, thresholds),
        unseen=shares(unseen, len(labels[1]), DEVIATIONS),
        mistaken=shares(mistaken, len(labels[1]), DEVIATIONS),
        balanced=int(thresholds[np.argmin(np.maximum(unseen, mistaken))]),
        **_recognition(params, rng, data, Detector(segments, params.cells, params.threshold)),
        stored=len(labels[0]),
        shown=len(labels[1]),
    )


def first_look(params: Params) -> Result:
    """The main figure by few patterns, or by the law alone where there are too many cells for any.

    The patterns are some of those of the run, stored and shown as there; how often they fire has
    the wider intervals of their fewer pairs. Shares that were not measured are NaN.
    """
    rng = generator(params.seed, params.backend)
    thresholds = np.arange(1, params.synapses + 1)
    rest = dict.fromkeys(Result._fields)
    if params.cells > MANY and not params.patterns_file:
        active, none = params.active, Rate(*np.full((3, params.synapses), np.nan))
        found = {"other": none, "own": none, "control": none, "stored": 0, "shown": 0}
    else:
        # Where other programs hold a core, BLAS's threads wait longer for each other than all this.
        with one_blas_thread():
            data = chosen(params, rng, min(FEW, max(1, SCORES // params.cells)))
        segments = patterns.subsamples(rng, data.stored, params.synapses)
        active, found = data.stored.shape[1], _rates(*_pairs(params, rng, data, segments))
        found |= {"stored": len(data.stored_labels), "shown": len(data.shown_labels)}
    law = overlap_laws.false_match(params.cells, active, params.synapses, thresholds)
    return Result(**{**rest, "thresholds": thresholds, "law": law, **found})


def _pairs(params: Params, rng: Any, data: Patterns, segments: Array) -> tuple[list, list]:
    """Who fires for the patterns shown at each threshold, and who for random ones as a control."""
    shown = patterns.perturbed(rng, data.shown, params.cells, params.moved)
    random = patterns.patterns(rng, len(data.shown_labels), params.cells, data.stored.shape[1])
    # Random patterns belong to no stored class.
    nobody = np.full(len(data.shown_labels), data.stored_labels.max() + 1)
    both = (shown, data.shown_labels), (random, nobody)
    return tuple(
        fired_at_each(segments, data.stored_labels, *these, params.cells) for these in steps(both)
    )


def _rates(pairs: list[Fired], control: list[Fired]) -> dict[str, Rate]:
    """The shares that fired, by kind of pair."""
    return {
        "other": rates([p.other for p in pairs], DEVIATIONS),
        "own": rates([p.own for p in pairs], DEVIATIONS),
        "control": rates([p.other for p in control], DEVIATIONS),
    }


def _misses(params: Params, rng: Any, stored: Array, segments: Array, thresholds: Array) -> dict:
    """How often a stored pattern with cells moved is missed by its own segment."""
    active = stored.shape[1]
    kept = patterns.overlaps(segments, patterns.perturbed(rng, stored, params.cells, params.moved))
    guard = min(params.synapses - params.threshold, active)
    guarded = patterns.overlaps(segments, patterns.perturbed(rng, stored, params.cells, guard))
    counts = np.array([(host(kept) < t).sum() for t in thresholds])
    return {
        "missed_law": overlap_laws.false_negative(
            active, params.synapses, thresholds, params.moved
        ),
        "missed": shares(counts, stored.shape[0], DEVIATIONS),
        "missed_in_guard": int((host(guarded) < params.threshold).sum()),
    }


def _recognition(params: Params, rng: Any, data: Patterns, detector: Detector) -> dict:
    """Accuracy by majority vote, from no noise to all active cells moved."""
    levels = np.unique(np.linspace(0, data.shown.shape[1], 9).round().astype(np.int64))
    noisy = (patterns.perturbed(rng, data.shown, params.cells, int(n)) for n in steps(levels))
    votes = [vote(detector, data.stored_labels, each, data.shown_labels) for each in noisy]
    accuracy, answered = np.array(votes).T
    return {"noise": levels, "accuracy": accuracy, "answered": answered}


def decades(result: Result, threshold: int) -> float:
    """How many powers of ten the rate of real patterns lies above the law for random ones."""
    return math.log10(result.other.value[threshold - 1] / result.law[threshold - 1])


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    at = params.threshold - 1
    numbers = {
        "law": float(result.law[at]),
        "rate of other classes": float(result.other.value[at]),
        "rate of own class": float(result.own.value[at]),
        "balanced threshold": result.balanced,
        "accuracy without noise": float(result.accuracy[0]),
        "stored": result.stored,
        "shown": result.shown,
    }
    if params.patterns_file:
        numbers |= thinned(params)
    if result.other.value[at] > 0:
        numbers["decades above the law"] = decades(result, params.threshold)
    return Summary(numbers)


def claims(params: Params, result: Result) -> Claims:
    """The laws on real patterns, and a control with random ones."""
    # The control is read at the rarest threshold where a thousand of its pairs should fire, which
    # the law alone chooses; its pairs share segments, so a hundred would tell too little.
    pairs = result.stored * result.shown
    control = max(1, int((result.law * pairs >= 1000).sum()))
    half = 1 + int(np.argmin(np.abs(result.missed_law - 0.5)))
    other, interval = result.other.at(params.threshold)
    far = f"{decades(result, params.threshold):.1f} decades above" if other else "none seen"
    return Claims(
        [
            _law(CONTROL, result.law, result.control, control, f"{pairs:,} pairs"),
            _law(
                REAL,
                result.law,
                result.other,
                params.threshold,
                f"{far}; the paper derives the law for random patterns, these are real",
            ),
            SAFE.bounded(measured=other, interval=interval, below=1e-9),
            _law(MISSED, result.missed_law, result.missed, half, f"{params.moved} cells moved"),
            NO_MISS.exact(expected=0, measured=result.missed_in_guard),
        ]
    )


def _law(statement: Statement, law: Array, rate: Rate, threshold: int, note: str) -> Claim:
    measured, interval = rate.at(threshold)
    return statement.agrees(
        expected=float(law[threshold - 1]),
        measured=measured,
        interval=interval,
        note=f"at threshold {threshold}; {note}",
    )


def families(result: Result) -> dict[str, Rate]:
    """The rates that stand beside the law, by what they are."""
    return {
        "random patterns (control)": result.control,
        "other classes": result.other,
        "own class": result.own,
    }


def distances(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Decades above the law at each threshold that any pair of other classes reached."""
    reached = result.thresholds[result.other.value > 0]
    return reached, np.array([decades(result, int(t)) for t in reached])


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    middle = len(result.thresholds) // 2
    fired = (
        f"random patterns fired {result.control.value[middle]:.2g}, patterns of other classes "
        f"{result.other.value[middle]:.2g}, of the own class {result.own.value[middle]:.2g}."
    )
    return (
        "Share of pairs that fire against the threshold, on a log scale. At threshold "
        f"{result.thresholds[middle]} the law for random patterns is {result.law[middle]:.2g}, "
        + (fired if result.shown else "and no pattern has been shown yet.")
    )

"""Recognition by a population of segments: rates of firing by class, and majority votes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import Array, host
from workbench.base.cancellation import steps
from workbench.base.intervals import chernoff_interval
from workbench.dendrites.codes.overlaps import overlap_table, reached
from workbench.dendrites.codes.patterns import overlaps, perturbed
from workbench.dendrites.matching.detector import Detector

# Shown patterns a pass; bounds the matches in memory to this many times the segments.
BLOCK = 256


class Tally(NamedTuple):
    """Fired pairs of one kind, by shown pattern and by segment, with the pairs there are.

    Attributes:
        by_shown: pairs that fired, for each shown pattern.
        by_stored: pairs that fired, for each segment.
        shown_pairs: pairs there are, for each shown pattern.
        stored_pairs: pairs there are, for each segment.
    """

    by_shown: Int[np.ndarray, " shown"]
    by_stored: Int[np.ndarray, " stored"]
    shown_pairs: Int[np.ndarray, " shown"]
    stored_pairs: Int[np.ndarray, " stored"]

    @property
    def rate(self) -> float:
        """The share of the pairs that fired; NaN never: without a pair it is 0."""
        return float(self.by_shown.sum() / max(1, self.shown_pairs.sum()))

    def interval(self, deviations: float) -> tuple[float, float]:
        """The rate's interval when pairs share patterns and segments, and so are not independent.

        Var(r) = (Σᵢ (kᵢ - r nᵢ)² + Σⱼ (cⱼ - r mⱼ)² - N r (1 - r)) / N²
        logit r ± z √Var(r) / (r (1 - r))

        with k, n the fired and all pairs of a shown pattern, c, m those of a segment, N all pairs;
        the variance is never less than that of independent pairs, and on the scale of logits a
        small rate has a lower end above 0. Where no pair fired, or every one, the open end is
        that of Wilson's interval for N independent pairs, which clusters can only widen.

        Source:
            Cameron, Gelbach & Miller (2011), J. Bus. Econ. Stat. 29, 238: two-way clustering.
        """
        pairs, hits = int(self.shown_pairs.sum()), int(self.by_shown.sum())
        if pairs == 0:
            return 0.0, 1.0
        silent = deviations**2 / (pairs + deviations**2)
        if hits in (0, pairs):
            return (0.0, silent) if hits == 0 else (1.0 - silent, 1.0)
        rate = hits / pairs
        alone = pairs * rate * (1 - rate)
        rows = ((self.by_shown - rate * self.shown_pairs) ** 2).sum()
        columns = ((self.by_stored - rate * self.stored_pairs) ** 2).sum()
        deviation = math.sqrt(max(alone, rows + columns - alone)) / pairs
        odds, stretch = rate / (1 - rate), math.exp(deviations * deviation / (rate * (1 - rate)))
        return 1 / (1 + stretch / odds), 1 / (1 + 1 / (stretch * odds))


class Fired(NamedTuple):
    """Pairs that fired, with patterns of the segment's own class and with those of others."""

    own: Tally
    other: Tally


def fired_at_each(
    segments: Array,
    stored_labels: Int[np.ndarray, " stored"],
    shown: Array,
    shown_labels: Int[np.ndarray, " shown"],
    cells: int,
) -> list[Fired]:
    """The pairs that fire at each threshold from 1 to all synapses, by one count of each overlap.

    Args:
        segments: cells of each segment, (stored, synapses).
        stored_labels: the class of each segment.
        shown: active indices of the patterns shown, (shown, active).
        shown_labels: the class of each shown pattern.
        cells: cells in the population.
    """
    synapses, stored = segments.shape[1], np.arange(len(stored_labels))[:, None]
    by_shown = np.zeros((len(shown_labels), 2, synapses + 1), dtype=np.int64)
    by_stored = np.zeros((len(stored_labels), 2, synapses + 1), dtype=np.int64)
    for start, stop in steps(_blocks(len(shown_labels))):
        overlap = host(overlap_table(segments, shown[start:stop, :], cells))
        other = stored_labels[:, None] != shown_labels[start:stop]
        # A pair's kind and overlap as one number, which a bin counts.
        bins = overlap + (synapses + 1) * other.astype(np.int64)
        patterns, room = np.arange(stop - start), 2 * (synapses + 1)
        places = np.bincount((bins + room * patterns).ravel(), minlength=room * len(patterns))
        by_shown[start:stop] += places.reshape(-1, 2, synapses + 1)
        places = np.bincount((bins + room * stored).ravel(), minlength=room * len(stored))
        by_stored += places.reshape(-1, 2, synapses + 1)
    shown_at, stored_at = reached(by_shown), reached(by_stored)
    return [
        _tallied(shown_at[:, :, t].T, stored_at[:, :, t].T, stored_labels, shown_labels)
        for t in range(synapses)
    ]


def _tallied(
    by_shown: Int[np.ndarray, "kinds shown"],
    by_stored: Int[np.ndarray, "kinds stored"],
    stored_labels: Int[np.ndarray, " stored"],
    shown_labels: Int[np.ndarray, " shown"],
) -> Fired:
    """The counts, own class first, with the pairs that there are."""
    classes = 1 + max(stored_labels.max(initial=0), shown_labels.max(initial=0))
    own_shown = np.bincount(stored_labels, minlength=classes)[shown_labels]
    own_stored = np.bincount(shown_labels, minlength=classes)[stored_labels]
    return Fired(
        own=Tally(by_shown[0], by_stored[0], own_shown, own_stored),
        other=Tally(
            by_shown[1],
            by_stored[1],
            len(stored_labels) - own_shown,
            len(shown_labels) - own_stored,
        ),
    )


def missed(
    rng: Any, segments: Array, stored: Array, cells: int, moved: int
) -> Int[np.ndarray, " thresholds"]:
    """Segments that stay below each threshold from 1 on after cells of their pattern moved.

    Args:
        rng: draws the cells that move; a random generator of the library of the patterns.
        segments: cells of each segment, (stored, synapses).
        stored: active indices of the pattern that each segment stores, (stored, active).
        cells: cells in the population.
        moved: active cells of each pattern that move.
    """
    overlap = host(overlaps(segments, perturbed(rng, stored, cells, moved)))
    return len(overlap) - reached(np.bincount(overlap, minlength=segments.shape[1] + 1))


class Vote(NamedTuple):
    """The share of shown patterns that won their class's vote, and the share anything fired for."""

    accuracy: float
    answered: float


def vote(
    detector: Detector,
    stored_labels: Int[np.ndarray, " stored"],
    shown: Array,
    shown_labels: Int[np.ndarray, " shown"],
) -> Vote:
    """Recognition by majority: the class with most firing segments; a tie or silence is no answer.

    Args:
        detector: one segment a stored pattern.
        stored_labels: the class of each segment.
        shown: active indices of the patterns shown, (shown, active).
        shown_labels: the class of each shown pattern.
    """
    right = answered = 0
    classes = 1 + int(stored_labels.max(initial=0))
    for start, stop in steps(_blocks(len(shown_labels))):
        labels = shown_labels[start:stop]
        pattern, segment = detector.matches(shown[start:stop, :])
        places = pattern * classes + stored_labels[segment]
        votes = np.bincount(places, minlength=len(labels) * classes).reshape(len(labels), classes)
        most = votes.max(axis=1)
        alone = (votes == most[:, None]).sum(axis=1) == 1
        answered += int((most > 0).sum())
        right += int(((votes.argmax(axis=1) == labels) & alone & (most > 0)).sum())
    return Vote(right / len(shown_labels), answered / len(shown_labels))


def _blocks(count: int) -> list[tuple[int, int]]:
    return [(i, min(i + BLOCK, count)) for i in range(0, count, BLOCK)]


class Rate(NamedTuple):
    """A share at each threshold, with both ends of its interval."""

    value: Float[np.ndarray, " thresholds"]
    low: Float[np.ndarray, " thresholds"]
    high: Float[np.ndarray, " thresholds"]

    def at(self, threshold: int) -> tuple[float, tuple[float, float]]:
        """The share and its interval at one threshold, counted from 1."""
        value, low, high = (float(column[threshold - 1]) for column in self)
        return value, (low, high)


def rates(tallies: list[Tally], deviations: float) -> Rate:
    """The rates of tallies, one a threshold, with their clustered intervals."""
    low, high = np.array([t.interval(deviations) for t in tallies]).T
    return Rate(np.array([t.rate for t in tallies]), low, high)


def shares(counts: Int[np.ndarray, " thresholds"], trials: int, deviations: float) -> Rate:
    """Counts, one a threshold, as shares of independent trials with Chernoff's intervals."""
    low, high = np.array([chernoff_interval(int(k), trials, deviations) for k in counts]).T
    return Rate(np.asarray(counts) / trials, low, high)

import numpy as np
import pytest

from workbench.base.intervals import chernoff_interval
from workbench.dendrites.codes.patterns import perturbed
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.recognition import Tally, fired_at_each, missed, rates, shares, vote

DEVIATIONS = 5.0


def subsets(rng, count, cells, size):
    return np.sort(np.argsort(rng.random((count, cells)), axis=1)[:, :size], axis=1)


@pytest.fixture
def population():
    rng = np.random.default_rng(3)
    stored, shown = subsets(rng, 90, 40, 6), subsets(rng, 600, 40, 12)
    return stored, rng.integers(0, 4, 90), shown, rng.integers(0, 4, 600)


def brute(stored, stored_labels, shown, shown_labels, threshold):
    """Every pair by Python's sets: did it fire, is it of one class."""
    segments = [set(row) for row in stored.tolist()]
    hit = np.array([[len(s & set(p)) >= threshold for s in segments] for p in shown.tolist()])
    return hit, shown_labels[:, None] == stored_labels[None, :]


def test_fired_at_each_threshold_counts_as_sets_do(population):
    fired = fired_at_each(*population, 40)
    assert len(fired) == 6
    for threshold, both in enumerate(fired, 1):
        hit, kin = brute(*population, threshold)
        for tally, kind in ((both.own, kin), (both.other, ~kin)):
            np.testing.assert_array_equal(tally.by_shown, (hit & kind).sum(axis=1))
            np.testing.assert_array_equal(tally.by_stored, (hit & kind).sum(axis=0))
            np.testing.assert_array_equal(tally.shown_pairs, kind.sum(axis=1))
            np.testing.assert_array_equal(tally.stored_pairs, kind.sum(axis=0))


def test_missed_segments_are_those_of_sets():
    stored = subsets(np.random.default_rng(7), 300, 60, 9)
    segments = stored[:, 2:7]
    shown = perturbed(np.random.default_rng(8), stored, 60, 4)
    pairs = zip(segments.tolist(), shown.tolist(), strict=True)
    overlaps = [len(set(s) & set(p)) for s, p in pairs]
    below = missed(np.random.default_rng(8), segments, stored, 60, 4)
    assert below.tolist() == [sum(o < threshold for o in overlaps) for threshold in range(1, 6)]
    assert 0 < below[1] < below[-1] < 300


def test_vote_counts_as_sets_do(population):
    stored, stored_labels, shown, shown_labels = population
    hit, _ = brute(*population, threshold=4)
    right = answered = 0
    for row, label in zip(hit, shown_labels, strict=True):
        votes = np.bincount(stored_labels[row], minlength=4)
        answered += votes.sum() > 0
        winners = np.flatnonzero(votes == votes.max())
        right += votes.sum() > 0 and winners.tolist() == [label]
    result = vote(Detector(stored, 40, 4), stored_labels, shown, shown_labels)
    assert result == (right / 600, answered / 600)


def clustered(rng, spread):
    """A tally of independent rows whose chances differ by `spread`, with the truth 0.3."""
    chance = rng.uniform(0.3 - spread, 0.3 + spread, 200)
    hit = rng.random((200, 50)) < chance[:, None]
    pairs = np.full(200, 50), np.full(50, 200)
    return Tally(hit.sum(axis=1), hit.sum(axis=0), *pairs)


@pytest.mark.parametrize("spread", [0.0, 0.25])
def test_the_interval_covers_the_truth_as_often_as_it_says(spread):
    rng = np.random.default_rng(5)
    ends = [clustered(rng, spread).interval(2.0) for _ in range(2000)]
    covered = np.mean([low <= 0.3 <= high for low, high in ends])
    # Two deviations hold 95.45 %; the variance's own noise and its floor widen that a little.
    assert 0.93 < covered < 0.975


def test_ignoring_the_clusters_would_not_cover():
    rng = np.random.default_rng(5)
    rate = np.array([clustered(rng, 0.25).rate for _ in range(2000)])
    naive = 2.0 * np.sqrt(0.3 * 0.7 / 10000)
    assert np.mean(np.abs(rate - 0.3) <= naive) < 0.80


def test_edges_of_the_interval():
    none = Tally(np.zeros(3, int), np.zeros(2, int), np.full(3, 2), np.full(2, 3))
    assert none.interval(DEVIATIONS) == (0.0, 25 / 31)
    empty = Tally(*(np.zeros(2, int) for _ in range(4)))
    assert empty.rate == 0.0
    assert empty.interval(DEVIATIONS) == (0.0, 1.0)
    for fired_pairs, ends in ((0, (0.0, 25 / 26)), (1, (1 / 26, 1.0))):
        pair = Tally(np.array([fired_pairs]), np.array([fired_pairs]), np.array([1]), np.array([1]))
        assert pair.interval(DEVIATIONS) == pytest.approx(ends)
    everything = Tally(np.full(3, 2), np.full(2, 3), np.full(3, 2), np.full(2, 3))
    assert everything.rate == 1.0
    assert everything.interval(DEVIATIONS) == (1 - 25 / 31, 1.0)
    one = Tally(np.array([1, 0, 0]), np.array([1, 0]), np.full(3, 2), np.full(2, 3))
    low, high = one.interval(DEVIATIONS)
    assert 0 < low < one.rate < high < 1


def test_rates_are_those_of_the_tallies():
    rng = np.random.default_rng(6)
    tallies = [clustered(rng, 0.1) for _ in range(3)]
    result = rates(tallies, DEVIATIONS)
    for threshold, tally in enumerate(tallies, 1):
        assert result.at(threshold) == (tally.rate, tally.interval(DEVIATIONS))


def test_shares_are_those_of_independent_trials():
    result = shares(np.array([0, 3, 10]), 10, DEVIATIONS)
    assert result.at(2) == (0.3, chernoff_interval(3, 10, DEVIATIONS))
    # Two events where a twentieth of one is due happen in one of a thousand runs.
    assert shares(np.array([2]), 100, DEVIATIONS).low[0] < 1 / 2000
    assert result.at(3)[0] == 1.0

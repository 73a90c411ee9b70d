"""Methods beside each other: their lists, when they leave, and the bytes they move."""

import numpy as np
import pytest

from workbench.dendrites.matching import peers
from workbench.dendrites.matching.cost_model import Plan, Problem

SMALL = Problem(100, 20, 10, 5, 500, 40)
NAMES = ("gather", "inverted index", "pair index", "packed bits", "sparse product")


def all_methods(problem=SMALL):
    segments, patterns = peers.workload(np.random.default_rng(1), problem)
    detectors = peers.detectors(problem, segments)
    return peers.methods(problem, segments, detectors), segments, patterns


def test_all_lists_are_those_of_sets():
    methods, segments, patterns = all_methods()
    assert tuple(methods) == NAMES
    sets = [set(row) for row in segments.tolist()]
    shown = [set(row) for row in patterns.tolist()]
    pairs = [(p, s) for p, a in enumerate(shown) for s, b in enumerate(sets) if len(a & b) >= 5]
    for method in methods.values():
        pattern, segment = method(patterns)
        assert list(zip(pattern.tolist(), segment.tolist(), strict=True)) == pairs
    assert peers.compared(methods, patterns) == len(pairs)


def test_every_second_pattern_is_near_a_stored_one():
    segments, patterns = peers.workload(np.random.default_rng(2), SMALL)
    assert (segments.shape, patterns.shape) == ((500, 10), (40, 20))
    for near, segment in zip(patterns[1::2].tolist(), segments[:20].tolist(), strict=True):
        # A quarter of the pattern's 20 cells have moved.
        assert 5 <= len(set(near) & set(segment)) <= 10
    alone = peers.workload(np.random.default_rng(2), SMALL._replace(patterns=1))
    assert [rows.shape for rows in alone] == [(500, 10), (1, 20)]


def test_another_list_is_an_error():
    methods, _, patterns = all_methods()
    scan = methods["packed bits"]
    methods["packed bits"] = lambda some: tuple(column[1:] for column in scan(some))
    with pytest.raises(RuntimeError, match="packed bits returned another list"):
        peers.compared(methods, patterns)


def test_pairs_need_a_threshold_of_two_and_less_than_a_gigabyte(monkeypatch):
    segments, _ = peers.workload(np.random.default_rng(1), SMALL)
    assert tuple(peers.detectors(SMALL, segments)) == peers.FAST
    assert "pair index" not in peers.detectors(SMALL._replace(threshold=1), segments)
    monkeypatch.setattr(peers, "MOST_PAIRS", 500 * 10)
    assert "pair index" not in peers.detectors(SMALL, segments)


def test_a_method_leaves_by_the_faster_of_two_calls_and_stays_away(monkeypatch):
    """Seconds a pattern: 0.02 at first, then 0.001; a slow one takes 0.02 always."""
    calls = {"disturbed": [], "slow": []}

    def seconds(method, patterns):
        method(patterns)
        name = method(patterns)
        calls[name].append(len(patterns))
        is_slow = name == "slow" or len(calls[name]) == 1
        return (0.02 if is_slow else 0.001) * len(patterns)

    monkeypatch.setattr(peers, "seconds", seconds)
    methods = {name: (lambda patterns, name=name: name) for name in calls}
    batches = np.array([1, 2, 4, 8])
    times = peers.times(methods, SMALL, np.zeros((8, 20)), batches, 2)
    assert np.isfinite(times["disturbed"]).all()
    # At 4 patterns it would take 0.08 seconds; the second call is of 2.
    assert calls["slow"] == [1, 2, 2, 1, 2]
    np.testing.assert_array_equal(np.isfinite(times["slow"][:, 0]), [True, True, False, False])
    np.testing.assert_allclose(times["slow"][:2], 0.02 * 1e9 / 500)


def test_a_timing_is_unknown_where_a_round_is_missing():
    timing = peers.Timing.of(np.array([[3.0, 1.0, 2.0], [1.0, np.nan, 2.0]]))
    np.testing.assert_array_equal(timing, [[2, np.nan], [1, np.nan], [3, np.nan]])


def test_bytes_are_those_of_a_hand_count():
    problem = Problem(1000, 100, 20, 5, 10_000, 512)
    plans = {
        "gather": Plan("gather", 18, 2, 8, 20, 1.0, ""),
        "inverted index": Plan("index", 17, 0, 1, 17, 1.0, ""),
        "pair index": Plan("pairs", 20, 0, 1, 60, 1.0, ""),
    }
    moved = {n: peers.bytes_moved(problem, n, 4, plans.get(n)) for n in NAMES}
    assert moved["gather"] == (10, 18 * 16 / 4)
    assert moved["inverted index"] == pytest.approx((2 * 1.7, 2 * 1.7 + 2))
    assert moved["pair index"] == pytest.approx((4 * 60 * 0.01 + 4, 0))
    assert moved["packed bits"] == (125, 0)
    assert moved["sparse product"][0] == pytest.approx(8 * 2 + 8 * (1 - 0.9**20), abs=0.1)
    # 2 · 64 · 8 patterns fill a table; one more needs a second one.
    more = peers.bytes_moved(problem, "gather", 1025, plans["gather"])
    assert more[1] == 2 * 18 * 16 / 1025

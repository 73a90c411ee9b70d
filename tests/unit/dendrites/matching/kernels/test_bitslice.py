"""The gather's shortcuts by themselves, and which method is chosen."""

import json

import numpy as np
import pytest

from workbench.dendrites.matching import calibration, cost_model
from workbench.dendrites.matching.cost_model import Problem, Rates, plans
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.matching.kernels import bitslice

MAIN = Problem(2048, 40, 20, 12, 200_000, 512)
RATES = Rates(((0.5,) * 3, (0.6,) * 3, (0.7,) * 3, (0.8,) * 3), 7, 0.8, 0.02, 40, 6, 10, 30_000)


@pytest.mark.parametrize("words", [1, 2, 4, 8])
@pytest.mark.parametrize("synapses", [2, 7, 20, 31, 32, 33, 70, 300])
def test_all_shapes_of_the_table_find_the_same(words, synapses):
    rng = np.random.default_rng(synapses)
    cells = 2 * synapses + 6
    lists = rng.random((43, cells)).argsort(axis=1)[:, :synapses].astype(np.uint16)
    patterns = rng.random((150, cells)).argsort(axis=1)[:, : synapses + 3].astype(np.uint16)
    overlap = (patterns[:, None, :, None] == lists[None, :, None]).sum(axis=(2, 3))
    tiles = bitslice.tiled(lists, cells)
    everything = (0, tiles.cells.shape[0])
    threshold = max(1, int(np.quantile(overlap, 0.9)))
    low, every = synapses - threshold + 1, tiles.cells.shape[1]
    for group in (1, 2, 4, 8, 16, 32):
        table = bitslice.table(patterns, 0, words, group, cells)
        for tested in {low + low % 2, every}:
            pieces = bitslice.matches(tiles, everything, table, tested, threshold)
            result = [
                pair for p, s, _ in pieces for pair in zip(p.tolist(), s.tolist(), strict=True)
            ]
            expected = np.argwhere(overlap[: 64 * words * group] >= threshold).tolist()
            assert sorted(map(list, result)) == expected
    table = bitslice.table(patterns, 0, words, 1, cells)
    pairs = bitslice.tally(tiles, everything, table)
    counts = np.bincount(overlap[: 64 * words].ravel(), minlength=synapses + 1)
    np.testing.assert_array_equal(pairs[1:], counts[1:])


@pytest.mark.parametrize(("words", "group"), [(1, 1), (1, 32), (8, 32), (8, 1), (2, 8)])
def test_more_matches_than_there_is_room_for_come_in_pieces(words, group):
    rng = np.random.default_rng(words * group)
    cells, synapses, threshold = 300, 12, 2
    lists = rng.random((6003, cells)).argsort(axis=1)[:, :synapses].astype(np.uint16)
    patterns = rng.random((min(64 * words * group, 700), cells)).argsort(axis=1)[:, :60]
    patterns = patterns.astype(np.uint16)
    there, active = (np.zeros((len(rows), cells), np.float32) for rows in (lists, patterns))
    np.put_along_axis(there, lists.astype(int), 1, 1)
    np.put_along_axis(active, patterns.astype(int), 1, 1)
    expected = np.argwhere(active @ there.T >= threshold)
    tiles = bitslice.tiled(lists, cells)
    table = bitslice.table(patterns, 0, words, group, cells)
    everything = (0, tiles.cells.shape[0])
    pieces = list(bitslice.matches(tiles, everything, table, synapses, threshold))
    result = np.array([np.concatenate(column) for column in list(zip(*pieces, strict=True))[:2]]).T
    room = bitslice.TILE * bitslice.LANES * bitslice.MOST
    assert len(expected) > room
    assert 1 < len(pieces) < len(expected) / (room / 2)
    np.testing.assert_array_equal(result[np.lexsort(result.T[::-1])], expected)
    if group > 1:
        assert sum(again for _, _, again in pieces) >= len(expected) / group


def test_alike_segments_make_wary_and_change_nothing():
    rng = np.random.default_rng(3)
    # All segments and patterns are drawn from 60 of 5000 cells, which no plan foresees.
    segments = rng.random((12_000, 60)).argsort(axis=1)[:, :20]
    patterns = rng.random((80, 60)).argsort(axis=1)[:, :25]
    overlap = np.zeros((80, 12_000), np.int8)
    for synapse in range(20):
        overlap += (patterns[:, :, None] == segments[:, synapse]).any(axis=1)
    for method in ("numba", "gather", "index"):
        detector = Detector(segments, 5000, 13, method)
        before = detector.plan(patterns)
        for _ in range(2):
            result = detector.matches(patterns)
            np.testing.assert_array_equal(result, np.nonzero(overlap >= 13))
        after = detector.plan(patterns)
        assert before.tested < 20 or before.group > 1
        assert (after.tested, after.group) == (20, 1)


def test_the_plan_says_what_and_why():
    patterns = np.random.default_rng(0).random((512, 2048)).argsort(axis=1)[:, :40]
    segments = np.random.default_rng(1).random((2000, 2048)).argsort(axis=1)[:, :20]
    plan = Detector(segments, 2048, 12).plan(patterns)
    assert plan.method == "gather"
    assert str(plan).startswith("gather: lanes of ")
    assert "expected: gather" in str(plan)
    assert 0 < plan.seconds < 1
    for method in ("plain", "index", "pairs"):
        forced = Detector(segments, 2048, 12, method).plan(patterns)
        assert forced.method == method
        assert str(forced).startswith(f"{method}: ")


@pytest.mark.parametrize(
    ("changed", "method"),
    [
        ({}, "gather"),
        ({"patterns": 1}, "pairs"),
        ({"patterns": 1, "active": 400}, "index"),
        ({"patterns": 1, "cells": 65_536, "active": 1311}, "index"),
        ({"patterns": 1, "segments": 10**8}, "pairs"),
        ({"patterns": 1, "threshold": 1}, "index"),
        ({"patterns": 1, "cells": 2**20, "active": 1000, "threshold": 1}, "gather"),
        ({"patterns": 8192}, "gather"),
    ],
)
def test_the_fastest_method_is_the_one_the_regime_asks_for(changed, method):
    assert plans(MAIN._replace(**changed), RATES)[0].method == method


def test_more_patterns_share_a_lane_as_long_as_few_lanes_are_counted_again():
    grouped = {p: plans(MAIN._replace(patterns=p), RATES)[0].group for p in (64, 512, 8192)}
    assert grouped[64] <= grouped[512] <= grouped[8192] == 8
    dense = plans(MAIN._replace(patterns=8192, active=600), RATES)[0]
    assert (dense.method, dense.group) == ("gather", 1)


def test_the_chance_to_pass_is_the_binomial_s():
    from scipy.stats import binom

    for tested, share, bound in ((12, 0.02, 4), (20, 0.14, 12), (5, 0.5, 5), (9, 0.3, 0)):
        exact = binom.sf(bound - 1, tested, share)
        assert cost_model.passing(tested, share, bound) == pytest.approx(exact, rel=1e-12)


def test_an_index_is_made_when_its_want_has_cost_as_much():
    rng = np.random.default_rng(4)
    segments = rng.random((3000, 500)).argsort(axis=1)[:, :20]
    patterns = rng.random((1, 500)).argsort(axis=1)[:, :20]
    detector = Detector(segments, 500, 12)
    used = []
    for _ in range(2000):
        used.append(detector.plan(patterns).method)
        detector.matches(patterns)
    assert used[0] == "gather"
    assert used[-1] in ("index", "pairs")
    assert used == sorted(used, key=used.index)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calibration.rates.cache_clear()
    yield tmp_path / "paper-workbench" / "detector-rates.json"
    calibration.rates.cache_clear()


def test_rates_are_measured_once_and_kept(empty_cache, monkeypatch):
    measured = calibration.rates()
    assert all(0 < rate < 1000 for row in measured.row for rate in row)
    assert min(measured[1:]) > 0
    calibration.rates.cache_clear()
    monkeypatch.setattr(calibration, "measured", lambda: pytest.fail("measured again"))
    assert calibration.rates() == measured


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"made_on": 1}', '{"made_on": {}, "row": 3}'])
def test_rates_of_another_machine_or_damaged_ones_are_measured_anew(
    empty_cache, content, monkeypatch
):
    monkeypatch.setattr(calibration, "measured", lambda: RATES)
    empty_cache.parent.mkdir()
    empty_cache.write_text(content)
    assert calibration.rates() == RATES
    assert json.loads(empty_cache.read_text())["visit"] == RATES.visit


@pytest.mark.parametrize(
    ("name", "value"),
    [("visit", -1.0), ("call", "1"), ("key", None), ("hit", float("nan")), ("row", [[1.0]])],
)
def test_rates_that_are_none_are_measured_anew(empty_cache, monkeypatch, name, value):
    calibration.rates()
    damaged = json.loads(empty_cache.read_text()) | {name: value}
    empty_cache.write_text(json.dumps(damaged))
    calibration.rates.cache_clear()
    monkeypatch.setattr(calibration, "measured", lambda: RATES)
    assert calibration.rates() == RATES


def test_a_machine_that_keeps_nothing_measures(empty_cache, monkeypatch):
    monkeypatch.setattr(calibration, "measured", lambda: RATES)
    empty_cache.parent.write_text("a file where the folder should be")
    assert calibration.rates() == RATES

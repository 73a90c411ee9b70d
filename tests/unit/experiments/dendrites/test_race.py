"""What the race does with methods that err or take long, and its floor by a hand count."""

import numpy as np
import pytest

from workbench.dendrites.matching import peers
from workbench.dendrites.matching.cost_model import Plan, Problem
from workbench.experiment.claims import decide
from workbench.experiments.dendrites import race
from workbench.experiments.dendrites.race import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 5, "segments": 500}
SMALL |= {"patterns": 40, "rounds": 3}
NAMES = ("gather", "inverted index", "pair index", "packed bits", "sparse product")


@pytest.fixture(scope="module")
def small():
    return race.run(Params(**SMALL))


def test_every_method_runs_and_is_timed(small):
    assert tuple(small["nanoseconds"]) == NAMES
    assert small["matches"] >= 20  # the stored patterns shown again match at least their own
    for median in race.medians(small["nanoseconds"]).values():
        assert np.isfinite(median[0])
        assert (median[np.isfinite(median)] > 0).all()


def test_a_method_with_another_list_fails_the_run(monkeypatch):
    real = peers._bit_scan

    def forgetful(problem, segments):
        scan = real(problem, segments)
        return lambda patterns: tuple(column[1:] for column in scan(patterns))

    monkeypatch.setattr(peers, "_bit_scan", forgetful)
    with pytest.raises(RuntimeError, match="packed bits found another list"):
        race.run(Params(**SMALL))


def test_a_method_leaves_the_race_when_it_takes_too_long(monkeypatch):
    monkeypatch.setattr(peers, "PATIENCE", 0.0)
    result = race.run(Params(**SMALL))
    for median in race.medians(result["nanoseconds"]).values():
        assert np.isfinite(median[0])
        assert np.isnan(median[1:]).all()
    late = race.over_cells(Params(**SMALL))
    lines = race.lines(late["cells"], late["nanoseconds"])
    assert lines["gather"][0].size == 5
    assert lines["pair index"][0].size == 0


@pytest.mark.parametrize(
    ("rates", "verdict"),
    [
        (np.array([0.9, 1.0, 1.1]) * 1e4, "reproduced"),
        (np.array([0.9, 1.0, 1.1]) * 1e10, "not reproduced"),
        (np.array([0.5, 2.0]) * 1e11 / 3600, "undecided"),
    ],
)
def test_the_verdicts_follow_the_rate(small, rates, verdict):
    decided = decide(race, Params(**SMALL), small | {"histogram rates": rates})
    assert decided[0].verdict == verdict


def test_bytes_are_those_of_a_hand_count():
    problem = Problem(1000, 100, 20, 5, 10_000, 512)
    plans = {
        "gather": Plan("gather", 18, 2, 8, 20, 1.0, ""),
        "inverted index": Plan("index", 17, 0, 1, 17, 1.0, ""),
        "pair index": Plan("pairs", 20, 0, 1, 60, 1.0, ""),
    }
    found = {n: peers.bytes_moved(problem, n, 4, plans.get(n)) for n in NAMES}
    assert found["gather"] == (10, 18 * 16 / 4)
    assert found["inverted index"] == pytest.approx((2 * 1.7, 2 * 1.7 + 2))
    assert found["pair index"] == pytest.approx((4 * 60 * 0.01 + 4, 0))
    assert found["packed bits"] == (125, 0)
    assert found["sparse product"][0] == pytest.approx(8 * 2 + 8 * (1 - 0.9**20), abs=0.1)
    # 2 · 64 · 8 patterns fill a table; one more needs a second one.
    more = peers.bytes_moved(problem, "gather", 1025, plans["gather"])
    assert more[1] == 2 * 18 * 16 / 1025


def test_the_floor_is_the_time_of_a_copy(monkeypatch):
    monkeypatch.setattr(peers, "copy_rates", lambda rounds: np.array([2.0, 8.0]))
    floor = race.run(Params(**SMALL))["floor"]
    assert floor["packed bits"] == pytest.approx(512 / 8 / 2)
    assert set(floor) == set(NAMES)


def test_populations_of_all_sizes_that_hold_a_segment():
    sizes = race.over_cells(Params(**SMALL))
    assert sizes["cells"].tolist() == [256, 1024, 4096, 16_384, 65_536]
    assert set(sizes["nanoseconds"]) == set(peers.FAST)
    for cells, median, ends in race.lines(sizes["cells"], sizes["nanoseconds"]).values():
        assert (ends[0] <= median).all()
        assert (median <= ends[1]).all()
        assert cells.size


def test_the_race_runs_on_the_host():
    with pytest.raises(ValueError, match="`backend` must be 'numpy'"):
        Params(backend="cupy")
    says = r"`segments` must be in \[100, 2 \*\* 32 // cells=65536\]; got 100000"
    with pytest.raises(ValueError, match=says):
        Params(cells=65536)

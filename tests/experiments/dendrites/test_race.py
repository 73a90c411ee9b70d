import numpy as np
import pytest

from workbench.dendrites.detector_plan import Plan
from workbench.experiments.dendrites import _race_methods, race
from workbench.experiments.dendrites.race import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 5, "segments": 500}
SMALL |= {"patterns": 40, "rounds": 3}


@pytest.fixture(scope="module")
def small():
    return race.run(Params(**SMALL))


def test_every_method_runs_and_is_timed(small):
    assert tuple(small.nanoseconds) == NAMES
    assert small.matches >= 20  # the stored patterns shown again match at least their own segment
    for name, median in race.medians(small).items():
        assert np.isfinite(median[0]), name
        assert (median[np.isfinite(median)] > 0).all()
    assert set(race.lines(small)) == set(small.nanoseconds)


def test_a_sketch_is_what_the_detectors_plan(small):
    """The plans of real detectors, which know their sizes from their segments."""
    params = Params(**SMALL)
    sketch = race.first_look(params)
    np.testing.assert_array_equal(sketch.batches, small.batches)
    assert tuple(sketch.nanoseconds) == NAMES
    segments, shown = race._drawn(params)
    for name, detector in _race_methods.detectors(params, segments).items():
        for batch, found in zip(sketch.batches, sketch.nanoseconds[name], strict=True):
            seconds = detector.plan(shown[:batch]).seconds
            assert found == pytest.approx([1e9 * seconds / batch / 500], rel=1e-12)
    for name in _race_methods.OTHERS:
        assert race.lines(sketch)[name][0].size == 0


def test_a_sketch_draws_nothing_and_times_nothing(monkeypatch):
    for owner, name in ((race, "_drawn"), (race, "Detector"), (_race_methods, "seconds")):
        monkeypatch.setattr(owner, name, None)
    sketch = race.first_look(Params())
    for _, median, ends in race.measured(sketch).values():
        assert np.isnan(median).all()
        assert np.isnan(ends).all()
    assert "expected by the cost model" in race.told(Params(), sketch)
    other = race.first_look(Params(cells=4096))
    assert (other.nanoseconds["gather"] != sketch.nanoseconds["gather"]).all()


def test_a_run_s_marks_are_its_lines(small):
    for name, line in race.lines(small).items():
        for a, b in zip(race.measured(small)[name], line, strict=True):
            np.testing.assert_array_equal(a, b)
    assert "best medians" in race.told(Params(**SMALL), small)


def test_a_sketch_lets_go_of_a_method_as_the_race_does(monkeypatch):
    monkeypatch.setattr(_race_methods, "PATIENCE", 0.0)
    for name in _race_methods.FAST:
        found = race.first_look(Params(**SMALL)).nanoseconds[name][:, 0]
        assert np.isfinite(found).tolist() == [True] + [False] * (len(found) - 1)


def test_a_method_with_another_list_fails_the_run(monkeypatch):
    real = _race_methods._bit_scan

    def forgetful(params, segments):
        scan = real(params, segments)
        return lambda patterns: tuple(column[1:] for column in scan(patterns))

    monkeypatch.setattr(_race_methods, "_bit_scan", forgetful)
    with pytest.raises(RuntimeError, match="packed bits found another list"):
        race.run(Params(**SMALL))


def test_a_method_leaves_the_race_when_it_takes_too_long(monkeypatch):
    monkeypatch.setattr(_race_methods, "PATIENCE", 0.0)
    result = race.run(Params(**SMALL))
    for median in race.medians(result).values():
        assert np.isfinite(median[0])
        assert np.isnan(median[1:]).all()


@pytest.mark.parametrize(("rate", "verdict"), [(1e4, "reproduced"), (1e10, "not reproduced")])
def test_the_verdicts_follow_the_rate(small, rate, verdict):
    result = small._replace(histogram_rate=np.array([0.9, 1.0, 1.1]) * rate)
    assert [c.verdict for c in race.claims(Params(**SMALL), result)] == [verdict] * 2


def test_a_rate_that_straddles_the_hour_decides_nothing(small):
    result = small._replace(histogram_rate=np.array([1e11 / 3600 * 0.5, 1e11 / 3600 * 2]))
    found = race.claims(Params(**SMALL), result)
    assert found[0].verdict == "undecided"


def test_bytes_are_those_of_a_hand_count():
    params = Params(cells=1000, active=100, synapses=20, threshold=5, segments=10_000)
    plans = {
        "gather": Plan("gather", 18, 2, 8, 20, 1.0, ""),
        "inverted index": Plan("index", 17, 0, 1, 17, 1.0, ""),
        "pair index": Plan("pairs", 20, 0, 1, 60, 1.0, ""),
    }
    found = {n: _race_methods.bytes_moved(params, n, 4, plans.get(n)) for n in NAMES}
    assert found["gather"] == (10, 18 * 16 / 4)
    assert found["inverted index"] == pytest.approx((2 * 1.7, 2 * 1.7 + 2))
    assert found["pair index"] == pytest.approx((4 * 60 * 0.01 + 4, 0))
    assert found["packed bits"] == (125, 0)
    assert found["sparse product"][0] == pytest.approx(8 * 2 + 8 * (1 - 0.9**20), abs=0.1)
    # 2 · 64 · 8 patterns fill a table; one more needs a second one.
    more = _race_methods.bytes_moved(params, "gather", 1025, plans["gather"])
    assert more[1] == 2 * 18 * 16 / 1025


def test_the_floor_is_the_time_of_a_copy(small):
    result = small._replace(rates=np.array([2.0, 8.0]))
    for name, (batches, times) in race.over_floor(result).items():
        memory, cache = result.bytes[name][:, 0]
        assert batches[0] == 1
        assert times[0] == pytest.approx(race.medians(result)[name][0] / (memory / 2 + cache / 8))
    assert 0.1 < small.rates[0] < 1000


def test_populations_of_all_sizes_that_hold_a_segment(monkeypatch):
    params = Params(**SMALL)
    sizes = race.over_cells(params)
    assert sizes.cells.tolist() == [256, 1024, 4096, 16_384, 65_536]
    assert set(sizes.nanoseconds) == set(_race_methods.FAST)
    for cells, median, ends in race.size_lines(sizes).values():
        assert (ends[0] <= median).all()
        assert (median <= ends[1]).all()
        assert cells.size
    monkeypatch.setattr(_race_methods, "PATIENCE", 0.0)
    late = race.size_lines(race.over_cells(params))
    assert late["gather"][0].size == 5
    assert late["pair index"][0].size == 0
    assert "pair index" not in race.sizes_told(race.over_cells(params))


NAMES = ("gather", "inverted index", "pair index", "packed bits", "sparse product")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"threshold": 21}, r"`threshold` must be in \[1, synapses=20\]; got 21"),
        ({"cells": 65536}, r"`segments` must be in \[100, 65536\] with cells=65536; got 100000"),
        ({"active": 1000, "cells": 1024}, r"`active` must be in \[4, cells/2=512\]; got 1000"),
    ],
)
def test_bad_knobs_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        Params(**values)

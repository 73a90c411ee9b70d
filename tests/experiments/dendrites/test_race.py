import numpy as np
import pytest

from workbench.experiments.dendrites import race
from workbench.experiments.dendrites.race import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 5, "segments": 500}
SMALL |= {"patterns": 40, "rounds": 3}


@pytest.fixture(scope="module")
def small():
    return race.run(Params(**SMALL))


def test_every_method_runs_and_is_timed(small):
    assert set(small.nanoseconds) == {"gather", "inverted index", "packed bits", "sparse product"}
    assert small.matches >= 20  # the stored patterns shown again match at least their own segment
    for name, median in race.medians(small).items():
        assert np.isfinite(median[0]), name
        assert (median[np.isfinite(median)] > 0).all()
    assert set(race.lines(small)) == set(small.nanoseconds)


def test_a_method_with_another_list_fails_the_run(monkeypatch):
    real = race._bit_scan

    def forgetful(params, segments):
        scan = real(params, segments)
        return lambda patterns: tuple(column[1:] for column in scan(patterns))

    monkeypatch.setattr(race, "_bit_scan", forgetful)
    with pytest.raises(RuntimeError, match="packed bits found another list"):
        race.run(Params(**SMALL))


def test_a_method_leaves_the_race_when_it_takes_too_long(monkeypatch):
    monkeypatch.setattr(race, "PATIENCE", 0.0)
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
    assert found[0].verdict == "outside this run's range"


def test_bytes_are_those_of_a_hand_count():
    params = Params(cells=1000, active=100, synapses=20, threshold=5)
    one = {name: race.bytes_moved(params, name, np.array([4]))[0] for name in NAMES}
    assert one["gather"] == 10
    assert one["inverted index"] == 2 * 2 + 2
    assert one["packed bits"] == 125
    assert one["sparse product"] == pytest.approx(8 * 2 + 8 * (1 - 0.9**20), abs=0.1)


NAMES = ("gather", "inverted index", "packed bits", "sparse product")


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

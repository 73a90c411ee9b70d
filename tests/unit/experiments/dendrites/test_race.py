"""Where methods err or leave the race, which the contract does not try."""

import numpy as np
import pytest

from workbench.dendrites.matching import peers
from workbench.experiments.dendrites import race
from workbench.experiments.dendrites.race import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 5, "segments": 500}
SMALL |= {"patterns": 40, "rounds": 3}
NAMES = ["gather", "inverted index", "pair index", "packed bits", "sparse product"]


def test_every_method_is_timed_beside_its_floor(monkeypatch):
    monkeypatch.setattr(peers, "copy_rates", lambda rounds: np.array([2.0, 8.0]))
    result = race.run(Params(**SMALL))
    assert [*result["nanoseconds"]] == [*result["floor"]] == NAMES
    assert result["floor"]["packed bits"] == pytest.approx(512 / 8 / 2)
    assert result["matches"] >= 15  # most of the 20 patterns near a stored one match it


def test_populations_of_all_sizes_that_hold_a_segment():
    sizes = race.over_cells(Params(**SMALL))
    assert sizes["cells"] == [256, 1024, 4096, 16_384, 65_536]
    assert [*sizes["nanoseconds"]] == [*peers.FAST]
    assert np.isfinite(sizes["nanoseconds"]["gather"].median).all()


def test_a_method_whose_plan_takes_long_is_not_timed(monkeypatch):
    monkeypatch.setattr(peers, "PATIENCE", 0.0)
    times = race.over_cells(Params(**SMALL))["nanoseconds"]
    assert np.isfinite(times["gather"].median).all()
    assert np.isnan(times["pair index"].median).all()


def test_the_race_runs_on_the_host():
    with pytest.raises(ValueError, match="`backend` must be 'numpy'"):
        Params(backend="cupy")
    says = r"`segments` must be in \[100, 2 \*\* 32 // cells=65536\]; got 100000"
    with pytest.raises(ValueError, match=says):
        Params(cells=65536, segments=100000)

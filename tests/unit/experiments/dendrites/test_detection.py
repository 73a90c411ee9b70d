"""The measured counts at every threshold, where the contract decides at one."""

import pytest

from workbench.experiments.dendrites import detection
from workbench.experiments.dendrites.detection import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 4, "moved": 9}


@pytest.mark.parametrize("seed", range(1, 6))
def test_both_laws_hold_at_every_threshold(seed, monkeypatch):
    monkeypatch.setattr(detection, "BATCH", 150)
    result = detection.run(Params(**SMALL, seed=seed, pairs=10**6 - 1, segments=2000))
    assert (result["pairs"], result["stored patterns"]) == (10**6, 2000)
    for name in ("false match", "missed match"):
        counts = result[name]
        low, high = counts.interval
        assert ((low <= counts.law) & (counts.law <= high)).all()

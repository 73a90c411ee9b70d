"""The measured counts of the experiment beside brute force over Python's sets."""

import numpy as np
import pytest

from workbench.dendrites.codes import patterns
from workbench.dendrites.theory import overlap_laws
from workbench.experiment.measurement import stream
from workbench.experiments.dendrites import detection
from workbench.experiments.dendrites.detection import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 4, "moved": 9}


def reached(overlaps, synapses):
    return [sum(o >= t for o in overlaps) for t in range(1, synapses + 1)]


def test_false_matches_are_those_of_sets(monkeypatch):
    monkeypatch.setattr(detection, "BATCH", 16)
    params = Params(**SMALL, pairs=2399, segments=60)
    rng = stream("false_matches", params.seed)
    stored = patterns.patterns(rng, 60, params.cells, params.active)
    segments = patterns.subsamples(rng, stored, params.synapses).tolist()
    shown = [patterns.patterns(rng, n, params.cells, params.active) for n in (16, 16, 8)]
    overlaps = [len(set(s) & set(p)) for p in np.concatenate(shown).tolist() for s in segments]
    counts = detection.false_matches(params)
    assert counts.hits.tolist() == reached(overlaps, params.synapses)
    assert counts.trials == 2400
    law = overlap_laws.false_match(params.cells, params.active, params.synapses, 4)
    assert counts.law[3] == law


def test_misses_are_those_of_sets():
    params = Params(**SMALL, segments=300)
    rng = stream("misses", params.seed)
    stored = patterns.patterns(rng, 300, params.cells, params.active)
    segments = patterns.subsamples(rng, stored, params.synapses)
    shown = patterns.perturbed(rng, stored, params.cells, params.moved)
    pairs = zip(segments.tolist(), shown.tolist(), strict=True)
    overlaps = [len(set(s) & set(p)) for s, p in pairs]
    counts = detection.misses(params)
    assert counts.hits.tolist() == [300 - n for n in reached(overlaps, params.synapses)]


@pytest.mark.parametrize("seed", range(1, 6))
def test_both_laws_hold_at_every_threshold(seed):
    result = detection.run(Params(**SMALL, seed=seed, pairs=10**6, segments=2000))
    for name in ("false match", "missed match"):
        counts = result[name]
        low, high = counts.interval
        assert ((low <= counts.law) & (counts.law <= high)).all()


def test_a_run_that_is_watched_counts_the_same():
    from workbench.base.cancellation import CancelToken, cancel_scope
    from workbench.experiment import measurement

    params = Params(**SMALL, pairs=10**6, segments=2000)
    whole = detection.false_matches(params)
    measurement.clear_cache()
    with cancel_scope(CancelToken()):
        parts = detection.false_matches(params)
    np.testing.assert_array_equal(whole.hits, parts.hits)

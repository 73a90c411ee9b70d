import numpy as np
import pytest
from backends import StrictGenerator

from workbench.experiments.dendrites import digits
from workbench.experiments.dendrites.digits import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 4, "training": 150}


@pytest.fixture(scope="module")
def default():
    return digits.run(Params())


def verdicts(params, result):
    return {c.statement: c.verdict for c in digits.claims(params, result)}


def test_the_default_run_has_all_its_verdicts(default):
    assert verdicts(Params(), default) == {
        digits.CONTROL.text: "reproduced",
        digits.REAL.text: "not reproduced",
        digits.SAFE.text: "not reproduced",
        digits.MISSED.text: "reproduced",
        digits.NO_MISS.text: "reproduced",
    }


def test_digits_leave_the_law_by_decades_and_are_recognised(default):
    assert digits.decades(default, 10) > 5
    assert default.accuracy[0] > 0.9
    assert default.accuracy[-1] < 0.15  # ten classes, and every active cell moved
    assert (np.diff(default.other.value) <= 0).all()
    assert (default.own.value >= default.other.value).all()
    assert default.stored + default.shown == 1797


def test_other_seeds_move_the_distance_by_tenths_of_a_decade(default):
    others = [digits.decades(digits.run(Params(seed=seed)), 10) for seed in (1, 2)]
    assert np.abs(np.array(others) - digits.decades(default, 10)).max() < 0.5


def test_random_patterns_in_the_digits_place_keep_the_law(tmp_path, default):
    """The control of the experiment itself: what it blames on the digits is theirs."""
    rng = np.random.default_rng(4)
    rows = np.argsort(rng.random((1797, 2048)), axis=1)[:, :40]
    np.savez(tmp_path / "random.npz", patterns=rows, labels=rng.integers(0, 10, 1797))
    params = Params(patterns_file=str(tmp_path / "random.npz"), threshold=3)
    found = verdicts(params, digits.run(params))
    assert found[digits.REAL.text] == "reproduced"
    assert found[digits.CONTROL.text] == "reproduced"


def test_patterns_without_classes_are_stored_and_shown_again(tmp_path):
    rng = np.random.default_rng(5)
    rows = np.argsort(rng.random((80, 256)), axis=1)[:, :12]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows))
    params = Params(cells=256, synapses=8, threshold=5, moved=0, patterns_file=str(path))
    result = digits.run(params)
    assert (result.stored, result.shown) == (80, 80)
    # Undisturbed, every pattern fires its own segment at every threshold.
    assert (result.own.value == 1).all()
    assert (result.unseen.value == 0).all()
    assert result.accuracy[0] == 1.0


def test_the_threshold_that_balances_makes_the_worse_share_smallest(default):
    worse = np.maximum(default.unseen.value, default.mistaken.value)
    assert worse[default.balanced - 1] == worse.min()


def test_the_run_touches_no_device_array_by_numpy(monkeypatch):
    host = digits.run(Params(**SMALL))
    real = digits.generator

    def strict(seed, backend=None):
        return real(seed) if backend is None else StrictGenerator(seed)

    monkeypatch.setattr(digits, "generator", strict)
    device = digits.run(Params(**SMALL))
    np.testing.assert_array_equal(host.other.value, device.other.value)
    np.testing.assert_array_equal(host.accuracy, device.accuracy)
    assert verdicts(Params(**SMALL), host) == verdicts(Params(**SMALL), device)


def test_distances_start_where_the_law_still_holds(default):
    reached, apart = digits.distances(default)
    assert reached[0] == 1
    assert abs(apart[0]) < 0.1
    assert (np.diff(apart) > 0).all()


def test_a_sketch_stores_and_shows_patterns_of_the_run():
    params = Params()
    whole = digits.chosen(params, digits.generator(0))
    few = digits.chosen(params, digits.generator(0), 96)
    for a, b in zip(few, whole, strict=True):
        np.testing.assert_array_equal(a, b[:96])


def apart(sketch, full):
    """By how many of their standard errors together two rates differ at most, in logits."""
    seen = (sketch.value > 0) & (sketch.value < 1) & (full.value > 0) & (full.value < 1)

    def logit(p):
        return np.log(p[seen] / (1 - p[seen]))

    def error(rate):
        return (logit(rate.high) - logit(rate.low)) / (2 * digits.DEVIATIONS)

    gap = np.abs(logit(sketch.value) - logit(full.value))
    return (gap / np.hypot(error(sketch), error(full))).max()


def test_a_sketch_has_the_law_and_agrees_with_the_run(default):
    sketch = digits.first_look(Params())
    np.testing.assert_array_equal(sketch.law, default.law)
    np.testing.assert_array_equal(sketch.thresholds, default.thresholds)
    for name in ("other", "own", "control"):
        few, whole = getattr(sketch, name), getattr(default, name)
        assert apart(few, whole) < 5
        # Where both were counted, fewer pairs tell less.
        middle = np.flatnonzero((few.value > 0) & (few.value < 1))
        assert ((few.high - few.low)[middle] > (whole.high - whole.low)[middle]).all()
    # The same comparison finds a population of half the cells.
    wrong = digits.first_look(Params(cells=1024))
    assert apart(wrong.control, default.control) > 5


def test_a_sketch_counts_a_hundredth_of_the_pairs(default, monkeypatch):
    pairs = []
    real = digits.fired_at_each

    def counted(segments, stored, shown, labels, cells):
        pairs.append(len(stored) * len(labels))
        return real(segments, stored, shown, labels, cells)

    monkeypatch.setattr(digits, "fired_at_each", counted)
    digits.first_look(Params())
    assert 0 < sum(pairs) < 2 * default.stored * default.shown / 50
    assert digits.first_look(Params()).shown == digits.FEW


def test_a_sketch_of_too_many_cells_has_the_law_alone():
    params = Params(cells=2 * digits.MANY)
    sketch = digits.first_look(params)
    np.testing.assert_array_equal(sketch.law, digits.run(params).law)
    for rate in digits.families(sketch).values():
        assert np.isnan(rate).all()
    assert "no pattern has been shown yet" in digits.told(sketch)


def test_a_sketch_of_a_file_shows_its_patterns(tmp_path):
    rng = np.random.default_rng(5)
    np.savez(tmp_path / "mine.npz", patterns=np.argsort(rng.random((900, 256)), axis=1)[:, :12])
    params = Params(
        cells=256, synapses=8, threshold=5, moved=0, patterns_file=str(tmp_path / "mine.npz")
    )
    sketch = digits.first_look(params)
    assert (sketch.stored, sketch.shown) == (digits.FEW, digits.FEW)
    assert (sketch.own.value == 1).all()


def test_a_file_is_refused_before_any_run(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("1,2,3\n4,5,5\n")
    with pytest.raises(ValueError, match="`patterns_file` must be distinct indices in row 2"):
        Params(patterns_file=str(path), synapses=2, threshold=1)
    path.write_text("1,2,3\n4,5,6\n")
    with pytest.raises(ValueError, match=r"`synapses` must be in \[1, active cells in the file=3"):
        Params(patterns_file=str(path), threshold=1, moved=0)
    path.write_text("1,2,3\n")
    with pytest.raises(ValueError, match="at least two patterns"):
        Params(patterns_file=str(path), synapses=2, threshold=1)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"threshold": 31}, r"`threshold` must be in \[1, synapses=30\]; got 31"),
        ({"synapses": 41, "threshold": 1}, r"`synapses` must be in \[1, active=40\]; got 41"),
        ({"moved": 41}, r"`moved` must be in \[0, active=40\]; got 41"),
        ({"active": 1000, "cells": 512}, r"`active` must be in \[2, cells/2=256\]; got 1000"),
        ({"training": 1797}, "`training` must be a whole number"),
    ],
)
def test_bad_knobs_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        Params(**values)

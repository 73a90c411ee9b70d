import numpy as np
import pytest
from conftest import StrictGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.array import seeds
from workbench.dendrites import codes
from workbench.experiment.decisions import MARKS, declared
from workbench.experiments.dendrites import _printed_numbers, detection
from workbench.experiments.dendrites.detection import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 4, "moved": 9}
SMALL |= {"pairs": 1_000_000, "segments": 2000}


@pytest.fixture(scope="module")
def default():
    return detection.run(Params())


def verdicts(params, result):
    return {c.statement: c.verdict for c in detection.claims(params, result)}


def statement(name):
    return getattr(detection, name, None) or getattr(_printed_numbers, name)


def test_the_default_run_has_all_its_verdicts(default):
    found = verdicts(Params(), default)
    right = ["FALSE_LAW", "MISSED_LAW", "NO_MISS", "FIGURE_4A", "FIGURE_4B", "FIGURE_5A"]
    wrong = ["MILLION", "HALF_ACTIVE", "SAFE_THRESHOLD", "DIMENSION", "UNION_PLUG_IN", "CODE_ZERO"]
    for name in [*right, "UNION_SIZE"]:
        assert found[statement(name).text] == "reproduced", name
    for name in wrong:
        assert found[statement(name).text] == "not reproduced", name
    assert set(found) == {s.text for s in declared(detection)}


@pytest.mark.parametrize("seed", range(1, 9))
def test_both_laws_hold_at_every_threshold_of_other_seeds(seed):
    result = detection.run(Params(**SMALL, seed=seed))
    for counts, law, trials in (
        (result.false_counts, result.false_law, result.pairs),
        (result.missed_counts, result.missed_law, result.trials),
    ):
        error = np.sqrt(trials * law * (1 - law))
        assert (np.abs(counts - trials * law) <= 5 * error + 1).all()


@pytest.mark.parametrize("knobs", [{}, {"cells": 512, "active": 200, "synapses": 64, "seed": 3}])
def test_a_sketch_is_the_run_of_few_pairs(knobs):
    sketch = detection.first_look(Params(**knobs))
    few = detection.run(Params(**knobs, segments=sketch.trials, pairs=sketch.pairs))
    for name, a, b in zip(sketch._fields, sketch, few, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_a_sketch_agrees_with_the_run(default):
    sketch = detection.first_look(Params())
    np.testing.assert_array_equal(sketch.false_law, default.false_law)
    np.testing.assert_array_equal(sketch.missed_law, default.missed_law)

    def apart(few):
        seen = (few.false_counts > 0) & (few.false_counts < few.pairs) & (default.false_counts > 0)
        ours, theirs = few.false_counts / few.pairs, default.false_counts / default.pairs
        errors = np.sqrt(theirs * (1 - theirs) / few.pairs + theirs / default.pairs)
        return (np.abs(ours - theirs)[seen] / errors[seen]).max()

    assert apart(sketch) < 5
    assert apart(detection.first_look(Params(active=42))) > 5
    assert sketch.pairs * 50 < default.pairs
    assert sketch.trials * 50 < default.trials


def test_a_sketch_prepares_no_detector(monkeypatch):
    monkeypatch.setattr(detection, "Detector", None)
    assert detection.first_look(Params(**SMALL)).trials == detection.STORED // SMALL["active"]
    # At the widest population the patterns shown stay within bounds.
    wide = detection.first_look(Params(cells=65536, active=2000, synapses=200, threshold=1))
    assert wide.pairs <= detection.BITS
    assert detection.first_look(Params(segments=3, pairs=2)).trials == 3


def test_a_rate_wrong_by_a_few_per_cent_is_caught():
    params = Params(**SMALL | {"segments": 20000, "pairs": 100_000_000})
    result = detection.run(params)
    assert verdicts(params, result)[detection.FALSE_LAW.text] == "reproduced"
    at = detection._rarest(result.false_law, result.pairs)
    error = 5 / np.sqrt(result.pairs * result.false_law[at])
    wrong = result._replace(false_counts=(result.false_counts * (1 + 3 * error)).astype(int))
    assert verdicts(params, wrong)[detection.FALSE_LAW.text] == "not reproduced"


def test_a_law_off_by_one_threshold_is_caught(default):
    shifted = default._replace(missed_law=np.append(default.missed_law[1:], 1.0))
    assert verdicts(Params(), shifted)[detection.MISSED_LAW.text] == "not reproduced"


def test_a_segment_that_forgets_is_caught(default):
    forgetful = default._replace(missed_in_guard=1)
    assert verdicts(Params(), forgetful)[detection.NO_MISS.text] == "not reproduced"


def test_counts_are_those_of_sets(monkeypatch):
    monkeypatch.setattr(detection, "BATCH", 16)
    params = Params(**SMALL | {"pairs": 2399, "segments": 60})
    first, second, _ = (np.random.default_rng(s) for s in seeds(params.seed, 3))
    stored = codes.patterns(first, 60, params.cells, params.active)
    segments = codes.subsamples(first, stored, params.synapses)
    shown = [codes.patterns(second, n, params.cells, params.active) for n in (16, 16, 8)]
    random = np.concatenate(shown).tolist()
    overlaps = [len(set(s) & set(p)) for s in segments.tolist() for p in random]
    expected = [sum(o >= t for o in overlaps) for t in range(1, params.synapses + 1)]
    result = detection.run(params)
    assert result.false_counts.tolist() == expected
    assert result.pairs == 2400


def test_the_run_is_a_function_of_its_knobs():
    first, again = (detection.run(Params(**SMALL)) for _ in range(2))
    other = detection.run(Params(**SMALL, seed=1))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (first.false_counts != other.false_counts).any()


def test_the_run_touches_no_device_array_by_numpy(monkeypatch):
    """The whole run on the stand-in for a GPU gives the host's numbers."""
    host = detection.run(Params(**SMALL))
    monkeypatch.setattr(detection, "generator", lambda seed, backend: StrictGenerator(seed))
    detection._false_matches.cache_clear()
    device = detection.run(Params(**SMALL))
    for one, two in zip(host, device, strict=True):
        assert isinstance(two, np.ndarray | int)
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("knobs", "law", "count"),
    [
        ((1786, 16, 4, 4, 4, 4, 4), 0, 2),
        ((945, 2, 1, 1, 0, 1, 16), 0, 1),
        ((245, 71, 1, 1, 1, 18, 1), 1, 1),
        ((652, 72, 1, 1, 1, 200, 1), 1, 1),
    ],
)
def test_a_single_rare_event_contradicts_no_law(knobs, law, count):
    """Settings that the test below has drawn: one or two events where few hundredths are due."""
    names = ("cells", "active", "synapses", "threshold", "moved", "pairs", "segments")
    params = Params(**dict(zip(names, knobs, strict=True)))
    result = detection.run(params)
    assert [result.false_counts, result.missed_counts][law][0] == count
    assert detection.claims(params, result)[law].verdict == "undecided"
    counted = 2 * len(result.thresholds)
    assert f"; {counted} of {counted} measured intervals" in detection.alternative(result)
    # Were all that could be counted seen, no rare law would bear it.
    all_seen = result._replace(false_counts=np.full(params.synapses, 16), pairs=16)
    assert detection.claims(params, all_seen)[0].verdict == "not reproduced"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_admitted_setting_ends_in_verdicts(data):
    cells = data.draw(st.integers(64, 3000))
    active = data.draw(st.integers(1, min(cells // 2, 200)))
    synapses = data.draw(st.integers(1, min(active, 60)))
    params = Params(
        cells=cells,
        active=active,
        synapses=synapses,
        threshold=data.draw(st.integers(1, synapses)),
        moved=data.draw(st.integers(0, active)),
        pairs=data.draw(st.integers(1, 400)),
        segments=data.draw(st.integers(1, 20)),
    )
    result = detection.run(params)
    found = detection.claims(params, result)
    assert all(c.verdict in MARKS for c in found)
    assert found[0].verdict != "not reproduced"
    assert found[1].verdict != "not reproduced"
    assert found[2].verdict == "reproduced"
    assert detection.alternative(result)
    assert set(detection.summary(params, result)) >= {"pairs", "missed"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"active": 1025}, r"`active` must be in \[1, cells/2=1024\]; got 1025"),
        ({"synapses": 41}, r"`synapses` must be in \[1, active=40\]; got 41"),
        ({"threshold": 21}, r"`threshold` must be in \[1, synapses=20\]; got 21"),
        ({"moved": 41}, r"`moved` must be in \[0, active=40\]; got 41"),
        ({"cells": 65537}, r"`cells` must be a whole number in \[64, 65536\]; got 65537"),
        ({"segments": 0}, "`segments` must be a whole number"),
        (
            {"active": 1000, "segments": 50001},
            r"`segments` must be in \[1, 50000\] with active=1000",
        ),
        ({"cellls": 64}, "did you mean `cells`"),
    ],
)
def test_bad_knobs_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        Params(**values)

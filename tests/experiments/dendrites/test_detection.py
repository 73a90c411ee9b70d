import numpy as np
import pytest
from conftest import StrictGenerator
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.claims import MARKS
from workbench.dendrites import codes
from workbench.experiments.dendrites import detection
from workbench.experiments.dendrites.detection import Params

SMALL = {"cells": 512, "active": 20, "synapses": 10, "threshold": 4, "moved": 9}
SMALL |= {"patterns": 500, "segments": 2000}


@pytest.fixture(scope="module")
def default():
    return detection.run(Params())


def verdicts(params, result):
    return {c.statement: c.verdict for c in detection.claims(params, result)}


def test_the_default_run_has_all_its_verdicts(default):
    found = verdicts(Params(), default)
    right = ["FALSE_LAW", "MISSED_LAW", "NO_MISS", "FIGURE_4A", "FIGURE_4B", "FIGURE_5A"]
    wrong = ["MILLION", "HALF_ACTIVE", "SAFE_THRESHOLD", "DIMENSION", "UNION_PLUG_IN", "CODE_ZERO"]
    for name in [*right, "UNION_SIZE"]:
        assert found[getattr(detection, name).text] == "reproduced", name
    for name in wrong:
        assert found[getattr(detection, name).text] == "not reproduced", name
    assert len(found) == 13


@pytest.mark.parametrize("seed", range(1, 9))
def test_both_laws_hold_at_every_threshold_of_other_seeds(seed):
    result = detection.run(Params(**SMALL, seed=seed))
    for counts, law, trials in (
        (result.false_counts, result.false_law, result.pairs),
        (result.missed_counts, result.missed_law, result.trials),
    ):
        error = np.sqrt(trials * law * (1 - law))
        assert (np.abs(counts - trials * law) <= 5 * error + 1).all()


def test_a_rate_wrong_by_a_few_per_cent_is_caught():
    params = Params(**SMALL | {"segments": 20000, "patterns": 5000})
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


def test_counts_are_those_of_sets():
    params = Params(**SMALL | {"patterns": 40, "segments": 60})
    rng = np.random.default_rng(params.seed)
    stored = codes.patterns(rng, 60, params.cells, params.active)
    segments = codes.subsamples(rng, stored, params.synapses)
    random = codes.patterns(rng, 40, params.cells, params.active)
    overlaps = [len(set(s) & set(p)) for s in segments.tolist() for p in random.tolist()]
    expected = [sum(o >= t for o in overlaps) for t in range(1, params.synapses + 1)]
    assert detection.run(params).false_counts.tolist() == expected


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
    device = detection.run(Params(**SMALL))
    for one, two in zip(host, device, strict=True):
        assert isinstance(two, np.ndarray | int)
        np.testing.assert_array_equal(one, two)


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
        patterns=data.draw(st.integers(1, 20)),
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
        ({"cellls": 64}, "did you mean `cells`"),
    ],
)
def test_bad_knobs_are_refused(values, says):
    with pytest.raises(ValueError, match=says):
        Params(**values)

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.experiment.decisions import (
    MIME,
    SUMMARY_MIME,
    Claim,
    Claims,
    Statement,
    Summary,
    Values,
    number,
)
from workbench.runs.run_folder import write_json

SAID = Statement("Somebody (2020)", "eq. 1", "It is so")
YES, NO, UNDECIDED = "reproduced", "not reproduced", "undecided"


@pytest.mark.parametrize(
    ("expected", "measured", "interval", "verdict"),
    [
        (1.0, 1.0, None, YES),
        (1.0, 1.0 + 1e-12, None, NO),
        ((0.9, 1.1), 1.0, None, YES),
        ((0.9, 1.1), 1.1, None, YES),
        ((0.9, 1.1), 1.2, None, NO),
        (1.0, 1.1, (0.9, 1.3), YES),
        (1.0, 1.1, (1.0, 1.2), YES),
        (1.0, 1.1, (1.01, 1.2), NO),
        (1.0, 1.0, (0.49, 1.51), UNDECIDED),
        (1.0, 1.0, (0.5, 1.5), YES),
        (1.0, 2.0, (0.0, 9.0), UNDECIDED),
        ((0.0, 10.0), 2.0, (0.0, 9.0), YES),
        (-2.0, -2.1, (-2.5, -1.7), YES),
        (0.0, 0.0, None, YES),
        (0.0, 0.0, (-1e-9, 1e-9), UNDECIDED),
        (0.0, 1.0, (0.5, 1.5), NO),
    ],
)
def test_agrees(expected, measured, interval, verdict):
    claim = SAID.agrees(expected=expected, measured=measured, interval=interval)
    assert claim.verdict == verdict


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.floats(-1e6, 1e6), st.floats(0, 10))
def test_agrees_says_no_exactly_where_the_ranges_are_apart(middle, half, expected, resolution):
    interval = (middle - half, middle + half)
    claim = SAID.agrees(
        expected=expected, measured=middle, interval=interval, resolution=resolution
    )
    assert (claim.verdict == NO) == (not interval[0] <= expected <= interval[1])


@pytest.mark.parametrize(
    ("measured", "interval", "bounds", "verdict"),
    [
        (1.0, None, {"below": 2.0}, YES),
        (2.0, None, {"below": 2.0}, NO),
        (2.0, None, {"above": 2.0}, NO),
        (3.0, None, {"above": 2.0}, YES),
        (1.0, (0.5, 1.999), {"below": 2.0}, YES),
        (1.0, (0.5, 2.0), {"below": 2.0}, UNDECIDED),
        (3.0, (2.0, 4.0), {"below": 2.0}, NO),
        (3.0, (1.9, 4.0), {"below": 2.0}, UNDECIDED),
        (3.0, (1.9, 4.0), {"above": 2.0}, UNDECIDED),
        (1.5, (1.1, 1.9), {"above": 1.0, "below": 2.0}, YES),
        (1.5, (0.9, 1.9), {"above": 1.0, "below": 2.0}, UNDECIDED),
        (0.5, (0.1, 1.0), {"above": 1.0, "below": 2.0}, NO),
    ],
)
def test_bounded(measured, interval, bounds, verdict):
    assert SAID.bounded(measured=measured, interval=interval, **bounds).verdict == verdict


def test_bounded_says_its_bounds():
    claim = SAID.bounded(measured=1.5, above=1.0, below=2000)
    assert claim.expected == "above 1 and below 2,000"


@pytest.mark.parametrize(
    ("expected", "measured", "verdict"),
    [(3, 3, YES), (3, 4, NO), ("abc", "abc", YES), (0.0, 4e-21, NO), (3, np.int64(3), YES)],
)
def test_exact(expected, measured, verdict):
    assert SAID.exact(expected=expected, measured=measured).verdict == verdict


def test_untested_is_not_measured_and_says_why():
    claim = SAID.untested(expected="1e-40", note="a longer run")
    assert claim.verdict == claim.measured == "not measured"
    assert claim.note == "a longer run"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("measured", [NAN, INF, -INF])
def test_a_measured_value_that_is_no_number_is_refused(measured):
    refused = "`measured` must be a finite number.*; got -?(nan|inf)"
    with pytest.raises(ValueError, match=refused):
        SAID.agrees(expected=1.0, measured=measured)
    with pytest.raises(ValueError, match=refused):
        SAID.agrees(expected=1.0, measured=measured, interval=(0.0, 2.0))
    with pytest.raises(ValueError, match=refused):
        SAID.bounded(measured=measured, below=1.0)
    with pytest.raises(ValueError, match=refused):
        SAID.exact(expected=1.0, measured=measured)


@pytest.mark.parametrize("interval", [(NAN, 1.0), (0.0, NAN), (2.0, 1.0), (0.0, INF), (-INF, 0.0)])
def test_an_interval_out_of_order_is_refused(interval):
    with pytest.raises(ValueError, match="`interval` must be two finite numbers in order; got"):
        SAID.agrees(expected=1.0, measured=1.0, interval=interval)
    with pytest.raises(ValueError, match="`interval` must be two finite numbers in order; got"):
        SAID.bounded(measured=1.0, interval=interval, below=3.0)


@pytest.mark.parametrize("expected", [NAN, (2.0, 1.0), (0.0, INF)])
def test_an_expected_value_out_of_order_is_refused(expected):
    with pytest.raises(ValueError, match="`expected` must be two finite numbers in order; got"):
        SAID.agrees(expected=expected, measured=1.0)


def test_bounds_that_decide_nothing_are_refused():
    with pytest.raises(ValueError, match="`below` must be given where `above` is not"):
        SAID.bounded(measured=1.0)
    with pytest.raises(ValueError, match="`above` must be smaller than below=1"):
        SAID.bounded(measured=1.0, above=2.0, below=1.0)
    with pytest.raises(ValueError, match="`above` must be smaller than below=nan"):
        SAID.bounded(measured=1.0, above=2.0, below=NAN)


def test_claims_round_trip_through_json(tmp_path):
    claims = Claims(
        [
            SAID.agrees(expected=1.0, measured=np.float64(1.1), interval=(0.9, 1.3)),
            SAID.exact(expected=3, measured=np.int64(3), note="<b>"),
            SAID.untested(expected="much", note="why"),
        ]
    )
    data = claims._repr_mimebundle_()[MIME]
    write_json(tmp_path / "claims.json", data)
    back = json.loads((tmp_path / "claims.json").read_text())
    assert Claims(Claim.model_validate(c) for c in back) == claims


def test_claims_are_shown_in_words_and_escaped():
    evil = Statement("<i>P</i>", "<u>w</u>", "<script>1</script>")
    bundle = Claims([evil.exact(expected="<b>", measured="<s>", note="<em>")])._repr_mimebundle_()
    for tag in ("<i>", "<u>", "<script>", "<b>", "<s>", "<em>"):
        assert tag not in bundle["text/html"]
    assert "not reproduced" in bundle["text/html"]
    assert "not reproduced: <script>1</script>" in bundle["text/plain"]


def test_a_run_without_a_claim_is_refused():
    with pytest.raises(ValueError, match="`claims` must be at least one claim; got none"):
        Claims([])


def test_a_summary_holds_plain_values(tmp_path):
    summary = Summary(
        {"a": np.float32(0.5), "b": np.int64(3), "c": True, "d": "x", "e": np.bool_(0)}
    )
    assert [type(v) for v in summary.values()] == [float, int, bool, str, bool]
    write_json(tmp_path / "s.json", summary._repr_mimebundle_()[SUMMARY_MIME])
    assert json.loads((tmp_path / "s.json").read_text()) == dict(summary)
    assert "<b>" not in Summary({"<b>": "<b>"})._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("value", [NAN, -INF, np.float64(NAN), np.zeros(2), None, [1]])
def test_a_summary_refuses_what_a_record_cannot_hold(value):
    with pytest.raises(
        ValueError, match="^`share` must be (a finite n|text, a boolean or a n)umber"
    ):
        Summary({"share": value})


def test_numbers_for_people():
    shown = [number(v) for v in (1234567, np.int64(1234567), 0.000123456, np.float32(2.5), True)]
    assert shown == ["1,234,567", "1,234,567", "0.0001235", "2.5", "True"]
    assert math.isclose(float(number(1 / 3)), 1 / 3, rel_tol=1e-3)


def test_a_narrow_range_and_its_value_have_enough_digits_to_differ():
    said = Statement("Somebody (2020)", "eq. 3", "It is critical at 1.98305826")
    claim = said.agrees(expected=(1.983058255, 1.983058265), measured=1.98305826131)
    assert (claim.expected, claim.measured_text) == ("1.983058255 to 1.983058265", "1.983058261")
    below = said.agrees(expected=(-1.983058265, -1.983058255), measured=-1.98305826131)
    assert (below.expected, below.measured_text) == ("-1.983058265 to -1.983058255", "-1.983058261")
    wide = said.agrees(expected=(0.5, 2), measured=1.98305826131)
    assert (wide.expected, wide.measured_text) == ("0.5 to 2", "1.983")
    small = said.agrees(expected=(1.25e-9, 2e-9), measured=1.23456789e-9)
    assert (small.expected, small.measured_text) == ("1.25e-09 to 2e-09", "1.235e-09")
    nearly = said.agrees(expected=(1.0, 1.0 + 2**-52), measured=1.0)
    assert nearly.expected == "1 to 1.00000000000000022"
    assert "1.983058261" in str(Claims([claim])._repr_mimebundle_())
    counted = said.exact(expected=12, measured=13)
    assert (counted.expected, counted.measured_text) == ("12", "13")


def test_values_are_shown_in_few_digits_and_are_no_summary():
    values = Values({"factor": 1.17259405409875, "kind": "half-stable", "runs_away": np.True_})
    shown = values._repr_mimebundle_()
    assert shown["text/plain"] == "factor: 1.173\nkind: half-stable\nruns_away: True"
    assert "<td>1.173</td>" in shown["text/html"]
    assert set(Summary(values)._repr_mimebundle_()) - set(shown) == {SUMMARY_MIME}
    with pytest.raises(ValueError, match="`a` must be a finite number"):
        Values({"a": math.inf})

"""The brief of a plain record in one step equals the brief of the general way."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from records import claims, record

from workbench.records.brief import brief, cached_brief, plain_brief
from workbench.records.record_file import Unreadable, checked, parsed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63), 2**1001, 10**400, 0, -0.0])
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["nan", "A" * 10_001, "é" * 10_000, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
PARTS = sorted({*record(), "schema", "process", "left"})
FIELDS = sorted(claims()[0])


def general(text):
    """The brief of the general way; None if the text is no record."""
    try:
        return brief(checked(parsed(text)))
    except (Unreadable, ValueError):
        return None


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(PARTS), VALUES, max_size=3)
    | st.builds(
        lambda name, values: {name: values},
        st.sampled_from(["knobs", "summary", "changed", "timings"]),
        st.dictionaries(st.text(max_size=3), VALUES, max_size=4),
    )
    | st.builds(
        lambda changes: {"claims": [claims()[0], claims()[1] | changes]},
        st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=2),
    )
)
@example({"schema": True})
@example({"state": "running", "process": 1, "process_start": 2.0})
@example({"knobs": {"x": [10**400]}})
@example({"summary": {str(i): i for i in range(501)}})
@example({"title": ""})
def test_a_plain_brief_is_the_brief(change):
    text = json.dumps(record() | change).encode()
    found = plain_brief(text)
    expected = general(text)
    if found is not None:
        assert json.dumps(found, sort_keys=True) == json.dumps(expected, sort_keys=True)
    if expected is not None:
        again = cached_brief(json.dumps(expected).encode())
        assert again is None or again == expected


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"schema": 1},
        {"knobs": {"x": [1, 2.5], "y": None, "z": "é", "t": True}},
        {"state": "failed", "error": "no"},
        {"timings": {"start": "2026", "seconds": "x"}},
    ],
)
def test_usual_records_are_plain(change):
    assert plain_brief(json.dumps(record() | change).encode()) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"state": "running"},
        {"name": 5},
        {"knobs": {"x": {"deep": 1}}},
        {"knobs": {"x": float("nan")}},
        {"summary": {"x": 2**70}},
        {"summary": {"x": "A" * 10_001}},
        {"claims": [claims()[0] | {"verdict": "great"}]},
        {"claims": [claims()[1] | {"interval": [1.0, 2.0, 3.0]}]},
    ],
)
def test_what_a_brief_changes_is_not_plain(change):
    assert plain_brief(json.dumps(record() | change).encode()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"knobs": []},
        {"claims": [{"verdict": "reproduced"}]},
        {"attempt": "many"},
        {"error": ["<script>"]},
        {"left": {"knobs": "all"}},
    ],
)
def test_a_brief_of_another_form_is_not_taken_from_the_cache(change):
    assert cached_brief(json.dumps(brief(record())).encode()) is not None
    assert cached_brief(json.dumps(brief(record()) | change).encode()) is None

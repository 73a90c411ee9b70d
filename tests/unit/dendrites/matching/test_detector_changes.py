"""Segments of unequal length, segments that change, several patterns on a segment."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.dendrites.codes.unions import mixed, tagged
from workbench.dendrites.matching import segment_store
from workbench.dendrites.matching.detector import Detector

CELLS = 60
METHODS = ["plain", "numba", "gather", "index", "pairs"]
each_method = pytest.mark.parametrize("method", METHODS)
quiet = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
cell_sets = st.sets(st.integers(0, CELLS - 1), max_size=20)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of a few rows, so that a few rows make several."""
    monkeypatch.setattr(segment_store, "BLOCK", 11)
    monkeypatch.setattr(segment_store, "YOUNG", 4)


def arrays(sets):
    return [np.array(sorted(s), np.int64) for s in sets]


def padded(sets, width=20):
    rows = [sorted(s) + [-1] * (width - len(s)) for s in sets]
    return np.array(rows, np.int64).reshape(-1, width)


def pairs(matches):
    return list(zip(matches.pattern.tolist(), matches.segment.tolist(), strict=True))


def brute(patterns, segments, threshold):
    """All pairs, given the segments' numbers and their sets, of which one may have several."""
    return [
        (p, number)
        for p, pattern in enumerate(patterns)
        for number in sorted(segments)
        if any(len(pattern & row) >= threshold for row in segments[number])
    ]


@each_method
@pytest.mark.parametrize("listed", [True, False])
@quiet
@given(
    segments=st.lists(cell_sets, max_size=30),
    patterns=st.lists(cell_sets, max_size=9),
    threshold=st.integers(0, 6),
)
def test_rows_of_unequal_length(method, listed, segments, patterns, threshold, small_blocks):
    if method == "pairs" and threshold < 2:
        return
    put = arrays if listed else padded
    padding = None if listed else -1
    detector = Detector(put(segments), CELLS, threshold, method, padding=padding)
    expected = brute(patterns, {i: [s] for i, s in enumerate(segments)}, threshold)
    assert pairs(detector.matches(put(patterns))) == expected
    histogram = detector.overlap_histogram(put(patterns))
    overlaps = [len(p & s) for p in patterns for s in segments]
    counts = np.bincount(np.array(overlaps, int), minlength=histogram.size)
    np.testing.assert_array_equal(histogram, counts)


@pytest.mark.parametrize("cells", [65_535, 65_536, 65_537, 200_000, 2**24])
@each_method
def test_populations_about_and_beyond_two_bytes(cells, method):
    if method == "index" and cells > 2**18:
        pytest.skip("too many cells for an index")
    rng = np.random.default_rng(cells)
    pool = np.append(rng.integers(0, cells - 1, 40), cells - 1)
    sets = [set(rng.permutation(pool)[: rng.integers(3, 21)].tolist()) for _ in range(60)]
    segments, patterns = sets[:50], sets[50:]
    detector = Detector(arrays(segments), cells, 4, method)
    expected = brute(patterns, {i: [s] for i, s in enumerate(segments)}, 4)
    assert pairs(detector.matches(arrays(patterns))) == expected
    assert len(expected) > 20


@pytest.mark.parametrize("padding", [0, 59, 2.5, "x"])
def test_a_padding_that_is_a_cell_is_refused(padding, unchecked):
    with pytest.raises((ValueError, TypeError), match="^`padding` must be .*; got "):
        Detector(padded([{1, 2}]), CELLS, 1, padding=padding)


def test_lists_of_other_things_are_refused(unchecked):
    with pytest.raises(ValueError, match="one-dimensional arrays of cell indices; got"):
        Detector([np.zeros((1, 2), int)], CELLS, 1)
    with pytest.raises(ValueError, match=r"distinct cells within a row; got \[3, 3\]"):
        Detector([np.array([3, 3]), np.array([1])], CELLS, 1)
    with pytest.raises(ValueError, match=r"in \[0, 59\]; got 60"):
        Detector([np.array([3, 60])], CELLS, 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "replace", "ask"]),
        st.lists(cell_sets, min_size=1, max_size=9),
        st.integers(0, 2**32 - 1),
    ),
    max_size=8,
)


@each_method
@quiet
@given(start=st.lists(cell_sets, max_size=25), steps=STEPS, threshold=st.integers(2, 5))
def test_changes_are_those_of_a_dictionary(method, start, steps, threshold, small_blocks):
    detector = Detector(arrays(start), CELLS, threshold, method)
    model, following = {i: [s] for i, s in enumerate(start)}, len(start)
    patterns = [set(range(0, CELLS, 2)), set(range(20)), set(range(15, 45))]
    for what, sets, seed in steps:
        chosen = np.random.default_rng(seed).permutation(sorted(model)).astype(int)[: len(sets)]
        if what == "add":
            given = detector.add(arrays(sets))
            assert given.tolist() == list(range(following, following + len(sets)))
            model.update(zip(given.tolist(), ([s] for s in sets), strict=True))
            following += len(sets)
        elif what == "remove":
            detector.remove(chosen)
            for number in chosen.tolist():
                del model[number]
        elif what == "replace":
            detector.replace(chosen, arrays(sets[: len(chosen)]))
            for number, new in zip(chosen.tolist(), sets, strict=False):
                model[number] = [new]
        assert detector.segments == len(model)
        assert pairs(detector.matches(arrays(patterns))) == brute(patterns, model, threshold)


def test_a_change_leaves_other_blocks_as_they_were(small_blocks):
    rng = np.random.default_rng(1)
    detector = Detector(rng.random((40, CELLS)).argsort(axis=1)[:, :8], CELLS, 4, "gather")
    patterns = rng.random((5, CELLS)).argsort(axis=1)[:, :30]
    detector.matches(patterns)
    before = [block.cached("gather", pytest.fail) for block in detector._store.blocks()]
    detector.replace(np.array([12]), np.arange(8)[None, :])
    detector.matches(patterns)
    after = [block.cached("gather", pytest.fail) for block in detector._store.blocks()]
    assert [x is y for x, y in zip(before, after, strict=True)] == [True, False, True, True]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda d: d.remove(np.array([7])), "`numbers` must be numbers of segments .*; got 7"),
        (lambda d: d.remove(np.array([1, 1])), "`numbers` must be distinct"),
        (lambda d: d.replace(np.array([1]), np.zeros((2, 1), int)), "one row for each"),
        (lambda d: d.replace(np.array([9]), np.zeros((1, 1), int)), "numbers of segments"),
        (lambda d: d.add(np.zeros((1, 1), int), np.array([2])), "at least 3, past those in use"),
        (lambda d: d.add(np.full((1, 1), 60)), r"`segments` must be .*in \[0, 59\]; got 60"),
        (lambda d: d.add(np.zeros((1, 1), int), np.array([3, 4])), r"of shape \(1,\)"),
    ],
)
def test_bad_changes_are_refused_and_change_nothing(call, sentence, unchecked):
    detector = Detector(np.array([[1, 2], [3, 4], [5, 6]]), CELLS, 1)
    with pytest.raises(ValueError, match=sentence):
        call(detector)
    assert pairs(detector.matches(np.array([[1, 3, 5]]))) == [(0, 0), (0, 1), (0, 2)]


@each_method
@quiet
@given(
    stored=st.lists(st.lists(cell_sets, min_size=1, max_size=5), max_size=12),
    patterns=st.lists(cell_sets, max_size=6),
    threshold=st.integers(2, 6),
)
def test_patterns_kept_apart_on_a_segment(method, stored, patterns, threshold, small_blocks):
    numbers = np.repeat(3 * np.arange(len(stored)), [len(s) for s in stored]).astype(int)
    rows = arrays([row for segment in stored for row in segment])
    detector = Detector(rows, CELLS, threshold, method, numbers=numbers)
    expected = brute(patterns, {3 * i: s for i, s in enumerate(stored)}, threshold)
    assert detector.segments == len(stored)
    assert pairs(detector.matches(arrays(patterns))) == expected
    pieces = [p for m in detector.stream(arrays(patterns), progress=False) for p in pairs(m)]
    assert sorted(pieces) == expected


def test_unions_mixed_and_tagged_through_the_same_call(backend):
    rng = np.random.default_rng(2)
    stored = rng.random((30, 4, CELLS)).argsort(axis=2)[:, :, :6]
    patterns = rng.random((50, CELLS)).argsort(axis=1)[:, :15]
    sets = [[set(row.tolist()) for row in segment] for segment in stored]
    shown = [set(row.tolist()) for row in patterns]
    apart = Detector(cells=CELLS, threshold=4, **tagged(backend.put(stored))._asdict())
    assert pairs(apart.matches(patterns)) == brute(shown, dict(enumerate(sets)), 4)
    together = Detector(mixed(backend.put(stored)), CELLS, 4)
    joined = {i: [set().union(*segment)] for i, segment in enumerate(sets)}
    assert pairs(together.matches(patterns)) == brute(shown, joined, 4)
    assert set(pairs(apart.matches(patterns))) < set(pairs(together.matches(patterns)))


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ([0], r"of shape \(2,\)"),
        ([1, 0], "ascending"),
        ([0, -1], "at least 0"),
        ([0.5, 1], "whole"),
    ],
)
def test_bad_numbers_are_refused(numbers, sentence, unchecked):
    with pytest.raises(ValueError, match=f"^`numbers` must be .*{sentence}"):
        Detector(np.array([[1], [2]]), CELLS, 1, numbers=np.array(numbers))
    with pytest.raises(ValueError, match="three-dimensional"):
        mixed(np.zeros((2, 3), int))


def test_a_saved_detector_keeps_lengths_numbers_and_the_next_number(tmp_path):
    detector = Detector(arrays([{1, 2, 3}, {4, 5}, {1, 2}]), CELLS, 2, numbers=np.array([2, 2, 5]))
    detector.remove(np.array([5]))
    detector.save(tmp_path / "file")
    again = Detector.load(tmp_path / "file")
    patterns = arrays([{1, 2}, {4, 5, 1}])
    assert pairs(again.matches(patterns)) == pairs(detector.matches(patterns)) == [(0, 2), (1, 2)]
    assert again.add(arrays([{7}])).tolist() == detector.add(arrays([{7}])).tolist() == [6]

"""Segments of unequal length, and several patterns on a segment."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    pieces = [p for m in detector.stream(arrays(patterns)) for p in pairs(m)]
    assert sorted(pieces) == expected


def test_several_patterns_on_a_segment_as_one_set_or_as_rows(backend):
    rng = np.random.default_rng(2)
    stored = rng.random((30, 4, CELLS)).argsort(axis=2)[:, :, :6]
    patterns = rng.random((50, CELLS)).argsort(axis=1)[:, :15]
    sets = [[set(row.tolist()) for row in segment] for segment in stored]
    given = backend.put(patterns)
    shown = [set(row.tolist()) for row in patterns]
    rows, numbers = backend.put(stored.reshape(120, 6)), np.repeat(np.arange(30), 4)
    apart = Detector(rows, CELLS, 4, numbers=numbers)
    assert pairs(apart.matches(given)) == brute(shown, dict(enumerate(sets)), 4)
    together = Detector([backend.put(np.unique(rows)) for rows in stored], CELLS, 4)
    joined = {i: [set().union(*segment)] for i, segment in enumerate(sets)}
    assert pairs(together.matches(given)) == brute(shown, joined, 4)
    assert set(pairs(apart.matches(given))) < set(pairs(together.matches(given)))


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


def test_a_saved_detector_retains_lengths_and_numbers(tmp_path):
    detector = Detector(arrays([{1, 2, 3}, {4, 5}, {1, 2}]), CELLS, 2, numbers=np.array([2, 2, 5]))
    detector.save(tmp_path / "file")
    again = Detector.load(tmp_path / "file")
    patterns = arrays([{1, 2}, {4, 5, 1}])
    expected = [(0, 2), (0, 5), (1, 2)]
    assert pairs(again.matches(patterns)) == pairs(detector.matches(patterns)) == expected

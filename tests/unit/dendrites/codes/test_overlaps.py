import numpy as np
import pytest

from workbench.dendrites.codes.overlaps import overlap_table, reached


def rows(rng, count, cells, size):
    return np.argsort(rng.random((count, cells)), axis=1)[:, :size]


@pytest.mark.parametrize("synapses", [1, 7, 300])
def test_overlaps_are_those_of_sets(backend, synapses):
    rng = np.random.default_rng(3)
    segments, patterns = rows(rng, 5, 400, synapses), rows(rng, 9, 400, 320)
    result = backend.back(overlap_table(backend.put(segments), backend.put(patterns), 400))
    assert result.tolist() == [
        [len(set(s) & set(p)) for p in patterns.tolist()] for s in segments.tolist()
    ]


def test_a_count_beyond_a_byte_does_not_wrap():
    every = np.arange(300)[None]
    assert overlap_table(every, every, 300).tolist() == [[300]]


def test_nothing_shares_nothing():
    none, some = np.zeros((0, 3), dtype=int), np.array([[0, 1, 2]])
    assert overlap_table(none, some, 3).shape == (0, 1)
    assert overlap_table(some, none, 3).shape == (1, 0)
    assert overlap_table(some[:, :0], some, 3).tolist() == [[0]]


@pytest.mark.parametrize(
    ("segments", "patterns", "says"),
    [
        ([[0, 5]], [[0, 1]], r"indices in \[0, cells=5\); got 5"),
        ([[0, 1]], [[0, -1]], r"indices in \[0, cells=5\); got -1"),
        ([[1, 1]], [[0, 1]], "rows in which no cell repeats; got 1"),
    ],
)
def test_bad_rows_are_refused(segments, patterns, says):
    with pytest.raises(ValueError, match=says):
        overlap_table(np.array(segments), np.array(patterns), 5)


def test_reached_counts_those_at_or_above_each_threshold():
    overlaps = np.array([[0, 2, 2, 3, 1], [0, 0, 0, 0, 4]])
    histogram = np.array([np.bincount(row, minlength=5) for row in overlaps])
    counts = [[(row >= threshold).sum() for threshold in range(1, 5)] for row in overlaps]
    assert reached(histogram).tolist() == counts
    assert reached(histogram[0]).tolist() == counts[0]

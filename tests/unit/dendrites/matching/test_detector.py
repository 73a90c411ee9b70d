import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.dendrites.matching.detector import Detector

# cells, active, synapses, threshold, segments, patterns
EDGES = {
    "threshold 0": (40, 10, 8, 0, 5, 6),
    "threshold above synapses": (40, 10, 8, 9, 5, 6),
    "threshold above active": (40, 3, 8, 4, 5, 6),
    "threshold far above": (40, 10, 8, 10**15, 5, 6),
    "fewer active than synapses": (40, 3, 8, 2, 20, 6),
    "every cell active": (40, 40, 8, 8, 5, 6),
    "no synapses": (40, 10, 0, 0, 5, 6),
    "no synapses, threshold 1": (40, 10, 0, 1, 5, 6),
    "no segments": (40, 10, 8, 2, 0, 6),
    "no patterns": (40, 10, 8, 2, 5, 0),
    "none active": (40, 0, 8, 0, 5, 6),
    "none active, threshold 1": (40, 0, 8, 1, 5, 6),
    "one cell": (1, 1, 1, 1, 3, 2),
    "33 cells, 33 patterns": (33, 9, 8, 3, 50, 33),
    "more patterns than a block": (64, 9, 8, 4, 30, 513),
    "last cell of 65,536": (65_536, 30, 20, 4, 30, 20),
    "64 synapses": (100, 70, 64, 45, 30, 20),
    "counts past a byte": (400, 400, 300, 300, 4, 3),
    "256 synapses": (300, 300, 256, 256, 3, 3),
}
METHODS = {
    "numpy": ("plain", "numba", "gather", "index", "pairs"),
    "strict": ("plain",),
    "cupy": ("plain",),
}
# Numba compiles a kernel for each number of synapses counted at first.
WIDTHS = [0, 1, 2, 5, 12, 20, 33, 64, 70]


def drawn(seed, cells, active, synapses, segments, patterns):
    """Rows from a pool of few cells, the last among them, so that overlaps are large."""
    rng = np.random.default_rng(seed)
    size = min(cells, max(active, synapses, 1) + 20)
    pool = np.append(rng.choice(cells - 1, size - 1, replace=False), cells - 1)
    return tuple(
        np.array([rng.permutation(pool)[:width] for _ in range(rows)], int).reshape(rows, width)
        for rows, width in ((patterns, active), (segments, synapses))
    )


def exact_overlaps(patterns, segments):
    sets = [set(row) for row in segments.tolist()]
    return [[len(set(row) & other) for other in sets] for row in patterns.tolist()]


def check(backend, cells, threshold, patterns, segments):
    overlaps = exact_overlaps(patterns, segments)
    pairs = [(p, s) for p, row in enumerate(overlaps) for s, o in enumerate(row) if o >= threshold]
    counts = np.bincount([o for row in overlaps for o in row], minlength=segments.shape[1] + 1)
    for method in METHODS[backend.name]:
        if method == "pairs" and threshold < 2:
            continue
        detector = Detector(backend.put(segments), cells, threshold, method)
        result = detector.matches(backend.put(patterns))
        assert list(zip(*(column.tolist() for column in result), strict=True)) == pairs
        assert {column.dtype for column in result} == {np.dtype(np.int64)}
        histogram = detector.overlap_histogram(backend.put(patterns))
        np.testing.assert_array_equal(histogram, counts)
        assert histogram.dtype == np.int64
        assert histogram.sum() == len(patterns) * len(segments)


@pytest.mark.parametrize("edge", EDGES)
def test_matches_and_histogram_at_the_edges(edge, backend):
    cells, active, synapses, threshold, segments, patterns = EDGES[edge]
    check(backend, cells, threshold, *drawn(5, cells, active, synapses, segments, patterns))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), cells=st.sampled_from([1, 7, 31, 32, 33, 90, 257, 65_536]))
def test_matches_and_histogram_are_those_of_sets(backend, data, cells):
    active = data.draw(st.integers(0, min(cells, 70)))
    synapses = min(cells, data.draw(st.sampled_from(WIDTHS)))
    rows = data.draw(st.integers(0, 9)), data.draw(st.integers(0, 40))
    threshold = data.draw(st.integers(0, min(active, synapses) + 2))
    seed = data.draw(st.integers(0, 2**32 - 1))
    check(backend, cells, threshold, *drawn(seed, cells, active, synapses, *rows))


def test_properties_and_the_automatic_method(backend):
    segments = np.array([[3, 1], [0, 9], [8, 2]])
    detector = Detector(backend.put(segments), 10, 2)
    sizes = (detector.segments, detector.synapses, detector.cells, detector.threshold)
    assert sizes == (3, 2, 10, 2)
    assert detector.method == ("numba" if backend.name == "numpy" else "plain")


@pytest.mark.parametrize("method", ["plain", "numba"])
def test_the_callers_array_may_change_afterwards(method):
    segments = np.array([[3, 1], [0, 9]])
    detector = Detector(segments, 10, 2, method)
    segments[:] = 5
    assert detector.matches(np.array([[1, 2, 3]])).segment.tolist() == [0]


BAD_ROWS = [
    ([[0, 10]], r"in \[0, 9\]; got 10"),
    ([[-1, 3]], r"in \[0, 9\]; got -1"),
    ([[2.5, 3.0]], r"in \[0, 9\]; got 2.5"),
    ([[np.nan, 3.0]], "got nan"),
    ([[True, False]], "a whole number; got"),
    (np.zeros((0, 2), bool), "a whole number; got"),
    ([[1, 2], [4, 4]], r"distinct cells within a row; got \[4, 4\]"),
    ([1, 2], r"two-dimensional.*; got \(2,\)"),
]


@pytest.mark.parametrize(("rows", "sentence"), BAD_ROWS)
def test_bad_rows_are_refused(rows, sentence, backend, unchecked):
    rows = backend.put(rows)
    with pytest.raises((ValueError, TypeError), match=f"^`segments` must be .*{sentence}"):
        Detector(rows, 10, 1)
    detector = Detector(backend.put([[0, 1]]), 10, 1)
    for call in (detector.matches, detector.overlap_histogram):
        with pytest.raises((ValueError, TypeError), match=f"^`patterns` must be .*{sentence}"):
            call(rows)


@pytest.mark.parametrize("value", [-1, 1.5, float("nan"), True, "2", None, np.array([2])])
def test_bad_thresholds_are_refused(value, unchecked):
    with pytest.raises((ValueError, TypeError), match="^`threshold` must be .*; got "):
        Detector(np.array([[0, 1]]), 10, value)


@pytest.mark.parametrize("value", [0, -1, 2**24 + 1, 9.5, float("inf"), True])
def test_bad_cell_counts_are_refused(value, unchecked):
    with pytest.raises((ValueError, TypeError), match="^`cells` must be a whole number.*; got "):
        Detector(np.zeros((0, 0), int), value, 1)


def test_bad_methods_lists_and_mixtures_are_refused(backend, unchecked):
    segments = backend.put([[0, 1]])
    with pytest.raises(ValueError, match="^`method` must be one of .*; got 'fast'"):
        Detector(segments, 10, 1, "fast")
    with pytest.raises(TypeError, match="^`segments` must be a two-dimensional array"):
        Detector([[0, 1]], 10, 1)
    if backend.name != "numpy":
        with pytest.raises(ValueError, match="^`method` must be 'auto' or 'plain'"):
            Detector(segments, 10, 1, "numba")
        with pytest.raises(TypeError, match="one library"):
            Detector(segments, 10, 1).matches(np.array([[0, 1]]))


def test_importing_the_detector_leaves_numba_alone():
    code = "import sys, workbench.dendrites.matching.detector; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

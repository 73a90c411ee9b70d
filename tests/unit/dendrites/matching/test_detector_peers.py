import tracemalloc

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from workbench.dendrites.matching.detector import Detector

METHODS = ["plain", "gather", "index"]


@pytest.fixture(scope="module")
def planted():
    """Patterns and segments, each pattern's subsamples among them, in more than one block."""
    rng = np.random.default_rng(11)
    patterns = rng.random((600, 2048)).argsort(axis=1)[:, :40]
    segments = rng.integers(0, 2048, (75_000, 20))
    segments[::125] = rng.permuted(patterns, axis=1)[:, :20]
    ordered = np.sort(segments, axis=1)
    return patterns, segments[(ordered[:, 1:] != ordered[:, :-1]).all(axis=1)]


def sparse(rows, cells=2048):
    starts = np.arange(rows.shape[0] + 1) * rows.shape[1]
    ones = np.ones(rows.size, np.int32)
    return csr_matrix((ones, rows.reshape(-1), starts), (rows.shape[0], cells))


def packed(rows, cells=2048):
    bits = np.zeros((rows.shape[0], cells), np.uint8)
    np.put_along_axis(bits, rows, 1, axis=1)
    return np.packbits(bits, axis=1)


def assert_same(matches, pattern, segment):
    order = np.lexsort((segment, pattern))
    np.testing.assert_array_equal(matches.pattern, pattern[order])
    np.testing.assert_array_equal(matches.segment, segment[order])


@pytest.mark.parametrize("method", ["plain", "numba", "gather", "index", "pairs"])
def test_planted_matches_are_those_of_scipy(planted, method):
    patterns, segments = planted
    overlaps = (sparse(patterns) @ sparse(segments).T).tocoo()
    detector = Detector(segments, 2048, 5, method)
    hit = overlaps.data >= 5
    assert_same(detector.matches(patterns), overlaps.row[hit], overlaps.col[hit])
    counts = np.bincount(overlaps.data, minlength=21)
    counts[0] = len(patterns) * len(segments) - counts[1:].sum()
    np.testing.assert_array_equal(detector.overlap_histogram(patterns), counts)
    assert counts[20] >= 500


@pytest.mark.filterwarnings("ignore:builtin type")
@pytest.mark.parametrize("method", ["plain", "numba", "gather", "index", "pairs"])
def test_planted_matches_are_those_of_faiss(planted, method):
    faiss = pytest.importorskip("faiss")
    patterns, segments = planted
    index = faiss.IndexBinaryFlat(2048)
    index.add(packed(segments))
    # Hamming distance = active + synapses - 2 overlap; the search keeps what is below its radius.
    starts, _, segment = index.range_search(packed(patterns), 40 + 20 - 2 * 6 + 1)
    pattern = np.repeat(np.arange(len(patterns)), np.diff(starts.astype(np.int64)))
    assert_same(Detector(segments, 2048, 6, method).matches(patterns), pattern, segment)


@pytest.mark.parametrize("method", ["plain", "numba", "gather", "index", "pairs"])
def test_planted_matches_are_those_of_sparse_dot_topn(planted, method):
    peer = pytest.importorskip("sparse_dot_topn")
    patterns, segments = planted
    product = peer.sp_matmul_topn(
        sparse(patterns), sparse(segments).T.tocsr(), top_n=len(segments), threshold=5
    ).tocoo()
    hit = product.data >= 6
    matches = Detector(segments, 2048, 6, method).matches(patterns)
    assert_same(matches, product.row[hit], product.col[hit])


@pytest.mark.parametrize("method", METHODS)
def test_every_pair_matches_at_threshold_0_in_several_blocks(planted, method):
    patterns, segments = planted
    result = Detector(segments, 2048, 0, method).matches(patterns[:20])
    pairs = np.arange(20 * len(segments))
    np.testing.assert_array_equal(result.pattern, pairs // len(segments))
    np.testing.assert_array_equal(result.segment, pairs % len(segments))


@pytest.mark.parametrize("method", METHODS)
def test_memory_stays_bounded_while_every_pair_streams_past(planted, method):
    patterns, segments = planted
    detector = Detector(segments, 2048, 1, method, threads=1)
    detector.matches(patterns[:2])
    tracemalloc.start()
    result = 0
    for piece in detector.stream(patterns):
        result += len(piece.pattern)
    detector.overlap_histogram(patterns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result == len(detector.matches(patterns).pattern) > 10_000_000
    assert peak < (100e6 if method == "plain" else 40e6)

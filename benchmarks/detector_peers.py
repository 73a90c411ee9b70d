"""The contestants: each makes an index of the segments and answers with sorted matches."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from workbench.dendrites.matching.detector import Detector


class Ours:
    """`Detector` by one of its methods."""

    most, repeats = None, 5

    def __init__(self, method, threads):
        self.method, self.threads = method, threads
        self.name = f"workbench {method}, {threads} thr."

    def build(self, segments, case):
        self.detector = Detector(
            segments, case.cells, case.threshold, self.method, threads=self.threads
        )
        # The first call makes what the method needs of the segments.
        self.detector.matches(np.zeros((1, case.threshold), int) + np.arange(case.threshold))

    def ask(self, patterns):
        return tuple(self.detector.matches(patterns))


class Faiss:
    """Hamming distance = active + synapses - 2 overlap; the search keeps what is below a radius."""

    name, most, repeats = "faiss IndexBinaryFlat", None, 1

    def __init__(self, threads):
        import faiss

        self.faiss, self.threads = faiss, threads

    def build(self, segments, case):
        self.case = case
        self.index = self.faiss.IndexBinaryFlat(-(-case.cells // 8) * 8)
        for first in range(0, len(segments), 20_000):
            self.index.add(packed(segments[first : first + 20_000], case.cells))

    def ask(self, patterns):
        self.faiss.omp_set_num_threads(self.threads)
        radius = self.case.active + self.case.synapses - 2 * self.case.threshold + 1
        starts, _, segment = self.index.range_search(packed(patterns, self.case.cells), radius)
        pattern = np.repeat(np.arange(len(patterns)), np.diff(starts.astype(np.int64)))
        return in_order(pattern, segment)


class SparseDotTopn:
    """Product of sparse matrices that drops what is below a threshold on the way."""

    name, most, repeats = "sparse-dot-topn", None, 1

    def __init__(self, threads):
        import sparse_dot_topn

        self.peer, self.threads = sparse_dot_topn, threads

    def build(self, segments, case):
        self.case = case
        self.matrix = sparse(segments, case.cells).T.tocsr()

    def ask(self, patterns):
        product = self.peer.sp_matmul_topn(
            sparse(patterns, self.case.cells),
            self.matrix,
            top_n=4096,
            threshold=self.case.threshold - 0.5,
            n_threads=self.threads,
        ).tocoo()
        return in_order(product.row, product.col)


class Scipy:
    """Product of sparse matrices, then a filter; one thread."""

    name, most, repeats = "SciPy SpGEMM + filter", None, 1

    def build(self, segments, case):
        self.case = case
        self.matrix = sparse(segments, case.cells).T.tocsr()

    def ask(self, patterns):
        parts = []
        for first in range(0, len(patterns), 64):
            some = sparse(patterns[first : first + 64], self.case.cells)
            product = (some @ self.matrix).tocoo()
            hit = product.data >= self.case.threshold
            parts.append((product.row[hit] + first, product.col[hit]))
        return in_order(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class NumpyScan:
    """What one writes by hand: AND of bit rows and `bitwise_count`; one thread, few patterns."""

    name, most, repeats = "NumPy bitwise_count", 4, 1

    def build(self, segments, case):
        self.case = case
        self.rows = packed(segments, case.cells).view(np.uint64)

    def ask(self, patterns):
        parts = []
        for i, row in enumerate(packed(patterns, self.case.cells).view(np.uint64)):
            overlap = np.bitwise_count(self.rows & row).sum(axis=1, dtype=np.int32)
            segment = np.flatnonzero(overlap >= self.case.threshold)
            parts.append((np.full(segment.size, i), segment))
        return in_order(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def packed(rows, cells):
    """Rows of bits, in whole words."""
    bits = np.zeros((len(rows), -(-cells // 64) * 64), np.uint8)
    np.put_along_axis(bits, rows.astype(np.int64), 1, axis=1)
    return np.packbits(bits, axis=1, bitorder="little")


def sparse(rows, cells):
    """Rows of ones as float32, which sparse-dot-topn takes."""
    starts = np.arange(len(rows) + 1) * rows.shape[1]
    return csr_matrix(
        (np.ones(rows.size, np.float32), rows.reshape(-1), starts), (len(rows), cells)
    )


def in_order(pattern, segment):
    """The pairs by pattern, then by segment."""
    order = np.lexsort((segment, pattern))
    return np.asarray(pattern, np.int64)[order], np.asarray(segment, np.int64)[order]

"""Matches in pieces, segments from a file, several threads, interrupts."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from workbench.base.cancellation import Cancelled, CancelToken, cancel_scope
from workbench.dendrites.matching import executor, segment_store
from workbench.dendrites.matching.backends import cpu
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.matching.kernels import inverted_index

CELLS = 300


@pytest.fixture
def crowd(monkeypatch):
    """Many segments in several blocks and spans."""
    monkeypatch.setattr(segment_store, "BLOCK", 3000)
    monkeypatch.setattr(cpu, "SHORT", 1e-9)
    monkeypatch.setattr(cpu, "LONG", 1e-5)
    monkeypatch.setattr(cpu, "PATTERNS_AT_ONCE", 90)
    rng = np.random.default_rng(8)
    segments = rng.random((10_001, CELLS)).argsort(axis=1)[:, :20].astype(np.uint16)
    patterns = rng.random((200, CELLS)).argsort(axis=1)[:, :40]
    return segments, patterns


def expected(segments, patterns, threshold):
    """The pairs by dense products."""
    rows, active = (np.zeros((len(x), CELLS), np.float32) for x in (segments, patterns))
    np.put_along_axis(rows, segments.astype(int), 1, axis=1)
    np.put_along_axis(active, patterns, 1, axis=1)
    return np.nonzero(active @ rows.T >= threshold)


def assert_same(result, wanted):
    for got, column in zip(result, wanted, strict=True):
        np.testing.assert_array_equal(got, column)


@pytest.mark.parametrize("method", ["plain", "numba"])
def test_a_histogram_counts_the_same_in_a_cancel_scope_and_can_be_cancelled(crowd, method):
    segments, patterns = crowd
    patterns = np.tile(patterns, (4, 1))  # of which 512 make a table
    detector = Detector(segments, CELLS, 5, method, threads=2)
    expected, token = detector.overlap_histogram(patterns), CountedToken(stop_at=10**9)
    with cancel_scope(token):
        np.testing.assert_array_equal(detector.overlap_histogram(patterns), expected)
    assert token.checks > 2  # one of them by the scope itself
    with pytest.raises(Cancelled), cancel_scope(CountedToken(stop_at=token.checks)):
        detector.overlap_histogram(patterns)


class CountedToken(CancelToken):
    """Cancels the work at a check."""

    def __init__(self, stop_at):
        super().__init__()
        self.checks, self.stop_at = 0, stop_at

    def check(self):
        self.checks += 1
        if self.checks >= self.stop_at:
            raise Cancelled


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("threshold", [3, 6, 9])
@pytest.mark.parametrize("method", ["plain", "numba", "gather", "index", "pairs"])
def test_every_method_and_number_of_threads_gives_the_same_list(
    crowd, method, threads, threshold, monkeypatch
):
    monkeypatch.setattr(executor, "PAIRS_BUFFERED", 1000)
    segments, patterns = crowd
    detector = Detector(segments, CELLS, threshold, method, threads=threads)
    wanted = expected(segments, patterns, threshold)
    for _ in range(2):
        assert_same(detector.matches(patterns), wanted)
    assert wanted[0].size > 500
    histogram = detector.overlap_histogram(patterns)
    assert histogram[threshold:].sum() == wanted[0].size
    assert histogram.sum() == len(segments) * len(patterns)


@pytest.mark.parametrize("method", ["plain", "gather", "index", "pairs"])
def test_segments_stay_in_the_file_they_are_mapped_from(crowd, method, tmp_path):
    segments, patterns = crowd
    segments.tofile(tmp_path / "segments")
    mapped = np.memmap(tmp_path / "segments", np.uint16, "r", shape=segments.shape)
    detector = Detector(mapped, CELLS, 6, method)
    assert_same(detector.matches(patterns), expected(segments, patterns, 6))
    assert detector._store._blocks == []
    with open(tmp_path / "segments", "r+b") as file:
        file.seek(2 * 20 * 9000)
        file.write(np.array([CELLS], np.uint16).tobytes())
    with pytest.raises(ValueError, match=r"^`segments` must be .*in \[0, 299\]; got 300"):
        detector.matches(patterns)


def test_a_stream_delivers_each_pair_once_in_sorted_pieces(crowd):
    segments, patterns = crowd
    detector = Detector(segments, CELLS, 5)
    batches = (patterns[:30], patterns[30:31], patterns[31:])
    for given in (patterns, iter(batches)):
        pieces = list(detector.stream(given))
        assert len(pieces) > 3
        for piece in pieces:
            order = np.lexsort((piece.segment, piece.pattern))
            np.testing.assert_array_equal(order, np.arange(order.size))
        together = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        order = np.lexsort(together[::-1])
        assert_same([column[order] for column in together], expected(segments, patterns, 5))


def test_bad_patterns_in_a_stream_come_after_what_was_good(crowd, unchecked):
    segments, patterns = crowd
    delivered = []

    def consume():
        batches = [patterns[:50], np.array([[CELLS]])]
        for piece in Detector(segments, CELLS, 5).stream(batches):
            delivered.append(piece.pattern.size)

    with pytest.raises(ValueError, match="^`patterns` must be .*; got 300"):
        consume()
    assert sum(delivered) == expected(segments, patterns[:50], 5)[0].size


INTERRUPTED = """
import sys
import numpy as np
from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.matching.kernels import inverted_index
rng = np.random.default_rng(0)
segments = rng.random((20_000, 300)).argsort(axis=1)[:, :20]
detector = Detector(segments, 300, 6, sys.argv[1], threads=int(sys.argv[2]))
# Kernels are loaded and the plan has settled: an interrupt while Numba loads a kernel becomes
# another exception.
for _ in range(4):
    detector.matches(rng.random((64, 300)).argsort(axis=1)[:, :40])
shown, delivered = [], []
def patterns():
    # Without an interrupt it ends before it has filled the memory.
    for _ in range(2_000):
        shown.append(rng.random((64, 300)).argsort(axis=1)[:, :40])
        yield shown[-1]
try:
    for piece in detector.stream(patterns()):
        delivered.append(piece)
        if len(shown) == 3:
            print("ready", flush=True)
except KeyboardInterrupt:
    pairs = lambda pieces: {p for x in pieces for p in zip(x[0].tolist(), x[1].tolist())}
    found, wanted = pairs(delivered), pairs([detector.matches(np.concatenate(shown))])
    early = {p for p in wanted if p[0] < 64 * (len(shown) - 1)}
    print("stopped", len(early) > 0 and early <= found <= wanted, flush=True)
"""


@pytest.mark.parametrize(("method", "threads"), [("gather", 1), ("gather", 2), ("plain", 1)])
def test_an_interrupt_loses_nothing_and_leaves_nothing(tmp_path, method, threads):
    before = set(os.listdir(tmp_path))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", INTERRUPTED, method, str(threads)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert rest.splitlines()[-1] == "stopped True"
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("method", ["gather", "index", "pairs"])
def test_spans_share_out_all_that_may_be_counted_again(method, monkeypatch):
    """What is said of the spans adds up: segments for the gather's lanes, pairs for the others."""
    spans = []

    def watched(self, result, block, rows):
        spans.append(rows)
        return iter([(pattern, row) for pattern, row, _ in result])

    monkeypatch.setattr(cpu.NumbaSearch, "_watched", watched)
    monkeypatch.setattr(cpu, "SHORT", 1e-9)
    rng, segments = np.random.default_rng(8), 4 * inverted_index.PART
    lists = rng.random((segments, 30)).argsort(axis=1)[:, :3].astype(np.uint16)
    patterns = rng.random((5, 30)).argsort(axis=1)[:, :6]
    Detector(lists, 30, 3, method, threads=2).matches(patterns)
    assert sum(spans) == segments * (1 if method == "gather" else 5)
    assert len(spans) > 1 or method == "pairs"

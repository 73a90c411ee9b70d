"""Which segments match which patterns: all pairs that share at least `threshold` cells, exactly.

A segment is a list of the cells it has synapses on, a pattern the list of the cells that are
active. The pair's overlap is the number of cells in both, and the pair matches when

    |pattern ∩ segment| ≥ θ        (θ `threshold`, 0 ≤ overlap ≤ min(active, synapses))

Source: Ahmad & Hawkins (2016), "How do neurons operate on sparse distributed representations? A
mathematical theory of sparsity, neurons and active dendrites", arXiv 1601.00720, the match rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Int, Integer

from workbench.base.array import Array, like, namespace
from workbench.dendrites.matching import results, serialization, validation
from workbench.dendrites.matching.backends.reference import PlainSearch
from workbench.dendrites.matching.segment_store import Store

MOST_CELLS = 1 << 24
Rows = Integer[Array, "rows cells"] | list | tuple


class Matches(NamedTuple):
    """The matching pairs as two host arrays of equal length, sorted by pattern, then by segment."""

    pattern: Int[np.ndarray, " matches"]
    segment: Int[np.ndarray, " matches"]


class Detector:
    """The segments of a population, ready to be matched against any number of patterns.

    The segments are copied, two bytes a synapse (four beyond 65,536 cells), and stay where the
    caller's array lives. A method's index is stored as well: two bytes a synapse for the gather;
    two a synapse and four a cell for every 32,768 segments for the index; some ten a pair for the
    pairs. An array mapped from a file stays there: each call reads, checks and searches it in
    blocks of 2^20 segments.
    """

    def __init__(
        self,
        segments: Rows,
        cells: int,
        threshold: int,
        method: str = "auto",
        *,
        padding: int | None = None,
        numbers: Integer[Array, " rows"] | None = None,
        threads: int | None = None,
    ) -> None:
        """Checks and stores the segments; the method's index, if any, is built at first use.

        Args:
            segments: the cells each segment has synapses on, [0, cells), distinct within a row, in
                any order; or a list of one-dimensional arrays, which may differ in length.
            cells: cells in the population, [1, 2^24].
            threshold: least overlap that matches, [0, ∞); 0 matches every pair.
            method: "plain" runs in the library and on the device of `segments`, "numba" on the
                host's processor by whichever of "gather", "index" and "pairs" is expected to be
                the fastest; each can be requested by name. "cuda" is the gather for CuPy arrays.
                "auto" is "numba" for NumPy arrays and "plain" for others. All return the same.
            padding: a value outside [0, cells) that fills up the rows of shorter segments and
                patterns, or None where all are of full length.
            numbers: for each row the segment it belongs to, ascending. A segment of several rows
                matches where one of them does. None for 0, 1, ….
            threads: threads at work at the same time, or None for all processors.

        Raises:
            TypeError: if an argument is of another kind than it must be.
            ValueError: if one is outside its span or a row names a cell twice.
        """
        self._cells = validation.number("cells", cells, 1, MOST_CELLS)
        self._threshold = validation.number("threshold", threshold, 0)
        self._padding = validation.padding(padding, self._cells)
        self._threads = validation.threads(threads)
        listed = isinstance(segments, list | tuple)
        first = next(iter(segments), None) if listed else segments
        self._requested = method
        self._method = validation.method(method, first, self._cells, self._threshold)
        mapped = isinstance(segments, np.memmap) and padding is None
        rows = self._rows("segments", segments[:0] if mapped else segments)
        lists = cast(np.memmap, segments) if mapped else like(rows, first)
        of_rows = validation.numbers(numbers, lists.shape[0])
        self._store = Store(self._cells, lists, of_rows, mapped)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return self._store.segments

    @property
    def synapses(self) -> int:
        """Synapses on the longest segment."""
        return self._store.width

    @property
    def cells(self) -> int:
        """Cells in the population."""
        return self._cells

    @property
    def threshold(self) -> int:
        """Least overlap that matches."""
        return self._threshold

    @property
    def method(self) -> str:
        """The method in use; never "auto"."""
        return self._method

    def matches(self, patterns: Rows) -> Matches:
        """All pairs with an overlap of at least the threshold, sorted by pattern, then segment.

        Beyond the answer, 16 bytes a match and four times that while it is sorted, a copy of the
        patterns, 2 bytes an index, and the stored segments, memory is bounded: for "plain"
        100 MB; for the others 40 MB a thread and, for the gather's tables, 600 bytes a cell.

        Args:
            patterns: the active cells of each pattern, [0, cells), distinct within a row, in any
                order; of the same library as the segments, or a list as for these.

        Raises:
            TypeError: if the indices are no whole numbers or the library is not the segments'.
            ValueError: if an index is outside [0, cells) or occurs twice in a row.
        """
        rows = self._checked(patterns)
        return self._in_order(self._pieces(rows), rows.shape[0])

    def stream(self, patterns: Rows | Iterable[Rows]) -> Iterator[Matches]:
        """The matches piece by piece, in memory that does not grow with their number.

        Each piece is sorted. Pieces of earlier patterns, 4096 at a time, come first, and among
        these, pieces of earlier segments; together they have each of the pairs of `matches` once.
        Stopping early, also by an interrupt, is safe: nothing delivered is lost, no thread is left.

        Args:
            patterns: as for `matches`, or an iterable of such arrays; their rows are numbered on.
        """
        done = 0
        for batch in results.batches(patterns):
            rows = self._checked(batch)
            for piece in self._pieces(rows):
                pattern, segment = self._in_order([piece], rows.shape[0])
                yield Matches(pattern + done, segment)
            done += rows.shape[0]

    def plan(self, patterns: Rows) -> Any:
        """What `matches` would do with these patterns now, and why: a `Plan`, readable as text."""
        rows = self._checked(patterns)
        threshold = min(max(self._threshold, 1), max(self.synapses, 1))
        return self._engine.plan(rows, threshold)

    def overlap_histogram(self, patterns: Rows) -> Int[np.ndarray, " overlaps"]:
        """How many pairs of a row and a pattern have each overlap 0 … synapses.

        Counted in blocks, so that memory stays within the bound of `matches`.

        Args:
            patterns: as for `matches`.
        """
        return self._engine.overlap_histogram(self._checked(patterns))

    def save(self, path: str | os.PathLike) -> None:
        """Writes one file with a version and a checksum; `path` holds the old file or the new.

        Raises:
            OSError: if the file cannot be written.
        """
        serialization.write(path, self._store, self._threshold, self._requested)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Detector:
        """The detector that `save` wrote, on the host; "auto" chooses its method again.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if it is no detector file, truncated, damaged, or of another version.
        """
        return cls(**serialization.read(path))

    @cached_property
    def _engine(self) -> Any:
        if self._method == "plain":
            return PlainSearch(self._store)
        if self._method == "cuda":
            from workbench.dendrites.matching.backends.gpu import CudaSearch

            return CudaSearch(self._store)
        from workbench.dendrites.matching.backends.cpu import NumbaSearch

        return NumbaSearch(self._store, self._method, self._threads)

    def _pieces(self, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pieces of the list of matches, segments ascending within each pattern."""
        store, pieces = self._store, iter(())
        if self._threshold == 0:
            pieces = results.every(rows.shape[0], store.rows)
        elif self._threshold <= min(store.width, rows.shape[1]) and len(rows) and store.rows:
            pieces = self._engine.matches(rows, self._threshold)
        return results.numbered(pieces, rows.shape[0], store.numbers)

    def _checked(self, patterns: Rows) -> np.ndarray:
        rows = self._rows("patterns", patterns)
        stored = self._store.like
        # Comparing types is quicker than looking up the arrays' libraries.
        if not (isinstance(patterns, list | tuple) or type(patterns) is type(stored) is np.ndarray):
            namespace(stored, patterns)
        return rows

    def _rows(self, name: str, rows: Any) -> np.ndarray:
        return validation.checked(name, rows, self._cells, self._padding, self._quick[0])

    def _in_order(self, pieces: Iterable[tuple], patterns: int) -> Matches:
        return Matches(*results.in_order(pieces, patterns, self._quick[1]))

    @cached_property
    def _quick(self) -> tuple[Any, Any]:
        """The functions that copy rows and sort pieces, compiled if the method is."""
        # Numba takes longer to import than all primitives together.
        if self._method in ("plain", "cuda"):
            return None, results.by_pattern
        from workbench.dendrites.matching.kernels.rows import by_pattern, copied

        return copied, by_pattern

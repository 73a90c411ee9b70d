"""Which segments match which patterns: all pairs that share at least `threshold` cells, exactly.

A segment is a list of the cells it has synapses on, a pattern the list of the cells that are
active. The pair's overlap is the number of cells in both, and the pair matches when

    |pattern ∩ segment| ≥ θ        (θ `threshold`, 0 ≤ overlap ≤ min(active, synapses))

Source: Ahmad & Hawkins (2016), "How do neurons operate on sparse distributed representations? A
mathematical theory of sparsity, neurons and active dendrites", arXiv 1601.00720, the match rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Int, Integer

from workbench.array import Array, host, like, namespace
from workbench.checks import refuse, whole
from workbench.dendrites import detector_file
from workbench.dendrites.detector_plain import PlainScan

MOST_CELLS = 65_536
METHODS = ("auto", "plain", "numba")
CHECKED_AT_ONCE = 1 << 20


class Matches(NamedTuple):
    """The matching pairs as two host arrays of equal length, sorted by pattern, then by segment."""

    pattern: Int[np.ndarray, " matches"]
    segment: Int[np.ndarray, " matches"]


class Detector:
    """The segments of a population, ready to be matched against any number of patterns.

    The segments are copied, two bytes a synapse, and stay where the caller's array lives.
    """

    def __init__(
        self,
        segments: Integer[Array, "segments synapses"],
        cells: int,
        threshold: int,
        method: str = "auto",
    ) -> None:
        """Checks and stores the segments; an index, where the method has one, is made at first use.

        Args:
            segments: the cells each segment has synapses on, [0, cells), distinct within a row, in
                any order.
            cells: cells in the population, [1, 65536].
            threshold: least overlap that matches, [0, ∞); 0 matches every pair.
            method: "plain" runs in the library and on the device of `segments`, "numba" on the
                host's processor, "auto" is "numba" for NumPy arrays and "plain" for others. All
                give the same answers.

        Raises:
            TypeError: if an argument is of another kind than it must be.
            ValueError: if one is outside its span or a row names a cell twice.
        """
        self._cells = _number("cells", cells, 1, MOST_CELLS)
        self._threshold = _number("threshold", threshold, 0)
        self._lists = like(_rows("segments", segments, self._cells), segments)
        self._asked = method
        self._method = _chosen(method, self._lists)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return self._lists.shape[0]

    @property
    def synapses(self) -> int:
        """Synapses on each segment."""
        return self._lists.shape[1]

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
        """The method in use, "plain" or "numba"; never "auto"."""
        return self._method

    def matches(self, patterns: Integer[Array, "patterns active"]) -> Matches:
        """All pairs with an overlap of at least the threshold, sorted by pattern, then segment.

        Beyond the answer, 16 bytes a match and four times that while it is sorted, and a copy of
        the patterns, 2 bytes an index, memory is bounded: under 100 MB for "plain"; for "numba"
        12 MB and the index, 2 bytes a synapse and 8 (cells + 1) for every 65,536 segments.

        Args:
            patterns: the active cells of each pattern, [0, cells), distinct within a row, in any
                order; of the same library as the segments.

        Raises:
            TypeError: if the indices are no whole numbers or the library is not the segments'.
            ValueError: if an index is outside [0, cells) or stands twice in a row.
        """
        rows = self._checked(patterns)
        if self._threshold > min(self.synapses, rows.shape[1]):
            return _sorted([], rows.shape[0])
        return _sorted(self._engine.matches(rows, self._threshold), rows.shape[0])

    def overlap_histogram(
        self, patterns: Integer[Array, "patterns active"]
    ) -> Int[np.ndarray, " overlaps"]:
        """How many pairs have each overlap 0 … synapses; sums to patterns · segments.

        Counted in blocks, so that memory stays within the bound of `matches`.

        Args:
            patterns: as for `matches`.

        Raises:
            TypeError: as `matches`.
            ValueError: as `matches`.
        """
        return self._engine.overlap_histogram(self._checked(patterns))

    def save(self, path: str | os.PathLike) -> None:
        """Writes one file with a version and a checksum; `path` holds the old file or the new.

        Raises:
            OSError: if the file cannot be written.
        """
        detector_file.write(path, host(self._lists), self._cells, self._threshold, self._asked)

    @classmethod
    def load(cls, path: str | os.PathLike) -> Detector:
        """The detector that `save` wrote, on the host; "auto" chooses its method anew.

        Raises:
            OSError: if the file cannot be read.
            ValueError: if it is foreign, cut short, damaged, or of another version.
        """
        return cls(**detector_file.read(path))

    @cached_property
    def _engine(self) -> Any:
        if self._method == "plain":
            return PlainScan(self._lists, self._cells)
        # Numba takes longer to import than all primitives together.
        from workbench.dendrites.detector_numba import InvertedIndex

        return InvertedIndex(self._lists, self._cells)

    def _checked(self, patterns: Array) -> np.ndarray:
        rows = _rows("patterns", patterns, self._cells)
        namespace(self._lists, patterns)
        return rows


def _sorted(pieces: Iterable[tuple[np.ndarray, np.ndarray]], patterns: int) -> Matches:
    """The pieces as one list, given that segments already ascend within each pattern."""
    empty = np.zeros(0, np.int64)
    columns = zip((empty, empty), *pieces, strict=True)
    pattern, segment = (np.concatenate(column) for column in columns)
    # NumPy's stable sort takes time linear in the matches for keys of 16 bits and fewer.
    key = pattern.astype(np.min_scalar_type(max(patterns - 1, 0)))
    order = np.argsort(key, kind="stable")
    return Matches(pattern[order], segment[order])


def _rows(name: str, rows: Array, cells: int) -> np.ndarray:
    """A copy of the rows on the host as uint16, after checking the span and that none repeats."""
    if not array_api_compat.is_array_api_obj(rows):
        refuse(name, "a two-dimensional array of cell indices", rows, TypeError)
    if rows.ndim != 2:
        refuse(name, "two-dimensional, (rows, cell indices)", tuple(rows.shape))
    checked = np.empty(rows.shape, np.uint16)
    step = max(1, CHECKED_AT_ONCE // max(1, rows.shape[1]))
    # At least one round, so that the kind of an empty array is checked as well.
    for first in range(0, max(1, rows.shape[0]), step):
        last = min(first + step, rows.shape[0])
        block = whole(name, rows[first:last, :], 0, cells - 1).astype(np.uint16)
        checked[first:last] = block
        block.sort(axis=1)
        again = block[:, 1:] == block[:, :-1]
        if again.any():
            refuse(name, "distinct cells within a row", [int(block[:, 1:][again][0])] * 2)
    return checked


def _number(name: str, value: Any, low: int, high: int | None = None) -> int:
    number = whole(name, value, low, high)
    if number.ndim:
        refuse(name, "one whole number", value, TypeError)
    return int(number)


def _chosen(method: str, lists: Array) -> str:
    on_host = array_api_compat.is_numpy_array(lists)
    if method not in METHODS:
        refuse("method", "one of 'auto', 'plain', 'numba'", method)
    if method == "numba" and not on_host:
        refuse("method", "'auto' or 'plain' for segments that are no NumPy array", method)
    if method == "auto":
        return "numba" if on_host else "plain"
    return method

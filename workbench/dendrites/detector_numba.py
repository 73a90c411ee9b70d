"""Overlaps by an inverted index: for each cell, the segments with a synapse on it.

A pattern visits the lists of its active cells and counts the visits to each segment, on average
active · synapses / cells a pair. The segments are cut into blocks of 65,536, so that a segment's
number within its block takes two bytes and the block's counters stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import no_type_check

import numba
import numpy as np

SEGMENTS_AT_ONCE = 65_536
PATTERNS_AT_ONCE = 4096
MATCHES_AT_ONCE = 1 << 18


class InvertedIndex:
    """The segments of every cell, block by block.

    Memory in bytes: 2 a synapse, 8 (cells + 1) a block, and 12 MB at work.
    """

    def __init__(self, lists: np.ndarray, cells: int) -> None:
        """Makes the index of the checked synapse lists, uint16 (segments, synapses)."""
        self._segments, self._synapses = lists.shape
        blocks = -(-self._segments // SEGMENTS_AT_ONCE)
        self._starts = np.zeros((blocks, cells + 1), np.int64)
        self._members = np.empty(lists.size, np.uint16)
        _invert(lists, self._starts, self._members)

    def matches(
        self, patterns: np.ndarray, threshold: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pieces of the list of matches, segments ascending within each pattern.

        Args:
            patterns: checked cell indices, uint16.
            threshold: least overlap, [0, synapses].
        """
        pattern = np.empty(MATCHES_AT_ONCE, np.int64)
        segment = np.empty(MATCHES_AT_ONCE, np.uint16)
        for block, first in enumerate(range(0, self._segments, SEGMENTS_AT_ONCE)):
            counts, done = self._counters(first), 0
            while done < patterns.shape[0]:
                some = patterns[done : done + PATTERNS_AT_ONCE]
                taken, found = _match(
                    self._starts[block], self._members, some, threshold, counts, pattern, segment
                )
                yield pattern[:found] + done, segment[:found].astype(np.int64) + first
                done += taken

    def overlap_histogram(self, patterns: np.ndarray) -> np.ndarray:
        """How many pairs have each overlap 0 … synapses."""
        reached = np.zeros(self._synapses + 2, np.int64)
        reached[0] = patterns.shape[0] * self._segments
        for block, first in enumerate(range(0, self._segments, SEGMENTS_AT_ONCE)):
            counts = self._counters(first)
            for done in range(0, patterns.shape[0], PATTERNS_AT_ONCE):
                some = patterns[done : done + PATTERNS_AT_ONCE]
                _reach(self._starts[block], self._members, some, counts, reached)
        return reached[:-1] - reached[1:]

    def _counters(self, first: int) -> np.ndarray:
        """One counter for each segment of the block that starts at `first`."""
        size = min(SEGMENTS_AT_ONCE, self._segments - first)
        return np.empty(size, np.uint8 if self._synapses <= 255 else np.uint32)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _invert(lists, starts, members):
    """Fills in the index: `starts` bounds each cell's part of `members`, block by block."""
    for block in range(starts.shape[0]):
        first = block * SEGMENTS_AT_ONCE
        last = min(first + SEGMENTS_AT_ONCE, lists.shape[0])
        bounds = starts[block]
        for segment in range(first, last):
            for synapse in range(lists.shape[1]):
                bounds[lists[segment, synapse] + 1] += 1
        bounds[0] = first * lists.shape[1]
        for cell in range(1, bounds.shape[0]):
            bounds[cell] += bounds[cell - 1]
        free = bounds.copy()
        for segment in range(first, last):
            for synapse in range(lists.shape[1]):
                cell = lists[segment, synapse]
                members[free[cell]] = segment - first
                free[cell] += 1


@numba.njit(cache=True, nogil=True)
@no_type_check
def _match(bounds, members, patterns, threshold, counts, pattern, segment):
    """Patterns done and matches found, until all are done or another might not find room."""
    found = 0
    for row in range(patterns.shape[0]):
        if found + counts.shape[0] > pattern.shape[0]:
            return row, found
        counts[:] = 0
        for active in range(patterns.shape[1]):
            cell = patterns[row, active]
            for place in range(bounds[cell], bounds[cell + 1]):
                counts[members[place]] += 1
        for candidate in range(counts.shape[0]):
            if counts[candidate] >= threshold:
                pattern[found] = row
                segment[found] = candidate
                found += 1
    return patterns.shape[0], found


@numba.njit(cache=True, nogil=True)
@no_type_check
def _reach(bounds, members, patterns, counts, reached):
    """Adds to reached[k], k ≥ 1, the pairs with an overlap of at least k, as each gets there."""
    for row in range(patterns.shape[0]):
        counts[:] = 0
        for active in range(patterns.shape[1]):
            cell = patterns[row, active]
            for place in range(bounds[cell], bounds[cell + 1]):
                member = members[place]
                counts[member] += 1
                reached[counts[member]] += 1

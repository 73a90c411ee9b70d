"""Overlaps by an inverted index: for each cell, the segments with a synapse on it.

A pattern visits the lists of its active cells and counts the visits to each segment, on average
active · synapses / cells a pair. Segments are numbered within parts of 32,768, so that a number
takes two bytes and the part's counters stay in the first cache. Counters start so
that reaching the bound sets their highest bit, which is tested 512 bytes at a time.

The index is of the first m of s synapses, of which a match has at least θ - (s - m) active, and
a second index is of the others; where few segments pass the first, only these are recounted.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple, no_type_check

import numba
import numpy as np

from workbench.dendrites.matching.kernels.bitslice import aligned
from workbench.dendrites.matching.kernels.buffer_pool import BufferPool
from workbench.dendrites.matching.kernels.simd import fetch
from workbench.dendrites.matching.kernels.verify import confirmed
from workbench.dendrites.matching.kernels.visits import SOURCE_HASH, any_flag, fill, visit

PART = 1 << 15
CANDIDATES_AT_ONCE = 1 << 16
SCAN_BYTES = 512
LINE = 32  # members of two bytes


class Index(NamedTuple):
    """The members of each cell and part, bounded by `starts` (cells · parts + 1)."""

    starts: np.ndarray
    members: np.ndarray


def indexed(lists: np.ndarray, first: int, last: int, cells: int) -> Index:
    """The index of synapses `first` … `last` - 1 of the lists; a cell past all others is left out.

    Memory in bytes: 2 a synapse and 4 a cell for every 32,768 segments, twice this while it is
    built.
    """
    parts = -(-lists.shape[0] // PART)
    starts = np.zeros(cells * parts + 1, np.uint32)
    members = np.empty(lists.shape[0] * (last - first), np.uint16)
    _index(lists, first, last, cells, parts, starts, starts[:-1].copy(), members)
    return Index(starts, members)


def matches(
    lists: np.ndarray,
    indexes: tuple[Index, ...],
    tested: int,
    span: tuple[int, int],
    patterns: np.ndarray,
    cells: int,
    threshold: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Matches by pieces, each with the number of recounted segments.

    Args:
        lists: the segments.
        indexes: of their first `tested` synapses; of two parts, if these are all.
        tested: more than synapses - threshold.
        span: first part and the one after the last.
        patterns: checked cell indices.
        cells: cells in the population.
        threshold: least overlap, [1, synapses].
    """
    bound = threshold - (lists.shape[1] - tested)
    one, two = indexes[0], indexes[-1] if len(indexes) > 1 else Index(*_NOTHING)
    kind = np.uint8 if bound <= 128 and tested - bound < 128 else np.uint16
    each = np.uint64(0x0101010101010101 if kind is np.uint8 else 0x0001000100010001)
    high = 128 if kind is np.uint8 else 32_768
    kernel = _counting(SOURCE_HASH)
    part, row, parts = span[0], 0, -(-lists.shape[0] // PART)
    while part < span[1] and patterns.shape[0]:
        with _POOL.one() as (words, pattern, segment):
            counts = words.view(kind)[:PART]
            part, row, count = kernel(
                *one, *two, patterns, cells, part, span[1], parts, row,
                np.uint64(high - bound) * each, np.uint64(high) * each, high,
                counts, counts.view(np.uint64), pattern, segment,
            )  # fmt: skip
            piece = pattern[:count].copy(), segment[:count].copy()
        if tested == lists.shape[1]:
            yield *piece, 0
        else:
            yield *confirmed(lists, patterns, cells, threshold, *piece), count


def _work() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counters of up to two bytes, and room for candidates."""
    pattern, segment = np.empty((2, CANDIDATES_AT_ONCE), np.int64)
    return aligned((PART // 4,), np.uint64), pattern, segment


_POOL = BufferPool(_work)
_NOTHING = np.zeros(0, np.uint32), np.zeros(0, np.uint16)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _index(lists, first, last, cells, parts, starts, free, members):
    for segment in range(lists.shape[0]):
        for synapse in range(first, last):
            cell = np.int64(lists[segment, synapse])
            if cell < cells:
                free[cell * parts + segment // PART] += 1
    total = 0
    for place in range(free.shape[0]):
        size, free[place], starts[place] = free[place], total, total
        total += size
    starts[-1] = total
    for segment in range(lists.shape[0]):
        for synapse in range(first, last):
            cell = np.int64(lists[segment, synapse])
            if cell < cells:
                place = cell * parts + segment // PART
                members[free[place]] = segment % PART
                free[place] += 1


@cache
def _counting(source_hash: int) -> Any:
    """The kernel that lists candidates, and stops before a part and row that might not fit.

    It returns the part and row to go on with, and how many candidates there are.
    """

    @numba.njit(cache=True, nogil=True)
    @no_type_check
    def counting(
        starts, members, more_starts, more_members, patterns, cells, part, last, parts, row,
        fresh, flags, high, counts, words, pattern, segment,
    ):  # fmt: skip
        count, block, _ = 0, SCAN_BYTES // counts.itemsize, source_hash
        while part < last:
            while row < patterns.shape[0]:
                if count + PART > pattern.shape[0]:
                    return part, row, count
                fill(words, fresh)
                for place in range(patterns.shape[1]):
                    # Prefetch the list of the cell after the next while this one is counted.
                    cell = np.int64(patterns[row, min(place + 2, patterns.shape[1] - 1)])
                    if cell < cells:
                        at = cell * parts + part
                        for line in range(np.int64(starts[at]), np.int64(starts[at + 1]), LINE):
                            fetch(members, line)
                    cell = np.int64(patterns[row, place])
                    if cell < cells:
                        at = cell * parts + part
                        visit(members, np.int64(starts[at]), np.int64(starts[at + 1]), counts)
                        if more_starts.shape[0]:
                            start, stop = np.int64(more_starts[at]), np.int64(more_starts[at + 1])
                            visit(more_members, start, stop, counts)
                for first in range(0, PART, block):
                    if any_flag(words, first * counts.itemsize // 8, flags):
                        for place in range(first, first + block):
                            if counts[place] >= high:
                                pattern[count], segment[count] = row, part * PART + place
                                count += 1
                row += 1
            part, row = part + 1, 0
        return part, row, count

    return counting

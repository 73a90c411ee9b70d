"""Matches by an index of pairs of cells: few candidates, found without looking at the others.

The synapses of a segment are dealt out to θ - 1 groups. Of θ active ones two fall into one group,
so that whoever knows, for each pair of cells, the segments with this pair in a group misses no
match. The active cells make active · (active - 1) / 2 pairs, each the key of a short list of
candidates, whose overlaps are counted one by one. Random patterns lead to

    segments · Σ_groups size · (size - 1) / 2 · (active / cells)²

candidates. Keys are hashed; two that fall together only add candidates.

Source: Turán's theorem gives the least number of pairs; multi-index hashing (Norouzi, Punjani &
Fleet 2012) has the pigeonhole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, no_type_check

import numba
import numpy as np

from workbench.dendrites.detector_confirm import AHEAD, confirmed
from workbench.dendrites.detector_lanes import fetch
from workbench.dendrites.detector_plan import pairs

ODD_FRACTION = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Fibonacci hashing


class PairIndex(NamedTuple):
    """The members of each bucket of pairs, bounded by `starts`, of 2^bits buckets."""

    starts: np.ndarray
    members: np.ndarray
    bits: int


def paired(lists: np.ndarray, cells: int, threshold: int) -> PairIndex:
    """The index of the lists' pairs, for thresholds of at least 2.

    Memory in bytes: 4 a pair and 4 a bucket, and as much again for the buckets while it is made.
    """
    size = lists.shape[0] * pairs(lists.shape[1], threshold)
    bits = max(1, int(size).bit_length() - 1)
    starts = np.zeros((1 << bits) + 1, np.uint32)
    members = np.empty(size, np.uint32)
    _pair(lists, cells, threshold - 1, bits, starts, np.zeros(1 << bits, np.uint32), members)
    return PairIndex(starts, members, bits)


def matches(
    lists: np.ndarray, index: PairIndex, patterns: np.ndarray, cells: int, threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Matches pattern by pattern, each time with the candidates that were counted.

    Args:
        lists: the segments.
        index: what `paired` made of them for this threshold.
        patterns: checked cell indices.
        cells: cells in the population.
        threshold: least overlap, [2, synapses].
    """
    active = patterns.shape[1]
    first, last = (np.empty(active * (active - 1) // 2, np.uint32) for _ in range(2))
    for row in range(patterns.shape[0]):
        size = _look_up(index.starts, index.bits, patterns, row, cells, first, last)
        candidates = np.empty(size, np.int64)
        _gather(index.members, first, last, candidates)
        one = patterns[row : row + 1]
        _, segment = confirmed(lists, one, cells, threshold, np.zeros(size, np.int64), candidates)
        if segment.size > 1:
            segment = np.unique(segment)
        yield np.full(segment.size, row), segment, size


@numba.njit(cache=True, nogil=True, inline="always")
@no_type_check
def _bucket(x, y, bits):
    low, high = np.uint64(min(x, y)), np.uint64(max(x, y))
    return np.int64(((low << np.uint64(32) | high) * ODD_FRACTION) >> np.uint64(64 - bits))


@numba.njit(cache=True, nogil=True)
@no_type_check
def _pair(lists, cells, groups, bits, starts, free, members):
    for writing in range(2):
        for segment in range(lists.shape[0]):
            for group in range(groups):
                for i in range(group, lists.shape[1], groups):
                    for j in range(i + groups, lists.shape[1], groups):
                        x, y = lists[segment, i], lists[segment, j]
                        if max(x, y) < cells:
                            bucket = _bucket(x, y, bits)
                            if writing:
                                members[free[bucket]] = segment
                            free[bucket] += 1
        if not writing:
            total = 0
            for bucket in range(free.shape[0]):
                size, free[bucket], starts[bucket] = free[bucket], total, total
                total += size
            starts[-1] = total


@numba.njit(cache=True, nogil=True)
@no_type_check
def _look_up(starts, bits, patterns, row, cells, first, last):
    """Bounds of each pair's members, and how many members there are in all."""
    size, key = 0, 0
    first[:] = 0
    last[:] = 0
    for i in range(patterns.shape[1]):
        for j in range(i):
            x, y = patterns[row, i], patterns[row, j]
            if max(x, y) < cells:
                bucket = _bucket(x, y, bits)
                first[key], last[key] = starts[bucket], starts[bucket + 1]
                size += last[key] - first[key]
                key += 1
    return size


@numba.njit(cache=True, nogil=True)
@no_type_check
def _gather(members, first, last, candidates):
    found = 0
    for key in range(first.shape[0]):
        fetch(members, np.int64(first[min(key + AHEAD, first.shape[0] - 1)]))
        for place in range(first[key], last[key]):
            candidates[found] = members[place]
            found += 1

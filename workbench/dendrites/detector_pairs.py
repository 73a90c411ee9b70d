"""Matches by an index of pairs of cells: few candidates, found without looking at the others.

The synapses of a segment are dealt out to θ - 2 groups. Of θ active ones at least two pairs then
fall into a group: two groups with two active synapses each, or one with three, which make three
pairs. So whoever knows, for each pair of cells, the segments with this pair in a group, and counts
those that two of the pattern's pairs lead to, misses no match. (θ = 2 takes one group, and one pair
suffices.) The active cells make active · (active - 1) / 2 pairs, each the key of a short list;
random patterns lead to

    hits = segments · Σ_groups size · (size - 1) / 2 · (active / cells)²

entries, of which about hits² / (2 · segments) are second ones, whose overlaps are counted.
Keys are the pairs' numbers, or hashed if there are many more of them than entries; pairs that fall
together only add hits.

Source: by the pigeonhole, as multi-index hashing (Norouzi, Punjani & Fleet 2012), with two holes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, no_type_check

import numba
import numpy as np

from workbench.dendrites.detector_confirm import confirmed
from workbench.dendrites.detector_lanes import MADE_OF, fetch
from workbench.dendrites.detector_plan import groups, pairs
from workbench.dendrites.detector_spare import Spare

ODD_FRACTION = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Fibonacci hashing
AHEAD = 24
PARTS = 1 << 8


class PairIndex(NamedTuple):
    """The members of each bucket of pairs, bounded by `starts`; 2^bits buckets, or if 0 all pairs.

    `spare` holds two bitmaps of the segments, cleared.
    """

    starts: np.ndarray
    members: np.ndarray
    bits: int
    spare: Spare


def paired(lists: np.ndarray, cells: int, threshold: int) -> PairIndex:
    """The index of the lists' pairs, for thresholds of at least 2.

    Memory in bytes: 4 a pair and at most 8 more for its buckets; while it is made, 8 more.
    """
    segments, synapses = lists.shape
    size = segments * pairs(synapses, threshold)
    buckets, bits = cells * (cells + 1) // 2, 0
    if buckets > max(2 * size, 1 << 12):
        bits = min(max(1, size.bit_length() - 1), 31)
        buckets = 1 << bits
    shift = max(0, (buckets - 1).bit_length() - PARTS.bit_length() + 1)
    starts = np.zeros(buckets + 2, np.uint32 if size < 1 << 32 else np.uint64)
    entries = np.empty(size, np.int64)
    members = _pair(lists, cells, groups(threshold), bits, shift, starts, entries)
    spare = Spare(lambda: np.zeros((2, segments // 64 + 1), np.uint64))
    return PairIndex(starts[:-1], members, bits, spare)


def matches(
    lists: np.ndarray, index: PairIndex, patterns: np.ndarray, cells: int, threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Matches pattern by pattern, each time with the entries that its pairs led to.

    Args:
        lists: the segments.
        index: what `paired` made of them for this threshold.
        patterns: checked cell indices.
        cells: cells in the population.
        threshold: least overlap, [2, synapses].
    """
    active = patterns.shape[1]
    first, last = (np.empty(active * (active - 1) // 2, index.starts.dtype) for _ in range(2))
    for row in range(patterns.shape[0]):
        hits = _look_up(index.starts, index.bits, patterns, row, cells, first, last)
        with index.spare.one() as (once, twice):
            candidates = np.empty(min(hits, lists.shape[0]), np.int64)
            size = _again(index.members, first, last, threshold > 2, once, twice, candidates)
        # Sorted also for the reader: rows near each other share what is fetched.
        candidates = np.sort(candidates[:size])
        one = patterns[row : row + 1]
        zeros = np.zeros(size, np.int64)
        _, segment = confirmed(lists, one, cells, threshold, zeros, candidates)
        yield np.full(segment.size, row), segment, hits


@numba.njit(cache=True, nogil=True, inline="always")
@no_type_check
def _bucket(x, y, bits):
    low, high = np.uint64(min(x, y)), np.uint64(max(x, y))
    if bits:
        return np.int64(((low << np.uint64(32) | high) * ODD_FRACTION) >> np.uint64(64 - bits))
    return np.int64(((high * (high + np.uint64(1))) >> np.uint64(1)) + low)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _pair(lists, cells, dealt, bits, shift, starts, entries):
    """Members by bucket: entries by the buckets' high bits first, then within each such part.

    Random writes to memory take ten times as long as these two rounds within the cache. `starts`,
    zeros, has two places more than there are buckets: while members are written, place b + 1 is
    where the next of bucket b goes.
    """
    parts = np.zeros(PARTS + 2, np.int64)
    for writing in range(2):
        for segment in range(lists.shape[0]):
            for group in range(dealt):
                for i in range(group, lists.shape[1], dealt):
                    for j in range(i + dealt, lists.shape[1], dealt):
                        x, y = lists[segment, i], lists[segment, j]
                        if max(x, y) < cells:
                            bucket = _bucket(x, y, bits)
                            part = bucket >> shift
                            if writing:
                                entries[parts[part + 1]] = bucket << 32 | segment
                                parts[part + 1] += 1
                            else:
                                parts[part + 2] += 1
        if not writing:
            for part in range(PARTS + 1):
                parts[part + 1] += parts[part]
    members = np.empty(parts[PARTS], np.uint32)
    total = 0
    for part in range(PARTS):
        for entry in entries[parts[part] : parts[part + 1]]:
            starts[(entry >> 32) + 2] += 1
        for bucket in range(part << shift, min((part + 1) << shift, starts.shape[0] - 2)):
            total += starts[bucket + 2]
            starts[bucket + 2] = total
        for entry in entries[parts[part] : parts[part + 1]]:
            place = (entry >> 32) + 1
            members[starts[place]] = entry & 0xFFFFFFFF
            starts[place] += 1
    return members


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
def _again(members, first, last, both, once, twice, candidates):
    """Lists each member once: at its second time if `both`, else at its first; clears the maps."""
    found, _ = 0, MADE_OF
    for key in range(first.shape[0]):
        fetch(members, np.int64(first[min(key + AHEAD, first.shape[0] - 1)]))
        for place in range(first[key], last[key]):
            member = members[place]
            word, bit = member >> np.uint32(6), np.uint64(1) << np.uint64(member & np.uint32(63))
            if both and not once[word] & bit:
                once[word] |= bit
            elif not twice[word] & bit:
                twice[word] |= bit
                candidates[found] = member
                found += 1
    for key in range(first.shape[0]):
        for place in range(first[key], last[key]):
            word = members[place] >> np.uint32(6)
            once[word] = twice[word] = 0
    return found

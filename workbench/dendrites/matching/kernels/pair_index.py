"""Matches by an index of pairs of cells: few candidates, without a scan of the others.

The synapses of a segment are dealt out to θ - 2 groups. Of θ active ones at least two pairs then
fall into a group: two groups with two active synapses each, or one with three, which make three
pairs. So the index lists, for each pair of cells, the segments with this pair in a group; a search
of the segments that two of the pattern's pairs lead to misses no match. (θ = 2 takes one group, and
one pair suffices.) The active cells make active · (active - 1) / 2 pairs, each the key of a short
list; random patterns lead to

    hits = segments · Σ_groups size · (size - 1) / 2 · (active / cells)²

entries, of which about hits² / (2 · segments) are second ones, whose overlaps are counted. Where
far more pairs can be than there are entries, keys are hashed; pairs that fall together only add
hits.

Source: by the pigeonhole, as multi-index hashing (Norouzi, Punjani & Fleet 2012), with two holes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, no_type_check

import numba
import numpy as np

from workbench.dendrites.matching.cost_model import buckets, groups, pairs
from workbench.dendrites.matching.kernels.buffer_pool import BufferPool
from workbench.dendrites.matching.kernels.simd import SOURCE_HASH, fetch
from workbench.dendrites.matching.kernels.verify import mark

ODD_FRACTION = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Fibonacci hashing
PREFETCH_DISTANCE = 24
PARTS = 1 << 8


class PairIndex(NamedTuple):
    """The members of each bucket of pairs, bounded by `starts`; 2^bits buckets, or if 0 all pairs.

    `pool` holds two bitmaps of the segments and a byte for each cell, all cleared, and room for
    the segments' numbers.
    """

    starts: np.ndarray
    members: np.ndarray
    bits: int
    pool: BufferPool


def paired(lists: np.ndarray, cells: int, threshold: int) -> PairIndex:
    """The index of the lists' pairs, for thresholds of at least 2.

    Memory in bytes: 4 a pair and at most 8 more for its buckets; while it is built, 8 more.
    """
    segments, synapses = lists.shape
    size = segments * pairs(synapses, threshold)
    places = buckets(cells, size)
    bits = 0 if places == cells * (cells + 1) // 2 else places.bit_length() - 1
    shift = max(0, (places - 1).bit_length() - PARTS.bit_length() + 1)
    starts = np.zeros(places + 2, np.uint32 if size < 1 << 32 else np.uint64)
    entries = np.empty(size, np.int64)
    members = np.empty(size, np.uint32)
    _pair(lists, cells, groups(threshold), bits, shift, starts, entries, members)
    maps = (2, segments // 64 + 1), np.uint64
    pool = BufferPool(
        lambda: (np.zeros(*maps), np.zeros(cells, np.uint8), np.empty(segments, np.int64))
    )
    return PairIndex(starts[:-1], members, bits, pool)


def matches(
    lists: np.ndarray, index: PairIndex, patterns: np.ndarray, cells: int, threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Matches pattern by pattern, each time with the entries that its pairs led to.

    Args:
        lists: the segments.
        index: from `paired`, for this threshold.
        patterns: checked cell indices.
        cells: cells in the population.
        threshold: least overlap, [2, synapses].
    """
    keys = np.empty((2, patterns.shape[1] * (patterns.shape[1] - 1) // 2), index.starts.dtype)
    for row in range(patterns.shape[0]):
        with index.pool.one() as (maps, active, candidates):
            count, hits = _matching(
                *index[:3], lists, lists.reshape(-1), patterns, row, cells, threshold, keys, maps,
                active, candidates,
            )  # fmt: skip
            segment = np.sort(candidates[:count])
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
def _pair(lists, cells, dealt, bits, shift, starts, entries, members):
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


@numba.njit(cache=True, nogil=True)
@no_type_check
def _matching(
    starts, members, bits, lists, flat, patterns, row, cells, threshold, keys, maps, active,
    candidates,
):  # fmt: skip
    """How many segments match one pattern, and how many entries its pairs lead to.

    The segments come first in `candidates`, in any order. `keys` is room for the bounds of each
    pair's members; `maps`, of a bit a segment, and `active`, of a byte a cell, are cleared again.
    """
    hits, size, _ = 0, 0, SOURCE_HASH
    for i in range(patterns.shape[1]):
        for j in range(i):
            x, y = patterns[row, i], patterns[row, j]
            if max(x, y) < cells:
                bucket = _bucket(x, y, bits)
                keys[0, size], keys[1, size] = starts[bucket], starts[bucket + 1]
                hits += keys[1, size] - keys[0, size]
                size += 1
    count = _candidates(members, keys[:, :size], threshold > 2, maps, candidates)
    mark(patterns, row, cells, active, 1)
    matched = 0
    for candidate in range(count):
        upcoming = candidates[min(candidate + PREFETCH_DISTANCE, count - 1)] * lists.shape[1]
        fetch(flat, upcoming)
        fetch(flat, upcoming + lists.shape[1] - 1)
        overlap = 0
        for synapse in range(lists.shape[1]):
            cell = lists[candidates[candidate], synapse]
            if cell < cells:
                overlap += active[cell]
        if overlap >= threshold:
            candidates[matched] = candidates[candidate]
            matched += 1
    mark(patterns, row, cells, active, 0)
    return matched, hits


@numba.njit(cache=True, nogil=True)
@no_type_check
def _candidates(members, keys, both, maps, candidates):
    """Lists members that two keys lead to if `both`, else one, each once; returns how many."""
    size, count = keys.shape[1], 0
    for key in range(size):
        fetch(members, np.int64(keys[0, min(key + PREFETCH_DISTANCE, size - 1)]))
        for place in range(keys[0, key], keys[1, key]):
            member = members[place]
            word, bit = member >> np.uint32(6), np.uint64(1) << np.uint64(member & np.uint32(63))
            if both and not maps[0, word] & bit:
                maps[0, word] |= bit
            elif not maps[1, word] & bit:
                maps[1, word] |= bit
                candidates[count] = member
                count += 1
    for key in range(size):
        for place in range(keys[0, key], keys[1, key]):
            word = members[place] >> np.uint32(6)
            maps[0, word] = maps[1, word] = 0
    return count

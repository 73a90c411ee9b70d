"""All overlaps of a batch by a bit-sliced gather: patterns are lanes, one vector counts 512 pairs.

A segment's synapses name rows of a table whose bits are the patterns, and adders in bit planes find
the lanes that reach the threshold (`simd`). Two exact shortcuts cut the rows to be read:

A pair with at least θ of s synapses active has at least θ - (s - m) active among the first m. Only
lanes that reach this are recounted, one by one.

A lane may stand for a group of patterns, with a one wherever any of them is active. No pattern of
the group has a larger overlap than the group.

Source: the first is the pigeonhole of prefix filters (Chaudhuri, Ganti & Kaushik 2006); the second
is group testing (Dorfman 1943).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import prod
from typing import Any, NamedTuple, no_type_check

import numba
import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros

from workbench.dendrites.matching.kernels.buffer_pool import BufferPool
from workbench.dendrites.matching.kernels.simd import (
    CHUNK,
    SOURCE_HASH,
    TILE,
    WORDS,
    reached,
    tallied,
)

LANES = 64 * WORDS
MOST = 32  # patterns of a lane
HIGH = np.uint64(0x8080808080808080)
BIT_BYTES = np.array([sum((b >> p & 1) << 8 * p for p in range(8)) for b in range(256)], np.uint64)


class Table(NamedTuple):
    """A batch of patterns: `rows` has a bit a lane and cell, `fine` a bit a pattern, by bytes."""

    rows: np.ndarray
    fine: np.ndarray
    first: int
    patterns: int
    group: int


def aligned(shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """Zeros that start at a cache line, so that a vector never lies across two."""
    size = prod(shape) * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    # The fastest way to the address; `ctypes` would create objects.
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + size].view(kind).reshape(shape)


class Tiles(NamedTuple):
    """Lists of eight segments at a time, synapse by synapse: (tiles, even synapses, 8).

    The place after an odd last synapse names the cell that is never active, the one past all
    others; a short last tile repeats the last segment.
    """

    cells: np.ndarray
    segments: int
    synapses: int


def tiled(lists: np.ndarray, cells: int) -> Tiles:
    """The lists, uint16 or uint32, copied to the order in which the gather reads them."""
    segments, synapses = lists.shape
    fits = synapses % 2 == 0 or cells <= np.iinfo(lists.dtype).max
    shape = (-(-segments // TILE), synapses + synapses % 2, TILE)
    tiles = aligned(shape, lists.dtype if fits else np.uint32)
    _tile(lists, cells, tiles)
    return Tiles(tiles, segments, synapses)


def table(patterns: np.ndarray, first: int, words: int, group: int, cells: int) -> Table:
    """The table of the patterns from `first` on, as many as fit into lanes of `group` each."""
    batch = patterns[first : first + 64 * words * group]
    rows = aligned((cells + 1, words), np.uint64)
    fine = np.zeros((-(-len(batch) // group) * max(group, 8) // 8, cells + 1), np.uint8)
    _fill(batch, cells, group, rows, fine)
    return Table(rows, fine, first, len(batch), group)


def matches(
    tiles: Tiles, span: tuple[int, int], patterns: Table, tested: int, threshold: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Matches in the tiles of the span by pieces, each with the number of recounted lanes.

    Args:
        tiles: the segments.
        span: first tile and the one after the last.
        patterns: the batch.
        tested: even; synapses in the first count, of which a match has at least one active.
        threshold: least overlap, [1, synapses].
    """
    words = patterns.rows.shape[1]
    kernel = _reaching(words, tested % CHUNK, tested.bit_length(), SOURCE_HASH)
    bound = threshold - max(0, tiles.synapses - tested)
    group = 0 if patterns.group == 1 and bound == threshold else patterns.group
    start = span[0]
    while start < span[1]:
        with _POOL.one() as (out, lane, segment, counts, pattern, matched):
            start, size, recounted = kernel(
                patterns.rows, tiles.cells, start, span[1], tiles.segments, tested // CHUNK, bound,
                out, lane, segment, patterns.fine, group, threshold, patterns.first, counts,
                pattern, matched,
            )  # fmt: skip
            piece = pattern[:size].copy(), matched[:size].copy(), recounted
        yield piece


def _work() -> tuple[np.ndarray, ...]:
    """A tile's result, and room for its lanes, for eight overlaps, and for matches."""
    sizes = TILE * LANES, TILE * LANES, 8, TILE * LANES * MOST, TILE * LANES * MOST
    return aligned((TILE, WORDS), np.uint64), *(np.empty(size, np.int64) for size in sizes)


_POOL = BufferPool(_work)


def tally(tiles: Tiles, span: tuple[int, int], patterns: Table) -> np.ndarray:
    """How many pairs of the span's segments and the patterns have each overlap, 1 … synapses.

    The table must have a lane for each pattern; those without overlap are left to the caller, as
    idle lanes are among them.
    """
    words, synapses = patterns.rows.shape[1], tiles.cells.shape[1]
    out = aligned((synapses + 1, WORDS), np.int64)
    kernel = _tallying(words, synapses % CHUNK, synapses.bit_length(), SOURCE_HASH)
    kernel(patterns.rows, tiles.cells, *span, synapses // CHUNK, synapses, out)
    pairs = out.sum(axis=1)
    repeats = max(0, span[1] * TILE - tiles.segments)
    last = np.unpackbits(patterns.fine[:, tiles.cells[-1, :, -1].astype(np.int64)], axis=0)
    pairs -= repeats * np.bincount(last.sum(axis=1, dtype=np.int64), minlength=synapses + 1)
    return pairs[: tiles.synapses + 1]


@numba.njit(cache=True, nogil=True)
@no_type_check
def _tile(lists, never, tiles):
    for tile in range(tiles.shape[0]):
        for place in range(TILE):
            row = min(tile * TILE + place, lists.shape[0] - 1)
            for synapse in range(lists.shape[1]):
                tiles[tile, synapse, place] = lists[row, synapse]
            if lists.shape[1] < tiles.shape[1]:
                tiles[tile, lists.shape[1], place] = never


@numba.njit(cache=True, nogil=True)
@no_type_check
def _fill(patterns, cells, group, rows, fine):
    for pattern in range(patterns.shape[0]):
        lane, byte = pattern // group, pattern >> 3
        bit, small = np.uint64(1) << np.uint64(lane & 63), np.uint8(1 << (pattern & 7))
        for place in range(patterns.shape[1]):
            cell = patterns[pattern, place]
            if cell < cells:
                rows[cell, lane >> 6] |= bit
                fine[byte, cell] |= small


@numba.njit(cache=True, nogil=True)
@no_type_check
def _eight(fine, byte, tiles, row, first):
    """Overlaps of 255 synapses with the eight patterns of a byte of the fine table, a byte each.

    It takes whole arrays, because Numba pays for a part of one with two atomic operations.
    """
    total, tile, place = np.uint64(0), np.uint64(row) >> np.uint64(3), np.uint64(row & 7)
    for synapse in range(np.uint64(first), np.uint64(min(first + 255, tiles.shape[1]))):
        total += BIT_BYTES[fine[np.uint64(byte), tiles[tile, synapse, place]]]
    return total


@numba.njit(cache=True, nogil=True)
@no_type_check
def _overlaps(fine, byte, tiles, row, counts):
    """Overlaps of one segment with the eight patterns of a byte of the fine table."""
    counts[:] = 0
    for first in range(0, tiles.shape[1], 255):
        total = _eight(fine, byte, tiles, row, first)
        for pattern in range(8):
            counts[pattern] += (total >> np.uint64(8 * pattern)) & np.uint64(255)


@numba.njit(cache=True, nogil=True)
@no_type_check
def _confirmed(
    fine, tiles, lane, segment, lanes, group, threshold, first, counts, pattern, matched, count
):  # fmt: skip
    """Appends the matches among the patterns of the lanes; returns how many there are now."""
    small = tiles.shape[1] < 128 and threshold <= 128
    short = np.uint64(max(0, 128 - threshold) * 0x0101010101010101)
    for candidate in range(lanes):
        row, low = segment[candidate], lane[candidate] * group
        for eight in range(low & -8, low + group, 8):
            if small:
                # Eight counts in a word; what is missing sets the high bits of those that reach.
                left = (_eight(fine, eight >> 3, tiles, row, 0) + short) & HIGH
                while left:
                    p = eight + (trailing_zeros(left) >> 3)
                    if low <= p < low + group:
                        pattern[count], matched[count] = p + first, row
                        count += 1
                    left &= left - np.uint64(1)
                continue
            _overlaps(fine, eight >> 3, tiles, row, counts)
            for p in range(max(eight, low), min(eight + 8, low + group)):
                if counts[p & 7] >= threshold:
                    pattern[count], matched[count] = p + first, row
                    count += 1
    return count


@numba.njit(cache=True, nogil=True)
@no_type_check
def _listed(out, place, words, tile, lane, segment, count, first):
    """Appends the lanes of one segment, numbered from `first`; returns how many there are now."""
    for word in range(words):
        left = out[place * words // WORDS, place * words % WORDS + word]
        while left:
            lane[count] = first + word * 64 + trailing_zeros(left)
            segment[count] = tile * TILE + place
            count += 1
            left &= left - np.uint64(1)
    return count


@cache
def _reaching(words: int, rest: int, planes: int, source_hash: int) -> Any:
    """The kernel that lists what matches among lanes whose first sum reaches the bound.

    The first sum is over 32 · chunks + rest synapses. If `group` is 0, such lanes are the matches;
    else each stands for so many patterns and is recounted while its segment is in the cache. It
    stops at a tile whose matches might not fit; returns the tile, matches and recounted lanes.
    """

    @numba.njit(cache=True, nogil=True)
    @no_type_check
    def reaching(
        rows, tiles, start, stop, segments, chunks, bound, out, lane, segment, fine, group,
        threshold, first_pattern, counts, pattern, matched,
    ):  # fmt: skip
        count, recounted, _ = 0, 0, source_hash
        for tile in range(start, stop):
            if count + TILE * 64 * words > pattern.shape[0]:
                return tile, count, recounted
            # One branch a tile: a branch a vector costs more than the vector's sums.
            some = 0
            for first in range(0, TILE, WORDS // words):
                any_lane = reached(
                    rows, tiles, tile, first, chunks, bound, out, words, rest, planes
                )
                some |= np.int64(any_lane) << first
            if not some:
                continue
            lanes = 0
            for place in range(min(TILE, segments - tile * TILE)):
                if some >> (place & -(WORDS // words)) & 1:
                    if group:
                        lanes = _listed(out, place, words, tile, lane, segment, lanes, 0)
                    else:
                        count = _listed(
                            out, place, words, tile, pattern, matched, count, first_pattern
                        )
            if count + lanes * group > pattern.shape[0]:
                return tile, count, recounted
            recounted += lanes
            count = _confirmed(
                fine, tiles, lane, segment, lanes, group, threshold, first_pattern, counts,
                pattern, matched, count,
            )  # fmt: skip
        return stop, count, recounted

    return reaching


@cache
def _tallying(words: int, rest: int, planes: int, source_hash: int) -> Any:
    """The kernel that counts lanes by their sum over 32 · chunks + rest synapses."""

    @numba.njit(cache=True, nogil=True)
    @no_type_check
    def tallying(rows, tiles, start, stop, chunks, top, out):
        _ = source_hash
        for tile in range(start, stop):
            for first in range(0, TILE, WORDS // words):
                tallied(rows, tiles, tile, first, chunks, top, out, words, rest, planes)

    return tallying

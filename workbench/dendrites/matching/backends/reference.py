"""Overlaps by a bit-sliced gather in array-standard functions, on the segments' device.

A table has a row of words for each cell, a bit for each pattern. The rows that a segment's synapses
name are added carry-save, so that plane k has bit k of the overlaps with 64 patterns a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import nan

import numpy as np

from workbench.base.array import Array, host, like, namespace
from workbench.base.cancellation import step
from workbench.dendrites.matching.cost_model import Plan
from workbench.dendrites.matching.results import Piece
from workbench.dendrites.matching.segment_store import Store

WORDS = 8
PATTERNS_AT_ONCE = 64 * WORDS
PAIRS_AT_ONCE = 1 << 20
ODDS, PAIRS, NIBBLES, BYTES = (0xFF // k * 0x0101010101010101 for k in (3, 5, 17, 255))


class PlainSearch:
    """The gather over all blocks of segments, on their device.

    Memory in bytes: at most 60 a pair of 2^20, when all of them match, and 64 (cells + 1) for the
    table; under 100 MB in all for 2^17 cells and fewer.
    """

    def __init__(self, store: Store) -> None:
        """Reads the segments only when a method is called."""
        self._store = store

    def plan(self, patterns: np.ndarray, threshold: int) -> Plan:
        """What `matches` does."""
        words = min(WORDS, -(-len(patterns) // 64))
        width = self._store.width
        return Plan("plain", width, words, 1, width, nan, "plain: requested, or no NumPy arrays")

    def matches(self, patterns: np.ndarray, threshold: int) -> Iterator[Piece]:
        """Pieces of the list of matches, segments ascending within each pattern.

        Args:
            patterns: checked cell indices on the host.
            threshold: least overlap, [1, synapses].
        """
        for first_pattern, first_segment, planes in self._blocks(patterns):
            reached = host(_reached(planes, threshold))
            rows = np.flatnonzero(reached.any(axis=1))
            bytes_ = reached[rows].astype("<u8").view(np.uint8)
            row, pattern = np.nonzero(np.unpackbits(bytes_, axis=1, bitorder="little"))
            yield pattern + first_pattern, rows[row] + first_segment

    def overlap_histogram(self, patterns: np.ndarray) -> np.ndarray:
        """How many pairs have each overlap 0 … synapses."""
        pairs = np.zeros(self._store.width + 1, np.int64)
        for _, _, planes in self._blocks(patterns):
            step()
            left = 64 * planes[0].shape[0] * planes[0].shape[1]
            for overlap in range(pairs.size):
                here = _ones(_equal(planes, overlap))
                pairs[overlap] += here
                left -= here
                if not left:
                    break
        # Bits past the last pattern have no overlap with anything.
        pairs[0] = self._store.rows * patterns.shape[0] - pairs[1:].sum()
        return pairs

    def _blocks(self, patterns: np.ndarray) -> Iterator[tuple[int, int, list[Array]]]:
        """First pattern, first segment and planes (segments, words) of every block of pairs."""
        step = PAIRS_AT_ONCE // PATTERNS_AT_ONCE
        for first in range(0, patterns.shape[0], PATTERNS_AT_ONCE):
            table = _table(patterns[first : first + PATTERNS_AT_ONCE], self._store.cells)
            for block in self._store.blocks():
                there = like(table, block.lists)
                for row in range(0, block.lists.shape[0], step):
                    lists = block.lists[row : min(row + step, block.lists.shape[0]), :]
                    yield first, block.first + row, _planes(there, lists)


def _table(patterns: np.ndarray, cells: int) -> np.ndarray:
    """One bit a cell and pattern, set where active; scattering is not in the array standard."""
    bits = np.zeros((cells + 1, 64 * -(-patterns.shape[0] // 64)), np.bool_)
    bits[patterns.T, np.arange(patterns.shape[0])] = True
    bits[cells] = False
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _planes(table: Array, lists: Array) -> list[Array]:
    """Bits of the overlaps; a row is added as soon as three of its weight are there."""
    xp = namespace(lists)
    zeros = xp.zeros((lists.shape[0], table.shape[1]), dtype=xp.uint64, device=lists.device)
    waiting: list[list[Array]] = [[zeros]]

    def add(value: Array, plane: int) -> None:
        if plane == len(waiting):
            waiting.append([])
        waiting[plane].append(value)
        if len(waiting[plane]) == 3:
            x, y, z = waiting[plane]
            waiting[plane], odd = [], x ^ y
            add(odd ^ z, plane)
            add((x & y) | (odd & z), plane + 1)

    for synapse in range(lists.shape[1]):
        cells = xp.astype(lists[:, synapse], xp.int64)
        add(xp.take(table, cells, axis=0), 0)
    for plane, left in enumerate(waiting):  # grows during the loop
        if len(left) == 2:
            waiting[plane] = [left[0] ^ left[1]]
            add(left[0] & left[1], plane + 1)
    return [left[0] for left in waiting]


def _reached(planes: list[Array], bound: int) -> Array:
    """Ones where the planes' number reaches the bound: where adding 2^planes - bound carries."""
    xp = namespace(planes[0])
    bias = (1 << len(planes)) - bound
    carry = xp.zeros_like(planes[0])
    if bias < 0:
        return carry
    for k, plane in enumerate(planes):
        carry = plane | carry if bias >> k & 1 else plane & carry
    return carry


def _equal(planes: list[Array], value: int) -> Array:
    """Ones where the planes' number is the value."""
    xp = namespace(planes[0])
    equal = ~xp.zeros_like(planes[0])
    for k, plane in enumerate(planes):
        equal = equal & (plane if value >> k & 1 else ~plane)
    return equal if value >> len(planes) == 0 else xp.zeros_like(equal)


def _ones(words: Array) -> int:
    """How many bits are set; by adding neighbours, as the array standard cannot count bits.

    Source: Warren, Hacker's Delight, 2nd ed., §5-1.
    """
    xp = namespace(words)
    words = words - ((words >> 1) & ODDS)
    words = (words & PAIRS) + ((words >> 2) & PAIRS)
    words = (words + (words >> 4)) & NIBBLES
    return int(host(xp.sum((words * BYTES) >> 56)))

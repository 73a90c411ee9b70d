"""Overlaps of blocks of pairs by array-standard functions, wherever the segments live.

A table holds one row a cell with a byte for each pattern, 1 where the cell is active. The overlaps
of a block of segments are the sum of the rows that its synapses name, one synapse after another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workbench.array import Array, host, like, namespace

PATTERNS_AT_ONCE = 512
PAIRS_AT_ONCE = 1 << 20


class PlainScan:
    """Every segment against every pattern, PAIRS_AT_ONCE pairs at a time.

    Memory in bytes: at most 60 a pair of the block, when all of them match, and cells ·
    min(patterns, 512) for the table; under 100 MB in all.
    """

    def __init__(self, lists: Array, cells: int) -> None:
        """Keeps the checked synapse lists, uint16 (segments, synapses), as they are."""
        self._lists, self._cells = lists, cells

    def matches(
        self, patterns: np.ndarray, threshold: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pieces of the list of matches, segments ascending within each pattern.

        Args:
            patterns: checked cell indices on the host.
            threshold: least overlap, [0, synapses].
        """
        for first_pattern, first_segment, overlaps in self._blocks(patterns):
            xp = namespace(overlaps)
            hits = host(xp.nonzero(xp.reshape(overlaps >= threshold, (-1,)))[0])
            segment, pattern = np.divmod(hits, overlaps.shape[1])
            yield pattern + first_pattern, segment + first_segment

    def overlap_histogram(self, patterns: np.ndarray) -> np.ndarray:
        """How many pairs have each overlap 0 … synapses."""
        pairs = np.zeros(self._lists.shape[1] + 1, np.int64)
        for _, _, overlaps in self._blocks(patterns):
            xp = namespace(overlaps)
            for overlap in range(int(host(xp.max(overlaps))) + 1):
                pairs[overlap] += int(host(xp.count_nonzero(overlaps == overlap)))
        return pairs

    def _blocks(self, patterns: np.ndarray) -> Iterator[tuple[int, int, Array]]:
        """First pattern, first segment and overlaps (segments, patterns) of every block."""
        for first_pattern in range(0, patterns.shape[0], PATTERNS_AT_ONCE):
            block = patterns[first_pattern : first_pattern + PATTERNS_AT_ONCE]
            table = self._table(block)
            step = PAIRS_AT_ONCE // block.shape[0]
            for first_segment in range(0, self._lists.shape[0], step):
                last = min(first_segment + step, self._lists.shape[0])
                overlaps = _overlaps(table, self._lists[first_segment:last, :])
                yield first_pattern, first_segment, overlaps

    def _table(self, patterns: np.ndarray) -> Array:
        """One byte a cell and pattern, 1 where active; scattering is not in the array standard."""
        table = np.zeros((self._cells, patterns.shape[0]), np.uint8)
        table[patterns.T, np.arange(patterns.shape[0])] = 1
        return like(table, self._lists)


def _overlaps(table: Array, lists: Array) -> Array:
    xp = namespace(lists)
    segments, synapses = lists.shape
    kind = xp.uint8 if synapses <= 255 else xp.uint32
    overlaps = xp.zeros((segments, table.shape[1]), dtype=kind, device=lists.device)
    for synapse in range(synapses):
        cells = xp.astype(lists[:, synapse], xp.int64)
        overlaps += xp.take(table, cells, axis=0)
    return overlaps

"""Rows of cells copied and checked in one pass, and matches sorted by pattern; compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import no_type_check

import numba
import numpy as np


def copied(values: np.ndarray, rows: np.ndarray, cells: int, most: int) -> bool:
    """Whether all values are in [0, most] and no row names a cell twice; copies them until then.

    Args:
        values: whole numbers.
        rows: where they go, of a kind that holds `most`.
        cells: cells in the population; larger values are not cells and may repeat.
        most: the largest value allowed.
    """
    return _copied(values, rows, most, np.zeros(cells, np.uint32))


@numba.njit(cache=True, nogil=True)
@no_type_check
def _copied(values, rows, most, seen):
    for row in range(values.shape[0]):
        mark, bad = np.uint32(row + 1), 0
        for place in range(values.shape[1]):
            value = np.uint64(values[row, place])  # negative ones become the largest
            bad |= value > np.uint64(most)
            rows[row, place] = value
        if bad:
            return False
        for place in range(values.shape[1]):
            value = np.uint64(values[row, place])
            if value < np.uint64(seen.shape[0]):
                bad |= seen[value] == mark
                seen[value] = mark
        if bad:
            return False
    return True


def by_pattern(
    pieces: Iterable[tuple[np.ndarray, np.ndarray]], patterns: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces as two columns by pattern, [0, patterns); a stable sort."""
    # Allocated here: in Numba's allocations an interrupt becomes another exception.
    starts, stored = np.zeros(patterns + 1, np.int64), []
    for piece in pieces:
        _count(piece[0], starts)
        stored.append(piece)
    size = starts.sum()
    rows, segments = np.empty(size, np.int64), np.empty(size, np.int64)
    _fill(starts, rows)
    for pattern, segment in stored:
        _place(pattern, segment, starts, segments)
    return rows, segments


@numba.njit(cache=True, nogil=True)
@no_type_check
def _count(pattern, starts):
    for row in pattern:
        starts[row + 1] += 1


@numba.njit(cache=True, nogil=True)
@no_type_check
def _fill(starts, rows):
    """Makes counts into starts, and writes each pattern's number as often as it was counted."""
    for row in range(starts.shape[0] - 1):
        starts[row + 1] += starts[row]
        rows[starts[row] : starts[row + 1]] = row


@numba.njit(cache=True, nogil=True)
@no_type_check
def _place(pattern, segment, starts, segments):
    for i in range(pattern.shape[0]):
        segments[starts[pattern[i]]] = segment[i]
        starts[pattern[i]] += 1

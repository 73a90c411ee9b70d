"""Rows of cells copied and checked in one pass, compiled."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np


def copied(values: np.ndarray, rows: np.ndarray, cells: int, most: int) -> bool:
    """Whether all values are in [0, most] and no row names a cell twice; copies them until then.

    Args:
        values: whole numbers.
        rows: where they go, of a kind that holds `most`.
        cells: cells in the population; larger values are not cells and may stand often.
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

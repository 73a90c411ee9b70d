"""Cells that stand twice in a row, found in time linear in the indices."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np


def repeated(rows: np.ndarray, cells: int) -> int:
    """A cell that stands twice in a row of indices of at most `cells`, or -1."""
    return _repeated(rows, cells, np.full(cells, -1, np.int64))


@numba.njit(cache=True, nogil=True)
@no_type_check
def _repeated(rows, cells, seen):
    for row in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            cell = np.int64(rows[row, place])
            if cell < cells:
                if seen[cell] == row:
                    return cell
                seen[cell] = row
    return -1

"""Matches put in order in time linear in their number, compiled."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
@no_type_check
def by_pattern(pattern, segment, patterns):
    """Both columns ordered by pattern, [0, patterns); equal ones stay as they are."""
    starts = np.zeros(patterns + 1, np.int64)
    for row in pattern:
        starts[row + 1] += 1
    for row in range(patterns):
        starts[row + 1] += starts[row]
    rows, segments = np.empty_like(pattern), np.empty_like(segment)
    for i in range(pattern.shape[0]):
        place = starts[pattern[i]]
        rows[place], segments[place] = pattern[i], segment[i]
        starts[pattern[i]] += 1
    return rows, segments

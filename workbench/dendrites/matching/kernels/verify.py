"""Overlaps of single pairs, for candidates that passed a filter."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from workbench.dendrites.matching.kernels.simd import fetch

PREFETCH_DISTANCE = 16


def confirmed(
    lists: np.ndarray,
    patterns: np.ndarray,
    cells: int,
    threshold: int,
    pattern: np.ndarray,
    segment: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the candidate pairs that match, in the same order.

    Args:
        lists: the segments' cells; a cell past all others is never active.
        patterns: checked cell indices.
        cells: cells in the population.
        threshold: least overlap.
        pattern: rows of `patterns`, fastest if equal ones are adjacent.
        segment: rows of `lists`.
    """
    matched = np.empty(pattern.shape[0], np.bool_)
    active = np.zeros(cells + 1, np.uint8)
    _confirm(
        lists, lists.reshape(-1), patterns, cells, threshold, pattern, segment, active, matched
    )
    return pattern[matched], segment[matched]


@numba.njit(cache=True, nogil=True)
@no_type_check
def _confirm(lists, flat, patterns, cells, threshold, pattern, segment, active, matched):
    synapses, row = lists.shape[1], -1
    for candidate in range(pattern.shape[0]):
        upcoming = segment[min(candidate + PREFETCH_DISTANCE, pattern.shape[0] - 1)] * synapses
        fetch(flat, upcoming)
        fetch(flat, upcoming + synapses - 1)
        if pattern[candidate] != row:
            if row >= 0:
                mark(patterns, row, cells, active, 0)
            row = pattern[candidate]
            mark(patterns, row, cells, active, 1)
        overlap = 0
        for synapse in range(synapses):
            overlap += active[lists[segment[candidate], synapse]]
        matched[candidate] = overlap >= threshold


@numba.njit(cache=True, nogil=True)
@no_type_check
def mark(patterns, row, cells, active, value):
    """Sets the places of the pattern's cells, leaving out those past all others."""
    for place in range(patterns.shape[1]):
        if patterns[row, place] < cells:
            active[patterns[row, place]] = value

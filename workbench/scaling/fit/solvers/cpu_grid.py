"""The closed-form grid of every resample: small normal equations, solved cell by cell, compiled."""

from __future__ import annotations

import math
from typing import no_type_check

import numba
import numpy as np


@numba.njit(error_model="numpy", cache=True, parallel=True, nogil=True)
@no_type_check
def best_cells(moments, squares, terms, best, coefficients):
    """For each resample the cell with the least sum of squares and no negative coefficient.

    Args:
        moments: Σ w bᵢ bⱼ for i ≤ j, then Σ w bᵢ y; (resamples, cells, terms (terms + 3) / 2).
        squares: Σ w y², (resamples,).
        terms: how many coefficients.
        best: the cell found, or -1; written.
        coefficients: its coefficients; written.
    """
    for row in numba.prange(moments.shape[0]):
        factor, found = np.zeros((terms, terms)), np.zeros(terms)
        least = np.inf
        best[row] = -1
        for cell in range(moments.shape[1]):
            sums = moments[row, cell]
            at, good = 0, True
            for i in range(terms):
                for j in range(i, terms):
                    factor[j, i] = sums[at]
                    at += 1
            for i in range(terms):
                for j in range(i + 1):
                    total = factor[i, j]
                    for k in range(j):
                        total -= factor[i, k] * factor[j, k]
                    if i == j:
                        good = good and total > 1e-13 * factor[i, i]
                        factor[i, i] = math.sqrt(max(total, 1e-300))
                    else:
                        factor[i, j] = total / factor[j, j]
            fall = 0.0
            for i in range(terms):
                total = sums[at + i]
                for k in range(i):
                    total -= factor[i, k] * found[k]
                found[i] = total / factor[i, i]
                fall += found[i] * found[i]
            for i in range(terms - 1, -1, -1):
                total = found[i]
                for k in range(i + 1, terms):
                    total -= factor[k, i] * found[k]
                found[i] = total / factor[i, i]
                good = good and found[i] > 0.0
            if good and squares[row] - fall < least:
                least = squares[row] - fall
                best[row] = cell
                coefficients[row, :] = found

"""The numerics under the laws: tails of the hypergeometric and of the binomial distribution.

Both tails are a ratio of two sums of positive terms, taken outward from the threshold, where the
term is set to 1: U upward, threshold included, and L downward. The tail is U / (U + L). No
factorial, no normalising product and no subtraction is left that could lose digits, on either
side of the mode; sums carry a binary exponent of their own, so nothing overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.dendrites.theory._pairs import Pair, over, ratio, series, times

MOST_CELLS = 2**26  # so that a product of two counts is a whole number a double holds exactly
_CHUNK = 2**14


class Sums(NamedTuple):
    """The sums U and L, each with its binary exponent, and where the threshold was met or not."""

    upper: Pair
    upper_exponent: np.ndarray
    lower: Pair
    lower_exponent: np.ndarray
    never: np.ndarray


def sums(
    cells: np.ndarray, active: np.ndarray, synapses: np.ndarray, threshold: np.ndarray
) -> Sums:
    """U and L of the hypergeometric overlap; all arguments float64 arrays of one shape."""
    rest = cells - synapses - active
    most = np.minimum(synapses, active)
    b = np.clip(threshold, np.maximum(0, -rest), most)

    def up(k: int) -> Pair:
        ways = np.maximum(synapses - b - k, 0) * np.maximum(active - b - k, 0)
        return ratio(ways, (b + k + 1) * (rest + b + k + 1))

    def down(k: int) -> Pair:
        ways = np.maximum(b - k, 0) * np.maximum(rest + b - k, 0)
        return ratio(ways, (synapses - b + k + 1) * (active - b + k + 1))

    return Sums(*series(up, 1, b.shape), *series(down, 0, b.shape), threshold > most)


def binomial_sums(sparsity: np.ndarray, synapses: np.ndarray, threshold: np.ndarray) -> Sums:
    """U and L of the binomial overlap, for sparsity in [1e-100, 1)."""
    b = np.clip(threshold, 0, synapses)
    absent = 1 - sparsity
    on, off = Pair(sparsity, 0 * sparsity), Pair(absent, (1 - absent) - sparsity)
    odds, against = over(on, off), over(off, on)

    def up(k: int) -> Pair:
        return times(ratio(np.maximum(synapses - b - k, 0), b + k + 1), odds)

    def down(k: int) -> Pair:
        return times(ratio(np.maximum(b - k, 0), synapses - b + k + 1), against)

    return Sums(*series(up, 1, b.shape), *series(down, 0, b.shape), threshold > synapses)


def tail(both: Sums) -> np.ndarray:
    """The chance to reach the threshold."""
    return np.where(both.never, 0.0, 1 / (1 + _odds(both)))


def log10_tail(both: Sums) -> np.ndarray:
    """The decimal logarithm of the chance, finite wherever the threshold can be reached at all."""
    odds = _odds(both)
    with np.errstate(divide="ignore"):
        size = np.log10(both.lower.high / both.upper.high)
        size = size + (both.lower_exponent - both.upper_exponent) * np.log10(2)
        rare = -size - np.log1p(1 / np.maximum(odds, 1)) / np.log(10)
    log = np.where(odds > 1, rare, 0 - np.log1p(np.minimum(odds, 1)) / np.log(10))
    return np.where(both.never, -np.inf, log)


def over_chunks(law: Callable[..., np.ndarray], *arguments: Array) -> np.ndarray:
    """The law over the broadcast arguments, a bounded number of elements at a time."""
    wide = np.broadcast_arrays(*[np.asarray(x, dtype=np.float64) for x in arguments])
    flat = [x.reshape(-1) for x in wide]
    parts = [
        law(*[x[i : i + _CHUNK] for x in flat]) for i in range(0, max(flat[0].size, 1), _CHUNK)
    ]
    return np.concatenate(parts).reshape(wide[0].shape)


def hypergeometric(answer: Callable[[Sums], np.ndarray], *arguments: Array) -> np.ndarray:
    """The answer (a tail or its logarithm) over cells, active, synapses, threshold."""
    return over_chunks(lambda *each: answer(sums(*each)), *arguments)


def _odds(both: Sums) -> np.ndarray:
    """L / U, the odds against the threshold; infinite beyond the range of doubles."""
    with np.errstate(over="ignore"):
        shift = both.lower_exponent - both.upper_exponent
        return np.ldexp(both.lower.high / both.upper.high, shift)

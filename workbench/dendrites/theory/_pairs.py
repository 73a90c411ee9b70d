"""Numbers stored as an unevaluated sum of two doubles, about 32 decimal digits, over arrays.

A tail law multiplies hundreds of ratios; in single doubles each factor leaves half a unit in the
last place behind, in pairs the whole product is right to the last digit that a double shows.

Source: Dekker (1971), A floating-point technique for extending the available precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_SPLITTER = 2.0**27 + 1
_LARGE = 2.0**400
_NEGLIGIBLE = 2.0**-60


class Pair(NamedTuple):
    """The number high + low, with low at most half a unit in the last place of high."""

    high: np.ndarray
    low: np.ndarray


def product(x: np.ndarray, y: np.ndarray) -> Pair:
    """The product of two doubles without any rounding, while both stay below 2⁹⁹⁶."""
    high = x * y
    x_high = _SPLITTER * x
    x_high = x_high - (x_high - x)
    x_low = x - x_high
    y_high = _SPLITTER * y
    y_high = y_high - (y_high - y)
    y_low = y - y_high
    low = ((x_high * y_high - high) + x_high * y_low + x_low * y_high) + x_low * y_low
    return Pair(high, low)


def ratio(x: np.ndarray, y: np.ndarray) -> Pair:
    """The quotient x / y of two doubles."""
    high = x / y
    back = product(high, y)
    return Pair(high, ((x - back.high) - back.low) / y)


def times(x: Pair, y: Pair) -> Pair:
    """The product of two pairs."""
    high, low = product(x.high, y.high)
    return _settled(high, low + (x.high * y.low + x.low * y.high))


def over(x: Pair, y: Pair) -> Pair:
    """The quotient of two pairs."""
    high = x.high / y.high
    back = product(high, y.high)
    rest = ((x.high - back.high) - back.low) + x.low - high * y.low
    return _settled(high, rest / y.high)


def plus(x: Pair, y: Pair) -> Pair:
    """The sum of two pairs."""
    high = x.high + y.high
    shadow = high - x.high
    low = (x.high - (high - shadow)) + (y.high - shadow)
    return _settled(high, low + (x.low + y.low))


def scaled(x: Pair, exponent: np.ndarray) -> Pair:
    """The pair times 2 to the exponent, exact unless it leaves the range of doubles."""
    return Pair(np.ldexp(x.high, exponent), np.ldexp(x.low, exponent))


def series(
    step: Callable[[int], Pair], first: float, shape: tuple[int, ...]
) -> tuple[Pair, np.ndarray]:
    """The sum first + r₀ + r₀r₁ + r₀r₁r₂ + …, as a pair times 2 to the exponent that follows it.

    Args:
        step: the ratio rₖ of one term to the one before it; positive or zero, falling with k, and
            zero in the end. A ratio is at most 2⁵⁰⁰.
        first: what the sum starts from, 0 or 1.
        shape: the shape of the arrays.
    """
    zero = np.zeros(shape)
    total, term = Pair(zero + first, zero), Pair(zero + 1, zero)
    exponent = np.zeros(shape, dtype=np.int64)
    k = 0
    while True:
        factor = step(k)
        term = times(term, factor)
        total = plus(total, term)
        # Ratios fall, so what is left out is at most the last term again.
        if np.all((factor.high <= 0.5) & (term.high <= _NEGLIGIBLE * total.high)):
            return total, exponent
        large = total.high > _LARGE
        if large.any():
            shift = np.where(large, -400, 0)
            total, term, exponent = scaled(total, shift), scaled(term, shift), exponent - shift
        k += 1


def _settled(high: np.ndarray, low: np.ndarray) -> Pair:
    """The same sum renormalised, for low much smaller than high."""
    top = high + low
    return Pair(top, low - (top - high))

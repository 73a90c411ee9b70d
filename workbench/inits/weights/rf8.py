"""Eight bits a weight: sums of two powers of two (RF8), beside an ordinary float of as many bits.

Source:
    Wu et al. (2025), arXiv:2506.00486, and the authors' code: w ≈ s₁ 2^e₁ + s₂ 2^e₂, exponents
    rounded in the logarithm, the second power dropped when it is more than four below the first.
    Departure: the paper does not say how the parts share the byte; here one bit is the sign, four
    are the first exponent below the tensor's largest and three the second power; 0 is the smallest
    code.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int, UInt8

from workbench.base.checks import refuse

# Offsets of the second power from the first with its relative sign; index 0 is none of them.
SECOND = np.array([0.0, 0.5, 0.25, -0.25, 0.125, -0.125, 0.0625, -0.0625])
EXPONENTS = 15


def encode(values: Float[np.ndarray, " n"]) -> tuple[UInt8[np.ndarray, " n"], int]:
    """The code of each value, and the largest exponent, which all codes are relative to.

    Values more than fourteen powers of two below the largest become zero.

    Raises:
        ValueError: if a value is not finite.
    """
    x = np.asarray(values, dtype=np.float64)
    if not np.isfinite(x).all():
        refuse("values", "finite", values)
    size = np.abs(x)
    first = _exponents(size)
    top = int(first.max(initial=-1000)) if size.any() else 0
    rest = np.where(size > 0, np.ldexp(size, -first) - 1, 0.0)
    second = _exponents(np.abs(rest))
    # The offset's place in SECOND: 1 for +2^-1, then pairs (+, -) for 2^-2 to 2^-4.
    pair = 2 * (-second - 1) + (rest < 0)
    retained = (rest != 0) & (second >= -4)
    place = np.where(retained, np.maximum(pair, 1), 0)
    level = np.clip(first - top + EXPONENTS, 0, EXPONENTS)
    code = 128 * (x < 0) + 8 * level + place
    return np.where((size > 0) & (level > 0), code, 0).astype(np.uint8), top


def decode(codes: UInt8[np.ndarray, " n"], top: int) -> Float[np.ndarray, " n"]:
    """The values of the codes."""
    sign = np.where(codes >= 128, -1.0, 1.0)
    level = (codes >> 3) & 15
    value = np.exp2(level.astype(float) - EXPONENTS + top) * (1 + SECOND[codes & 7])
    return np.where(level > 0, sign * value, 0.0)


def ordinary(values: Float[np.ndarray, " n"], mantissa: int = 3) -> Float[np.ndarray, " n"]:
    """The nearest floats with `mantissa` bits of mantissa and fifteen exponents below the largest.

    The rival of equal size: one sign bit, four of exponent, three of mantissa.
    """
    x = np.asarray(values, dtype=np.float64)
    fraction, exponent = np.frexp(x)
    step = 2.0 ** (mantissa + 1)
    rounded = np.ldexp(np.round(fraction * step) / step, exponent)
    top = exponent[x != 0].max(initial=-1000)
    return np.where(exponent > top - EXPONENTS, rounded, 0.0)


def signal_to_noise(values: Float[np.ndarray, " n"], coded: Float[np.ndarray, " n"]) -> float:
    """Power of the values over power of the error, in decibels."""
    error = float(((np.asarray(values, dtype=float) - coded) ** 2).sum())
    power = float((np.asarray(values, dtype=float) ** 2).sum())
    return math.inf if error == 0 else 10 * math.log10(power / error)


def entropy(codes: UInt8[np.ndarray, " n"]) -> float:
    """The entropy of the codes in bits, the least mean length of a prefix-free code."""
    counts = np.bincount(codes, minlength=256)
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum()) + 0.0


def _exponents(size: np.ndarray) -> Int[np.ndarray, " n"]:
    """round(log₂ size); zero has a very small exponent."""
    safe = np.where(size > 0, size, 1.0)
    return np.where(size > 0, np.round(np.log2(safe)), -10_000).astype(np.int64)

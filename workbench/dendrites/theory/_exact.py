"""The laws in whole numbers: counts of patterns, and chances as fractions without rounding."""

from __future__ import annotations

from fractions import Fraction
from math import comb


def weights(cells: int, active: int, synapses: int, low: int) -> list[int]:
    """The numbers of patterns whose overlap is low, low + 1, …, min(synapses, active).

    C(s,b)·C(n−s,a−b), each from the one before by an exact division.
    """
    low = max(low, synapses + active - cells, 0)
    top = min(synapses, active)
    if low > top:
        return []
    counts = [comb(synapses, low) * comb(cells - synapses, active - low)]
    for b in range(low, top):
        ways = counts[-1] * (synapses - b) * (active - b)
        counts.append(ways // ((b + 1) * (cells - synapses - active + b + 1)))
    return counts


def tail(cells: int, active: int, synapses: int, threshold: int) -> Fraction:
    """The chance that the overlap reaches the threshold."""
    # The law is symmetric, and the smaller set makes the smaller binomial coefficients.
    active, synapses = sorted((active, synapses))
    return Fraction(sum(weights(cells, active, synapses, threshold)), comb(cells, active))

"""The law in whole numbers: its chance as a fraction without rounding."""

from __future__ import annotations

from fractions import Fraction
from math import comb


def tail(cells: int, active: int, synapses: int, threshold: int) -> Fraction:
    """The chance that the overlap reaches the threshold.

    Σ_{b≥θ} C(s,b)·C(n−s,a−b) / C(n,a), each term from the one before by an exact division.
    """
    # The law is symmetric, and the smaller set makes the smaller binomial coefficients.
    active, synapses = sorted((active, synapses))
    low = max(threshold, synapses + active - cells, 0)
    if low > active:
        return Fraction(0)
    ways = total = comb(synapses, low) * comb(cells - synapses, active - low)
    for b in range(low, active):
        ways = ways * (synapses - b) * (active - b)
        ways //= (b + 1) * (cells - synapses - active + b + 1)
        total += ways
    return Fraction(total, comb(cells, active))

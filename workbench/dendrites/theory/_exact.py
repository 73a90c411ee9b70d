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


def binomial_tail(sparsity: Fraction, synapses: int, threshold: int) -> Fraction:
    """The chance of at least threshold hits in synapses trials."""
    on, whole = sparsity.numerator, sparsity.denominator
    hits = range(min(threshold, synapses + 1), synapses + 1)
    ways = sum(comb(synapses, b) * on**b * (whole - on) ** (synapses - b) for b in hits)
    return Fraction(ways, whole**synapses)


def union_tail(cells: int, active: int, synapses: int, threshold: int, patterns: int) -> Fraction:
    """The chance that a union of patterns covers at least threshold of the active cells.

    Counts the choices of all patterns by how many of the active cells they have covered so far.
    """
    if threshold == 0:
        return Fraction(1)
    choices = comb(cells, synapses)
    covered, reached = [1] + [0] * (threshold - 1), 0
    rows = [weights(cells, synapses, active - y, 0) for y in range(min(threshold, active + 1))]
    for _ in range(patterns):
        following, reached = [0] * threshold, reached * choices
        for y, row in enumerate(rows):
            low = max(0, synapses + active - y - cells)
            for total, ways in enumerate(row, start=y + low):
                if total < threshold:
                    following[total] += covered[y] * ways
                else:
                    reached += covered[y] * ways
        covered = following
    return Fraction(reached, choices**patterns)

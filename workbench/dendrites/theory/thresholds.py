"""Design for a tolerated error: the smallest safe threshold.

Symbols, accuracy and source are those of `overlap_laws`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from workbench.base.array import Array
from workbench.dendrites.theory import _exact
from workbench.dendrites.theory._arguments import answer, chance, counts
from workbench.dendrites.theory._tails import hypergeometric, log10_tail


def smallest_threshold(cells: Array, active: Array, synapses: Array, target: Array) -> Array:
    """Smallest threshold whose false match is below a target.

    min {θ : p(n,a,s,θ) < target}

    Args:
        cells: cells in the population, at least 1.
        active: active cells in the pattern, at most `cells`.
        synapses: synapses on the segment, at most `cells`.
        target: chance to stay below, in (0, 1].

    Returns:
        A whole number in [1, min(synapses, active) + 1]; one more than min(synapses, active) means
        that no threshold a pattern can reach is safe enough.

    Raises:
        ValueError: if a count is fractional, negative or larger than `cells`, or the target is
            outside (0, 1].

    Source: not in the paper, which reads one threshold for a whole grid off its figure 6.

    Example:
        >>> smallest_threshold(2048, 40, 20, 1e-12)
        10
    """
    given = (cells, active, synapses, target)
    n, a, s = counts(cells, active=active, synapses=synapses)
    e = chance("target", target)
    n, a, s, e = np.broadcast_arrays(n, a, s, e)
    # Invariant: p(low) ≥ target > p(high): everything matches at 0, nothing past the end.
    low, high = np.zeros_like(n), np.minimum(a, s) + 1
    while np.any(high - low > 1):
        middle = (low + high) // 2
        below = _is_below(n, a, s, middle, e)
        low, high = np.where(below, low, middle), np.where(below, middle, high)
    return answer(high, *given)


def _is_below(
    cells: Array,
    active: Array,
    synapses: Array,
    threshold: Array,
    target: Array,
) -> Array:
    """Whether the false match is below the target, settled by fractions where doubles cannot."""
    log, goal = hypergeometric(log10_tail, cells, active, synapses, threshold), np.log10(target)
    below = np.asarray(log < goal)
    close = np.abs(log - goal) <= 1e-13 * np.maximum(1, np.abs(goal))
    for i in map(tuple, np.argwhere(close)):
        each = [int(x[i]) for x in (cells, active, synapses, threshold)]
        below[i] = _exact.tail(*each) < Fraction(float(target[i]))
    return below

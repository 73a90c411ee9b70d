"""Laws of several segments together, and of several patterns stored on one segment.

Symbols, accuracy and source are those of `overlap_laws`.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import real, refuse, whole
from workbench.dendrites.theory._arguments import answer, counts
from workbench.dendrites.theory._tails import hypergeometric, log10_tail, tail
from workbench.dendrites.theory._union_chain import union_tail


def any_match(probability: Array, segments: Array, *, log10: bool = False) -> Array:
    """Chance that at least one of several independent segments fires.

    1 − (1−p)ᴹ

    Args:
        probability: chance p that one segment fires, in [0, 1].
        segments: number of segments M, at least 0.
        log10: both `probability` and the result are decimal logarithms.

    Raises:
        ValueError: if the probability is outside [0, 1] or the number of segments is no count.

    Source: Ahmad & Hawkins (2016), equation 8; the bound M·p of equation 9 is 7 % off where the
    authors' README uses it (n=100, a=s=7, θ=4, M=500).

    Example:
        >>> any_match(0.5, 2)
        0.75
    """
    m = whole("segments", segments, 0)
    if not log10:
        p = real("probability", probability, 0, 1)
        return answer(_any(p, m), probability, segments)
    p = real("probability", probability, -np.inf, 0)
    with np.errstate(divide="ignore"):
        # Below 1e-290 the chance is M·p to the last digit, for every M that fits an integer.
        log = np.where(p < -290, p + np.log10(m), np.log10(_any(10.0**p, m)))
    return answer(log, probability, segments)


def union_size(cells: Array, synapses: Array, patterns: Array) -> Array:
    """Expected number of distinct synapses when a segment stores a sample of each of M patterns.

    E U = n·(1 − (1−s/n)ᴹ)

    Args:
        cells: cells in the population, at least 1.
        synapses: synapses taken from each pattern, at most `cells`.
        patterns: stored patterns M, at least 0.

    Raises:
        ValueError: if a count is fractional or negative, or `synapses` exceeds `cells`.

    Source: Ahmad & Hawkins (2016), equation 13, there given as an estimate; it is exact.

    Example:
        >>> union_size(1000, 25, 2)
        49.375
    """
    n, s = counts(cells, synapses=synapses)
    m = whole("patterns", patterns, 0)
    return answer(n * _any(s / n, m), cells, synapses, patterns)


def union_false_match(
    cells: Array,
    active: Array,
    synapses: Array,
    threshold: Array,
    patterns: Array,
    method: str = "mixture",
    *,
    log10: bool = False,
) -> Array:
    """Chance that a random pattern fires a segment that stores samples of several patterns.

    mixture: Σᵤ P(U=u)·p(n,a,u,θ);  plugin: p(n,a,round(E U),θ);  tagged: 1 − (1−p(n,a,s,θ))ᴹ

    Args:
        cells: cells in the population, at least 1.
        active: active cells in the pattern, at most `cells`.
        synapses: synapses taken from each stored pattern, at most `cells`.
        threshold: active synapses that fire the segment, at least 0; 0 gives 1.
        patterns: stored patterns M, at least 0; 0 leaves a segment without synapses.
        method: "mixture" is exact for patterns mixed into one set of U distinct synapses. "plugin"
            is the paper's estimate, which puts the expected size in place of U, rounded half to
            even. "tagged" counts each pattern's synapses apart, as M segments would.
        log10: the decimal logarithm instead.

    Raises:
        ValueError: if a count is fractional, negative or larger than `cells`, or the method is
            unknown.

    Source: Ahmad & Hawkins (2016), after equation 13, for "plugin"; it is 7 % low at n=1000, a=200,
    s=25, θ=15, M=2. "mixture" is not in the paper. It runs a chain on how many active cells the
    union covers, which has `threshold` states and gives the same number as the sum over u: work
    grows as threshold²·patterns.

    Example:
        >>> round(union_false_match(7, 3, 2, 2, 3), 6)
        0.722708
    """
    given = (cells, active, synapses, threshold, patterns)
    if method not in ("mixture", "plugin", "tagged"):
        refuse("method", "'mixture', 'plugin' or 'tagged'", method)
    n, a, s = counts(cells, active=active, synapses=synapses)
    t, m = whole("threshold", threshold, 0), whole("patterns", patterns, 0)
    if method == "mixture":
        return answer(union_tail(n, a, s, t, m, log10=log10), *given)
    size = _rounded_size(n, s, m) if method == "plugin" else s
    once = hypergeometric(log10_tail if log10 else tail, n, a, size, t)
    if method == "plugin":
        return answer(once, *given)
    return answer(any_match(once, m, log10=log10), *given)


def _any(probability: Array, trials: Array) -> Array:
    """1 − (1−p)ᴹ without the loss of digits at either end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(trials == 0, 0.0, -np.expm1(trials * np.log1p(-probability)))


def _rounded_size(cells: Array, synapses: Array, patterns: Array) -> Array:
    """The expected size of the union to the nearest whole number, half to even."""
    n, s, m = np.broadcast_arrays(cells, synapses, patterns)
    size = n * _any(s / n, m)
    nearest = np.asarray(np.rint(size))
    # This close to one half, rounding errors of doubles may decide the side.
    unsure = np.abs(np.abs(size - nearest) - 0.5) < 1e-13 * n
    for i in map(tuple, np.argwhere(unsure)):
        exact = int(n[i]) * (1 - (1 - Fraction(int(s[i]), int(n[i]))) ** int(m[i]))
        nearest[i] = round(exact)
    return nearest

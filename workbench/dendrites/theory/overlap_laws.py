"""How often a segment with few synapses is wrong: the laws of sparse-dendrite detection.

A pattern switches on `active` of `cells` cells; a segment has `synapses` on cells of a stored
pattern, and fires when at least `threshold` of them are on. How often does a random pattern fire
it, how often does a damaged one fail to, and what changes when the segment stores several patterns?

Symbols in the formulas: n cells, a active, s synapses, θ threshold, v moved, M segments or
patterns. Theory runs on the host in double precision; arrays go back to the library they came
from. Every law here is within 4e-15 (relative) of the exact fraction wherever it is above 1e-290;
`log10=True` gives its decimal logarithm, finite far below that, and `exact=True` the fraction
itself of a false match or a false negative, for numbers (no arrays). Without `exact`, cells are at
most 2²⁶ = 67,108,864.

Source: Ahmad & Hawkins (2016), How do neurons operate on sparse distributed representations?
(arXiv 1601.00720 v2).
"""

from __future__ import annotations

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import real, refuse, whole
from workbench.dendrites.theory import _exact
from workbench.dendrites.theory._arguments import answer, at_most, counts, numbers
from workbench.dendrites.theory._tails import (
    MOST_CELLS,
    binomial_sums,
    hypergeometric,
    log10_tail,
    over_chunks,
    tail,
)


def false_match(
    cells: Array,
    active: Array,
    synapses: Array,
    threshold: Array,
    *,
    log10: bool = False,
    exact: bool = False,
) -> Array:
    """Chance that a random pattern fires a segment.

    p = Σ_{b≥θ} C(s,b)·C(n−s,a−b) / C(n,a)

    Args:
        cells: cells in the population, at least 1.
        active: active cells in the pattern, at most `cells`.
        synapses: synapses on the segment, at most `cells`.
        threshold: active synapses that fire it, at least 0; 0 gives 1 (everything matches), and
            more than min(synapses, active) gives 0.
        log10: the decimal logarithm instead.
        exact: a fraction instead.

    Raises:
        ValueError: if a count is fractional, negative, or larger than `cells`.

    Source: Ahmad & Hawkins (2016), equation 4. Summed as a ratio of two positive sums in pairs of
    doubles; the authors' notebook loses the value to rounding (4th digit) or to 0.

    Example:
        >>> false_match(20, 5, 4, 2, exact=True)
        Fraction(241, 969)
    """
    given = (cells, active, synapses, threshold)
    n, a, s = counts(cells, exact, active=active, synapses=synapses)
    t = whole("threshold", threshold, 0)
    if exact:
        return _exact.tail(*numbers(log10, n, a, s, t))
    return answer(hypergeometric(log10_tail if log10 else tail, n, a, s, t), *given)


def false_negative(
    active: Array,
    synapses: Array,
    threshold: Array,
    moved: Array,
    *,
    log10: bool = False,
    exact: bool = False,
) -> Array:
    """Chance that a segment misses its own pattern after some of the pattern's cells have moved.

    Σ_{b>s−θ} C(s,b)·C(a−s,v−b) / C(a,v)

    Exactly 0 while moved ≤ synapses − threshold.

    Args:
        active: active cells in the pattern.
        synapses: synapses on the segment, all on cells of the pattern: at most `active`.
        threshold: active synapses that fire it, at least 0; 0 gives 0 (never missed), and more
            than `synapses` gives 1.
        moved: active cells that fall silent while as many silent ones wake, at most `active`. The
            number of cells does not enter, so it is not an argument; a population that has room for
            the pattern and its moved cells has at least active + moved cells.
        log10: the decimal logarithm instead.
        exact: a fraction instead.

    Raises:
        ValueError: if a count is fractional or negative, or `synapses` or `moved` exceeds `active`.

    Source: Ahmad & Hawkins (2016), equations 5 and 6.

    Example:
        >>> false_negative(8, 4, 3, 3)
        0.5
    """
    given = (active, synapses, threshold, moved)
    a, s = whole("active", active, 0, None if exact else MOST_CELLS), whole("synapses", synapses, 0)
    t, v = whole("threshold", threshold, 0), whole("moved", moved, 0)
    at_most("synapses", s, "active", a)
    at_most("moved", v, "active", a)
    lost = np.maximum(s - t + 1, 0)
    if exact:
        return _exact.tail(*numbers(log10, a, v, s, lost))
    return answer(hypergeometric(log10_tail if log10 else tail, a, v, s, lost), *given)


def binomial_limit(
    sparsity: Array, synapses: Array, threshold: Array, *, log10: bool = False
) -> Array:
    """Chance that a random pattern fires a segment in an infinite population.

    lim n→∞ of the false match at fixed ρ = a/n:  Σ_{b≥θ} C(s,b)·ρᵇ·(1−ρ)ˢ⁻ᵇ

    Args:
        sparsity: active fraction ρ of the cells: 0, or in [1e-100, 1].
        synapses: synapses on the segment, at least 0.
        threshold: active synapses that fire it, at least 0; more than `synapses` gives 0.
        log10: the decimal logarithm instead.

    Raises:
        ValueError: if the sparsity is outside its span or a count is fractional or negative.

    Source: not in the paper, whose section 4.2 says the error falls with n at fixed sparsity; it
    rises to this limit.

    Example:
        >>> binomial_limit(0.5, 3, 2)
        0.5
    """
    s, t = whole("synapses", synapses, 0), whole("threshold", threshold, 0)
    rho = real("sparsity", sparsity, 0, 1)
    tiny = (rho > 0) & (rho < 1e-100)
    if tiny.any():
        refuse("sparsity", "0 or in [1e-100, 1]", np.extract(tiny, rho)[0])
    take = log10_tail if log10 else tail
    inner = np.where((rho > 0) & (rho < 1), rho, 0.5)
    result = over_chunks(lambda *each: take(binomial_sums(*each)), inner, s, t)
    edge = np.where(rho < 1, t == 0, t <= s).astype(np.float64)
    with np.errstate(divide="ignore"):
        result = np.where(inner == rho, result, np.log10(edge) if log10 else edge)
    return answer(result, sparsity, synapses, threshold)

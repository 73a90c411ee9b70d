"""Sparse codes: patterns of active cells drawn, thinned, damaged, chosen and compared.

A code is a row of cell indices in rising order, so a table of codes has shape (count, active) and
dtype int64, on the device of the generator or of the input arrays. How must patterns be
drawn for the laws of `theory.overlap_laws` to hold of them? Uniformly over all sets of one
size, exactly of that size; every sampler here is uniform without approximation.

Source: Ahmad & Hawkins (2016), How do neurons operate on sparse distributed representations?
(arXiv 1601.00720 v2), section 2.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Integer, Real

from workbench.base.array import Array, namespace
from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse, whole
from workbench.dendrites.codes._sets import CHUNK, ranked_absent, sets, sorted_rows


def patterns(rng: Any, count: int, cells: int, active: int) -> Integer[Array, "count active"]:
    """Random patterns, uniform over the sets of exactly `active` cells, independent.

    Every cell of a row is drawn alone, and those that repeat another of the row are drawn again
    until none does. Every step treats all cells alike, so all C(n,a) sets are equally likely.
    Sets of more than half the cells are drawn as the cells they leave out. Memory is the result
    and some 20 MB, for any `cells`; time grows as count·active·log(active).

    Args:
        rng: random generator; the patterns are on its device.
        count: number of patterns, at least 0.
        cells: cells in the population, at least 1.
        active: active cells in each pattern, in [0, cells].

    Raises:
        ValueError: if a count is fractional or negative, or `active` exceeds `cells`.
        TypeError: if `rng` is no generator.
    """
    count, cells = _one("count", count, 0), _one("cells", cells, 1)
    active = _one("active", active, 0, ("cells", cells))
    return sets(rng, count, cells, active)


def subsamples(
    rng: Any, patterns: Integer[Array, "count active"], synapses: int
) -> Integer[Array, "count synapses"]:
    """One random subset of each pattern, uniform over its sets of exactly `synapses` cells.

    Args:
        rng: random generator of the library the patterns belong to.
        patterns: active cells, distinct in each row.
        synapses: cells of a subset, in [0, active].

    Raises:
        ValueError: if a row repeats a cell, or `synapses` is no count in its span.
    """
    rows = sorted_rows(patterns)
    count, active = rows.shape
    synapses = _one("synapses", synapses, 0, ("active", active))
    return _subsets(rng, rows, synapses)


def perturbed(
    rng: Any, patterns: Integer[Array, "count active"], cells: int, moved: int
) -> Integer[Array, "count active"]:
    """Each pattern with exactly `moved` of its active cells exchanged for cells that were off.

    Both choices are uniform and independent: which cells fall silent, and which wake.
    Memory is some five times that of the patterns, the result included.

    Args:
        rng: random generator of the library the patterns belong to.
        patterns: active cells, distinct in each row.
        cells: cells in the population, at least 1.
        moved: active cells to exchange, in [0, min(active, cells − active)].

    Raises:
        ValueError: if an index is outside [0, cells), a row repeats a cell, or `moved` is no count
            in its span.
    """
    cells = _one("cells", cells, 1)
    rows = sorted_rows(patterns, cells)
    count, active = rows.shape
    most = min(active, cells - active)
    moved = _one("moved", moved, 0, ("min(active, cells - active)", most))
    retained = _subsets(rng, rows, active - moved)
    step()
    ranks = sets(rng, count, cells - active, moved)
    step()
    woken = ranked_absent(rows, ranks)
    step()
    xp = namespace(retained, woken)
    return xp.sort(xp.concat([retained, woken], axis=1), axis=1)


def winners(scores: Real[Array, "count cells"], active: int) -> Integer[Array, "count active"]:
    """The cells with the highest scores, `active` of them in each row; of equals the lower index.

    Args:
        scores: real scores, may be infinite.
        active: cells to choose, in [0, cells].

    Raises:
        ValueError: if a score is NaN, the scores are no table, or `active` exceeds the cells.
        TypeError: if the scores are no real numbers.
    """
    xp = namespace(scores)
    scores = xp.asarray(scores)
    if not xp.isdtype(scores.dtype, ("integral", "real floating")):
        refuse("scores", "real numbers", scores.dtype, TypeError)
    if scores.ndim != 2:
        refuse("scores", "a table of shape (count, cells)", tuple(scores.shape))
    if xp.isdtype(scores.dtype, "real floating") and bool(xp.any(xp.isnan(scores))):
        refuse("scores", "free of NaN", float("nan"))
    count, cells = scores.shape
    active = _one("active", active, 0, ("cells", cells))
    parts = []
    for start, stop in _chunks(count, cells):
        parts.append(_winning(scores[start:stop, :], active))
    return xp.concat(parts, axis=0)


def overlaps(
    segments: Integer[Array, "count synapses"], patterns: Integer[Array, "count active"]
) -> Integer[Array, " count"]:
    """How many cells each segment shares with the pattern in the same row.

    Args:
        segments: cells of each segment, distinct in each row.
        patterns: active cells, distinct in each row, as many rows.

    Raises:
        ValueError: if the rows differ in number, an index is negative, or a row repeats a cell.
    """
    segments, patterns = sorted_rows(segments, None), sorted_rows(patterns, None)
    if segments.shape[0] != patterns.shape[0]:
        refuse("patterns", f"as many as the segments={segments.shape[0]}", patterns.shape[0])
    xp = namespace(segments, patterns)
    parts, width = [], segments.shape[1] + patterns.shape[1]
    if width == 0:
        return xp.zeros(segments.shape[0], dtype=xp.int64, device=segments.device)
    for start, stop in steps(_chunks(segments.shape[0], width)):
        # A cell of both occurs twice, side by side after sorting.
        both = xp.concat([segments[start:stop, :], patterns[start:stop, :]], axis=1)
        both = xp.sort(both, axis=1)
        parts.append(xp.sum(xp.astype(both[:, 1:] == both[:, :-1], xp.int64), axis=1))
    return xp.concat(parts, axis=0)


def _winning(scores: Array, active: int) -> Array:
    """The winners of some rows; sorting values alone is many times faster than sorting places."""
    xp = namespace(scores)
    count, cells = scores.shape
    if active == 0 or count == 0:
        return xp.zeros((count, active), dtype=xp.int64, device=scores.device)
    # Of values alone, a stable order is not needed, and would take ten times as long.
    last = xp.sort(scores, axis=1, stable=False)[:, cells - active][:, None]
    chosen = scores >= last
    # Real scores hardly ever tie at the last place, and ties take longer than all the rest.
    if int(xp.count_nonzero(chosen)) > count * active:
        above = scores > last
        tied = xp.astype(scores == last, xp.int64)
        missing = active - xp.sum(xp.astype(above, xp.int64), axis=1, keepdims=True)
        chosen = above | ((tied == 1) & (xp.cumulative_sum(tied, axis=1) <= missing))
    # Places in one long row are found several times as fast as rows and columns.
    places = xp.nonzero(xp.reshape(chosen, (-1,)))[0]
    return xp.reshape(xp.astype(places % cells, xp.int64), (count, active))


def _subsets(rng: Any, rows: Array, size: int) -> Array:
    """A random subset of each row, in rising order."""
    places = sets(rng, rows.shape[0], rows.shape[1], size)
    step()
    return namespace(rows, places).take_along_axis(rows, places, axis=1)


def _chunks(count: int, width: int) -> list[tuple[int, int]]:
    """Where to cut rows of a width so that a part stays bounded; one empty part for none."""
    rows = max(1, CHUNK // max(width, 1))
    return [(i, min(i + rows, count)) for i in range(0, max(count, 1), rows)]


def _one(name: str, value: Any, low: int, high: tuple[str, int] | None = None) -> int:
    """A single count as a Python integer, in the span whose upper end has a name."""
    values = whole(name, value)
    if values.ndim:
        refuse(name, "one number", value)
    got = int(values)
    if got < low or (high is not None and got > high[1]):
        span = f"of at least {low}" if high is None else f"in [{low}, {high[0]}={high[1]}]"
        refuse(name, f"a whole number {span}", value)
    return got

"""Sets of cells as sorted rows of indices: checks, uniform draws, and complements."""

from __future__ import annotations

from typing import Any

from workbench.base.array import Array, namespace
from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse

CHUNK = 2**18  # elements drawn, sorted or packed at a time


def sorted_rows(patterns: Array, cells: int | None = None) -> Array:
    """The rows as int64, each in rising order, after checking that they are sets of cells.

    Raises:
        TypeError: if the indices are no integers.
        ValueError: if they are no table, an index is no cell, or one occurs twice in a row.
    """
    xp = namespace(patterns)
    patterns = xp.asarray(patterns)
    if not xp.isdtype(patterns.dtype, "integral"):
        refuse("patterns", "integer indices", patterns.dtype, TypeError)
    if patterns.ndim != 2:
        refuse("patterns", "a table of shape (count, active)", tuple(patterns.shape))
    if cells is not None and patterns.shape[1] > cells:
        refuse("patterns", f"rows of at most cells={cells} indices", patterns.shape[1])
    if not all(patterns.shape):
        return xp.astype(patterns, xp.int64)
    low, high = int(xp.min(patterns)), int(xp.max(patterns))
    if low < 0 or (cells is not None and high >= cells):
        span = "at least 0" if cells is None else f"in [0, cells={cells})"
        refuse("patterns", f"indices {span}", low if low < 0 else high)
    step()
    rows = xp.astype(patterns, xp.int64)
    step()
    if not bool(xp.all(rows[:, 1:] > rows[:, :-1])):
        rows = xp.sort(rows, axis=1)
        step()
        twice = rows[:, 1:] == rows[:, :-1]
        if bool(xp.any(twice)):
            repeated = int(xp.max(xp.where(twice, rows[:, 1:], -1)))
            refuse("patterns", "rows in which no cell repeats", repeated)
    return rows


def sets(rng: Any, count: int, cells: int, active: int) -> Array:
    """Rows of `active` distinct cells, uniform over all such sets, a bounded chunk at a time."""
    if not hasattr(rng, "integers"):
        refuse("rng", "a random generator", rng, TypeError)
    rows = max(1, CHUNK // max(active, 1))
    first = _chunk(rng, min(rows, count), cells, active)
    if count <= rows:
        return first
    xp = namespace(first)
    out = xp.empty((count, active), dtype=xp.int64, device=first.device)
    out[:rows, ...] = first
    for start in steps(range(rows, count, rows)):
        stop = min(start + rows, count)
        out[start:stop, ...] = _chunk(rng, stop - start, cells, active)
    return out


def _chunk(rng: Any, count: int, cells: int, active: int) -> Array:
    """Some rows at once; sets of more than half the cells by the cells they leave out."""
    if 2 * active <= cells:
        return _distinct(rng, count, cells, active)
    absent = _distinct(rng, count, cells, cells - active)
    xp = namespace(absent)
    ranks = xp.arange(active, dtype=xp.int64, device=absent.device)
    return ranked_absent(absent, xp.broadcast_to(ranks, (count, active)))


def _distinct(rng: Any, count: int, cells: int, active: int) -> Array:
    """Rows of independent cells; repeated cells are redrawn until none is left.

    Every step treats all cells alike, and so does the number of steps a row takes; so all sets are
    equally likely in every round, and rows may be returned in the order in which they finish.
    """
    # A generator refuses an empty span even for zero draws.
    pending = rng.integers(0, max(cells, 1), size=(count, active))
    xp = namespace(pending)
    if active == 0:
        return pending
    finished = []
    while True:
        step()
        pending = xp.sort(pending, axis=1)
        step()
        twice = pending[:, 1:] == pending[:, :-1]
        unfinished = xp.any(twice, axis=1)
        if not bool(xp.any(unfinished)):
            return xp.concat([*finished, pending], axis=0)
        finished.append(xp.take(pending, xp.nonzero(~unfinished)[0], axis=0))
        redraw = xp.nonzero(unfinished)[0]
        pending, twice = xp.take(pending, redraw, axis=0), xp.take(twice, redraw, axis=0)
        fresh = rng.integers(0, cells, size=(pending.shape[0], active - 1))
        redrawn = xp.where(twice, fresh, pending[:, 1:])
        pending = xp.concat([pending[:, :1], redrawn], axis=1)


def ranked_absent(rows: Array, ranks: Array) -> Array:
    """The cells of the given ranks among those that a row leaves out.

    The j-th present cell has p_j − j absent cells below it, so the absent cell of rank r has
    #{j : p_j − j ≤ r} present ones below it, and is r plus that number.

    Args:
        rows: present cells, rising in each row, shape (count, present).
        ranks: ranks from 0, rising in each row, shape (count, ranks).
    """
    xp = namespace(rows, ranks)
    count, present = rows.shape
    if not (count and present and ranks.shape[1]):
        return ranks
    device = rows.device
    below = rows - xp.arange(present, dtype=xp.int64, device=device)[None, :]
    # One search serves all rows once each has a range of numbers of its own.
    stretch = max(int(xp.max(below)), int(xp.max(ranks))) + 1
    offset = stretch * xp.arange(count, dtype=xp.int64, device=device)[:, None]
    positions = xp.searchsorted(
        xp.reshape(below + offset, (-1,)), xp.reshape(ranks + offset, (-1,)), side="right"
    )
    passed = present * xp.arange(count, dtype=xp.int64, device=device)[:, None]
    return ranks + xp.reshape(positions, tuple(ranks.shape)) - passed

"""A detector's arguments, checked: numbers, methods, threads, and lists of cells as rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import array_api_compat
import numpy as np

from workbench.base.array import Array, host, is_array
from workbench.base.checks import refuse, whole
from workbench.dendrites.matching.cost_model import MOST_INDEXED

METHODS = ("auto", "plain", "numba", "gather", "index", "pairs", "cuda")


def number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """The value as one whole number of the span.

    Raises:
        TypeError: if it is no number, or several.
        ValueError: if it is outside the span.
    """
    checked = whole(name, value, low, high)
    if checked.ndim:
        refuse(name, "one whole number", value, TypeError)
    return int(checked)


def padding(value: int | None, cells: int) -> int | None:
    """The value, which must be no cell.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is in [0, cells).
    """
    if value is None:
        return None
    checked = number("padding", value, -(2**63))
    if 0 <= checked < cells:
        refuse("padding", f"outside [0, {cells - 1}]", value)
    return checked


def numbers(values: Any, rows: int) -> np.ndarray | None:
    """The segment of each row, or None for the rows' own places.

    Raises:
        TypeError: if the values are no whole numbers.
        ValueError: if there is not one a row, or if they do not ascend.
    """
    if values is None:
        return None
    checked = whole("numbers", values, 0)
    if checked.shape != (rows,):
        refuse("numbers", f"of shape ({rows},), one a row", checked.shape)
    if (np.diff(checked) < 0).any():
        refuse("numbers", "ascending", checked.tolist())
    return checked


def threads(value: int | None) -> int:
    """The value, or the processors this process may use.

    Raises:
        TypeError: if it is no number.
        ValueError: if it is outside [1, 1024].
    """
    if value is not None:
        return number("threads", value, 1, 1024)
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def method(name: str, segments: Any, cells: int, threshold: int) -> str:
    """The method to use, where `name` may be "auto".

    Raises:
        ValueError: if there is none of the name, or it does not support these sizes or arrays.
    """
    on_host = segments is None or array_api_compat.is_numpy_array(segments)
    if name not in METHODS:
        refuse("method", f"one of {', '.join(map(repr, METHODS))}", name)
    if name == "cuda" and not array_api_compat.is_cupy_array(segments):
        refuse("method", "another than 'cuda' for segments that are no CuPy array", name)
    if name not in ("auto", "plain", "cuda") and not on_host:
        refuse("method", "'auto' or 'plain' (or 'cuda') for segments that are no NumPy array", name)
    if name == "index" and cells > MOST_INDEXED:
        refuse("method", f"another than 'index' for more than {MOST_INDEXED} cells", name)
    if name == "pairs" and threshold < 2:
        refuse("method", f"another than 'pairs' for threshold={threshold} below 2", name)
    if name == "auto":
        return "numba" if on_host else "plain"
    return name


CHECKED_AT_ONCE = 1 << 20


# Copies integers to rows as `rows.copied` does; returns whether they are valid.
Copied = Callable[[np.ndarray, np.ndarray, int, int], bool]


def checked(
    name: str,
    rows: Any,
    cells: int,
    padding: int | None = None,
    copied: Copied | None = None,
) -> np.ndarray:
    """A copy of the rows on the host, after checking the span and that none names a cell twice.

    Places without a cell hold `cells`. The dtype is uint16, or uint32 where a value needs it.

    Args:
        name: the argument's name for the error sentence.
        rows: an array (rows, cell indices), or a list of one-dimensional arrays.
        cells: cells in the population.
        padding: what fills an array's rows that have fewer cells than others, outside [0, cells).
        copied: a quick way to copy and check, or None.

    Raises:
        TypeError: if the rows are of another kind, or no whole numbers.
        ValueError: if an index is outside [0, cells) or occurs twice in a row.
    """
    if isinstance(rows, list | tuple) and all(is_array(r) for r in rows):
        return _listed(name, rows, cells, copied)
    if not is_array(rows):
        refuse(name, "a two-dimensional array of cell indices", rows, TypeError)
    if rows.ndim != 2:
        refuse(name, "two-dimensional, (rows, cell indices)", tuple(rows.shape))
    copy = np.empty(rows.shape, kind(cells, padding is not None))
    step = max(1, CHECKED_AT_ONCE // max(1, rows.shape[1]))
    # At least one round, so that the kind of an empty array is checked as well.
    for first in range(0, max(1, rows.shape[0]), step):
        last = min(first + step, rows.shape[0])
        block, to = rows[first:last, :], copy[first:last]
        simple = padding is None and isinstance(block, np.ndarray)
        simple = simple and block.dtype.kind in "iu" and block.dtype.isnative
        quick = copied if simple else None
        if quick is None or not quick(np.asarray(block), to, cells, cells - 1):
            to[:] = _block(name, block, cells, padding)
            _refuse_repeats(name, to, cells, copied)
    return copy


def kind(cells: int, short: bool) -> type:
    """The dtype for a cell, and for the place without one if some rows are short."""
    return np.uint16 if cells + short <= 1 << 16 else np.uint32


def _listed(name: str, rows: Any, cells: int, copied: Copied | None) -> np.ndarray:
    for row in rows:
        if row.ndim != 1:
            refuse(name, "a list of one-dimensional arrays of cell indices", tuple(row.shape))
    lengths = np.array([row.shape[0] for row in rows], np.int64)
    values = [host(row) for row in rows if row.shape[0]]
    flat = np.concatenate(values) if values else np.zeros(0, np.int64)
    copy = np.full((len(rows), lengths.max(initial=0)), cells, np.int64)
    copy[np.arange(copy.shape[1]) < lengths[:, None]] = whole(name, flat, 0, cells - 1)
    copy = copy.astype(kind(cells, bool((lengths < copy.shape[1]).any())))
    _refuse_repeats(name, copy, cells, copied)
    return copy


def _block(name: str, rows: Array, cells: int, padding: int | None) -> np.ndarray:
    """The rows, whose cells are checked, but not against each other."""
    values = rows if type(rows) is np.ndarray else host(rows)
    if padding is not None:
        there = values != padding
        values = np.where(there, whole(name, np.where(there, values, 0), 0, cells - 1), cells)
    elif values.dtype.kind not in "iu" or _outside(values, cells):
        values = whole(name, values, 0, cells - 1)
    return values.astype(kind(cells, padding is not None))


def _outside(values: np.ndarray, cells: int) -> bool:
    # Negative numbers are large ones when their sign is taken for a bit: one comparison, not two.
    return values.size > 0 and bool(values.view(f"u{values.dtype.itemsize}").max() >= cells)


def _refuse_repeats(name: str, rows: np.ndarray, cells: int, copied: Copied | None) -> None:
    if copied and copied(rows, rows, cells, cells):
        return
    ordered = np.sort(rows, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] < cells)
    if repeated.any():
        refuse(name, "distinct cells within a row", [int(ordered[:, 1:][repeated][0])] * 2)

"""What a detector is told, checked: numbers, methods, threads."""

from __future__ import annotations

import os
from typing import Any

import array_api_compat
import numpy as np

from workbench.checks import refuse, whole

METHODS = ("auto", "plain", "numba", "gather", "index", "pairs", "cuda")
MOST_INDEXED = 1 << 18


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
        ValueError: if there is none of the name, or it cannot be used for these sizes or arrays.
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

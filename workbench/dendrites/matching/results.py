"""Lists of matches that come in pieces: every pair, sorted as a whole, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from workbench.base.array import is_array

Piece = tuple[np.ndarray, np.ndarray]
PAIRS_AT_ONCE = 1 << 18
PATTERNS_AT_ONCE = 4096
ENOUGH = 4096


def every(patterns: int, segments: int) -> Iterator[Piece]:
    """All pairs, segments ascending within each pattern, for no more memory than a piece."""
    step = max(1, PAIRS_AT_ONCE // max(1, segments))
    for low in range(0, patterns, step):
        pattern = np.arange(low, min(low + step, patterns))
        for first in range(0, segments, PAIRS_AT_ONCE):
            segment = np.arange(first, min(first + PAIRS_AT_ONCE, segments))
            yield np.repeat(pattern, segment.size), np.tile(segment, pattern.size)


def by_pattern(pieces: Iterable[Piece], patterns: int) -> Piece:
    """The pieces as two columns by pattern, [0, patterns); a stable sort."""
    pattern, segment = joined(pieces)
    # NumPy's stable sort takes time linear in the matches for keys of 16 bits and fewer.
    key = pattern.astype(np.min_scalar_type(max(patterns - 1, 0)))
    order = np.argsort(key, kind="stable")
    return pattern[order], segment[order]


def joined(pieces: Iterable[Piece]) -> Piece:
    """The pieces one after the other, as two columns."""
    empty = np.zeros(0, np.int64)
    pattern, segment = (np.concatenate(c) for c in zip((empty, empty), *pieces, strict=True))
    return pattern, segment


def in_order(
    pieces: Iterable[Piece], patterns: int, by_pattern: Callable[[Iterable[Piece], int], Piece]
) -> Piece:
    """The pieces as one list by pattern; segments ascend within each pattern already."""
    return by_pattern(larger(pieces), patterns) if patterns > 1 else joined(pieces)


def larger(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The pieces, but small ones that follow each other are joined, for each costs two calls."""
    small: list[Piece] = []
    size = 0
    for piece in pieces:
        size += len(piece[0])
        if small or size < ENOUGH:
            small.append(piece)
        if size >= ENOUGH:
            yield joined(small) if small else piece
            small, size = [], 0
    if small:
        yield joined(small)


def numbered(pieces: Iterable[Piece], patterns: int, numbers: np.ndarray | None) -> Iterator[Piece]:
    """The pieces with numbers[row] for row, each pair of a pattern and a number only once.

    Numbers ascend with the rows, and for each pattern rows ascend from piece to piece, so that a
    pattern can meet again only the last number that it met.
    """
    if numbers is None:
        yield from pieces
        return
    last = np.full(patterns, -1)
    for pattern, row in pieces:
        segment = numbers[row]
        order = np.lexsort((segment, pattern))
        pattern, segment = pattern[order], segment[order]
        new = segment != last[pattern]
        new[1:] &= (np.diff(pattern) != 0) | (np.diff(segment) != 0)
        np.maximum.at(last, pattern, segment)
        yield pattern[new], segment[new]


def batches(patterns: Any) -> Iterator[Any]:
    """The patterns, an array, a list of rows or an iterable of such, a few thousand at a time."""
    rows = is_array(patterns) or (
        isinstance(patterns, list | tuple)
        and all(is_array(row) and row.ndim == 1 for row in patterns)
    )
    for some in (patterns,) if rows else patterns:
        if is_array(some) and some.ndim != 2:
            yield some
            continue
        count = some.shape[0] if is_array(some) else len(some)
        for first in range(0, max(count, 1), PATTERNS_AT_ONCE):
            yield some[first : min(first + PATTERNS_AT_ONCE, count)]

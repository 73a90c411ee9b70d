"""Storage of a detector's segments: blocks of rows, each with the indexes that methods have built.

A change of segments rebuilds the blocks they are in and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.base.array import Array, host, like
from workbench.base.checks import refuse
from workbench.dendrites.matching import validation

BLOCK = 1 << 20
YOUNG = 1 << 16


class Block:
    """Adjacent rows of cells, and the indexes built from them, by name."""

    def __init__(self, first: int, lists: Array) -> None:
        """Stores rows `first` and following."""
        self.first, self.lists = first, lists
        self._cache: dict[Any, Any] = {}

    def has(self, name: Any) -> bool:
        """Whether the index of this name exists."""
        return name in self._cache

    def cached(self, name: Any, make: Callable[..., Any], *args: Any) -> Any:
        """What `make` returns for the rows and `args`; computed at the first call of this name."""
        if name not in self._cache:
            self._cache[name] = make(self.lists, *args)
        return self._cache[name]


class Store:
    """All rows in order, with the number of the segment that each belongs to."""

    def __init__(self, cells: int, lists: Array, numbers: np.ndarray | None, mapped: bool) -> None:
        """Stores checked rows, or mapped ones, which are checked as they are read.

        Args:
            cells: cells in the population; cell `cells` stands for no synapse.
            lists: the rows.
            numbers: ascending segment numbers, one a row, or None for 0, 1, …
            mapped: whether the rows stay in their file and no index is stored.
        """
        self.cells, self.mapped, self.like = cells, mapped, lists[:0, :]
        self._numbers, self.width = numbers, lists.shape[1]
        self.rows = lists.shape[0]
        self.following = self.rows if numbers is None else int(numbers[-1]) + 1 if self.rows else 0
        self._whole = lists if mapped else None
        starts = [] if mapped else range(0, self.rows, BLOCK)
        self._blocks = [Block(i, lists[i : min(i + BLOCK, self.rows), :]) for i in starts]

    @property
    def numbers(self) -> np.ndarray | None:
        """The segment of each row; None while these are the rows' own places."""
        return self._numbers

    @property
    def segments(self) -> int:
        """How many segments the rows belong to."""
        return self.rows if self._numbers is None else int(np.unique(self._numbers).size)

    def blocks(self) -> Iterator[Block]:
        """The blocks in order; of mapped rows, each is read and checked, not stored."""
        if self._whole is None:
            yield from self._blocks
            return
        for first in range(0, self.rows, BLOCK):
            rows = self._whole[first : first + BLOCK]
            yield Block(first, validation.checked("segments", rows, self.cells))

    def lists(self) -> np.ndarray:
        """All rows on the host."""
        parts = [host(block.lists) for block in self.blocks()]
        return np.concatenate([host(self.like), *parts])

    def add(self, rows: np.ndarray, numbers: np.ndarray | None) -> np.ndarray:
        """Appends the rows and returns their segments' numbers, new ones where none are given."""
        self._refuse_mapped()
        given = (
            np.arange(self.following, self.following + len(rows)) if numbers is None else numbers
        )
        if len(given) and given[0] < self.following:
            refuse("numbers", f"at least {self.following}, past those in use", int(given[0]))
        if numbers is not None or self._numbers is not None:
            self._numbers = np.concatenate([self._all_numbers(), given])
        self._widen(rows.shape[1])
        rows = validation.widened(rows, self.width, self.cells)
        last = self._blocks[-1] if self._blocks else None
        if last is not None and last.lists.shape[0] + len(rows) <= YOUNG:
            self._blocks[-1] = Block(last.first, self._joined(host(last.lists), rows))
        else:
            self._blocks.append(Block(self.rows, self._joined(rows)))
        self.rows += len(rows)
        self.following = int(given[-1]) + 1 if len(given) else self.following
        return given

    def remove(self, numbers: np.ndarray) -> None:
        """Drops all rows of the segments."""
        self._refuse_mapped()
        removed = np.zeros(self.rows, np.bool_)
        removed[self._places(numbers)] = True
        self._numbers = self._all_numbers()[~removed]
        blocks, first = [], 0
        for block in self._blocks:
            here = removed[block.first : block.first + block.lists.shape[0]]
            if here.any():
                block = Block(first, self._joined(host(block.lists)[~here]))
            block.first = first
            first += block.lists.shape[0]
            blocks += [block] if block.lists.shape[0] else []
        self._blocks, self.rows = blocks, first

    def replace(self, numbers: np.ndarray, rows: np.ndarray) -> None:
        """Gives each segment, of one row, another row."""
        self._refuse_mapped()
        places = self._places(numbers)
        if len(places) != len(rows) or len(places) != len(numbers):
            refuse("segments", f"one row for each of {len(places)} rows to replace", len(rows))
        self._widen(rows.shape[1])
        rows = validation.widened(rows, self.width, self.cells)[np.argsort(numbers)]
        for i, block in enumerate(self._blocks):
            low, high = np.searchsorted(places, [block.first, block.first + block.lists.shape[0]])
            if low < high:
                lists = np.array(host(block.lists))
                kind = np.promote_types(lists.dtype, rows.dtype)
                lists = lists.astype(kind, copy=False)
                lists[places[low:high] - block.first] = rows[low:high]
                self._blocks[i] = Block(block.first, self._joined(lists))

    def _all_numbers(self) -> np.ndarray:
        return np.arange(self.rows) if self._numbers is None else self._numbers

    def _places(self, numbers: np.ndarray) -> np.ndarray:
        """The rows of the segments, ascending."""
        unknown = numbers[~np.isin(numbers, self._all_numbers())]
        if unknown.size:
            refuse("numbers", "numbers of segments that are there", int(unknown[0]))
        if np.unique(numbers).size != numbers.size:
            refuse("numbers", "distinct", numbers.tolist())
        return np.flatnonzero(np.isin(self._all_numbers(), numbers))

    def _joined(self, *rows: np.ndarray) -> Array:
        """The rows as one array on the device of the others."""
        return like(np.concatenate(rows), self.like)

    def _widen(self, width: int) -> None:
        """Makes room for rows that are wider than all before."""
        if width > self.width:
            self.width = width
            for i, block in enumerate(self._blocks):
                lists = validation.widened(host(block.lists), width, self.cells)
                self._blocks[i] = Block(block.first, self._joined(lists))

    def _refuse_mapped(self) -> None:
        if self._whole is not None:
            refuse("segments", "in memory to be changed, not mapped from a file", "a memmap")

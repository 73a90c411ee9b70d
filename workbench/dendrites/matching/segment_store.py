"""Storage of a detector's segments: blocks of rows, with the indexes that methods have built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from workbench.base.array import Array, host
from workbench.dendrites.matching import validation

BLOCK = 1 << 20


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
        self.rows, self.width = lists.shape
        self.numbers = numbers
        self._whole = lists if mapped else None
        starts = [] if mapped else range(0, self.rows, BLOCK)
        self._blocks = [Block(i, lists[i : min(i + BLOCK, self.rows), :]) for i in starts]

    @property
    def segments(self) -> int:
        """How many segments the rows belong to."""
        return self.rows if self.numbers is None else int(np.unique(self.numbers).size)

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

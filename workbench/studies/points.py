"""The points of a study and its runs, each made when it is its turn: a million take no memory."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from workbench.experiment.params import Parameters
from workbench.runs.job import plain

MOST_POINTS = 10_000_000
# So many are no burden, and need not be made again.
_HELD = 10_000
# Points by their place among those that come up.
Placed = Iterator[tuple[int, Parameters]]


class Lazy(Sequence[Any]):
    """A sequence whose items are made anew each time; subclasses say how.

    Args:
        count: how many items there are.
    """

    def __init__(self, count: int):
        self._count = count

    def __len__(self) -> int:
        """How many items there are."""
        return self._count

    def __iter__(self) -> Iterator[Any]:
        """Makes all items, one after the other."""
        return self.some(None)

    @overload
    def __getitem__(self, place: int) -> Any: ...
    @overload
    def __getitem__(self, place: slice) -> list[Any]: ...
    def __getitem__(self, place: int | slice) -> Any:
        """The item at the place, for which all before it may have to be made."""
        places = range(self._count)[place]
        if isinstance(places, int):
            return next(itertools.islice(self, places, None))
        return [self[i] for i in places]

    def some(self, is_chosen: np.ndarray | None) -> Iterator[Any]:
        """Makes the items whose places are chosen, or all."""
        raise NotImplementedError


class Points(Lazy):
    """Points that are made anew each time.

    Args:
        generate: yields the points at the selected places, or all, each with its place.
        places: those at which a point comes up for the first time.
        total: how many come up.
    """

    def __init__(
        self, generate: Callable[[np.ndarray | None], Placed], places: np.ndarray, total: int
    ):
        super().__init__(len(places))
        self._generate, self._places, self._total = generate, places, total

    def some(self, is_chosen: np.ndarray | None) -> Iterator[Parameters]:
        """Makes the points whose places are chosen, or all."""
        places = self._places if is_chosen is None else self._places[is_chosen]
        is_wanted = np.zeros(self._total, dtype=bool)
        is_wanted[places] = True
        return (point for place, point in self._generate(is_wanted) if is_wanted[place])


def distinct(generate: Callable[[np.ndarray | None], Placed], total: int) -> Sequence[Parameters]:
    """The points without those that came up before; each is made once here, and so checked.

    Args:
        generate: yields the points at the selected places, or all, each with its place.
        total: how many come up.
    """
    digests, held = bytearray(), []
    for _, point in generate(None):
        text = json.dumps(plain(point), sort_keys=True)
        digests += hashlib.blake2b(text.encode(), digest_size=16).digest()
        if total <= _HELD:
            held.append(point)
    keys = np.frombuffer(bytes(digests), dtype=[("high", "u8"), ("low", "u8")])
    places = np.sort(np.unique(keys, return_index=True)[1])
    return [held[i] for i in places] if held else Points(generate, places, total)


class Chosen(Lazy):
    """Some items of a sequence, in its order.

    Args:
        items: the sequence.
        is_chosen: for each of its items.
    """

    def __init__(self, items: Sequence[Any], is_chosen: np.ndarray):
        super().__init__(int(is_chosen.sum()))
        self._items, self._is_chosen = items, is_chosen

    def some(self, is_chosen: np.ndarray | None) -> Iterator[Any]:
        """Those of its items that are chosen, or all."""
        wanted = self._is_chosen.copy()
        if is_chosen is not None:
            wanted[self._is_chosen] = is_chosen
        if isinstance(self._items, Lazy):
            return self._items.some(wanted)
        return itertools.compress(self._items, wanted)


class Mapped(Lazy):
    """What a function makes of each item of a sequence.

    Args:
        function: of an item.
        items: the sequence.

    Attributes:
        items: the sequence.
    """

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]):
        super().__init__(len(items))
        self._function, self.items = function, items

    def some(self, is_chosen: np.ndarray | None) -> Iterator[Any]:
        """What it makes of the items that are chosen, or of all."""
        wanted = np.ones(len(self), dtype=bool) if is_chosen is None else is_chosen
        return map(self._function, Chosen(self.items, wanted))

"""Work arrays that outlive a call: handed on from call to call, one user at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Spare:
    """Arrays for one thread at a time, as many sets of them as have been in use at once.

    To make them anew in each call takes longer than a pattern's matches are looked for.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """Makes nothing before it is asked for."""
        self._make, self._free = make, []

    @contextmanager
    def one(self) -> Iterator[Any]:
        """A set of arrays for the caller alone; given up, not handed on, if the caller fails."""
        try:
            arrays = self._free.pop()  # no other thread gets the same
        except IndexError:
            arrays = self._make()
        yield arrays
        self._free.append(arrays)

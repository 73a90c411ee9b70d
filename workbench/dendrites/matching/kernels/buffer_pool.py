"""Work arrays that are reused from call to call, each set by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class BufferPool:
    """Arrays for one thread at a time, as many sets of them as have been in use at once.

    Allocating them in each call costs more than matching one pattern.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """Allocates nothing yet; `make` returns one set of arrays."""
        self._make, self._free = make, []

    @contextmanager
    def one(self) -> Iterator[Any]:
        """A set of arrays for the caller alone; not returned to the pool if the caller fails."""
        try:
            arrays = self._free.pop()  # no other thread gets the same
        except IndexError:
            arrays = self._make()
        yield arrays
        self._free.append(arrays)

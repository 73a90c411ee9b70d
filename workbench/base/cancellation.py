"""Work that can be watched and stopped: the steps of long loops, told to whoever watches them.

A loop over `steps(...)` costs nothing where nobody watches. Under `watched(watch)` every step tells
how far the work is, and is where work that nobody waits for any longer ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


class Stopped(BaseException):
    """Work was stopped between two steps; no Exception, so that no handler takes it for a flaw."""


class Watch:
    """What a watcher holds: how far the work is, and the way to stop it.

    Attributes:
        share: how much of the outermost loop is done, from 0 to 1, inner loops counted in.
    """

    def __init__(self) -> None:
        self.share = 0.0
        self._stop = threading.Event()
        self._begin, self._room = 0.0, 1.0

    def stop(self) -> None:
        """Asks the work to end at its next step; may be called from any thread."""
        self._stop.set()

    @property
    def stopped(self) -> bool:
        """Whether the work was asked to end."""
        return self._stop.is_set()

    def check(self) -> None:
        """Ends the work here if it was asked to.

        Raises:
            Stopped: if so.
        """
        if self.stopped:
            raise Stopped

    def through(self, items: Iterable[T], count: int) -> Iterator[T]:
        """The items, with a check before each; each takes an equal share of the step around it.

        Where a step holds several loops, the share rests during the later ones: it never falls.
        """
        begin, room = self._begin, self._room
        self._room = room / max(count, 1)
        try:
            for place, item in enumerate(items):
                self._begin = begin + room * min(place / max(count, 1), 1.0)
                self.share = max(self.share, self._begin)
                self.check()
                yield item
            self.share = max(self.share, begin + room)
        finally:
            self._begin, self._room = begin, room


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Has the steps of the work inside told to `watch`, in this thread alone."""
    token = _WATCH.set(watch)
    try:
        watch.check()
        yield
    finally:
        _WATCH.reset(token)


def steps(items: Iterable[T], count: int | None = None) -> Iterable[T]:
    """The items; where somebody watches, a place to stop and a mark of progress before each.

    Args:
        items: what to go through.
        count: how many there are, for an iterable without a length.
    """
    watch = _WATCH.get()
    if watch is None:
        return items
    if count is None:
        sized = items if isinstance(items, Sized) else list(items)
        return watch.through(sized, len(sized))
    return watch.through(items, count)


def step() -> None:
    """A place to stop outside a loop."""
    watch = _WATCH.get()
    if watch is not None:
        watch.check()


def is_watched() -> bool:
    """Whether anybody watches, so that a large batch is better taken in parts."""
    return _WATCH.get() is not None

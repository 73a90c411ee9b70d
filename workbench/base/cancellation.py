"""Cooperative cancellation and progress of long loops.

A loop over `steps(...)` costs nothing outside a `cancel_scope(token)`. Inside one, every step
reports the progress to the token and ends the work if the token is cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")


class Cancelled(BaseException):
    """Work was cancelled at a step; no `Exception`, so that no handler takes it for an error."""


class CancelToken:
    """Cancels work and knows its progress.

    Attributes:
        progress: the part of the outermost loop that is done, from 0 to 1, inner loops included.
    """

    def __init__(self) -> None:
        self.progress = 0.0
        self._is_cancelled = threading.Event()
        self._begin, self._length = 0.0, 1.0

    def cancel(self) -> None:
        """Requests the work to end at its next step; may be called from any thread."""
        self._is_cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether the work is to end."""
        return self._is_cancelled.is_set()

    def check(self) -> None:
        """Ends the work here if the token is cancelled.

        Raises:
            Cancelled: if so.
        """
        if self.is_cancelled:
            raise Cancelled

    def track(self, items: Iterable[T], count: int) -> Iterator[T]:
        """The items, with a check before each; each is an equal part of the step around the loop.

        Where a step has several loops, progress stays during the later ones: it never falls.
        """
        begin, length = self._begin, self._length
        self._length = length / max(count, 1)
        try:
            for place, item in enumerate(items):
                self._begin = begin + length * min(place / max(count, 1), 1.0)
                self.progress = max(self.progress, self._begin)
                self.check()
                yield item
            self.progress = max(self.progress, begin + length)
        finally:
            self._begin, self._length = begin, length


_TOKEN: ContextVar[CancelToken | None] = ContextVar("cancel_token", default=None)


@contextmanager
def cancel_scope(token: CancelToken) -> Iterator[None]:
    """A context whose steps, in this thread, check the token and report their progress to it."""
    reset = _TOKEN.set(token)
    try:
        token.check()
        yield
    finally:
        _TOKEN.reset(reset)


def steps(items: Iterable[T], count: int | None = None) -> Iterable[T]:
    """The items; in a cancel scope, with a check and a progress report before each.

    Args:
        items: what to iterate over.
        count: how many there are, for an iterable without a length.
    """
    token = _TOKEN.get()
    if token is None:
        return items
    if count is None:
        sized = items if isinstance(items, Sized) else list(items)
        return token.track(sized, len(sized))
    return token.track(items, count)


def step() -> None:
    """Ends the work here if it is cancelled; for code outside a loop."""
    token = _TOKEN.get()
    if token is not None:
        token.check()


def is_cancellable() -> bool:
    """Whether a cancel scope is active, so that a large batch is better computed in parts."""
    return _TOKEN.get() is not None

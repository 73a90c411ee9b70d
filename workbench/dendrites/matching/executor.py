"""Run tasks in several threads and yield their pieces in order.

A search may take two milliseconds, of which a pool of the standard library spends a twentieth on
handing over one task. Here a task is one object in a queue, claimed by the first free thread or by
the caller.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from queue import SimpleQueue

PAIRS_BUFFERED = 1 << 20


def in_order(tasks: Iterable[Iterator], threads: int) -> Iterator:
    """Yield the tasks' results in order while worker threads prefetch the next tasks.

    The caller's thread works as well: while another thread computes the first task, it takes an
    unclaimed one. A thread buffers at most about PAIRS_BUFFERED pairs. Closing the iterator, also
    by an interrupt, stops the threads.
    """
    if threads == 1:
        for task in tasks:
            yield from task
        return
    queue, tasks, waiting = _served(threads - 1), iter(tasks), deque()
    try:
        while True:
            while len(waiting) < 2 * threads and (task := next(tasks, None)) is not None:
                prefetch = _Prefetch(task)
                # The caller computes the first one: no thread need wake up for it.
                if waiting:
                    queue.put(prefetch)
                waiting.append(prefetch)
            if not waiting:
                return
            for prefetch in waiting:
                if waiting[0].is_done:
                    break
                prefetch.compute()
            first = waiting.popleft()
            pieces, more = first.result()
            yield from pieces
            if more:
                waiting.appendleft(_Prefetch(first.task))
                queue.put(waiting[0])
    finally:
        for prefetch in waiting:
            prefetch.drop()


class _Prefetch:
    """A task whose next pieces are computed once, by the first thread that claims it."""

    __slots__ = ("_claim", "_done", "_error", "_outcome", "task")

    def __init__(self, task: Iterator) -> None:
        self.task = task
        self._claim, self._done = threading.Lock(), threading.Lock()
        self._done.acquire()
        self._outcome: tuple[list, bool] = ([], False)
        self._error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        """Whether the pieces or an error are there."""
        return not self._done.locked()

    def compute(self) -> None:
        """Computes the next pieces unless already claimed; an interrupt is raised at once."""
        if not self._claim.acquire(blocking=False):
            return
        try:
            self._outcome = _some(self.task)
        except BaseException as error:
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._done.release()

    def drop(self) -> None:
        """Claims the task, so that no thread computes it."""
        self._claim.acquire(blocking=False)

    def result(self) -> tuple[list, bool]:
        """The pieces and whether there may be more; waits for the thread that computes them."""
        self._done.acquire()
        self._done.release()
        if self._error is not None:
            raise self._error
        return self._outcome


def _some(task: Iterator) -> tuple[list, bool]:
    """The task's next pieces, and whether there may be more."""
    pieces, pairs = [], 0
    for piece in task:
        pieces.append(piece)
        pairs += len(piece[0]) if isinstance(piece, tuple) else 0
        if pairs > PAIRS_BUFFERED:
            return pieces, True
    return pieces, False


@cache
def _served(threads: int) -> SimpleQueue:
    """A queue of tasks with so many daemon threads serving it."""
    queue: SimpleQueue = SimpleQueue()
    for number in range(threads):
        name = f"detector {number}"
        threading.Thread(target=_serve, args=(queue,), name=name, daemon=True).start()
    return queue


def _serve(queue: SimpleQueue) -> None:
    while True:
        # `result` raises what the task raised.
        with suppress(BaseException):
            queue.get().compute()


if hasattr(os, "register_at_fork"):  # a forked process has the queue but none of its threads
    os.register_at_fork(after_in_child=_served.cache_clear)

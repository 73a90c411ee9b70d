"""One event loop for all of a panel's work, whatever thread a message comes on.

JupyterLab sends a widget's messages to the kernel's main thread or to a subshell's thread, each of
which runs a loop of its own. Tasks, events and the state of widgets belong to one of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import ipywidgets

from widgets.panel.request import in_cell, posted

T = TypeVar("T")


class EventLoop:
    """The loop that ran where this was created; if none ran, or it has ended, the next one met."""

    def __init__(self, fail: Callable[[Exception], None]):
        """Takes what shows the error of a call that nobody waits for."""
        self._fail = fail
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._adopt()

    def run(self, call: Callable[..., Any], *args: Any) -> None:
        """Calls in the loop's thread: at once if that is this one, else as soon as the loop can.

        Raises:
            Exception: whatever the call raised, after it is shown, if a cell of this thread calls.
        """
        if not self._is_elsewhere():
            self._guarded(call, *args)
            return
        context = copy_context()
        context.run(posted)
        self._loop.call_soon_threadsafe(partial(self._guarded, call, *args), context=context)

    def result(self, call: Callable[[], T]) -> T:
        """What the call returns in the loop's thread, for which a caller in another thread waits.

        Raises:
            Exception: whatever the call raised.
        """
        if not self._is_elsewhere():
            return call()

        async def called() -> T:
            return call()

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result()

    async def wait(self, work: Callable[[], Awaitable[T]]) -> T:
        """Awaits the work in the loop, also from a coroutine of another loop."""
        if not self._is_elsewhere():
            return await work()
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return await asyncio.wrap_future(future)

    def receive(self, widget: ipywidgets.Widget) -> None:
        """Has the messages to a widget and to all within it change its state in the loop's thread.

        Both a message and a panel change a widget, and neither ipywidgets nor traitlets locks it.
        """
        if widget.comm is not None:
            widget.comm.on_msg(partial(self.run, widget._handle_msg))
        for child in getattr(widget, "children", ()):
            self.receive(child)

    def _is_elsewhere(self) -> bool:
        with self._lock:
            if not self._is_running():
                self._adopt()
            return self._is_running() and self._thread != threading.get_ident()

    def _is_running(self) -> bool:
        return self._loop is not None and self._loop.is_running()

    def _adopt(self) -> None:
        with suppress(RuntimeError):
            self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def _guarded(self, call: Callable[..., Any], *args: Any) -> None:
        try:
            call(*args)
        except Exception as error:
            self._fail(error)
            if in_cell():
                raise

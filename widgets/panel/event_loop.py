"""One event loop for all work of a panel, whatever thread a message arrives on.

JupyterLab sends a widget's messages to the kernel's main thread or to a subshell's thread, each of
which runs a loop of its own. Tasks, events and the state of widgets belong to one loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, TypeVar

import ipywidgets

T = TypeVar("T")
# Whether the present call was sent by another thread, which does not wait for it.
_IS_POSTED: ContextVar[bool] = ContextVar("is_posted", default=False)


class EventLoop:
    """The loop that runs where this is created; without one, or after its end, the next one."""

    def __init__(self, fail: Callable[[Exception], None]):
        """Takes the handler of errors in calls whose caller does not wait."""
        self._fail = fail
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._adopt()

    def run(self, call: Callable[..., Any], *args: Any) -> None:
        """Calls in the loop's thread: at once if this is that thread, else when the loop is free.

        Raises:
            Exception: whatever the call raised, after it is shown, if a cell of this thread calls.
        """
        if not self._is_elsewhere():
            self._guarded(call, *args)
            return
        context = copy_context()
        context.run(_IS_POSTED.set, True)
        self._loop.call_soon_threadsafe(partial(self._guarded, call, *args), context=context)

    def result(self, call: Callable[[], T]) -> T:
        """Calls in the loop's thread, waits, and returns the result.

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
        """Handles the messages to a widget and to all within it in the loop's thread.

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
            if _in_cell():
                raise


def is_user_event() -> bool:
    """Whether the present call comes from a browser, so that no program waits for its result."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return not _in_cell()


def _in_cell() -> bool:
    """Whether the present call is made by a notebook cell that is being executed."""
    # In a thread that is none of the kernel's, `get_parent` returns the kernel's last message.
    if _IS_POSTED.get():
        return False
    with suppress(ImportError, AttributeError, LookupError, TypeError):
        from IPython import get_ipython

        return get_ipython().kernel.get_parent()["header"]["msg_type"] == "execute_request"
    return False

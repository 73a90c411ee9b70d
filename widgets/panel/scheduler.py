"""Runs work for the newest request in a worker thread and cancels work for older ones.

One thread serves all panels, since experiments share the cores and the fast kernels. Results are
delivered in the panel's event loop, where widgets may be changed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from workbench.base.cancellation import Cancelled, CancelToken, cancel_scope

# Seconds without a new request before a debounced stage begins.
DEBOUNCE = 0.15
# Seconds after which a new request cancels even a preview.
PREVIEW_LIMIT = 0.25
# Seconds between two progress reports.
PROGRESS_INTERVAL = 0.2


class Stage(NamedTuple):
    """One step towards the result of a request.

    Attributes:
        work: what is called in the worker thread.
        is_preview: whether a better result follows, so that this one is delivered at once.
        is_debounced: whether it begins only after `DEBOUNCE` seconds without a new request.
    """

    work: Callable[[], Any]
    is_preview: bool = False
    is_debounced: bool = False


class LatestRequest:
    """Serves one request at a time, the newest first, and drops older ones.

    All methods are to be called in one event loop; `widgets.panel.event_loop` forwards the calls
    of other threads.

    A full run is cancelled at its next step by a newer request, and its result is dropped. A
    preview that has run for less than `PREVIEW_LIMIT` seconds is delivered even so; otherwise a
    figure would not move for as long as a slider is dragged.

    Attributes:
        token: the cancel token of the current work.
        busy_since: start of the current request, by `time.perf_counter`; None when idle.
    """

    def __init__(
        self,
        stages: Callable[[Any], Iterable[Stage]],
        deliver: Callable[[Any, Stage, Any, float], None],
        fail: Callable[[BaseException], None],
        report: Callable[[], None],
    ):
        """Takes the callbacks, which are called in the event loop.

        Args:
            stages: returns the stages of a request, in order; the last gives the full result.
            deliver: receives the request, the stage, its result, and the seconds it took.
            fail: receives what a stage or one of these callbacks raised.
            report: called every `PROGRESS_INTERVAL` seconds during work, and once after it.
        """
        self._stages, self._deliver, self._fail, self._report = stages, deliver, fail, report
        self._request: Any = None
        self._new_request, self._is_preview = asyncio.Event(), False
        self._task: asyncio.Task | None = None
        self._idle_task: asyncio.Task | None = None
        self._stage_began = 0.0
        self.token, self.busy_since = CancelToken(), None

    def submit(self, request: Any) -> None:
        """Serves a request as soon as the current stage has ended; needs a running loop."""
        self._request = request
        self._new_request.set()
        if not self._is_preview or time.perf_counter() - self._stage_began > PREVIEW_LIMIT:
            self.token.cancel()
        self._start()

    def run_when_idle(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Runs low-priority work unless busy; a request cancels it; its exceptions are ignored."""

        async def idle_work(token: CancelToken) -> None:
            error, result = await _in_thread(token, work)
            if error is None and not token.is_cancelled:
                with suppress(Exception):
                    then(result)

        if not _is_alive(self._task) and not _is_alive(self._idle_task):
            self.token = CancelToken()
            self._idle_task = asyncio.get_running_loop().create_task(idle_work(self.token))

    def cancel(self) -> None:
        """Drops all requests; current work ends at its next step and is not delivered."""
        self._request = None
        self._is_preview = False
        self._new_request.set()
        self.token.cancel()

    async def settled(self) -> None:
        """Returns when no request is left."""
        if self._request is not None:
            self._start()
        while _is_alive(self._task):
            await asyncio.wait([self._task])

    def _start(self) -> None:
        """Starts the serving task in the running loop, unless it is alive."""
        if not _is_alive(self._task):
            # An event belongs to the loop in which it is first awaited, and loops end.
            self._new_request = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        reporting = asyncio.get_running_loop().create_task(self._report_regularly())
        request = None
        try:
            while self._request is not None:
                request, self._request = self._request, None
                self._new_request.clear()
                self.busy_since = time.perf_counter()
                try:
                    await self._run_stages(request)
                except Exception as error:
                    self._fail(error)
        except asyncio.CancelledError:
            # A loop that ends cancels its tasks; the next loop serves the request again.
            if self._request is None and not self.token.is_cancelled:
                self._request = request
            self.token.cancel()
            raise
        finally:
            reporting.cancel()
            self._task = self.busy_since = None
            self._report_once()

    async def _run_stages(self, request: Any) -> None:
        for stage in self._stages(request):
            if stage.is_debounced and await self._is_superseded():
                return
            self.token, self._is_preview = CancelToken(), stage.is_preview
            self._stage_began = time.perf_counter()
            error, result = await _in_thread(self.token, stage.work)
            if self.token.is_cancelled or isinstance(error, Cancelled):
                # Errors of an outdated request are dropped with it.
                return
            if error is None:
                try:
                    self._deliver(request, stage, result, time.perf_counter() - self._stage_began)
                except Exception as raised:
                    error = raised
            # Where too small a sample fails, the full one may not.
            if error is not None and not stage.is_preview:
                self._fail(error)
            if self._request is not None:
                return

    async def _is_superseded(self) -> bool:
        """Whether a newer request comes within the debounce time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._new_request.wait(), DEBOUNCE)
        # On a busy machine both may have happened by now.
        return self._new_request.is_set()

    async def _report_regularly(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_INTERVAL)
            self._report_once()

    def _report_once(self) -> None:
        try:
            self._report()
        except Exception as error:
            self._fail(error)


def _is_alive(task: asyncio.Task | None) -> bool:
    """Whether a task is pending in a loop that still runs."""
    return task is not None and not task.done() and task.get_loop().is_running()


class _Worker:
    """A daemon thread that runs submitted work in order."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue = queue.SimpleQueue()
        self._is_started = False
        self.lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._serve, name="panel", daemon=True).start()
        self._work.put(work)

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            with self.lock:
                work()


_WORKER = _Worker()


def exclusive() -> Any:
    """A context in which the worker thread computes nothing, for work in another thread."""
    return _WORKER.lock


async def _in_thread(
    token: CancelToken, work: Callable[[], Any]
) -> tuple[BaseException | None, Any]:
    """What the work raised, or None, and what it returned.

    The error is not raised here: a `SystemExit` would end the loop, and a future takes no
    `StopIteration`.
    """
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def settle(outcome: tuple[BaseException | None, Any]) -> None:
        if not future.done():
            future.set_result(outcome)

    def call() -> None:
        try:
            with cancel_scope(token):
                outcome = None, work()
        except BaseException as raised:
            outcome = raised, None
        # The loop may have been closed meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    _WORKER.submit(call)
    return await future

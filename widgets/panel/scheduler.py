"""Work for the newest question only, off the main thread: what nobody waits for any longer ends.

One thread serves all panels, since experiments share the cores and the fast kernels. What is
delivered is delivered in the panel's event loop, where widgets may be changed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from workbench.base.cancellation import Stopped, Watch, watched

# Seconds that the knobs must rest before work that takes long begins.
REST = 0.15
# Seconds after which even a preview gives way to a newer question.
PATIENCE = 0.25
# Seconds between two words on how far the work is.
BEAT = 0.2


class Stage(NamedTuple):
    """One piece of work towards an answer.

    Attributes:
        work: what is called in the thread.
        is_preview: whether a better answer follows, so that this one is to come at once.
        waits: whether the knobs must have rested before it begins.
    """

    work: Callable[[], Any]
    is_preview: bool = False
    waits: bool = False


class Latest:
    """Answers questions one at a time, the newest first; older ones are dropped.

    All methods are for one event loop; `widgets.panel.event_loop` brings calls of other threads
    there.

    Full work ends at its next step as soon as a newer question comes, and its answer is not
    delivered. A preview that ran for less than `PATIENCE` seconds is delivered even so, or a figure
    would stand still for as long as a slider is dragged.

    Attributes:
        watch: of the work under way.
        busy_since: when the question under way was taken up, by `time.perf_counter`; None at rest.
    """

    def __init__(
        self,
        stages: Callable[[Any], Iterable[Stage]],
        deliver: Callable[[Any, Stage, Any, float], None],
        fail: Callable[[BaseException], None],
        tell: Callable[[], None],
    ):
        """Takes what decides and what hears.

        Args:
            stages: the pieces of work for a question, in order; the last gives the full answer.
            deliver: takes the question, the stage, its answer, and the seconds it took.
            fail: takes what the work on a question raised, or what these callables did.
            tell: called every `BEAT` seconds while work is under way, and once after it.
        """
        self._stages, self._deliver, self._fail, self._tell = stages, deliver, fail, tell
        self._question: Any = None
        self._news, self._preview = asyncio.Event(), False
        self._task: asyncio.Task | None = None
        self._rehearsal: asyncio.Task | None = None
        self._began = 0.0
        self.watch, self.busy_since = Watch(), None

    def ask(self, question: Any) -> None:
        """Takes up a question as soon as what is under way has ended; needs a running loop."""
        self._question = question
        self._news.set()
        if not self._preview or time.perf_counter() - self._began > PATIENCE:
            self.watch.stop()
        self._begin()

    def rehearse(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Does at rest what nobody waits for; a question ends it, and what it raises is let go."""

        async def rehearsed(watch: Watch) -> None:
            error, answer = await _in_thread(watch, work)
            if error is None and not watch.stopped:
                with suppress(Exception):
                    then(answer)

        if not _is_alive(self._task) and not _is_alive(self._rehearsal):
            self.watch = Watch()
            self._rehearsal = asyncio.get_running_loop().create_task(rehearsed(self.watch))

    def stop(self) -> None:
        """Drops every question; what runs ends at its next step and is not delivered."""
        self._question = None
        self._preview = False
        self._news.set()
        self.watch.stop()

    async def settled(self) -> None:
        """Returns when there is nothing left to answer."""
        if self._question is not None:
            self._begin()
        while _is_alive(self._task):
            await asyncio.wait([self._task])

    def _begin(self) -> None:
        """Serves the question in the running loop, unless that is under way."""
        if not _is_alive(self._task):
            # An event belongs to the loop in which it is first awaited, and loops end.
            self._news = asyncio.Event()
            self._task = asyncio.get_running_loop().create_task(self._serve())

    async def _serve(self) -> None:
        beat = asyncio.get_running_loop().create_task(self._beat())
        question = None
        try:
            while self._question is not None:
                question, self._question = self._question, None
                self._news.clear()
                self.busy_since = time.perf_counter()
                try:
                    await self._answer(question)
                except Exception as error:
                    self._fail(error)
        except asyncio.CancelledError:
            # A loop that ends cancels its tasks; the next one takes the question up again.
            if self._question is None and not self.watch.stopped:
                self._question = question
            self.watch.stop()
            raise
        finally:
            beat.cancel()
            self._task = self.busy_since = None
            self._say()

    async def _answer(self, question: Any) -> None:
        for stage in self._stages(question):
            if stage.waits and await self._disturbed():
                return
            self.watch, self._preview = Watch(), stage.is_preview
            self._began = time.perf_counter()
            error, answer = await _in_thread(self.watch, stage.work)
            if self.watch.stopped or isinstance(error, Stopped):
                # What an older question met is no news: its knobs are gone.
                return
            if error is None:
                try:
                    self._deliver(question, stage, answer, time.perf_counter() - self._began)
                except Exception as raised:
                    error = raised
            # Where too small a sample fails, the full one may not.
            if error is not None and not stage.is_preview:
                self._fail(error)
            if self._question is not None:
                return

    async def _disturbed(self) -> bool:
        """Whether a newer question comes before the knobs have rested."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), REST)
        # On a busy machine both may have come to pass by now.
        return self._news.is_set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._say()

    def _say(self) -> None:
        try:
            self._tell()
        except Exception as error:
            self._fail(error)


def _is_alive(task: asyncio.Task | None) -> bool:
    """Whether a task is under way, and not left behind by a loop that has ended."""
    return task is not None and not task.done() and task.get_loop().is_running()


class _Thread:
    """A thread that ends with the program, whatever it is doing; work comes in order."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue = queue.SimpleQueue()
        self._started = False
        self.lock = threading.Lock()

    def submit(self, work: Callable[[], None]) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._serve, name="panel", daemon=True).start()
        self._work.put(work)

    def _serve(self) -> None:
        while True:
            work = self._work.get()
            with self.lock:
                work()


_THREAD = _Thread()


def alone() -> Any:
    """A context in which no panel computes, for work of the main thread."""
    return _THREAD.lock


async def _in_thread(watch: Watch, work: Callable[[], Any]) -> tuple[BaseException | None, Any]:
    """What the work raised, or None, and what it returned.

    The error is not raised here: a loop would end by a `SystemExit`, and takes no `StopIteration`.
    """
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def settle(outcome: tuple[BaseException | None, Any]) -> None:
        if not future.done():
            future.set_result(outcome)

    def call() -> None:
        try:
            with watched(watch):
                outcome = None, work()
        except BaseException as raised:
            outcome = raised, None
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, outcome)

    _THREAD.submit(call)
    return await future

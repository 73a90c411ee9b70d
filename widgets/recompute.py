"""Work for the newest question only, off the main thread: what nobody waits for any longer ends.

One thread serves all panels, since experiments share the cores and the fast kernels. What is
delivered is delivered on the main thread, where widgets may be changed.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from workbench.watch import Stopped, Watch, watched

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
        fail: Callable[[Exception], None],
        tell: Callable[[], None],
    ):
        """Takes what decides and what hears.

        Args:
            stages: the pieces of work for a question, in order; the last gives the full answer.
            deliver: takes the question, the stage, its answer, and the seconds it took.
            fail: takes what the work on a question raised.
            tell: called every `BEAT` seconds while work is under way, and once after it.
        """
        self._stages, self._deliver, self._fail, self._tell = stages, deliver, fail, tell
        self._question: Any = None
        self._news, self._task, self._preview = asyncio.Event(), None, False
        self._rehearsal: asyncio.Task | None = None
        self._began = 0.0
        self.watch, self.busy_since = Watch(), None

    def ask(self, question: Any) -> None:
        """Takes up a question as soon as what is under way has ended; needs a running loop."""
        self._question = question
        self._news.set()
        if not self._preview or time.perf_counter() - self._began > PATIENCE:
            self.watch.stop()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def rehearse(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Does at rest what nobody waits for; a question ends it, and what it raises is let go."""

        async def rehearsed(watch: Watch) -> None:
            with suppress(Exception, Stopped):
                answer = await _in_thread(watch, work)
                if not watch.stopped:
                    then(answer)

        if self._task is None:
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
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _serve(self) -> None:
        beat = asyncio.get_running_loop().create_task(self._beat())
        try:
            while self._question is not None:
                question, self._question = self._question, None
                self._news.clear()
                self.busy_since = time.perf_counter()
                await self._answer(question)
        finally:
            beat.cancel()
            self._task = self.busy_since = None
            self._tell()

    async def _answer(self, question: Any) -> None:
        for stage in self._stages(question):
            if stage.waits and await self._disturbed():
                return
            self.watch, self._preview = Watch(), stage.is_preview
            self._began = time.perf_counter()
            try:
                answer = await _in_thread(self.watch, stage.work)
                if self.watch.stopped:
                    return
                self._deliver(question, stage, answer, time.perf_counter() - self._began)
            except Stopped:
                return
            except Exception as error:
                # What an older question met is no news: its knobs are gone. Where too small a
                # sample fails, the full one may not.
                if not self.watch.stopped and not stage.is_preview:
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
            self._tell()


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


async def _in_thread(watch: Watch, work: Callable[[], Any]) -> Any:
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def settle(error: BaseException | None, answer: Any) -> None:
        if not future.done():
            future.set_result(answer) if error is None else future.set_exception(error)

    def call() -> None:
        error, answer = None, None
        try:
            with watched(watch):
                answer = work()
        except BaseException as raised:
            error = raised
        # A loop that is closed has nobody left to tell.
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, error, answer)

    _THREAD.submit(call)
    return await future

"""A panel for any experiment: controls from its `Params`, a live figure, and no error lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from widgets.panel.control_set import ControlSet
from widgets.panel.controls import Manners, alert, button
from widgets.panel.display import Display, Shown
from widgets.panel.event_loop import EventLoop
from widgets.panel.history import History
from widgets.panel.messages import announced, busy, folded, traced
from widgets.panel.plot import Plot
from widgets.panel.preview import Preview
from widgets.panel.rehearsal import rehearse
from widgets.panel.request import is_person
from widgets.panel.run_panel import Record
from widgets.panel.scheduler import Latest, Stage, alone
from workbench.base.cancellation import step
from workbench.experiment.params import Parameters

# Seconds of work after which the panel says that it is busy.
SOON = 0.3
# Results kept for knobs that are turned back.
KEPT = 8


def panel(
    model: type[Parameters],
    run: Callable[..., Any],
    draw: Callable[..., go.Figure],
    params: Parameters | None = None,
    *,
    live: bool = False,
    quick: Callable[..., Any] | None = None,
) -> Panel:
    """A box of controls and a figure that follows them.

    It computes nothing until a control is touched or its button is pressed, so that a notebook run
    as a batch neither waits for it nor stores the figure's library.

    Args:
        model: the experiment's `Params`; every knob gets a control.
        run: the experiment, `run(params)`. An entry "spans" of its result, low and high by
            knob, says what there is to slide over now, as the matrices of a file.
        draw: what draws a result, `draw(params, result)`.
        params: where the knobs stand at first; the defaults if not given.
        live: whether to compute at once.
        quick: a sketch of the result for the first look, called as `run` is; it may return None
            for knobs that it has no answer to. Without it the first look is a run with less of
            every budget.
    """
    made = Panel(model, run, draw, model() if params is None else params, quick)
    if live:
        made.refresh()
    return made


class Panel(ipywidgets.VBox):
    """What `panel` returns.

    A person's touch is answered off the main thread, first by a quick look; a program's, such as
    `.value` set in a cell, at once and in full, and what goes wrong is raised there. The event loop
    in which the panel was made does all of its work; a touch in any other thread is a person's.

    Attributes:
        controls: the control of every knob by name; set `.value` to turn one.
        params: the last parameters that were admitted.
        result: what the experiment returned for the figure shown, or None before the first run.
        figure: the figure shown, or None before the first run.
        error: what went wrong at the last touch, or None.
        record: the commands that repeat this as a run of its own.
    """

    def __init__(
        self,
        model: type[Parameters],
        run: Callable,
        draw: Callable,
        params: Parameters,
        quick: Callable | None = None,
    ):
        self._run, self._draw, self._history = run, draw, History(params)
        self._seen: dict[Parameters, tuple[Any, go.Figure, str]] = {}
        self.params, self.result, self.error, self._is_failed = params, None, None, False
        self._loop = EventLoop(self._report)
        self._preview = Preview(run, quick)
        self._latest = Latest(self._stages, self._deliver, self._complain, self._beat)
        self.controls = ControlSet(model, params, self._loop.run)
        self.record = Record(params, self._loop.run)
        self._lay_out()
        self.controls.on_touch(self._touched)
        self._loop.receive(self)

    def _lay_out(self) -> None:
        def made(name: str, tooltip: str, call: Callable, style: str = "") -> ipywidgets.Button:
            return button(name, tooltip, partial(self._loop.run, call), style)

        self._button = made("Run", "compute and draw at these knobs", self._pressed, "primary")
        self._undo = made("Undo", "take the last change back", self._undone)
        self._reset = made("Reset", "turn every knob back to where it was first", self._resetted)
        self._pinning = made("Pin", "keep this figure beside the next ones", self._pinned)
        self._undo.disabled = self._reset.disabled = self._pinning.disabled = True
        row = [self._button, self._undo, self._reset, self._pinning]
        self._status, self._alert = ipywidgets.HTML(), ipywidgets.HTML()
        self._plot = Plot(partial(self._loop.run, self._rehearse))
        self._display = Display(self._plot)
        knobs = ipywidgets.Box(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        buttons = ipywidgets.Box(row, layout={"flex_flow": "row wrap"})
        parts = [knobs, buttons, self._status, self._alert, Manners(), self._plot, self.record]
        super().__init__(parts)
        self.add_class("workbench-panel")

    @property
    def command(self) -> str:
        """The command line that runs the experiment at the last admitted knobs."""
        return self.record.command

    @property
    def figure(self) -> go.Figure | None:
        """The figure shown, or None before the first run."""
        return None if self._display.now is None else self._display.now.figure

    def refresh(self) -> None:
        """Computes and draws at the present knobs, in full and at once.

        It does so in the thread of the panel's event loop; called in another, it waits for it.

        Raises:
            Exception: whatever went wrong, after it is shown, so that a batch run fails by it.
        """
        self._loop.result(self._refresh)

    def _refresh(self) -> None:
        self._latest.stop()
        if self._admit():
            with alone():
                self._at_once()
        if self.error is not None:
            raise self.error

    async def settled(self) -> None:
        """Returns when the figure shows the full run of the present knobs, or an error is shown."""
        await self._loop.wait(self._latest.settled)

    def _pressed(self) -> None:
        self._seen.clear()
        self._touched()

    def _touched(self) -> None:
        """Answers a touch; what goes wrong is shown, and raised where a program waits for it."""
        if not is_person():
            self._refresh()
        elif self._admit():
            self._latest.ask(self.params)
        else:
            self._latest.stop()

    def _admit(self) -> bool:
        """Takes over the knobs as they stand, or shows at once why they are refused."""
        self.error, self._is_failed, self._alert.value = None, False, ""
        self.controls.admit()
        try:
            turned = self.controls.params()
        except Exception as error:
            self._complain(error)
            return False
        self._history.leave(self.params, turned)
        self.params = turned
        self._mark()
        return True

    def _at_once(self) -> None:
        start = time.perf_counter()
        try:
            answer = self._full(self.params)
        except Exception as error:
            self._complain(error)
        else:
            self._deliver(self.params, Stage(self._full), answer, time.perf_counter() - start)

    def _stages(self, params: Parameters) -> Iterable[Stage]:
        """A quick look first, where there is one; results that are known are not computed again."""
        known = self._seen.get(params)
        if known is not None:
            return [Stage(lambda: known)]
        look = self._preview.of(params)
        if look is None:
            return [Stage(partial(self._full, params))]
        first = Stage(partial(self._looked, params, look), is_preview=True)
        return [first, Stage(partial(self._full, params), waits=True)]

    def _full(self, params: Parameters) -> tuple[Any, go.Figure, str]:
        result = self._run(params)
        step()
        return result, self._draw(params, result), ""

    def _looked(self, params: Parameters, look: Callable) -> tuple[Any, go.Figure, str]:
        start = time.perf_counter()
        result, what = look()
        self._preview.took(time.perf_counter() - start, True)
        return result, self._draw(params, result), what

    def _rehearse(self) -> None:
        if self._latest.busy_since is None and self.figure is None:
            rehearse(self._latest, self._preview, self._draw, self._plot, self.params)

    def _deliver(self, params: Parameters, stage: Stage, answer: Any, seconds: float) -> None:
        result, figure, what = answer
        if params not in self._seen and not stage.is_preview:
            self._preview.took(seconds, False)
        if not stage.is_preview:
            # A file may change while its path stays, so that its results are never known.
            if not any(k.suffixes and getattr(params, k.name) for k in params.knobs()):
                self._seen[params] = answer
            while len(self._seen) > KEPT:
                del self._seen[next(iter(self._seen))]
            self.result = result
            spans = result.get("spans", {}) if isinstance(result, Mapping) else {}
            for name, span in spans.items():
                self.controls[name].reach(*span)
        # The figure first: the browser takes its messages in order.
        self._display.show(Shown(params, figure, what))
        self._status.value = announced(self._display.note(params.values(), is_busy=True))
        self._pinning.disabled = False

    def _complain(self, error: BaseException) -> None:
        """Shows why there is no figure of these knobs."""
        self._is_failed = True
        self._report(error)

    def _report(self, error: BaseException) -> None:
        """A refusal as its sentence, at the knob it names; anything else with its traceback."""
        if error is self.error:
            return
        self.error = error
        if not self.controls.refuse(error):
            where = folded(traced(error), opened=not isinstance(error, ValueError))
            self._alert.value = alert(f"{type(error).__name__}: {error}") + where
        self._tell()

    def _beat(self) -> None:
        """Says that work is under way, for how long and how far, once it takes a moment."""
        since = self._latest.busy_since
        if since is None or self._is_failed:
            self._tell()
        elif (seconds := time.perf_counter() - since) > SOON:
            note = self._display.note(self.params.values(), is_busy=True)
            note += ";" if note else ""
            self._status.value = busy(seconds, self._latest.watch.share, note)

    def _tell(self) -> None:
        """Says what the figure is where it is not the full one of these knobs."""
        is_busy = self._latest.busy_since is not None and not self._is_failed
        knobs, is_failed = self.controls.stand(), self._is_failed
        note = self._display.note(knobs, is_busy=is_busy, is_failed=is_failed)
        self._status.value = announced(note)

    def _mark(self) -> None:
        """Has commands and buttons follow the parameters."""
        self.record.follow(self.params)
        self._undo.disabled = not self._history
        self._reset.disabled = self.params == self._history.first

    def _undone(self) -> None:
        # A value that is refused has made no change yet: it gives way to the admitted ones.
        refused = self.error is not None
        self._turn_to(self.params if refused or not self._history else self._history.back())

    def _turn_to(self, params: Parameters) -> None:
        """Turns every knob at once, which is no change to take back."""
        self.controls.turn_to(params)
        self.params = params
        self._touched()

    def _resetted(self) -> None:
        self._history.leave(self.params, self._history.first)
        self._turn_to(self._history.first)

    def _pinned(self) -> None:
        self._pinning.description = "Unpin" if self._display.pin() else "Pin"

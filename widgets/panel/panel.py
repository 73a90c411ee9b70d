"""A panel for any experiment: controls from its `Params`, a live figure, and error messages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import ipywidgets
import plotly.graph_objects as go

from widgets.panel.control_set import ControlSet, History
from widgets.panel.controls import SliderNames, button
from widgets.panel.display import Display, Shown, sample
from widgets.panel.event_loop import EventLoop, is_user_event
from widgets.panel.messages import alert, collapsible, progress, status, traceback_text
from widgets.panel.plot import Plot
from widgets.panel.preview import Preview
from widgets.panel.run_controls import RunControls
from widgets.panel.scheduler import LatestRequest, Stage, exclusive
from workbench.base.cancellation import step
from workbench.experiment.params import Parameters

# Seconds of work before progress is shown.
BUSY_AFTER = 0.3
# Results retained for knobs that are turned back.
MOST_RESULTS = 8


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

    It computes nothing until a control is changed or its button is pressed, so that a notebook run
    as a batch neither waits for it nor stores the figure's library.

    Args:
        model: the experiment's `Params`; every knob gets a control.
        run: the experiment, `run(params)`. An entry "spans" of its result, low and high by
            knob, limits the sliders, as to the matrices that a file has.
        draw: draws a result, `draw(params, result)`.
        params: the initial parameters; the defaults if not given.
        live: whether to compute at once.
        quick: computes a preview, called as `run` is; may return None for parameters that it cannot
            answer. Without it the preview is a run with less of every budget.
    """
    new = Panel(model, run, draw, model() if params is None else params, quick)
    if live:
        new.refresh()
    return new


class Panel(ipywidgets.VBox):
    """What `panel` returns.

    A change by a user is served in a worker thread, first by a preview; a change by a program, such
    as `.value` set in a cell, is served at once and in full, and errors are raised there. All work
    belongs to the event loop in which the panel was created; a change in any other thread counts
    as a user's.

    Attributes:
        controls: the control of every knob by name; set `.value` to change one.
        params: the last valid parameters.
        result: the result of the last full run shown, or None before the first.
        figure: the figure shown, or None before the first run.
        error: the error of the last change, or None.
        run_controls: the commands that run the experiment at these parameters.
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
        self._results: dict[Parameters, tuple[Any, go.Figure, str]] = {}
        self.params, self.result, self.error, self._is_failed = params, None, None, False
        self._loop = EventLoop(self._show_error)
        self._preview = Preview(run, quick)
        self._latest = LatestRequest(self._stages, self._deliver, self._fail, self._show_progress)
        self.controls = ControlSet(model, params, self._loop.run)
        self.run_controls = RunControls(params, self._loop.run)
        self._lay_out()
        self.controls.on_change(self._on_change)
        self._loop.receive(self)

    def _lay_out(self) -> None:
        def new(name: str, tooltip: str, call: Callable, style: str = "") -> ipywidgets.Button:
            return button(name, tooltip, partial(self._loop.run, call), style)

        self._button = new("Run", "compute and draw at these knobs", self._on_run, "primary")
        self._undo = new("Undo", "take the last change back", self._on_undo)
        self._reset = new("Reset", "turn every knob back to its initial value", self._on_reset)
        self._pin = new("Pin", "show this figure behind the next ones", self._on_pin)
        self._undo.disabled = self._reset.disabled = self._pin.disabled = True
        row = [self._button, self._undo, self._reset, self._pin]
        self._status, self._alert = ipywidgets.HTML(), ipywidgets.HTML()
        self._plot = Plot(partial(self._loop.run, self._warm_up))
        self._display = Display(self._plot)
        knobs = ipywidgets.Box(list(self.controls.values()), layout={"flex_flow": "row wrap"})
        buttons = ipywidgets.Box(row, layout={"flex_flow": "row wrap"})
        messages = [self._status, self._alert]
        parts = [knobs, buttons, *messages, SliderNames(), self._plot, self.run_controls]
        super().__init__(parts)
        self.add_class("workbench-panel")

    @property
    def command(self) -> str:
        """The command line that runs the experiment at the last valid parameters."""
        return self.run_controls.command

    @property
    def figure(self) -> go.Figure | None:
        """The figure shown, or None before the first run."""
        return None if self._display.current is None else self._display.current.figure

    def refresh(self) -> None:
        """Computes and draws at the present knobs, in full, and waits for the figure.

        The work is done in the thread of the panel's event loop, whatever thread calls.

        Raises:
            Exception: whatever went wrong, after it is shown, so that a batch run fails by it.
        """
        self._loop.result(self._refresh)

    def _refresh(self) -> None:
        self._latest.cancel()
        if self._admit():
            with exclusive():
                self._compute()
        if self.error is not None:
            raise self.error

    async def settled(self) -> None:
        """Returns when the figure shows the full run of the present knobs, or an error is shown."""
        await self._loop.wait(self._latest.settled)

    def _on_run(self) -> None:
        self._results.clear()
        self._on_change()

    def _on_change(self) -> None:
        """Serves a change; errors are shown, and raised in a program that waits."""
        if not is_user_event():
            self._refresh()
        elif self._admit():
            self._latest.submit(self.params)
        else:
            self._latest.cancel()

    def _admit(self) -> bool:
        """Takes the parameters from the controls, or shows why they are refused."""
        self.error, self._is_failed, self._alert.value = None, False, ""
        self.controls.clear_errors()
        try:
            params = self.controls.params()
        except Exception as error:
            self._fail(error)
            return False
        self._history.push(self.params, params)
        self.params = params
        self.run_controls.follow(params)
        self._undo.disabled = not self._history
        self._reset.disabled = params == self._history.initial
        return True

    def _compute(self) -> None:
        start = time.perf_counter()
        try:
            answer = self._full(self.params)
        except Exception as error:
            self._fail(error)
        else:
            self._deliver(self.params, Stage(self._full), answer, time.perf_counter() - start)

    def _stages(self, params: Parameters) -> Iterable[Stage]:
        """The retained result, or a full run with, where there is one, a preview before it."""
        known = self._results.get(params)
        if known is not None:
            return [Stage(lambda: known)]
        preview = self._preview.of(params)
        if preview is None:
            return [Stage(partial(self._full, params))]
        first = Stage(partial(self._previewed, params, preview), is_preview=True)
        return [first, Stage(partial(self._full, params), is_debounced=True)]

    def _full(self, params: Parameters) -> tuple[Any, go.Figure, str]:
        result = self._run(params)
        step()
        return result, self._draw(params, result), ""

    def _previewed(self, params: Parameters, preview: Callable) -> tuple[Any, go.Figure, str]:
        start = time.perf_counter()
        result, label = preview()
        self._preview.took(time.perf_counter() - start, True)
        return result, self._draw(params, result), label

    def _warm_up(self) -> None:
        """Computes and draws a preview off screen: what loads or compiles once is then ready.

        Without a preview a sample is drawn. There is no full run, which may take minutes.
        """
        if self._latest.busy_since is not None or self.figure is not None:
            return
        params = self.params
        preview = self._preview.of(params)
        if preview is None:
            self._plot.warm_up(sample())
        else:
            draw = self._draw
            self._latest.run_when_idle(lambda: draw(params, preview()[0]), self._plot.warm_up)

    def _deliver(self, params: Parameters, stage: Stage, answer: Any, seconds: float) -> None:
        result, figure, preview = answer
        if not stage.is_preview:
            if params not in self._results:
                self._preview.took(seconds, False)
            self._retain(params, answer)
            self.result = result
            spans = result.get("spans", {}) if isinstance(result, Mapping) else {}
            for name, span in spans.items():
                self.controls[name].set_range(*span)
        # The figure first: the browser handles messages in order.
        self._display.show(Shown(params, figure, preview))
        self._status.value = status(self._display.status(params.values(), is_busy=True))
        self._pin.disabled = False

    def _retain(self, params: Parameters, answer: Any) -> None:
        # A file may change while its path stays, so that results of files are not retained.
        if not any(k.suffixes and getattr(params, k.name) for k in params.knobs()):
            self._results[params] = answer
        while len(self._results) > MOST_RESULTS:
            del self._results[next(iter(self._results))]

    def _fail(self, error: BaseException) -> None:
        """Shows why there is no figure of the present knobs."""
        self._is_failed = True
        self._show_error(error)

    def _show_error(self, error: BaseException) -> None:
        """Shows an error at the knob that it names; any other error with its traceback."""
        if error is self.error:
            return
        self.error = error
        if not self.controls.show_error(error):
            details = collapsible(traceback_text(error), is_open=not isinstance(error, ValueError))
            self._alert.value = alert(f"{type(error).__name__}: {error}") + details
        self._show_status()

    def _show_progress(self) -> None:
        """Shows how long the present work has run and how much of it is done."""
        since = self._latest.busy_since
        if since is None or self._is_failed:
            self._show_status()
        elif (seconds := time.perf_counter() - since) > BUSY_AFTER:
            note = self._display.status(self.params.values(), is_busy=True)
            note += ";" if note else ""
            self._status.value = progress(seconds, self._latest.token.progress, note)

    def _show_status(self) -> None:
        """Shows where the figure is not the full one of the present knobs."""
        is_failed = self._is_failed
        is_busy = self._latest.busy_since is not None and not is_failed
        knobs = self.controls.settings()
        note = self._display.status(knobs, is_busy=is_busy, is_failed=is_failed)
        self._status.value = status(note)

    def _on_undo(self) -> None:
        # A refused value is not in the history: undo returns to the last valid parameters.
        is_refused = self.error is not None
        self._set(self.params if is_refused or not self._history else self._history.pop())

    def _set(self, params: Parameters) -> None:
        """Sets every knob at once, without an entry in the history."""
        self.controls.set(params)
        self.params = params
        self._on_change()

    def _on_reset(self) -> None:
        self._history.push(self.params, self._history.initial)
        self._set(self._history.initial)

    def _on_pin(self) -> None:
        self._pin.description = "Unpin" if self._display.toggle_pin() else "Pin"

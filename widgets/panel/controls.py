"""The controls of one knob: a box for exact values, a slider if it has a span, and an error line.

Nothing is clamped: a box takes what is typed, and the experiment's `Params` refuses it with an
error message that is shown under the knob.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from widgets.panel.messages import alert, help_text
from workbench.experiment.params import Knob

# The longest span of whole numbers that gets a slider; a seed's is longer.
MOST_SLIDER_VALUES = 10**6
SLIDER_STEPS = 100


class Control(ipywidgets.VBox):
    """The controls of one knob, which agree on `value`, a plain Python value.

    Attributes:
        value: what the knob is set to; text that is not a number stays text, for `Params` to
            refuse.
        knob: the declaration of the knob.
        entry: the box, list or switch with the exact value.
        slider: the slider below it, or None.
        error: the error message; empty for a valid value.
    """

    value = traitlets.Any()

    def __init__(
        self, knob: Knob, value: Any, run: Callable[..., None] = lambda call, *args: call(*args)
    ):
        """Creates the controls.

        Args:
            knob: the declaration of the knob.
            value: the initial value.
            run: calls `call(*args)` in the panel's event loop.
        """
        self.knob = knob
        self.entry = _entry(knob)
        self.slider = _slider(knob)
        self.error = ipywidgets.HTML()
        self._is_updating = self._is_sliding = self._is_placed = False
        self._range = knob.span
        self._help = ipywidgets.HTML(help_text(_describe(knob, knob.span)))
        parts = [self.entry, self.slider, self._help, self.error]
        super().__init__(
            [part for part in parts if part is not None],
            layout={"flex": "1 1 260px", "max_width": "420px", "min_width": "0", "padding": "4px"},
        )
        self.value = value
        self._update(None)
        self.observe(partial(run, self._update), "value")
        self.entry.observe(partial(run, self._on_entry), "value")
        if self.slider is not None:
            self.slider.observe(partial(run, self._on_slider), "value")

    def show_error(self, message: str) -> None:
        """Shows an error message, which screen readers read out; an empty one removes it."""
        self.error.value = alert(message)

    def set_range(self, low: float, high: float) -> None:
        """Sets the ends of the slider; the box still takes what the knob admits."""
        if self.slider is None or self._range == (low, high):
            return
        self._range = low, high
        ends = (math.log10(low), math.log10(high)) if _is_log(self.knob) else (low, high)
        self._is_updating = True
        try:
            with self.slider.hold_trait_notifications():
                self.slider.min, self.slider.max = ends
        finally:
            self._is_updating = False
        self._help.value = help_text(_describe(self.knob, self._range))
        self._update(None)

    def _update(self, _: Any) -> None:
        """Sets entry and slider to the value."""
        self._is_updating = True
        try:
            self.entry.value = _entry_value(self.value, self.knob)
            if self.slider is not None and not self._is_sliding and _fits(self.value, self.knob):
                self.slider.value = min(max(self.value, self._range[0]), self._range[1])
                self._is_placed = True
        finally:
            self._is_updating = False

    def _on_entry(self, change: Any) -> None:
        if not self._is_updating:
            self.value = _parsed(change["new"], self.knob)

    def _on_slider(self, change: Any) -> None:
        if self._is_updating:
            return
        # The browser reports its rounding once; what follows is the user's move, also to the
        # other of two steps.
        is_placed, self._is_placed = self._is_placed, False
        if is_placed and _is_rounding(self.slider, self.value, change["new"]):
            return
        value = _slider_value(self.knob, self.value, change["new"])
        # Moving the handle takes the browser milliseconds, by which the figure would be late.
        self._is_sliding = _is_rounding(self.slider, value, change["new"])
        try:
            self.value = value
            self._update(change)
        finally:
            self._is_sliding = False


def _entry(knob: Knob) -> ipywidgets.DOMWidget:
    labels = {
        "description": knob.name,
        "tooltip": knob.help,
        "style": {"description_width": "initial"},
    }
    wide = {"layout": {"width": "100%"}}
    if knob.choices:
        return ipywidgets.Dropdown(options=knob.choices, value=knob.choices[0], **labels, **wide)
    if knob.kind is bool:
        return ipywidgets.Checkbox(indent=False, **labels, **wide)
    return ipywidgets.Text(continuous_update=False, **labels, **wide)


def _slider(knob: Knob) -> ipywidgets.DOMWidget | None:
    """A slider, or None if the knob has no span or too long a one."""
    if knob.span is None or knob.choices or knob.kind not in (int, float):
        return None
    low, high = knob.span
    labels = {
        "continuous_update": True,
        "description": f"{knob.name} slider",
        "layout": {"width": "auto", "margin": "0 4px"},
        "readout": False,
        "style": {"description_width": "0px"},
        "tooltip": knob.help,
    }
    if _is_log(knob):
        ends = {"min": math.log10(low), "max": math.log10(high)}
        step = (ends["max"] - ends["min"]) / SLIDER_STEPS
        return ipywidgets.FloatLogSlider(value=low, base=10, step=step, **ends, **labels)
    if knob.kind is float:
        step = (high - low) / SLIDER_STEPS
        return ipywidgets.FloatSlider(value=low, min=low, max=high, step=step, **labels)
    if high - low > MOST_SLIDER_VALUES:
        return None
    step = 10 ** max(0, math.floor(math.log10(max(high - low, 1))) - 3)
    return ipywidgets.IntSlider(value=low, min=low, max=high, step=step, **labels)


def _is_rounding(slider: Any, value: Any, now: float) -> bool:
    """Whether `now` is merely the value, rounded by the browser to a step of the slider.

    The browser reports its rounding as if the user had moved the handle, as soon as it draws it.
    """
    if not isinstance(value, int | float) or value == now:
        return value == now
    low, at, new, step = slider.min, value, now, slider.step
    if isinstance(slider, ipywidgets.FloatLogSlider):
        if value <= 0:
            return False
        at, new = math.log10(value), math.log10(now)
    at = min(max(at, low), slider.max)
    stop = min(low + round((new - low) / step) * step, slider.max)
    # Half-way between two steps the browser takes either.
    return abs(stop - new) < 1e-6 * step and abs(at - new) < (0.5 + 1e-6) * step


def _slider_value(knob: Knob, before: Any, now: float) -> int | float:
    """The value for a position of the slider: few digits, and within the span."""
    low, high = knob.span
    if knob.kind is float:
        return min(max(float(f"{now:.4g}"), low), high)
    value = round(now)
    # A step that rounds to the value before it would stop the arrow keys there.
    if value == before and now != before:
        value += 1 if now > before else -1
    return min(max(value, low), high)


def _parsed(entered: Any, knob: Knob) -> Any:
    """The number that was typed, else the text; a whole float is an integer for an `int` knob."""
    if not isinstance(entered, str) or knob.kind not in (int, float) or knob.choices:
        return entered
    text = entered.strip()
    try:
        value = float(text)
    except ValueError:
        return text
    if knob.kind is float or not value.is_integer():
        return value
    return int(text) if text.lstrip("+-").isdecimal() else int(value)


def _entry_value(value: Any, knob: Knob) -> Any:
    """The value as its entry takes it: text in a text box, itself elsewhere."""
    return value if knob.choices or knob.kind is bool else str(value)


def _describe(knob: Knob, span: tuple[float, float] | None) -> str:
    if span is None:
        return f"{knob.help}; {knob.domain}" if knob.suffixes else knob.help
    low, high = (f"{end:,}" if isinstance(end, int) else f"{end:g}" for end in span)
    return f"{knob.help}; {low} to {high}"


def _is_log(knob: Knob) -> bool:
    return knob.log and knob.span[0] > 0


def _fits(value: Any, knob: Knob) -> bool:
    """Whether a slider can show the value, or the end of its range next to it."""
    return isinstance(value, int if knob.kind is int else int | float) and abs(value) < math.inf


class SliderNames(anywidget.AnyWidget):
    """Gives the handles of a panel's sliders names for screen readers; see `controls.js`."""

    _esm = Path(__file__).with_name("controls.js")


def button(
    name: str, tooltip: str, on_click: Callable[[], None], style: str = ""
) -> ipywidgets.Button:
    """A button as wide as its name."""
    layout = {"width": "auto"}
    new = ipywidgets.Button(description=name, tooltip=tooltip, button_style=style, layout=layout)
    new.on_click(lambda _: on_click())
    return new

"""One control a knob: an exact box, a slider where there is a span, and a place for a refusal.

Nothing is clamped: a box takes what is typed, and the experiment's `Params` refuses it with a
sentence that is shown under the knob.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from workbench.experiment.params import Knob

SLIDES = 10**6
STEPS = 100
SMALL = "font-size:0.85em;line-height:1.3;margin:0"
ALERT = "color:var(--jp-error-color1,#b00020);line-height:1.3;margin:0;overflow-wrap:anywhere"


class Control(ipywidgets.VBox):
    """The controls of one knob, which agree on `value`, a plain Python value.

    Attributes:
        value: what the knob is set to; text that is no number stays text, for `Params` to refuse.
        knob: what is declared of the knob.
        entry: the box, list or switch that holds the exact value.
        slider: the slider beside it, or None.
        refusal: why the value is refused; empty while it is not.
    """

    value = traitlets.Any()

    def __init__(
        self, knob: Knob, value: Any, run: Callable[..., None] = lambda call, *args: call(*args)
    ):
        """Takes the knob, where it stands, and what calls `call(*args)` in the panel's thread."""
        self.knob = knob
        self.entry = _entry(knob)
        self.slider = _slider(knob)
        self.refusal = ipywidgets.HTML()
        self._showing = self._sliding = self._placed = False
        self._span = knob.span
        self._words = ipywidgets.HTML(_small(_told(knob, knob.span)))
        parts = [self.entry, self.slider, self._words, self.refusal]
        super().__init__(
            [part for part in parts if part is not None],
            layout={"flex": "1 1 260px", "max_width": "420px", "min_width": "0", "padding": "4px"},
        )
        self.value = value
        self._show(None)
        self.observe(partial(run, self._show), "value")
        self.entry.observe(partial(run, self._entered), "value")
        if self.slider is not None:
            self.slider.observe(partial(run, self._slid), "value")

    def refuse(self, sentence: str) -> None:
        """Shows the sentence under the knob, and reads it out; an empty one takes it away."""
        self.refusal.value = alert(sentence)

    def reach(self, low: float, high: float) -> None:
        """Has the slider end where the present result ends; the box takes what the knob admits."""
        if self.slider is None or self._span == (low, high):
            return
        self._span = low, high
        ends = (math.log10(low), math.log10(high)) if _by_factors(self.knob) else (low, high)
        self._showing = True
        try:
            with self.slider.hold_trait_notifications():
                self.slider.min, self.slider.max = ends
        finally:
            self._showing = False
        self._words.value = _small(_told(self.knob, self._span))
        self._show(None)

    def _show(self, change: Any) -> None:
        self._showing = True
        try:
            self.entry.value = _spelled(self.value, self.knob)
            if self.slider is not None and not self._sliding and _fits(self.value, self.knob):
                self.slider.value = min(max(self.value, self._span[0]), self._span[1])
                self._placed = True
        finally:
            self._showing = False

    def _entered(self, change: Any) -> None:
        if not self._showing:
            self.value = _read(change["new"], self.knob)

    def _slid(self, change: Any) -> None:
        if self._showing:
            return
        # It tells once; what comes after is a person's move, also to the other of two steps.
        placed, self._placed = self._placed, False
        if placed and _is_snap(self.slider, self.value, change["new"]):
            return
        landed = _landed(self.knob, self.value, change["new"])
        # To move the handle costs the browser milliseconds, for which the figure would wait.
        self._sliding = _is_snap(self.slider, landed, change["new"])
        try:
            self.value = landed
            self._show(change)
        finally:
            self._sliding = False


def alert(sentence: str) -> str:
    """The sentence as HTML that a screen reader reads out at once; empty for an empty one."""
    return f'<p role="alert" style="{ALERT}">⚠ {html.escape(sentence)}</p>' if sentence else ""


def _entry(knob: Knob) -> ipywidgets.DOMWidget:
    named = {
        "description": knob.name,
        "tooltip": knob.help,
        "style": {"description_width": "initial"},
    }
    wide = {"layout": {"width": "100%"}}
    if knob.choices:
        return ipywidgets.Dropdown(options=knob.choices, value=knob.choices[0], **named, **wide)
    if knob.kind is bool:
        return ipywidgets.Checkbox(indent=False, **named, **wide)
    return ipywidgets.Text(continuous_update=False, **named, **wide)


def _slider(knob: Knob) -> ipywidgets.DOMWidget | None:
    """A slider, unless the span is missing or too long for one, as a seed's is."""
    if knob.span is None or knob.choices or knob.kind not in (int, float):
        return None
    low, high = knob.span
    named = {
        "continuous_update": True,
        "description": f"{knob.name} slider",
        "layout": {"width": "auto", "margin": "0 4px"},
        "readout": False,
        "style": {"description_width": "0px"},
        "tooltip": knob.help,
    }
    if _by_factors(knob):
        ends = {"min": math.log10(low), "max": math.log10(high)}
        step = (ends["max"] - ends["min"]) / STEPS
        return ipywidgets.FloatLogSlider(value=low, base=10, step=step, **ends, **named)
    if knob.kind is float:
        step = (high - low) / STEPS
        return ipywidgets.FloatSlider(value=low, min=low, max=high, step=step, **named)
    if high - low > SLIDES:
        return None
    step = 10 ** max(0, math.floor(math.log10(max(high - low, 1))) - 3)
    return ipywidgets.IntSlider(value=low, min=low, max=high, step=step, **named)


def _is_snap(slider: Any, value: Any, now: float) -> bool:
    """Whether `now` is only where the browser puts the handle for a value between two steps.

    It tells of it as if a person had moved the handle, already as it draws the slider.
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


def _landed(knob: Knob, before: Any, now: float) -> int | float:
    """The value where a slider came to rest, short to read and within the span."""
    low, high = knob.span
    if knob.kind is float:
        return min(max(float(f"{now:.4g}"), low), high)
    value = round(now)
    # A step that rounds to the value it left would hold the arrow keys there for ever.
    if value == before and now != before:
        value += 1 if now > before else -1
    return min(max(value, low), high)


def _read(entered: Any, knob: Knob) -> Any:
    """A number as typed, where it is one; whole floats are integers for a knob that counts."""
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


def _spelled(value: Any, knob: Knob) -> Any:
    """The value as its entry holds it: text in a text box, itself elsewhere."""
    return value if knob.choices or knob.kind is bool else str(value)


def _told(knob: Knob, span: tuple[float, float] | None) -> str:
    if span is None:
        return f"{knob.help}; {knob.domain}" if knob.suffixes else knob.help
    low, high = (f"{end:,}" if isinstance(end, int) else f"{end:g}" for end in span)
    return f"{knob.help}; {low} to {high}"


def _small(words: str) -> str:
    return f'<p style="{SMALL}">{html.escape(words)}</p>'


def _by_factors(knob: Knob) -> bool:
    return knob.log and knob.span[0] > 0


def _fits(value: Any, knob: Knob) -> bool:
    """Whether a slider has a place for the value, or for the end of the span next to it."""
    return isinstance(value, int if knob.kind is int else int | float) and abs(value) < math.inf


class Manners(anywidget.AnyWidget):
    """Names for screen readers; see the script beside this file."""

    _esm = Path(__file__).with_name("controls.js")


def button(name: str, tooltip: str, call: Callable[[], None], style: str = "") -> ipywidgets.Button:
    """A button as wide as its name."""
    made = ipywidgets.Button(
        description=name, tooltip=tooltip, button_style=style, layout={"width": "auto"}
    )
    made.on_click(lambda _: call())
    return made

"""Which figure stands in a panel, what it is of, and which one is pinned beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import plotly.graph_objects as go

from widgets.panel.pins import named
from widgets.panel.plot import Plot
from workbench.experiment.params import Parameters


class Shown(NamedTuple):
    """A figure and what it is of.

    Attributes:
        params: the parameters it was computed at.
        figure: the figure.
        preview: what kind of first look it is; empty for a full run.
    """

    params: Parameters
    figure: go.Figure
    preview: str


class Display:
    """The figure that stands in a plot, alone or beside a pinned one.

    Attributes:
        now: what stands there, or None before the first.
    """

    def __init__(self, plot: Plot):
        """Takes where figures are drawn."""
        self._plot = plot
        self.now: Shown | None = None
        self._pin: Shown | None = None

    def show(self, shown: Shown) -> None:
        """Draws it in the place of the one before."""
        pin = self._pin
        if pin is not None and pin.preview and pin.params == shown.params and not shown.preview:
            self._pin = shown
        self.now = shown
        self._draw()

    def pin(self) -> bool:
        """Pins the figure that stands there, or unpins; whether one is pinned now."""
        self._pin = None if self._pin else self.now
        self._draw()
        return self._pin is not None

    def note(self, knobs: Mapping[str, Any], *, is_busy: bool, is_failed: bool = False) -> str:
        """What a reader must know of the figure: a first look is never taken for the full figure.

        Args:
            knobs: what the controls are set to.
            is_busy: whether a better figure is under way.
            is_failed: whether the last touch ended in an error.
        """
        if self.now is None:
            return ""
        preview = f"a first look: {self.now.preview}" if self.now.preview else ""
        if is_busy:
            return preview
        if self.now.params.values() != knobs:
            return f"The figure is of earlier knobs{', and ' if preview else ''}{preview}."
        if preview:
            return f"{preview}; the full figure has not followed"
        return "The figure is of an earlier run." if is_failed else ""

    def _draw(self) -> None:
        if self.now is None:
            return
        params, figure, preview = self.now
        of = {"knobs": params.values(), "full": not preview}
        if self._pin is None or figure is self._pin.figure:
            self._plot.show(figure, of)
        else:
            name = named(self._pin.params.values(), params.values(), bool(self._pin.preview))
            self._plot.show(figure, of, self._pin.figure, name)

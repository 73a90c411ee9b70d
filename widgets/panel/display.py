"""The figure of a panel: its parameters, whether it is a preview, and the one pinned beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from widgets.figure.figure import curve, figure, level, marks
from widgets.panel.plot import Plot
from workbench.experiment.params import Parameters


class Shown(NamedTuple):
    """A figure and what it was computed from.

    Attributes:
        params: the parameters.
        figure: the figure.
        preview: the kind of preview, such as "few trials (100)"; empty for a full run.
    """

    params: Parameters
    figure: go.Figure
    preview: str


class Display:
    """The figure in a plot, alone or with a pinned one.

    Attributes:
        current: what is shown, or None before the first figure.
    """

    def __init__(self, plot: Plot):
        """Takes the widget that draws."""
        self._plot = plot
        self.current: Shown | None = None
        self._pinned: Shown | None = None

    def show(self, shown: Shown) -> None:
        """Replaces the current figure; a full run also replaces a pinned preview of its knobs."""
        pin = self._pinned
        if pin is not None and pin.preview and pin.params == shown.params and not shown.preview:
            self._pinned = shown
        self.current = shown
        self._draw()

    def toggle_pin(self) -> bool:
        """Pins the current figure, or removes the pinned one; whether one is pinned now."""
        self._pinned = None if self._pinned else self.current
        self._draw()
        return self._pinned is not None

    def status(self, knobs: Mapping[str, Any], *, is_busy: bool, is_failed: bool = False) -> str:
        """Says where the figure is not the full one of the knobs; empty where it is.

        Args:
            knobs: the values of the controls.
            is_busy: whether a better figure is being computed.
            is_failed: whether the last change ended in an error.
        """
        if self.current is None:
            return ""
        preview = f"preview: {self.current.preview}" if self.current.preview else ""
        if is_busy:
            return preview
        if self.current.params.values() != knobs:
            return f"The figure is of earlier knobs{'; ' if preview else ''}{preview}."
        if preview:
            return f"{preview}; the full run did not finish"
        return "The figure is of an earlier run." if is_failed else ""

    def _draw(self) -> None:
        if self.current is None:
            return
        current, pinned = self.current, self._pinned
        of = {"knobs": current.params.values(), "full": not current.preview}
        if pinned is None or current.figure is pinned.figure:
            self._plot.show(current.figure, of)
        else:
            self._plot.show(current.figure, of, pinned.figure, _pin_name(pinned, current.params))


def _pin_name(pinned: Shown, params: Parameters) -> str:
    """The knobs of a pinned figure that differ from those of the current one."""
    values = params.values()
    differ = [f"{name} {v}" for name, v in pinned.params.values().items() if v != values[name]]
    label = "pinned preview" if pinned.preview else "pinned"
    return f"{label}: {', '.join(differ) or 'the same knobs'}"


def sample() -> go.Figure:
    """A figure with every common kind of trace, for `Plot.warm_up`; its numbers mean nothing."""
    x = np.logspace(0, 4, 20)
    fig = figure("x", "y", log_x=True, log_y=True, alt="A sample, 20 points.")
    curve(fig, x, 1 / x, "truth", truth=True, band=(0.5 / x, 2 / x))
    marks(fig, x, 1 / x, "measured", error=(0.8 / x, 1.2 / x))
    level(fig, 0.01, "level")
    return fig

"""A plotly figure in a notebook that is updated in place, so that zoom and legend stay as set.

The figure is sent as one JSON text, and plotly's own `react` finds what differs. plotly's library
is sent once, to a page that requests it, and never stored in the notebook.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

from widgets.figure.fast_figure import add_trace, get_alt_text, layout, new_figure, to_json, traces

PALE = 0.45


class Plot(anywidget.AnyWidget):
    """Shows one figure after another in the same place.

    Attributes:
        figure: the figure shown, or None before the first.
        alt: its text alternative.
        of: what the figure shows, as JSON; the element in the browser has it as `data-of`.
    """

    _esm = Path(__file__).with_name("plot.js")
    text = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    of = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_display: Callable[[], None] = lambda: None) -> None:
        """Takes what is called whenever a browser displays the plot, still empty or not."""
        self.figure: go.Figure | None = None
        self._on_display = on_display
        super().__init__()
        self.on_msg(self._on_message)

    def show(
        self, figure: go.Figure, of: Any = None, pinned: go.Figure | None = None, name: str = ""
    ) -> None:
        """Replaces the figure shown.

        Args:
            figure: the new one.
            of: what it shows, as a value that JSON has.
            pinned: a figure whose traces are drawn pale behind it, or None.
            name: the legend's name for those traces.
        """
        self.figure = figure
        alt = get_alt_text(figure)
        with self.hold_sync():
            self.alt = alt if pinned is None else f"{alt} Beside it, pale and dashed: {name}."
            self.of = json.dumps(of)
            self.text = to_json(figure if pinned is None else overlay(figure, pinned, name))

    def warm_up(self, figure: go.Figure) -> None:
        """Has the browser draw the figure off screen, so that the first one shown takes less."""
        self.send({"warm_up": to_json(figure)})

    def _on_message(self, _: Any, content: Any, buffers: Any) -> None:
        if content == "library":
            self.send("library", [_library()])
        elif content == "displayed":
            self._on_display()


@cache
def _library() -> bytes:
    return get_plotlyjs().encode()


def overlay(figure: go.Figure, pinned: go.Figure, name: str) -> go.Figure:
    """The figure over the traces of a pinned one, which are pale and named in the legend.

    Lines are dashed and markers hollow, so that the difference is not one of colour alone. A heat
    map covers whatever is behind it: if either figure has one, the pinned one is left out.

    Args:
        figure: the one on top, whose axes and levels are used.
        pinned: the other.
        name: appended to the names of the pinned traces in the legend.
    """
    own, other = traces(figure), traces(pinned)
    if any(trace["type"] == "heatmap" for trace in (*own, *other)):
        return figure
    both = new_figure(dict(layout(figure)))
    for trace in (*own, *(_pale(trace, name) for trace in other)):
        add_trace(both, trace)
    return both


def _pale(trace: dict[str, Any], name: str) -> dict[str, Any]:
    pale = copy.deepcopy(trace)
    pale["opacity"] = PALE
    if pale.get("type", "scatter") == "scatter":
        # Last in order, so that legend clicks stay with the traces on top, but drawn behind them.
        pale["zorder"] = -1
    pale["legendgroup"] = f"pinned {pale.get('legendgroup', '')}"
    pale["name"] = f"{pale.get('name', '')}<br>({name})"
    if "lines" in pale.get("mode", "") and pale.get("fill") is None:
        pale["line"] = {**pale.get("line", {}), "dash": "dash"}
    if "markers" in pale.get("mode", ""):
        marker = pale.get("marker", {})
        symbol = str(marker.get("symbol", "circle")).removesuffix("-open")
        pale["marker"] = {**marker, "symbol": f"{symbol}-open"}
    return pale

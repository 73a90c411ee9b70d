"""A plotly figure in a notebook, drawn anew in place: zoom and legend stay as the reader set them.

The figure travels as one text and plotly's own `react` finds what differs. plotly's library is sent
once, to a page that asks for it, and never stored in the notebook.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs

from widgets.figure.fast_figure import alternative, text
from widgets.panel.pins import pinned


class Plot(anywidget.AnyWidget):
    """Shows figures, one after another, in one place.

    Attributes:
        figure: the figure shown, or None before the first.
        alt: what it shows, in words, for screen readers.
        of: what the figure is of, as JSON; the element in the browser carries it.
    """

    _esm = Path(__file__).with_name("plot.js")
    text = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    of = traitlets.Unicode().tag(sync=True)

    def __init__(self, shown: Callable[[], None] = lambda: None) -> None:
        """Takes what is called whenever a browser has made room for the figures."""
        self.figure: go.Figure | None = None
        self._shown = shown
        super().__init__()
        self.on_msg(self._asked)

    def show(
        self, figure: go.Figure, of: Any = None, beside: go.Figure | None = None, name: str = ""
    ) -> None:
        """Draws the figure in the place of the one before.

        Args:
            figure: what to draw.
            of: what it is of, as JSON has it.
            beside: a figure whose traces stand pale beside it, or None.
            name: what the legend calls those.
        """
        self.figure = figure
        told = alternative(figure)
        shown = figure if beside is None else pinned(figure, beside, name)
        with self.hold_sync():
            self.alt = told if beside is None else f"{told} Beside it, pale and dashed: {name}."
            self.of = json.dumps(of)
            self.text = text(shown)

    def rehearse(self, figure: go.Figure) -> None:
        """Has the browser draw the figure unseen, so that it draws the first one seen sooner."""
        self.send({"rehearsal": text(figure)})

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        if content == "library":
            self.send("library", [_library()])
        elif content == "shown":
            self._shown()


@cache
def _library() -> bytes:
    return get_plotlyjs().encode()

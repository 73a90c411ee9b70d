"""The style of all figures: colours, axes, legend, and the style of each series.

Series differ by colour and by marker, dash or hatching, so that no figure relies on colour alone.

Source:
    Okabe & Ito (2008), Color Universal Design: the palette. Here the darkest colours come first
    and yellow is left out, because the background is white.
"""

from __future__ import annotations

import textwrap
from typing import Any, NamedTuple

import plotly.graph_objects as go
from plotly.colors import get_colorscale

from widgets.figure.axes import axis_title
from widgets.figure.fast_figure import traces

INK = "#1a1a1a"
MUTED = "#767676"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
HATCHES = ("", "/", "x", "-", "|", "+")
# All of its colours, since plotly's Python and JavaScript libraries differ in the named scale.
SCALE = get_colorscale("Viridis")
# The decimal digits that a float represents exactly; more would show rounding errors.
DIGITS = ".15~g"

_AXIS = {
    "automargin": True,
    "exponentformat": "power",
    "gridcolor": "rgba(128,128,128,0.18)",
    "linecolor": "rgba(128,128,128,0.6)",
    "minorloglabels": "none",
    "showline": True,
    "tickcolor": "rgba(128,128,128,0.6)",
    "ticks": "outside",
    "title": {"standoff": 10},
    "zeroline": False,
}
TEMPLATE = {
    "layout": {
        "barmode": "overlay",
        "colorway": COLOURS,
        "font": {
            "color": INK,
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
            "size": 14,
        },
        "hoverlabel": {"align": "left"},
        "hovermode": "closest",
        "legend": {
            "font": {"size": 13},
            "orientation": "h",
            "tracegroupgap": 0,
            "traceorder": "normal",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
        },
        "margin": {"b": 48, "l": 56, "r": 16, "t": 24},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "title": {
            "automargin": True,
            "font": {"size": 16},
            "pad": {"b": 4, "t": 10},
            "x": 0,
            "xref": "paper",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
        },
        "xaxis": _AXIS,
        "yaxis": _AXIS,
    }
}


class Series(NamedTuple):
    """How one series is drawn.

    Attributes:
        name: its name in the legend.
        number: counts up from 0; for a reference (`truth`) it counts down from -1.
    """

    name: str
    number: int

    @property
    def colour(self) -> str:
        """The text colour for a reference, else one of the palette."""
        return INK if self.number < 0 else COLOURS[self.number % len(COLOURS)]

    @property
    def dash(self) -> str:
        """The dash of its lines; the first reference and the first series are both solid."""
        return DASHES[(-1 - self.number if self.number < 0 else self.number) % len(DASHES)]

    @property
    def symbol(self) -> str:
        """The shape of its markers."""
        return SYMBOLS[self.number % len(SYMBOLS)]

    @property
    def hatch(self) -> str:
        """The pattern in its bars; the first has none."""
        return HATCHES[self.number % len(HATCHES)]

    @property
    def shared(self) -> dict[str, Any]:
        """Properties that all its traces share: the legend hides and shows them together."""
        return {"legendgroup": str(self.number), "meta": {"series": self.number, "of": self.name}}


def series(fig: go.Figure, name: str, number: int | None = None, truth: bool = False) -> Series:
    """The series that a new trace belongs to: that of the same name, or the next free one.

    Args:
        fig: the figure so far.
        name: the name in the legend.
        number: a series to join, whatever its name.
        truth: whether it is a reference that others are compared with.
    """
    drawn = [
        (t["meta"]["of"], t["meta"]["series"]) for t in traces(fig) if "of" in t.get("meta", {})
    ]
    numbers = [n for _, n in drawn]
    same = [n for of, n in drawn if of == name and (n < 0) == truth]
    if truth:
        return Series(name, same[0] if same else min([0, *numbers]) - 1)
    if number is None:
        number = same[0] if same else max([-1, *numbers]) + 1
    return Series(name, number)


def legend_entry(fig: go.Figure, style: Series) -> dict[str, Any]:
    """Hides a trace from a legend that has its series already, as a line through its own marks."""
    named = {
        (t.get("legendgroup"), t.get("name"))
        for t in traces(fig)
        if t.get("showlegend") is not False
    }
    is_named = (style.shared["legendgroup"], wrap(style.name)) in named
    return {"showlegend": False} if is_named else {}


def hover_template(fig: go.Figure) -> str:
    """The text on hovering over a point: titles of the axes and its values in full precision."""
    return f"{axis_title(fig, 'x')} %{{x:{DIGITS}}}<br>{axis_title(fig, 'y')} %{{y:{DIGITS}}}"


def wrap(text: str, width: int = 38) -> str:
    """The text broken into lines that fit a phone."""
    return "<br>".join(textwrap.wrap(text, width)) or text


def with_opacity(colour: str, opacity: float) -> str:
    """The colour at an opacity: "#0072B2" at 0.2 is "rgba(0,114,178,0.2)"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"

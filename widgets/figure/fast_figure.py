"""A plotly figure that is written down as mappings until somebody asks plotly something.

To check and copy what it is told takes plotly ten times as long as to put it down, and a panel
draws a figure many times a second whose words have checked it already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.io.json import to_json_plotly


class Figure(go.Figure):
    """A `plotly.graph_objects.Figure`, checked whole at the first touch of anything of plotly's.

    Until then the functions of this module read and write it; afterwards they do so by way of
    plotly. Nobody else can tell it from another figure.
    """

    def __getattr__(self, name: str) -> Any:
        """What plotly has under the name."""
        # Python asks here only for what is not set, and nothing is before plotly has made it.
        parts = vars(self).pop("_written", None)
        if parts is None:
            raise AttributeError(name)
        try:
            super().__init__(parts)
        except Exception:
            # Whoever asks again is told the same.
            vars(self).clear()
            vars(self)["_written"] = parts
            raise
        return getattr(self, name)


def begun(layout: dict[str, Any]) -> Figure:
    """A figure without traces."""
    fig = Figure.__new__(Figure)
    vars(fig)["_written"] = {"data": [], "layout": layout}
    return fig


def traces(fig: go.Figure) -> Sequence[Mapping[str, Any]]:
    """Its traces, to be read only."""
    parts = _written(fig)
    return [t.to_plotly_json() for t in fig.data] if parts is None else parts["data"]


def layout(fig: go.Figure) -> Mapping[str, Any]:
    """Its layout, to be read only."""
    parts = _written(fig)
    return fig.layout.to_plotly_json() if parts is None else parts["layout"]


def axis_of(fig: go.Figure, axis: str) -> Mapping[str, Any]:
    """What is set of the axis "x" or "y", to be read only."""
    return layout(fig).get(f"{axis}axis", {})


def alternative(fig: go.Figure) -> str:
    """What the figure shows, in words; empty where nobody said it."""
    return layout(fig).get("meta", {}).get("alt", "")


def set_alternative(fig: go.Figure, sentence: str) -> None:
    """Sets what the figure shows, in words."""
    parts = _written(fig)
    if parts is None:
        fig.update_layout(meta={**(fig.layout.meta or {}), "alt": sentence})
    else:
        parts["layout"].setdefault("meta", {})["alt"] = sentence


def add_trace(fig: go.Figure, trace: dict[str, Any]) -> None:
    """Adds a trace, as plotly's method does."""
    parts = _written(fig)
    if parts is None:
        fig.add_trace(trace)
    else:
        parts["data"].append(trace)


def add_shape(fig: go.Figure, shape: dict[str, Any]) -> None:
    """Adds a shape, as plotly's method does."""
    parts = _written(fig)
    if parts is None:
        fig.add_shape(shape)
    else:
        parts["layout"].setdefault("shapes", []).append(shape)


def update_axis(fig: go.Figure, axis: str, values: Mapping[str, Any]) -> None:
    """Sets properties of the axis "x" or "y"."""
    parts = _written(fig)
    if parts is None:
        fig.update_layout({f"{axis}axis": dict(values)})
    else:
        parts["layout"].setdefault(f"{axis}axis", {}).update(values)


def text(fig: go.Figure) -> str:
    """The figure as plotly's JSON."""
    return to_json_plotly({"data": traces(fig), "layout": layout(fig)})


def _written(fig: go.Figure) -> dict[str, Any] | None:
    return vars(fig).get("_written")

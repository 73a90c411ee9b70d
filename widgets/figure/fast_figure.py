"""A plotly figure that is stored as plain mappings until one of plotly's own attributes is used.

plotly takes ten times as long to check and copy a figure as it takes to write it down, and a panel
draws many figures a second whose values the drawing functions have checked already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.io.json import to_json_plotly


class Figure(go.Figure):
    """A `plotly.graph_objects.Figure` that plotly checks when one of its attributes is first used.

    Until then the functions of this module read and write mappings; afterwards they use plotly's
    methods. To all other code it is an ordinary figure.
    """

    def __getattr__(self, name: str) -> Any:
        """Plotly's attribute, after plotly has initialised the figure."""
        # Called for missing attributes only; before the initialisation all are missing.
        parts = vars(self).pop("_written", None)
        if parts is None:
            raise AttributeError(name)
        try:
            super().__init__(parts)
        except Exception:
            # The next use raises the same error.
            vars(self).clear()
            vars(self)["_written"] = parts
            raise
        return getattr(self, name)


def new_figure(layout: dict[str, Any]) -> Figure:
    """A figure without traces."""
    fig = Figure.__new__(Figure)
    vars(fig)["_written"] = {"data": [], "layout": layout}
    return fig


def traces(fig: go.Figure) -> Sequence[Mapping[str, Any]]:
    """Its traces, read-only."""
    parts = _written(fig)
    return [t.to_plotly_json() for t in fig.data] if parts is None else parts["data"]


def layout(fig: go.Figure) -> Mapping[str, Any]:
    """Its layout, read-only."""
    parts = _written(fig)
    return fig.layout.to_plotly_json() if parts is None else parts["layout"]


def axis_of(fig: go.Figure, axis: str) -> Mapping[str, Any]:
    """The settings of the axis "x" or "y", read-only."""
    return layout(fig).get(f"{axis}axis", {})


def get_alt_text(fig: go.Figure) -> str:
    """The text alternative of the figure; empty if it has none."""
    return layout(fig).get("meta", {}).get("alt", "")


def set_alt_text(fig: go.Figure, sentence: str) -> None:
    """Sets the text alternative of the figure."""
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


def to_json(fig: go.Figure) -> str:
    """The figure as JSON, in plotly's form."""
    return to_json_plotly({"data": traces(fig), "layout": layout(fig)})


def _written(fig: go.Figure) -> dict[str, Any] | None:
    return vars(fig).get("_written")

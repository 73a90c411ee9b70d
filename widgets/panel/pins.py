"""A figure with the traces of another beside its own: pale, dashed, and named in the legend."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from widgets.figure.fast_figure import add_trace, begun, layout, traces

PALE = 0.45


def pinned(figure: go.Figure, beside: go.Figure, name: str) -> go.Figure:
    """The figure over the traces of the other, which no reader should take for its own.

    Lines are dashed and markers hollow, so that the difference is not one of colour alone. A heat
    map covers whatever is behind it: where the figures hold one, the other is left out.

    Args:
        figure: the one on top, whose axes and levels count.
        beside: the other.
        name: of the other, put after the names of its traces in the legend.
    """
    own, other = traces(figure), traces(beside)
    if any(trace["type"] == "heatmap" for trace in (*own, *other)):
        return figure
    both = begun(dict(layout(figure)))
    for trace in (*own, *(_paled(trace, name) for trace in other)):
        add_trace(both, trace)
    return both


def named(pinned: Mapping[str, Any], shown: Mapping[str, Any], is_preview: bool = False) -> str:
    """What the pinned figure's knobs were where they differ from those of the one shown."""
    told = [f"{name} {value}" for name, value in pinned.items() if value != shown[name]]
    return f"pinned{' first look' if is_preview else ''}: " + (
        ", ".join(told) if told else "the same knobs"
    )


def _paled(trace: dict[str, Any], name: str) -> dict[str, Any]:
    made = copy.deepcopy(trace)
    made["opacity"] = PALE
    if made.get("type", "scatter") == "scatter":
        # Last among the traces, so that the legend's choices stay with their own, yet behind them.
        made["zorder"] = -1
    made["legendgroup"] = f"pinned {made.get('legendgroup', '')}"
    made["name"] = f"{made.get('name', '')}<br>({name})"
    if "lines" in made.get("mode", "") and made.get("fill") is None:
        made["line"] = {**made.get("line", {}), "dash": "dash"}
    if "markers" in made.get("mode", ""):
        made["marker"] = {**made.get("marker", {}), "symbol": _hollow(made.get("marker", {}))}
    return made


def _hollow(marker: dict[str, Any]) -> str:
    symbol = str(marker.get("symbol", "circle"))
    return symbol if symbol.endswith("-open") else f"{symbol}-open"

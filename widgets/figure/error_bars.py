"""Error bars, bands, and upper limits of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from widgets.figure.axes import axis_title, is_log
from widgets.figure.fast_figure import add_trace, traces
from widgets.figure.theme import DIGITS, Series, hover_template, with_opacity
from workbench.base.checks import refuse
from workbench.experiment.alt_text import AT_MOST


def hover_data(
    fig: go.Figure, y: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> dict[str, Any]:
    """The exact values of a trace, for its hover text and for a page's download.

    A log axis cannot show a zero and may clip an end; `customdata` has the values as they were
    given, `[low, high, y]` or `[y]` a point.
    """
    if low is not None and high is not None:
        ends = f"<br>from %{{customdata[0]:{DIGITS}}} to %{{customdata[1]:{DIGITS}}}"
        return {
            "customdata": np.stack([low, high, y], axis=1),
            "hovertemplate": hover_template(fig) + ends,
        }
    exact = {"customdata": y[:, None]} if is_log(fig, "y") else {}
    return {**exact, "hovertemplate": hover_template(fig)}


def error_bars(y: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> dict[str, Any]:
    """Error bars from absolute ends.

    Raises:
        ValueError: if a bar does not contain its value.
    """
    apart = (low > y) | (high < y)
    if apart.any():
        at = int(np.argmax(apart))
        ends = float(low[at]), float(high[at])
        refuse("error", f"a range that contains its value={y[at]:g}", ends)
    ends = {"type": "data", "symmetric": False, "array": high - y, "arrayminus": y - low}
    return {"error_y": {**ends, "color": colour, "thickness": 1.5, "width": 4}}


def add_at_most(fig: go.Figure, x: np.ndarray, top: np.ndarray, style: Series) -> None:
    """Adds triangles that point down from the upper ends of zeros."""
    if (top <= 0).any():
        refuse("error", "above 0 at the upper end of a 0 on a log axis", 0)
    where = f"{axis_title(fig, 'x')} %{{x:{DIGITS}}}<br>0, at most %{{y:{DIGITS}}}"
    points = {"x": x, "y": top, "name": AT_MOST, "hovertemplate": where}
    open_ = {"color": style.colour, "symbol": "triangle-down-open", "size": 10}
    # One entry suffices: the shape shows the kind and the colour the series.
    is_named = any(t.get("name") == AT_MOST and t.get("showlegend") for t in traces(fig))
    legend = {"showlegend": bool(len(x)) and not is_named, **_repeating(style)}
    trace = {"marker": open_, **points, **legend}
    add_trace(fig, {"type": "scatter", "mode": "markers", **trace})


def add_band(fig: go.Figure, x, low, high, y, style: Series) -> None:
    """Adds a filled outline; on a log axis an end at zero is raised, for the outline to close."""
    if is_log(fig, "y"):
        values = np.concatenate([low, high, y])
        floor = values[values > 0].min() / 10 if (values > 0).any() else 1.0
        low, high = np.maximum(low, floor), np.maximum(high, floor)
    outline = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
    fill = {"fill": "toself", "fillcolor": with_opacity(style.colour, 0.18), "line": {"width": 0}}
    hidden = {"hoverinfo": "skip", "showlegend": False, "name": style.name, **_repeating(style)}
    add_trace(fig, {"type": "scatter", "mode": "lines", **outline, **fill, **hidden})


def _repeating(style: Series) -> dict[str, Any]:
    """Marks a trace that repeats data of another one; a download leaves it out."""
    shared = style.shared
    return {**shared, "meta": {**shared["meta"], "repeats": True}}

"""What surrounds a value in a figure: its error bar, its band, the upper limit of a zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from widgets.figure.axes import is_log, words
from widgets.figure.fast_figure import add_trace, traces
from widgets.figure.theme import DIGITS, Series, hover, paled
from workbench.base.checks import refuse
from workbench.experiment.alt_text import AT_MOST


def numbers(
    fig: go.Figure, y: np.ndarray, low: np.ndarray | None = None, high: np.ndarray | None = None
) -> dict[str, Any]:
    """What a trace keeps beside what it draws, for hovering and for a page's download.

    A zero has no place on a log axis and an end may be cut there; `customdata` holds the values as
    they were given, `[low, high, y]` or `[y]` a point.
    """
    if low is not None and high is not None:
        told = f"<br>from %{{customdata[0]:{DIGITS}}} to %{{customdata[1]:{DIGITS}}}"
        return {
            "customdata": np.stack([low, high, y], axis=1),
            "hovertemplate": hover(fig) + told,
        }
    kept = {"customdata": y[:, None]} if is_log(fig, "y") else {}
    return {**kept, "hovertemplate": hover(fig)}


def bars(y: np.ndarray, low: np.ndarray, high: np.ndarray, colour: str) -> dict[str, Any]:
    """Error bars from absolute ends.

    Raises:
        ValueError: if a bar does not hold its value.
    """
    apart = (low > y) | (high < y)
    if apart.any():
        at = int(np.argmax(apart))
        ends = float(low[at]), float(high[at])
        refuse("error", f"a range that holds its value={y[at]:g}", ends)
    ends = {"type": "data", "symmetric": False, "array": high - y, "arrayminus": y - low}
    return {"error_y": {**ends, "color": colour, "thickness": 1.5, "width": 4}}


def add_at_most(fig: go.Figure, x: np.ndarray, top: np.ndarray, drawn: Series) -> None:
    """Triangles that point down from the upper ends of zeros."""
    if (top <= 0).any():
        refuse("error", "above 0 at the upper end of a 0 on a log axis", 0)
    where = f"{words(fig, 'x')} %{{x:{DIGITS}}}<br>0, at most %{{y:{DIGITS}}}"
    points = {"x": x, "y": top, "name": AT_MOST, "hovertemplate": where}
    open_ = {"color": drawn.colour, "symbol": "triangle-down-open", "size": 10}
    # Once is enough: their shape says what they are, and their colour of which series.
    told = any(t.get("name") == AT_MOST and t.get("showlegend") for t in traces(fig))
    legend = {"showlegend": bool(len(x)) and not told, **_repeating(drawn)}
    look = {"marker": open_, **points, **legend}
    add_trace(fig, {"type": "scatter", "mode": "markers", **look})


def add_band(fig: go.Figure, x, low, high, y, drawn: Series) -> None:
    """A closed outline, filled; on a log axis an end at zero is lifted, or it could not close."""
    if is_log(fig, "y"):
        values = np.concatenate([low, high, y])
        floor = values[values > 0].min() / 10 if (values > 0).any() else 1.0
        low, high = np.maximum(low, floor), np.maximum(high, floor)
    outline = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
    fill = {"fill": "toself", "fillcolor": paled(drawn.colour, 0.18), "line": {"width": 0}}
    mute = {"hoverinfo": "skip", "showlegend": False, "name": drawn.name, **_repeating(drawn)}
    add_trace(fig, {"type": "scatter", "mode": "lines", **outline, **fill, **mute})


def _repeating(drawn: Series) -> dict[str, Any]:
    """Of a trace that draws again what another one holds; a download leaves it out."""
    shared = drawn.shared
    return {**shared, "meta": {**shared["meta"], "repeats": True}}

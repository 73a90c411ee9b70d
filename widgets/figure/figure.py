"""The drawing functions: figure, curve, marks, heat, histogram, level.

They add arrays to a plotly figure in the style of `widgets.figure.theme`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from widgets.figure.axes import POWERS, is_log, log_ticks, set_ticks
from widgets.figure.error_bars import add_at_most, add_band, error_bars, hover_data
from widgets.figure.fast_figure import add_shape, add_trace, new_figure, set_alt_text, traces
from widgets.figure.fast_figure import layout as layout_of
from widgets.figure.theme import (
    DIGITS,
    MUTED,
    SCALE,
    TEMPLATE,
    hover_template,
    legend_entry,
    with_opacity,
    wrap,
)
from widgets.figure.theme import series as series_of
from workbench.base.array import host
from workbench.base.checks import refuse
from workbench.experiment.alt_text import alt_text


def figure(
    x: str = "",
    y: str = "",
    *,
    alt: str = "",
    log_x: bool = False,
    log_y: bool = False,
    from_x: float | None = None,
    title: str | None = None,
    height: int = 420,
) -> go.Figure:
    """An empty figure.

    Args:
        x: title of the horizontal axis, with its unit.
        y: title of the vertical axis, with its unit.
        alt: the text alternative for screen readers, a sentence; stored in `layout.meta["alt"]`.
            By default it is derived from the traces.
        log_x: whether the horizontal axis is logarithmic.
        log_y: whether the vertical axis is logarithmic.
        from_x: lower bound of a logarithmic horizontal axis, above 0; data below it are visible
            after zooming out. If all data lie below, the axis shows their last decade.
        title: a heading inside the figure.
        height: in pixels; the width is the page's.
    """
    meta = {"alt": alt} if alt.strip() else {"alt": "", "automatic": True}
    layout = {"template": TEMPLATE, "height": height, "meta": meta}
    for axis, label, log in (("x", x, log_x), ("y", y, log_y)):
        kind = {"type": "log", **POWERS} if log else {}
        layout[f"{axis}axis"] = {"title": {"text": label}, **kind}
    if from_x is not None:
        if not (log_x and from_x > 0):
            refuse("from_x", "above 0, and of a log axis", from_x)
        layout["meta"]["from_x"] = from_x
    if title:
        layout["title"] = {"text": title}
    return new_figure(layout)


def curve(
    fig: go.Figure,
    x: Any,
    y: Any,
    name: str,
    *,
    band: Any = None,
    truth: bool = False,
    series: int | None = None,
) -> None:
    """Adds a line: a law, a fit, a trend.

    On a log axis the line breaks where the value is zero. A value between two breaks has no line,
    and gets a marker.

    Args:
        fig: the figure to draw on.
        x: positions.
        y: values, as many as positions.
        name: the name in the legend.
        band: lower and upper ends of a shaded range; on a log axis an end at zero is drawn a decade
            below the smallest value of line and band.
        truth: whether this is a reference that measurements are compared with; drawn in black.
        series: which colour and dash; by default that of the same name, or the next free one.
    """
    x = _column("x", x)
    y = _column("y", y, x)
    style = series_of(fig, name, series, truth)
    _on_log("x", x, fig, above=True)
    shown = _on_log("y", y, fig)
    hover = hover_data(fig, y)
    if band is not None:
        low, high = (_column("band", end, x) for end in band)
        add_band(fig, x, low, high, shown, style)
        hover = hover_data(fig, y, low, high)
    line = {"color": style.colour, "dash": style.dash, "width": 2.5 if truth else 2}
    points = {"x": x, "y": shown, "name": wrap(name), **hover, **legend_entry(fig, style)}
    mode = "lines+markers" if _has_single_points(shown) else "lines"
    add_trace(fig, {"type": "scatter", "mode": mode, "line": line, **points, **style.shared})
    _finish(fig)


def marks(
    fig: go.Figure,
    x: Any,
    y: Any,
    name: str,
    *,
    error: Any = None,
    series: int | None = None,
) -> None:
    """Adds markers with error bars: measurements.

    On a log axis a zero is shown by an open triangle that points down from the upper end of its
    error, named "0, at most". The triangles are a separate trace, present with or without zeros,
    so that all frames of a slider have the same traces.

    Args:
        fig: the figure to draw on.
        x: positions.
        y: values, as many as positions.
        name: the name in the legend.
        error: lower and upper end of each value's error bar, in the units of y, not as distances.
        series: which colour and symbol; by default that of the same name, or the next free one.

    Raises:
        ValueError: if an error bar does not contain its value, or a zero on a log axis has none.
    """
    x = _column("x", x)
    y = _column("y", y, x)
    style = series_of(fig, name, series)
    _on_log("x", x, fig, above=True)
    shown = _on_log("y", y, fig)
    zero = np.isnan(shown) & (y == 0)
    if error is None and zero.any():
        refuse("error", "given where a value on a log axis is 0", None)
    hover = hover_data(fig, y)
    if error is not None:
        low, high = (_column("error", end, y) for end in error)
        hover = hover_data(fig, y, low, high) | error_bars(y, low, high, style.colour)
    dots = {"color": style.colour, "symbol": style.symbol, "size": 8}
    points = {"x": x, "y": shown, "name": wrap(name), **hover, **legend_entry(fig, style)}
    trace = {"type": "scatter", "mode": "markers", "marker": dots, **points, **style.shared}
    add_trace(fig, trace)
    if error is not None and is_log(fig, "y"):
        add_at_most(fig, x[zero], high[zero], style)
    _finish(fig)


def heat(fig: go.Figure, x: Any, y: Any, z: Any, *, label: str, log: bool = False) -> None:
    """Adds a heat map with its colour bar beside it.

    Args:
        fig: the figure to draw on.
        x: positions of the columns.
        y: positions of the rows.
        z: values, one row per y and one column per x.
        label: title of the colour bar, with its unit.
        log: whether the colour scale is logarithmic; a cell of zero is then blank and shows 0 on
            hover.
    """
    z, x, y = np.array(host(z), dtype=float), _column("x", x), _column("y", y)
    if z.shape != (len(y), len(x)):
        refuse("z", f"of shape (y, x)={(len(y), len(x))}", z.shape)
    if log and (z < 0).any():
        refuse("z", "at least 0 on a log scale", z.min())
    shown = np.log10(z, out=np.full(z.shape, np.nan), where=z > 0) if log else z
    bar = {
        "thickness": 14,
        "title": {"text": wrap(label, 34), "side": "right"},
        "exponentformat": "power",
    }
    if log and np.isfinite(shown).any():
        bar.update(log_ticks(np.nanmin(shown), np.nanmax(shown)))
    hover = f"{hover_template(fig)}<br>{label} %{{customdata:{DIGITS}}}<extra></extra>"
    cells = {"x": x, "y": y, "z": shown, "customdata": z, "name": label, "meta": {"log": log}}
    colours = {"colorbar": bar, "colorscale": SCALE, "hovertemplate": hover}
    add_trace(fig, {"type": "heatmap", **colours, **cells})
    _finish(fig)


def histogram(fig: go.Figure, edges: Any, counts: Any, name: str) -> None:
    """Adds bars from counts that are already binned.

    Args:
        fig: the figure to draw on.
        edges: the bins' ends, ascending, one more than counts.
        counts: how many fell into each bin, or a density.
        name: the name in the legend.
    """
    edges = _column("edges", edges)
    counts = _column("counts", counts, edges[1:])
    if (np.diff(edges) <= 0).any():
        refuse("edges", "ascending", edges)
    style = series_of(fig, name)
    ends = np.stack([edges[:-1], edges[1:]], axis=1)
    fill = {
        "color": with_opacity(style.colour, 0.5),
        "line": {"color": style.colour, "width": 1},
        "pattern": {"shape": style.hatch, "fgcolor": style.colour, "fillmode": "overlay"},
    }
    hover = f"from %{{customdata[0]:{DIGITS}}} to %{{customdata[1]:{DIGITS}}}: %{{y:{DIGITS}}}"
    bins = {"x": ends.mean(axis=1), "y": counts, "width": np.diff(edges), "customdata": ends}
    labels = {"name": wrap(name), "hovertemplate": hover, "showlegend": True}
    add_trace(fig, {"type": "bar", "marker": fill, **bins, **labels, **style.shared})
    _finish(fig)


def level(fig: go.Figure, value: float, name: str, axis: str = "y") -> None:
    """Adds a labelled reference line at one value of an axis.

    Args:
        fig: the figure to draw on.
        value: where the line stands, in the axis's units; above 0 on a log axis.
        name: the label written along it.
        axis: "y" for a horizontal line, "x" for a vertical one.
    """
    if axis not in ("x", "y"):
        refuse("axis", "'x' or 'y'", axis)
    if not np.isfinite(value) or (is_log(fig, axis) and value <= 0):
        refuse("value", "finite, and above 0 on a log axis", value)
    across = "x" if axis == "y" else "y"
    ends = {f"{axis}0": value, f"{axis}1": value, f"{axis}ref": axis}
    ends |= {f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    label = {"text": name, "textposition": "end", "font": {"color": MUTED, "size": 12}}
    if axis == "x":
        label |= {"xanchor": "right", "yanchor": "bottom"}
    line = {"color": MUTED, "dash": "dot", "width": 1.5}
    add_shape(fig, {"type": "line", "line": line, "label": label, **ends})
    _finish(fig)


def _finish(fig: go.Figure) -> None:
    """Updates the ticks and, if it is automatic, the text alternative."""
    set_ticks(fig)
    if layout_of(fig).get("meta", {}).get("automatic"):
        set_alt_text(fig, alt_text(layout_of(fig), traces(fig)))


def _column(name: str, values: Any, like: np.ndarray | None = None) -> np.ndarray:
    """The values as a new one-dimensional array; numbers of the length of `like`, if given."""
    # A copy: the figure does not change when the caller's array does.
    column = np.array(host(values))
    if column.ndim != 1:
        refuse(name, "of one dimension", column.shape)
    if like is None:
        return column
    if column.dtype.kind not in "iufb":
        refuse(name, "numbers", values, TypeError)
    if len(column) != len(like):
        refuse(name, f"as long as its positions={len(like)}", len(column))
    return column.astype(float)


def _has_single_points(values: np.ndarray) -> bool:
    """Whether a finite value has no finite neighbour, so that a line cannot show it."""
    finite = np.pad(np.isfinite(values), 1)
    return bool((finite[1:-1] & ~finite[:-2] & ~finite[2:]).any())


def _on_log(name: str, values: np.ndarray, fig: go.Figure, above: bool = False) -> np.ndarray:
    """The values, on a log axis with NaN for zeros.

    Raises:
        ValueError: if a value on a log axis is negative, or zero where it must be `above`.
    """
    if not is_log(fig, name):
        return values
    bad = values <= 0 if above else values < 0
    if bad.any():
        refuse(name, f"{'above' if above else 'at least'} 0 on a log axis", values[bad][0])
    return np.where(values == 0, np.nan, values)

"""Ranges and ticks of the axes of figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from widgets.figure.fast_figure import axis_of, layout, traces, update_axis

PAD = 0.05
# Ticks of a log axis: 1-2-5 within two decades, or few powers of ten.
FEW = {"tickmode": "linear", "dtick": "D2", "tickformat": ".6~g"}
POWERS = {"tickmode": "auto", "nticks": 7, "tickformat": ""}
# For 1-2-5 ticks of ten thousand and more, as 10k; the letters past a billion are little known.
THOUSANDS = {**FEW, "tickformat": "~s"}


def axis_values(fig: go.Figure, axis: str) -> np.ndarray:
    """Every number that a figure shows on an axis: points, ends of error bars, edges, levels.

    Args:
        fig: the figure.
        axis: "x" or "y".
    """
    log = is_log(fig, axis)
    parts = [part for trace in traces(fig) for part in _coordinates(trace, axis, log)]
    for shape in layout(fig).get("shapes", ()):
        if shape.get(f"{axis}ref") == axis:
            parts.append(np.array([shape[f"{axis}0"], shape[f"{axis}1"]], dtype=float))
    values = np.concatenate(parts) if parts else np.empty(0)
    shown = np.isfinite(values) & (values > 0) if log else np.isfinite(values)
    return values[shown]


def is_log(fig: go.Figure, axis: str) -> bool:
    """Whether the axis is logarithmic."""
    return axis_of(fig, axis).get("type") == "log"


def axis_title(fig: go.Figure, axis: str) -> str:
    """The title of the axis."""
    return axis_of(fig, axis).get("title", {}).get("text", "")


def set_ticks(fig: go.Figure, figures: Iterable[go.Figure] | None = None) -> None:
    """Sets the ticks of log axes by what is drawn: few powers of ten, or 1-2-5 within two decades.

    With few powers plotly adds ticks when a reader zooms in.

    Args:
        fig: the figure whose ticks are set.
        figures: the frames of an animated figure, whose values count; `fig` alone if not given.
    """
    for axis in "xy":
        if not is_log(fig, axis):
            continue
        values = np.concatenate(
            [axis_values(f, axis) for f in ([fig] if figures is None else figures)]
        )
        if len(values) == 0:
            continue
        begin = _begin(fig, axis, values)
        ticks = _ticks(max(values.min(), begin), values.max())
        if begin > 0:
            ticks = {**ticks, "autorangeoptions": {"clipmin": begin}}
        now = axis_of(fig, axis)
        # Setting them in a plotly figure takes a millisecond, for every trace that is added.
        if any(now.get(key) != value for key, value in ticks.items()):
            update_axis(fig, axis, ticks)


def _ticks(low: float, high: float) -> dict[str, Any]:
    decades = np.log10(high / low) if low > 1e-300 else np.inf
    if not 0.5 <= decades < 2:
        return POWERS
    return THOUSANDS if 1e4 <= high < 1e9 else FEW


def _begin(fig: go.Figure, axis: str, values: np.ndarray) -> float:
    """The lower bound of the axis (`from_x` of `figure`); 0 if it has none."""
    bound = (layout(fig).get("meta") or {}).get(f"from_{axis}", 0.0)
    return min(bound, values.max() / 10)


def log_ticks(low: float, high: float, most: int = 6) -> dict[str, list]:
    """Positions and labels for a scale of log10 values from `low` to `high`."""
    if high - low < 2:
        steps = [(m, p) for p in range(int(low) - 2, int(high) + 2) for m in (1, 2, 5)]
        steps = [(m, p) for m, p in steps if low <= np.log10(m) + p <= high]
        return {
            "tickvals": [float(np.log10(m)) + p for m, p in steps],
            "ticktext": [f"{m * 10.0**p:.3g}" for m, p in steps],
        }
    step = max(1, int(np.ceil((high - low) / most)))
    powers = [p for p in range(int(np.ceil(low)), int(np.floor(high)) + 1) if p % step == 0]
    return {"tickvals": powers, "ticktext": [f"10<sup>{p}</sup>" for p in powers]}


def common_range(figures: Iterable[go.Figure], axis: str) -> list[float] | None:
    """The range, in plotly's units, that shows all figures whole; None for categories."""
    figures = list(figures)
    log = is_log(figures[0], axis)
    fixed = [axis_of(f, axis).get("range") for f in figures]
    if all(r is not None for r in fixed):
        return [min(r[0] for r in fixed), max(r[1] for r in fixed)]
    values = np.concatenate([axis_values(f, axis) for f in figures])
    if len(values) == 0:
        return None
    if log:
        values = np.log10(values[values >= _begin(figures[0], axis, values)])
    low, high = float(values.min()), float(values.max())
    pad = PAD * (high - low) or 0.5
    kinds = {t["type"] for f in figures for t in traces(f)}
    if "heatmap" in kinds:
        return [low, high]
    from_zero = kinds == {"bar"} and axis == "y" and not log
    return [low if from_zero else low - pad, high + pad]


def _coordinates(trace: Mapping[str, Any], axis: str, log: bool) -> list[np.ndarray]:
    values = trace.get(axis)
    if values is None or len(values) == 0:
        return []
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        return []
    values = values.astype(float)
    if trace["type"] == "heatmap":
        return [_edges(values, log)]
    if trace["type"] == "bar":
        half = np.asarray(trace["width"]) / 2 if axis == "x" else 0.0
        return [values - half, values + half, *([np.zeros(1)] if axis == "y" else [])]
    error = trace.get("error_y", {})
    if trace["type"] == "scatter" and axis == "y" and "array" in error:
        return [values, values + error["array"], values - error["arrayminus"]]
    return [values]


def _edges(centres: np.ndarray, log: bool) -> np.ndarray:
    """Outer edges of the cells of a heat map, half a step beyond the outer centres."""
    if len(centres) == 1:
        return centres * [0.5, 2] if log else centres + [-0.5, 0.5]
    at = np.log(centres) if log else centres
    edges = np.array([1.5 * at[0] - 0.5 * at[1], 1.5 * at[-1] - 0.5 * at[-2]])
    return np.exp(edges) if log else edges

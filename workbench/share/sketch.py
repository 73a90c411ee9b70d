"""Draws a plotly figure as a small SVG, without a library or a script.

Lines, markers, bars and heat maps are drawn in their subplots; labels, legends and error bars are
not. Only validated numbers and colours enter the SVG, since a figure may be of unknown origin.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.base.files.regular_file import content

PLOTLY = "application/vnd.plotly.v1+json"
# The cell with the main figure in every notebook of the workbench.
MAIN = "figure"
WIDTH, HEIGHT = 240, 150
_LARGEST = 200_000_000
_POINTS, _MARKS, _CELLS, _TRACES = 60, 40, 20, 40
_PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Five colours of viridis, for heat maps.
_MAP = np.array([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]])
_INK = ("#1a1a1a", "#000000", "black")
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|rgba?\([0-9., %]{1,40}\)")
_NUMBERS = {"f8", "f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


class _Axis(NamedTuple):
    """The range of an axis, and its place in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def at(self, values: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            v = np.log10(values) if self.log else values
            share = (v - self.low) / (self.high - self.low or 1.0)
        return self.start + np.clip(share, -0.05, 1.05) * (self.end - self.start)


def main_figure(notebook: Path) -> dict[str, Any] | None:
    """The plotly figure of the notebook's cell `figure`, else the first one; None without any."""
    try:
        if notebook.is_symlink():
            return None
        cells = json.loads(content(notebook, _LARGEST))["cells"]
        figures = [(c.get("id"), o["data"][PLOTLY]) for c in cells for o in _outputs(c)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    figures.sort(key=lambda pair: pair[0] != MAIN)
    return next((figure for _, figure in figures if isinstance(figure, dict)), None)


def alternative(figure: Mapping[str, Any] | None) -> str:
    """The figure's text alternative; empty if it has none."""
    layout = (figure or {}).get("layout")
    meta = layout.get("meta") if isinstance(layout, dict) else None
    alt = meta.get("alt") if isinstance(meta, dict) else None
    return alt.encode("utf-8", "replace").decode() if isinstance(alt, str) else ""


def sketch(figure: Mapping[str, Any] | None) -> str:
    """The figure as an SVG element with its text alternative; empty if nothing in it can be drawn.

    Args:
        figure: data and layout as plotly writes them, from anywhere.
    """
    try:
        drawn = _drawn(figure or {})
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return ""
    if not drawn:
        return ""
    label = html.escape(alternative(figure) or "sketch of the main figure", quote=True)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg class="sketch" role="img" aria-label="{label}" {box}>{"".join(drawn)}</svg>'


def _outputs(cell: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [o for o in cell.get("outputs", []) if PLOTLY in o.get("data", {})]


def _drawn(figure: Mapping[str, Any]) -> list[str]:
    layout = figure.get("layout") or {}
    traces = [t for t in figure["data"][:_TRACES] if t.get("visible", True) is True]
    places: dict[tuple[str, str], list[Any]] = {}
    for number, trace in enumerate(traces):
        names = str(trace.get("xaxis") or "x"), str(trace.get("yaxis") or "y")
        points = _points(trace)
        if points is not None:
            places.setdefault(names, []).append((number, trace, *points))
    drawn: list[str] = []
    for (x_name, y_name), subplot in places.items():
        is_map = [_is_map(trace) for _, trace, _, _ in subplot]
        x = _axis(layout, x_name, [h[2] for h in subplot], 0, WIDTH, any(is_map))
        zero = [np.zeros(1)] if any(h[1].get("type") == "bar" for h in subplot) else []
        y = _axis(layout, y_name, [*(h[3] for h in subplot), *zero], HEIGHT, 0, any(is_map))
        if x and y:
            drawn.append(_frame(x, y))
            for number, trace, xs, ys in subplot:
                drawn += _trace(number, trace, x, y, xs, ys)
    return drawn


def _points(trace: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """The positions of a trace; None for a kind that is not drawn."""
    kind = trace.get("type") or "scatter"
    if _is_map(trace):
        z = _array(trace["z"])
        rows, columns = z.shape
        x = _array(trace["x"]) if "x" in trace else np.arange(columns)
        y = _array(trace["y"]) if "y" in trace else np.arange(rows)
        return x, y
    if kind not in {"scatter", "scattergl", "bar"} or "y" not in trace:
        return None
    y = _array(trace["y"])
    x = _array(trace["x"]) if "x" in trace else np.arange(len(y))
    if x.ndim != 1 or y.ndim != 1 or not len(x):
        return None
    return (y, x) if trace.get("orientation") == "h" and len(x) != len(y) else (x, y)


def _is_map(trace: Mapping[str, Any]) -> bool:
    return trace.get("type") in {"heatmap", "contour"}


def _array(encoded: Any) -> np.ndarray:
    """The array of plotly's encoded numbers or of a list; texts become indices by appearance."""
    if isinstance(encoded, dict):
        kind = encoded["dtype"]
        if kind not in _NUMBERS:
            raise ValueError(f"no such numbers: {kind}")
        array = np.frombuffer(base64.b64decode(encoded["bdata"]), "<" + kind).astype(float)
        shape = [int(n) for n in str(encoded.get("shape", len(array))).split(",")]
        return array.reshape(shape)
    if encoded and isinstance(encoded[0], list | dict):
        return np.array([_array(row) for row in encoded])
    if any(isinstance(v, str) for v in encoded):
        order = {word: place for place, word in enumerate(dict.fromkeys(map(str, encoded)))}
        return np.array([float(order[str(v)]) for v in encoded])
    return np.array([np.nan if v is None else float(v) for v in encoded])


def _axis(
    layout: Mapping[str, Any],
    name: str,
    values: Sequence[np.ndarray],
    start: float,
    end: float,
    is_map: bool,
) -> _Axis | None:
    known = layout.get(f"{name[0]}axis{name[1:]}") or {}
    log = known.get("type") == "log"
    numbers = np.concatenate([np.ravel(v) for v in values])
    with np.errstate(all="ignore"):
        numbers = np.log10(numbers) if log else numbers
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return None
    low, high = float(numbers.min()), float(numbers.max())
    margin = 0.0 if is_map else (0.04 * (high - low) or 1.0)
    low, high = low - margin, high + margin
    wanted = known.get("range")
    if isinstance(wanted, list) and len(wanted) == 2:
        ends = [float(v) for v in wanted]
        if all(map(math.isfinite, ends)) and ends[0] != ends[1]:
            low, high = ends
    domain = [float(v) for v in known.get("domain", (0.0, 1.0))]
    margin = math.copysign(3.0, end - start)
    span = end - start - 2 * margin
    first, last = (start + margin + d * span for d in np.clip(domain, 0, 1))
    return _Axis(low, high, first, last, log)


def _frame(x: _Axis, y: _Axis) -> str:
    corner = f"M{_n(x.start)} {_n(y.end)}V{_n(y.start)}H{_n(x.end)}"
    return f'<path d="{corner}" fill="none" stroke="currentColor" stroke-opacity=".35"/>'


def _trace(
    number: int, trace: Mapping[str, Any], x: _Axis, y: _Axis, xs: np.ndarray, ys: np.ndarray
) -> list[str]:
    if _is_map(trace):
        return _cells(_array(trace["z"]), x, y, xs, ys)
    count = min(len(xs), len(ys))
    left, top = x.at(xs[:count]), y.at(ys[:count])
    is_seen = np.isfinite(left) & np.isfinite(top)
    if trace.get("type") == "bar":
        return _bars(trace, number, left[is_seen], top[is_seen], float(y.at(np.zeros(1))[0]), y)
    mode = str(trace.get("mode") or ("lines" if count > 20 else "lines+markers"))
    if trace.get("fill") == "toself":
        colour = _colour(trace.get("fillcolor"), number)
        path = _path(left, top, is_seen)
        return [f'<path d="{path}Z" fill="{colour}" fill-opacity=".25"/>']
    drawn = []
    if "lines" in mode:
        line = trace.get("line") or {}
        colour = _colour(line.get("color"), number)
        dash = ' stroke-dasharray="5 3"' if line.get("dash", "solid") != "solid" else ""
        path = f'd="{_path(left, top, is_seen)}" fill="none" stroke="{colour}"'
        drawn.append(f'<path {path} stroke-width="1.6"{dash}/>')
    if "markers" in mode:
        colour = _colour((trace.get("marker") or {}).get("color"), number)
        chosen = _some(np.flatnonzero(is_seen), _MARKS)
        dots = "".join(f"M{_n(left[i])} {_n(top[i])}h0" for i in chosen)
        ends = 'stroke-width="4" stroke-linecap="round"'
        drawn.append(f'<path d="{dots}" fill="none" stroke="{colour}" {ends}/>')
    return drawn


def _path(left: np.ndarray, top: np.ndarray, is_seen: np.ndarray) -> str:
    """A line that breaks where a value is missing."""
    words, is_drawing = [], False
    for i in _some(np.arange(len(left)), _POINTS):
        if is_seen[i]:
            words.append(f"{'L' if is_drawing else 'M'}{_n(left[i])} {_n(top[i])}")
        is_drawing = bool(is_seen[i])
    return "".join(words) or "M0 0"


def _bars(
    trace: Mapping[str, Any],
    number: int,
    left: np.ndarray,
    top: np.ndarray,
    ground: float,
    y: _Axis,
) -> list[str]:
    if not len(left):
        return []
    colour = _colour((trace.get("marker") or {}).get("color"), number)
    ground = ground if math.isfinite(ground) else y.start
    gaps = np.diff(np.unique(left))
    wide = max(1.0, 0.7 * float(gaps.min() if len(gaps) else 20.0))
    chosen = _some(np.arange(len(left)), 2 * _MARKS)
    bars = "".join(
        f"M{_n(left[i] - wide / 2)} {_n(ground)}V{_n(top[i])}h{_n(wide)}V{_n(ground)}"
        for i in chosen
    )
    return [f'<path d="{bars}" fill="{colour}" fill-opacity=".8"/>']


def _cells(z: np.ndarray, x: _Axis, y: _Axis, xs: np.ndarray, ys: np.ndarray) -> list[str]:
    """A heat map as at most 20 by 20 rectangles, from evenly spaced cells."""
    rows, columns = _some(np.arange(len(ys)), _CELLS), _some(np.arange(len(xs)), _CELLS)
    with np.errstate(all="ignore"):
        seen = z[np.isfinite(z)]
        low, high = (seen.min(), seen.max()) if len(seen) else (0.0, 1.0)
        share = (z - low) / ((high - low) or 1.0)
    wide = (x.end - x.start) / len(columns)
    tall = (y.end - y.start) / len(rows)
    drawn = []
    for j, row in enumerate(rows):
        for i, column in enumerate(columns):
            if math.isfinite(share[row, column]):
                place = float(share[row, column]) * (len(_MAP) - 1)
                k = min(int(place), len(_MAP) - 2)
                mixed = _MAP[k] + (place - k) * (_MAP[k + 1] - _MAP[k])
                red, green, blue = (round(v) for v in mixed)
                at = f"M{_n(x.start + i * wide)} {_n(y.start + j * tall)}"
                path = f"{at}h{_n(wide)}v{_n(tall)}h{_n(-wide)}z"
                drawn.append(f'<path d="{path}" fill="#{red:02x}{green:02x}{blue:02x}"/>')
    return drawn


def _some(places: np.ndarray, most: int) -> np.ndarray:
    """At most that many indices, evenly spaced, with the first and the last."""
    if len(places) <= most:
        return places
    return places[np.unique(np.linspace(0, len(places) - 1, most).round().astype(int))]


def _colour(value: Any, number: int) -> str:
    if isinstance(value, str) and value in _INK:
        return "currentColor"
    if isinstance(value, str) and _COLOUR.fullmatch(value):
        return value
    return _PALETTE[number % len(_PALETTE)]


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")

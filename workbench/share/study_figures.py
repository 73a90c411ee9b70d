"""Figures of a study's results over its knobs.

One knob gives a line with intervals, two a heat map, more give parallel coordinates. If another
knob varies, runs with different seeds are repetitions.
"""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from scipy.special import stdtrit

from widgets.figure.figure import curve, figure, marks
from widgets.figure.theme import SCALE
from workbench.base.rows import number

SURE = 0.95
_WIDE_X, _WIDE_Y = 100, 1000
_SHADES = 8
# As many as a screen resolves, and as fit into a page forty times.
MOST_PLACES, MOST_CELLS, MOST_LINES = 1000, 150, 1000


class Point(NamedTuple):
    """A run in a figure.

    Attributes:
        knobs: the values of the varying knobs, without the seed.
        value: the result.
        interval: the run's interval of the result; None if it has none.
    """

    knobs: Mapping[str, Any]
    value: float
    interval: tuple[float, float] | None = None


def study_figure(points: Sequence[Point], label: str) -> dict[str, Any] | None:
    """The figure as plotly's JSON, with its text alternative; None if no knob varies.

    Args:
        points: runs with the same knobs.
        label: the name of the result.
    """
    knobs = list(points[0].knobs) if points else []
    if not knobs:
        return None
    draw = _line if len(knobs) == 1 else _map if len(knobs) == 2 else _parallel
    return json.loads(draw(points, knobs, label).to_json())


def order(values: Sequence[Any]) -> list[Any]:
    """The distinct values: sorted numbers, then the others as sorted texts."""
    different = {_key(v): v for v in values}
    levels = sorted(
        different.values(), key=lambda v: (not _is_number(v), v if _is_number(v) else 0)
    )
    words = sorted((v for v in levels if not _is_number(v)), key=spelled)
    return [v for v in levels if _is_number(v)] + words


def spelled(value: Any) -> str:
    """A knob's value as text of at most 40 letters."""
    text = value if isinstance(value, str) else number(value)
    text = " ".join(text.split()) or "(empty)"
    return text if len(text) <= 40 else text[:37] + "..."


def _places(values: Sequence[Any], most: int) -> tuple[list[Any], dict[str, int], str]:
    """The distinct values, the place of each by its key, and a sentence on shared places.

    More than `most` values share places, neighbours with neighbours; a place is named by the
    middle one of its values.
    """
    different = order(values)
    if len(different) <= most:
        return different, {_key(v): place for place, v in enumerate(different)}, ""
    shares = np.array_split(np.arange(len(different)), most)
    middles = [different[share[len(share) // 2]] for share in shares]
    places = {_key(different[i]): place for place, share in enumerate(shares) for i in share}
    return middles, places, f" {len(different)} values share {most} places."


def _line(points: Sequence[Point], knobs: Sequence[str], label: str) -> go.Figure:
    (knob,) = knobs
    values, places, spans = _places([p.knobs[knob] for p in points], MOST_PLACES)
    cells: list[list[Point]] = [[] for _ in values]
    for p in points:
        cells[places[_key(p.knobs[knob])]].append(p)
    held = [_together(cell) for cell in cells]
    y = np.array([middle for middle, _, _ in held])
    ends = np.array([interval or (middle, middle) for middle, interval, _ in held]).T
    is_scale = all(map(_is_number, values))
    x = np.array(values if is_scale else range(len(values)), dtype=float)
    # A log axis has no zero.
    log_x = is_scale and _is_wide(x, _WIDE_X)
    log_y = _is_wide(ends, _WIDE_Y)
    counts = {count for _, _, count in held}
    alt = (
        f"{_what(label)} against {knob}: {_course(values, y)}. {_certainty(points, counts)}{spans}"
    )
    fig = figure(_safe(knob), _safe(label), alt=alt, log_x=log_x, log_y=log_y)
    if is_scale and len(values) > 1:
        curve(fig, x, y, "mean" if counts != {1} else "run", series=0)
    has_interval = any(interval for _, interval, _ in held)
    marks(fig, x, y, "mean" if counts != {1} else "run", error=ends if has_interval else None)
    fig.update_layout(showlegend=False)
    if not is_scale:
        fig.update_xaxes(tickvals=x, ticktext=[_safe(spelled(v)) for v in values])
    return fig


def _map(points: Sequence[Point], knobs: Sequence[str], label: str) -> go.Figure:
    (columns, across, wide), (rows, down, tall) = (
        _places([p.knobs[k] for p in points], MOST_CELLS) for k in knobs
    )
    cells: dict[tuple[int, int], list[Point]] = defaultdict(list)
    for p in points:
        cells[down[_key(p.knobs[knobs[1]])], across[_key(p.knobs[knobs[0]])]].append(p)
    z = np.full((len(rows), len(columns)), np.nan)
    for at, several in cells.items():
        z[at] = math.fsum(p.value for p in several) / len(several)
    low, high = (np.unravel_index(f(z), z.shape) for f in (np.nanargmin, np.nanargmax))
    ends = [
        f"{what} {number(float(z[at]))} at {knobs[0]} {spelled(columns[at[1]])}, "
        f"{knobs[1]} {spelled(rows[at[0]])}"
        for what, at in (("lowest", low), ("highest", high))
    ]
    several = "; each cell is the mean of its runs" if len(points) > np.isfinite(z).sum() else ""
    alt = f"{_what(label)} as a map over {knobs[0]} and {knobs[1]}: {', '.join(ends)}{several}."
    fig = figure(_safe(knobs[0]), _safe(knobs[1]), alt=alt + wide + tall)
    fig.add_trace(
        go.Heatmap(
            # Words, so that every value has a cell of one size however far it is from the next.
            x=[_safe(spelled(v)) for v in columns],
            y=[_safe(spelled(v)) for v in rows],
            z=z,
            colorscale=SCALE,
            colorbar={"thickness": 14},
            hovertemplate="%{x}, %{y}: %{z:.6~g}<extra></extra>",
        )
    )
    fig.update_xaxes(type="category")
    fig.update_yaxes(type="category")
    return fig


def _parallel(points: Sequence[Point], knobs: Sequence[str], label: str) -> go.Figure:
    """Parallel coordinates as line traces; plotly's own need WebGL, and are not printed."""
    values = np.array([p.value for p in points])
    axes = [*([p.knobs[name] for p in points] for name in knobs), values.tolist()]
    names = [*knobs, label]
    best = points[int(values.argmax())]
    at = ", ".join(f"{name} {spelled(best.knobs[name])}" for name in knobs)
    alt = (
        f"{_what(label)} over {', '.join(knobs)} as parallel coordinates, a line a run, coloured "
        f"by {label}: from {number(float(values.min()))} to {number(float(values.max()))}, "
        f"highest at {at}."
    )
    if len(points) > MOST_LINES:
        alt += f" {MOST_LINES} of {len(points)} lines are drawn, evenly from the lowest on."
    fig = figure(alt=alt, height=460)
    heights = np.array([_heights(held) for held in axes])
    ranks = np.minimum((heights[-1] * _SHADES).astype(int), _SHADES - 1)
    if len(points) > MOST_LINES:
        drawn = values.argsort()[np.linspace(0, len(points) - 1, MOST_LINES).round().astype(int)]
        heights, ranks = heights[:, drawn], ranks[drawn]
    for shade in range(_SHADES):
        chosen = heights[:, ranks == shade]
        if chosen.size:
            fig.add_trace(_lines(chosen, sample_colorscale(SCALE, (shade + 0.5) / _SHADES)[0]))
    for place, held in enumerate(axes):
        different = order(held)
        for value, y, anchor in ((different[0], 0, "top"), (different[-1], 1, "bottom")):
            text = {"text": _safe(spelled(value)), "yanchor": anchor, "showarrow": False}
            fig.add_annotation(x=place, y=y, **text)
    ticks = {"tickvals": list(range(len(axes))), "ticktext": [_safe(spelled(n)) for n in names]}
    fig.update_xaxes(range=[-0.3, len(axes) - 0.7], showline=False, **ticks)
    fig.update_yaxes(visible=False, range=[-0.08, 1.08])
    fig.update_layout(showlegend=False, hovermode=False)
    return fig


def _lines(heights: np.ndarray, colour: str) -> go.Scatter:
    """Many lines as one trace, with gaps between them."""
    count, lines = heights.shape
    y = np.vstack([heights, np.full(lines, np.nan)]).T.ravel()
    x = np.tile(np.arange(count + 1.0), lines)
    line = {"color": colour, "width": 1.5}
    return go.Scatter(x=x, y=y, mode="lines", line=line, opacity=0.7, connectgaps=False)


def _heights(values: Sequence[Any]) -> np.ndarray:
    """The positions of the values on an axis from 0 to 1; texts have equal distances."""
    if not all(map(_is_number, values)):
        places = {_key(v): place for place, v in enumerate(order(values))}
        values = [places[_key(v)] for v in values]
    held = np.array(values, dtype=float)
    low, high = float(held.min()), float(held.max())
    if _is_wide(held, _WIDE_X):
        held, low, high = np.log(held), math.log(low), math.log(high)
    return (held - low) / (high - low) if high > low else np.full(len(held), 0.5)


def _together(points: Sequence[Point]) -> tuple[float, tuple[float, float] | None, int]:
    """The mean of runs that differ only in their seed, its interval, and their number.

    x̄ ± t₀.₉₇₅(n - 1) · s/√n
    """
    values = np.array([p.value for p in points])
    mean = float(values.mean())
    if len(values) == 1:
        # Rounding must not place the value outside its interval.
        low, high = points[0].interval or (mean, mean)
        return mean, points[0].interval and (min(low, mean), max(high, mean)), 1
    half = float(_quantile(len(values) - 1) * values.std(ddof=1))
    half /= math.sqrt(len(values))
    return mean, (mean - half, mean + half), len(values)


@functools.cache
def _quantile(freedom: int) -> float:
    return float(stdtrit(freedom, (1 + SURE) / 2))


def _certainty(points: Sequence[Point], counts: set[int]) -> str:
    if counts != {1}:
        several = number(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        return f"Each is the mean of {several} runs, with its 95 % interval."
    if any(p.interval for p in points):
        return "Each is one run, with the interval it gives."
    return "Each is one run, which gives no interval."


def _course(values: Sequence[Any], y: np.ndarray) -> str:
    if len(values) == 1:
        return number(float(y[0]))
    first, last = (f"{number(float(y[i]))} at {spelled(values[i])}" for i in (0, -1))
    inner = f", at most {number(float(y.max()))}, at least {number(float(y.min()))}"
    return f"{first}, {last}{inner if len(values) > 2 else ''}"


def _is_wide(values: np.ndarray, factor: float) -> bool:
    return bool(values.min() > 0 and values.max() / values.min() >= factor)


def _what(label: str) -> str:
    return label[:1].upper() + label[1:]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key(value: Any) -> str:
    return repr(value) if type(value) is float else json.dumps(value, sort_keys=True)


def _safe(text: str) -> str:
    """The label with tags escaped, which plotly would interpret."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

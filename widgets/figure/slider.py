"""A figure whose slider lives on without a kernel: its frames are computed during the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.io.json import to_json_plotly

from widgets.figure.axes import cover, log_ticks, tick
from workbench.base.checks import nearest, refuse
from workbench.experiment.params import KnobError, Parameters

DATA = {"x", "y", "z", "customdata", "error_y", "name", "showlegend", "text", "width"}
LAYOUT = ("annotations", "shapes", "title")
ROOM = 90
# What the frames of one figure may add to a page.
MOST_BYTES = 1_000_000
MOST_LISTED = 12


def slide(
    draw: Callable[..., go.Figure],
    run: Callable[..., Any],
    params: Parameters,
    **values: Iterable[Any],
) -> go.Figure:
    """One figure with a slider over the values of one knob.

    The experiment runs at each value, with the other knobs as they are in `params`. Numbers are put
    in order; the value of `params` is where the slider stands and is added if it is not among them.
    Values that the experiment's `Params` refuses are left out, those at which the run refuses its
    data with the reason, and every second or more where all frames would take more than a page's
    budget of a megabyte. The axes cover all frames.

    What turns the figure into HTML must say `auto_play=False`, or plotly runs through the frames as
    the page opens.

    Args:
        draw: what draws a result, `draw(params, result)`.
        run: the experiment, `run(params)`.
        params: the knobs of the run.
        **values: the values of one knob, under its name: `moved=[0, 4, 8]`.

    Raises:
        ValueError: if there is not one knob of this experiment, or if two frames differ in the
            number or kinds of their traces, which no slider could pass between.
    """
    name, admitted = _admitted(params, values)
    admitted, figures, refused = _drawn(draw, run, params, name, admitted)
    _check_alike(name, admitted, figures)
    active = admitted.index(params)
    fig = go.Figure(figures[active])
    _share_colours([*figures, fig])
    for axis in "xy":
        span = cover(figures, axis)
        if span is not None:
            fig.update_layout({f"{axis}axis": {"range": span, "autorange": False}})
    tick(fig, figures)
    kept = _fitting(figures, active)
    labels = _labels([getattr(admitted[i], name) for i in kept])
    listed, left_out = _listed(labels), len(figures) - len(kept)
    small = f" {left_out} values are left out, for a page has to stay small." if left_out else ""
    moves = [
        f" A slider sets {name} to {listed}; here it is {now}.{small}{refused}" for now in labels
    ]
    shown = [figures[i] for i in kept]
    fig.frames = [_frame(*parts) for parts in zip(labels, shown, moves, strict=True)]
    fig.update_layout(
        sliders=[_slider(name, labels, kept.index(active))],
        # A page has a slider of its own in place of plotly's, and takes the room back.
        meta={**_told(fig, moves[kept.index(active)]), "room": ROOM},
        height=(fig.layout.height or 450) + ROOM,
    )
    return fig


def _admitted(params: Parameters, values: dict[str, Iterable[Any]]) -> tuple[str, list[Parameters]]:
    """The knob's name and the parameters of each frame, in order."""
    if len(values) != 1:
        refuse("values", "one knob and its values, as in moved=[0, 4, 8]", sorted(values))
    [(name, wanted)] = values.items()
    now = params.values()
    if name not in now:
        raise KnobError(f"`{name}` must be the name of a knob; {nearest(name, list(now))}")
    admitted = [params]
    for value in wanted:
        try:
            candidate = type(params)(**{**now, name: value})
        except KnobError:
            continue
        if candidate not in admitted:
            admitted.append(candidate)
    if isinstance(now[name], Real):
        admitted.sort(key=lambda p: getattr(p, name))
    return name, admitted


def _drawn(
    draw: Callable[..., go.Figure],
    run: Callable[..., Any],
    params: Parameters,
    name: str,
    admitted: list[Parameters],
) -> tuple[list[Parameters], list[go.Figure], str]:
    """The frames that can be drawn, and a sentence for each that cannot; where it stands, it must.

    A table may be long enough for one value and too short for another.
    """
    drawn, reasons = [], []
    for candidate in admitted:
        try:
            drawn.append((candidate, draw(candidate, run(candidate))))
        except ValueError as error:
            if candidate == params:
                raise
            reasons.append(f" It has no place for {name} {getattr(candidate, name)}: {error}.")
    return [p for p, _ in drawn], [f for _, f in drawn], "".join(reasons)


def _check_alike(name: str, admitted: list[Parameters], figures: list[go.Figure]) -> None:
    kinds = [[trace.type for trace in figure.data] for figure in figures]
    for params, found in zip(admitted, kinds, strict=True):
        if found != kinds[0]:
            raise ValueError(
                f"`draw` must return the same kinds of traces for every {name}={kinds[0]} at "
                f"{getattr(admitted[0], name)!r}; got {found} at {getattr(params, name)!r}"
            )


def _share_colours(figures: list[go.Figure]) -> None:
    """Gives the heat maps that follow each other one colour scale, or a slider would lie."""
    for traces in zip(*(figure.data for figure in figures), strict=True):
        if traces[0].type != "heatmap":
            continue
        shown = np.concatenate([np.asarray(t.z, dtype=float).ravel() for t in traces])
        shown = shown[np.isfinite(shown)]
        if len(shown) == 0:
            continue
        low, high = float(shown.min()), float(shown.max())
        for trace in traces:
            trace.update(zmin=low, zmax=high)
            if (trace.meta or {}).get("log"):
                trace.colorbar.update(log_ticks(low, high))


def _fitting(figures: list[go.Figure], active: int) -> list[int]:
    """The frames that fit into a page's budget: every one, or every second, and so on.

    The one where the slider stands is always among them.
    """
    sizes = [len(to_json_plotly(_frame("", figure, ""))) for figure in figures]
    for step in range(1, len(figures) + 1):
        kept = [i for i in range(len(figures)) if (i - active) % step == 0]
        if sum(sizes[i] for i in kept) <= MOST_BYTES:
            return kept
    return [active]


def _frame(label: str, figure: go.Figure, moves: str) -> go.Frame:
    """What changes from frame to frame: data, and the parts of the layout that follow the data."""
    traces = [
        type(t)(**{k: v for k, v in t.to_plotly_json().items() if k in DATA}) for t in figure.data
    ]
    moving = {k: figure.layout[k] for k in LAYOUT} | {"meta": _told(figure, moves)}
    return go.Frame(name=label, data=traces, layout=moving, traces=list(range(len(traces))))


def _slider(name: str, labels: list[str], active: int) -> dict[str, Any]:
    how = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    steps = [{"method": "animate", "label": label, "args": [[label], how]} for label in labels]
    return {
        "active": active,
        "steps": steps,
        "currentvalue": {"prefix": f"{name} ", "font": {"size": 14}},
        "font": {"size": 12},
        "pad": {"t": 60, "b": 8},
        "len": 1,
    }


def _told(fig: go.Figure, moves: str) -> dict[str, Any]:
    """The text alternative of a frame, which states what it shows and what moves it."""
    meta = dict(fig.layout.meta or {})
    return {**meta, "alt": meta.get("alt", "").rstrip() + moves}


def _labels(values: list[Any]) -> list[str]:
    """The values in a few digits; in all of them where two would read alike."""
    short = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values]
    return short if len(set(short)) == len(short) else [repr(v) for v in values]


def _listed(labels: list[str]) -> str:
    """All labels, or how many there are between which ends, where a list would be a wall."""
    few = len(labels) <= MOST_LISTED
    return ", ".join(labels) if few else f"{len(labels)} values, {labels[0]} to {labels[-1]}"

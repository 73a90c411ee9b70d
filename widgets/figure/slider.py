"""A figure whose slider lives on without a kernel: its frames are computed during the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.io.json import to_json_plotly

from widgets.figure.axes import common_range, log_ticks, set_ticks
from workbench.base.checks import nearest, refuse
from workbench.experiment.params import KnobError, Parameters

DATA = {"x", "y", "z", "customdata", "error_y", "name", "showlegend", "text", "width"}
LAYOUT = ("annotations", "shapes", "title")
# Height of the slider in pixels.
SLIDER_HEIGHT = 90
# Largest size of the frames of one figure on a page.
MOST_BYTES = 1_000_000
MOST_LISTED = 12


def slide(
    draw: Callable[..., go.Figure],
    run: Callable[..., Any],
    params: Parameters,
    **values: Iterable[Any],
) -> go.Figure:
    """One figure with a slider over the values of one knob.

    The experiment runs at each value, with the other knobs as in `params`. Numbers are sorted; the
    slider starts at the value of `params`, which is added if it is not among them. Values that the
    experiment's `Params` refuses are left out, and so are those at which the run raises a
    ValueError, with its message in the text alternative. Frames of more than a megabyte together
    are thinned out: every second value, or every third, and so on. The axes show all frames whole.

    Pass `auto_play=False` when writing the figure as HTML, or plotly plays the frames as the page
    opens.

    Args:
        draw: draws a result, `draw(params, result)`.
        run: the experiment, `run(params)`.
        params: the parameters of the run.
        **values: the values of one knob, under its name: `moved=[0, 4, 8]`.

    Raises:
        ValueError: if there is not exactly one knob of this experiment, or if two frames differ in
            the number or kinds of their traces.
    """
    name, admitted = _admitted(params, values)
    admitted, figures, refused = _drawn(draw, run, params, name, admitted)
    _check_alike(name, admitted, figures)
    active = admitted.index(params)
    fig = go.Figure(figures[active])
    _share_colours([*figures, fig])
    for axis in "xy":
        span = common_range(figures, axis)
        if span is not None:
            fig.update_layout({f"{axis}axis": {"range": span, "autorange": False}})
    set_ticks(fig, figures)
    places = _fitting(figures, active)
    labels = _labels([getattr(admitted[i], name) for i in places])
    listed, left_out = _listed(labels), len(figures) - len(places)
    thinned = f" {left_out} values are left out to limit the size of the page." if left_out else ""
    notes = [
        f" A slider sets {name} to {listed}; here it is {now}.{thinned}{refused}" for now in labels
    ]
    shown = [figures[i] for i in places]
    fig.frames = [_frame(*parts) for parts in zip(labels, shown, notes, strict=True)]
    fig.update_layout(
        sliders=[_slider(name, labels, places.index(active))],
        # A page replaces plotly's slider by its own and removes this height.
        meta={**_meta(fig, notes[places.index(active)]), "room": SLIDER_HEIGHT},
        height=(fig.layout.height or 450) + SLIDER_HEIGHT,
    )
    return fig


def _admitted(params: Parameters, values: dict[str, Iterable[Any]]) -> tuple[str, list[Parameters]]:
    """The name of the knob and the parameters of all frames, in order."""
    if len(values) != 1:
        refuse("values", "one knob and its values, as in moved=[0, 4, 8]", sorted(values))
    [(name, requested)] = values.items()
    now = params.values()
    if name not in now:
        raise KnobError(f"`{name}` must be the name of a knob; {nearest(name, list(now))}")
    admitted = [params]
    for value in requested:
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
    """The frames that can be drawn, and a sentence for each that cannot.

    A table of the user's may be long enough for one value and too short for another.

    Raises:
        ValueError: from the run at `params`, where the slider starts.
    """
    drawn, reasons = [], []
    for candidate in admitted:
        try:
            drawn.append((candidate, draw(candidate, run(candidate))))
        except ValueError as error:
            if candidate == params:
                raise
            reasons.append(f" {name} {getattr(candidate, name)} is left out: {error}.")
    return [p for p, _ in drawn], [f for _, f in drawn], "".join(reasons)


def _check_alike(name: str, admitted: list[Parameters], figures: list[go.Figure]) -> None:
    kinds = [[trace.type for trace in figure.data] for figure in figures]
    for params, kind in zip(admitted, kinds, strict=True):
        if kind != kinds[0]:
            raise ValueError(
                f"`draw` must return the same kinds of traces for every {name}={kinds[0]} at "
                f"{getattr(admitted[0], name)!r}; got {kind} at {getattr(params, name)!r}"
            )


def _share_colours(figures: list[go.Figure]) -> None:
    """Gives the heat maps of all frames the same colour scale."""
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
    """The places of the frames that fit on a page: all, or every second, and so on.

    The active one is always among them.
    """
    sizes = [len(to_json_plotly(_frame("", figure, ""))) for figure in figures]
    for step in range(1, len(figures) + 1):
        places = [i for i in range(len(figures)) if (i - active) % step == 0]
        if sum(sizes[i] for i in places) <= MOST_BYTES:
            return places
    return [active]


def _frame(label: str, figure: go.Figure, note: str) -> go.Frame:
    """The data of a frame, and the parts of its layout that depend on them."""
    traces = [
        type(t)(**{k: v for k, v in t.to_plotly_json().items() if k in DATA}) for t in figure.data
    ]
    layout = {k: figure.layout[k] for k in LAYOUT} | {"meta": _meta(figure, note)}
    return go.Frame(name=label, data=traces, layout=layout, traces=list(range(len(traces))))


def _slider(name: str, labels: list[str], active: int) -> dict[str, Any]:
    animation = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    steps = [
        {"method": "animate", "label": label, "args": [[label], animation]} for label in labels
    ]
    return {
        "active": active,
        "steps": steps,
        "currentvalue": {"prefix": f"{name} ", "font": {"size": 14}},
        "font": {"size": 12},
        "pad": {"t": 60, "b": 8},
        "len": 1,
    }


def _meta(fig: go.Figure, note: str) -> dict[str, Any]:
    """The metadata of a figure with the note at the end of its text alternative."""
    meta = dict(fig.layout.meta or {})
    return {**meta, "alt": meta.get("alt", "").rstrip() + note}


def _labels(values: list[Any]) -> list[str]:
    """The values in few digits; in all of them if two would have the same label."""
    short = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in values]
    return short if len(set(short)) == len(short) else [repr(v) for v in values]


def _listed(labels: list[str]) -> str:
    """All labels; of many their number and ends."""
    few = len(labels) <= MOST_LISTED
    return ", ".join(labels) if few else f"{len(labels)} values, {labels[0]} to {labels[-1]}"

"""A plotly figure as HTML: its data for the page's script, a text alternative and a slider.

The slider is an HTML range input, which has a name and works by keyboard; it replaces plotly's on
the page, which works by mouse only.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

# Traces whose outlines or tiles plotly would load from a server.
MAPS = {"choropleth", "choroplethmap", "densitymap", "scattergeo", "scattermap"}
# The most values below a slider, and the letters that fit there on a phone.
TICKS = 9
LETTERS = 42
_NO_MAP = (
    "This figure is a map. Its outlines would have to be asked of a server, which this page never "
    "does; the notebook draws it."
)


def figure_html(bundle: Mapping[str, Any]) -> str:
    """The figure as HTML; the page's script draws it.

    Args:
        bundle: plotly's JSON of the figure; for other data the page's script shows a message.
    """
    figure = {name: bundle[name] for name in ("data", "layout", "frames") if name in bundle}
    alt = _alternative(figure)
    caption = f"<figcaption>{html.escape(alt)}</figcaption>" if alt else ""
    label = html.escape(alt or "interactive figure", quote=True)
    note = f'<p class="refused">{_NO_MAP}</p>' if _is_map(figure) else ""
    # The role is not `img`, which would hide the buttons; the script hides only the drawing.
    plot = f'<div class="plot" role="group" aria-label="{label}"></div>'
    return (
        f'<figure class="figure">{note or plot}{_slider(figure)}'
        f'<script type="application/json">{script_json(figure)}</script>{caption}</figure>'
    )


def script_json(value: Any) -> str:
    """JSON that cannot end the script element around it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def _alternative(figure: Mapping[str, Any]) -> str:
    meta = _mapping(figure, "layout").get("meta")
    return str(meta.get("alt", "")) if isinstance(meta, Mapping) else ""


def _is_map(figure: Mapping[str, Any]) -> bool:
    traces = [t for t in _list(figure.get("data")) if isinstance(t, Mapping)]
    return any(str(t.get("type")) in MAPS for t in traces)


def _slider(figure: Mapping[str, Any]) -> str:
    """A range input over the frames, if plotly's slider only selects one of them."""
    sliders = _list(_mapping(figure, "layout").get("sliders"))
    frames = [f.get("name") for f in _list(figure.get("frames")) if isinstance(f, Mapping)]
    if len(sliders) != 1 or not isinstance(sliders[0], Mapping):
        return ""
    steps = [s for s in _list(sliders[0].get("steps")) if isinstance(s, Mapping)]
    labels = [str(step.get("label")) for step in steps]
    plain = all(
        s.get("method") == "animate" and _list(s.get("args"))[:1] == [[s["label"]]]
        for s in steps
        if "label" in s
    )
    if len(steps) < 2 or not plain or labels != frames:
        return ""
    active = sliders[0].get("active", 0)
    active = active if isinstance(active, int) and 0 <= active < len(steps) else 0
    prefix = _mapping(sliders[0], "currentvalue").get("prefix", "")
    name = html.escape(str(prefix).strip() or "value", quote=True)
    now = html.escape(labels[active], quote=True)
    # Named by an attribute, since an output of the notebook might have the same id.
    return (
        f'<div class="slider" hidden><p><span>{name}</span> <strong>{now}</strong></p>'
        f'<input type="range" aria-label="{name}" aria-valuetext="{now}" autocomplete="off"'
        f' min="0" max="{len(steps) - 1}" step="1" value="{active}">{_ticks(labels)}</div>'
    )


def _ticks(labels: list[str]) -> str:
    """Some values below the slider, with both ends; those without room on a phone are marked."""
    last = len(labels) - 1
    shown = _thinned(list(range(last + 1)), TICKS)
    narrow = _thinned(shown, max(2, LETTERS // (max(map(len, labels)) + 2)))
    spans = "".join(
        f'<span{"" if i in narrow else " class=more"} style="left:{100 * i / last:.6g}%">'
        f"{html.escape(labels[i])}</span>"
        for i in shown
    )
    return f'<div class="ticks" aria-hidden="true">{spans}</div>'


def _thinned(places: list[int], most: int) -> list[int]:
    """At most that many indices, evenly spaced, with both ends and none close to the last."""
    every = max(1, -(-(len(places) - 1) // (most - 1)))
    chosen, last = places[:-1:every], places[-1]
    if len(chosen) > 1 and (len(places) - 1) % every and (len(places) - 1) % every < every / 2:
        chosen.pop()
    return [*chosen, last]


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

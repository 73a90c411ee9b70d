"""Widgets by their state at the end of a run: texts, pictures, figures and captured outputs.

An executed notebook holds the state of its widgets in its metadata, as JupyterLab and nbclient
write it (https://ipywidgets.readthedocs.io, "Model State", format version 2).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
from nbformat.v4 import new_output

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
# plotly's names of array types, by NumPy's names.
_TYPES = {"float64": "f8", "float32": "f4", "int32": "i4", "uint32": "u4"}
_TYPES |= {"int16": "i2", "uint16": "u2", "int8": "i1", "uint8": "u1"}
_BAR = 20
Part = str | nbformat.NotebookNode


def models(notebook: nbformat.NotebookNode) -> Mapping[str, Any]:
    """The saved states of the notebook's widgets by their ids."""
    state = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    return state if isinstance(state, Mapping) else {}


def widget_outputs(name: str, known: Mapping[str, Any]) -> list[nbformat.NotebookNode] | None:
    """Outputs that show what the widget shows; None if its state was not saved."""
    try:
        parts = list(_parts(name, known, frozenset()))
    except (AttributeError, KeyError, TypeError, ValueError):  # a state of another form
        return None
    if name not in known:
        return None
    outputs: list[nbformat.NotebookNode] = []
    lines: list[str] = []
    for part in [*parts, None]:
        if isinstance(part, str):
            lines.append(part)
            continue
        if lines:
            outputs.append(_shown("text/plain", "\n".join(lines)))
            lines = []
        if part is not None:
            outputs.append(part)
    return outputs


def _parts(name: str, known: Mapping[str, Any], above: frozenset[str]) -> Iterator[Part]:
    """The widget's lines and outputs from top to bottom."""
    model = known.get(name)
    if not isinstance(model, Mapping) or name in above:
        return
    state, kind = model.get("state", {}), str(model.get("model_name", ""))
    above |= {name}
    own = str(model.get("model_module", "@jupyter-widgets/")).startswith("@jupyter-widgets/")
    if _is_hidden(state, known):
        return
    if isinstance(state.get("_widget_data"), list):
        yield _shown("application/vnd.plotly.v1+json", _figure(state, model.get("buffers", [])))
    elif isinstance(state.get("outputs"), list):
        yield from [nbformat.from_dict(o) for o in state["outputs"] if "output_type" in o]
    elif isinstance(state.get("children"), list):
        yield from _children(state, kind, known, above)
    elif kind == "ImageModel":
        form = str(state.get("format", "png")).lower()
        data = [b["data"] for b in model.get("buffers", []) if b.get("path") == ["value"]]
        yield from [_shown(f"image/{form}", data[0])] if data else ["an empty picture"]
    elif own and (words := _words(state, kind)) is not None:
        yield words
    elif not kind.endswith(("LayoutModel", "StyleModel")):
        module = state.get("_anywidget_id") or f"{model.get('model_module')}.{kind}"
        yield _shown("text/html", f'<p class="refused">{html.escape(_live(str(module)))}</p>')


def _is_hidden(state: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether its layout hides the widget, as tqdm's `leave=False` does."""
    layout = known.get(str(state.get("layout", "")).removeprefix("IPY_MODEL_"), {}).get("state", {})
    return layout.get("display") == "none" or layout.get("visibility") == "hidden"


def _live(module: str) -> str:
    return f"This is a widget, {module}, which is drawn by a script; the notebook draws it."


def _children(
    state: Mapping[str, Any], kind: str, known: Mapping[str, Any], above: frozenset[str]
) -> Iterator[Part]:
    names = [str(child).removeprefix("IPY_MODEL_") for child in state["children"]]
    titles = state.get("titles") or []
    parts = [list(_parts(name, known, above)) for name in names]
    if kind == "HBoxModel":
        words = [part for some in parts for part in some if isinstance(part, str) and part]
        if len(words) > 1:  # the words beside a bar tell its numbers
            words = [re.sub(r"(?<=\|) \S+/\S+$", "", word) for word in words]
        yield from [" ".join(words)] if words else []
        yield from [part for some in parts for part in some if not isinstance(part, str)]
        return
    for place, some in enumerate(parts):
        yield from [str(titles[place])] if place < len(titles) and titles[place] else []
        yield from some


def _words(state: Mapping[str, Any], kind: str) -> str | None:
    """A widget's description and value as text; None if it has neither."""
    description, value = _plain(state.get("description", "")), state.get("value")
    if kind.startswith(("HTML", "Label")):
        text = _plain(value)
    elif "Progress" in kind:
        text = _bar(state)
    elif kind == "ButtonModel":
        return f"[{description}]"
    elif "_options_labels" in state:
        chosen = state.get("index")
        labels = state["_options_labels"]
        places = chosen if isinstance(chosen, list) else [] if chosen is None else [chosen]
        text = ", ".join(str(labels[i]) for i in places if 0 <= i < len(labels))
    elif "value" in state:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    else:
        return description or None
    return f"{description.rstrip(':')}: {text}" if description else text


def _bar(state: Mapping[str, Any]) -> str:
    low, high, value = (float(state.get(name) or 0) for name in ("min", "max", "value"))
    share = min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0
    full = round(_BAR * share)
    return f"|{'█' * full}{' ' * (_BAR - full)}| {value:g}/{high:g}"


def _figure(state: Mapping[str, Any], buffers: list[Mapping[str, Any]]) -> dict[str, Any]:
    """A `go.FigureWidget` as plotly's JSON; its arrays are in buffers beside the state."""
    packed = {tuple(b["path"]): b["data"] for b in buffers if b.get("encoding") == "base64"}

    def whole(value: Any, path: tuple[Any, ...]) -> Any:
        data = packed.get((*path, "buffer"))
        if isinstance(value, Mapping):
            kind = _TYPES.get(str(value.get("dtype")))
            if data is not None and kind:
                return {"dtype": kind, "bdata": data}
            return {key: whole(one, (*path, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [whole(one, (*path, place)) for place, one in enumerate(value)]
        return value

    return {
        "data": whole(state["_widget_data"], ("_widget_data",)),
        "layout": whole(state.get("_widget_layout") or {}, ("_widget_layout",)),
    }


def _plain(text: Any) -> str:
    bare = re.sub(r"<br\s*/?>|</(?:p|div|li|tr)>", "\n", str(text or ""), flags=re.I)
    return html.unescape(re.sub(r"<[^>]*>", "", bare)).replace("\xa0", " ").strip()


def _shown(kind: str, data: Any) -> nbformat.NotebookNode:
    return new_output("display_data", {kind: data})

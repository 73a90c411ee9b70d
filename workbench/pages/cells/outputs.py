"""The outputs of a cell as HTML: streams are joined, and of each output the best kind is shown.

A sentence names each output that cannot be shown.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import nbformat
from nbformat.v4 import new_output

from widgets.panel.download import link
from workbench.pages.cells.figure import figure_html, script_json
from workbench.pages.cells.foreign import figure_of, is_bare, output_html
from workbench.pages.cells.terminal import screens, terminal_html
from workbench.pages.cells.widget_state import VIEW, widget_outputs
from workbench.pages.text.formulas import Formulas
from workbench.pages.text.pictures import embedded_in_drawing
from workbench.pages.text.prose import markdown
from workbench.pages.text.unshown import library, note

PLOTLY = "application/vnd.plotly.v1+json"
ROWS = "application/vnd.dataresource+json"
CSV = "text/csv"
PROSE = ("text/markdown", "text/latex")
# Data that the workbench, papermill and scrapbook store for programs.
_RECORD = re.compile(r"application/(vnd\.workbench\.|papermill\.record|scrapbook\.scrap).*json")
# Kinds that a library draws by a script.
_SCRIPTED = re.compile(r"javascript|vega|bokeh|holoviews|leaflet|geo\+json|mermaid", re.I)
_RASTER = re.compile(r"image/(png|jpe?g|gif|webp|bmp|avif|x-icon)")
_MEDIA = re.compile(r"(video|audio)/[\w.+-]+")
_BARE = re.compile(r"<[\w.]+ object(?: at 0x[0-9a-f]+)?>|<[\w.]+>|alt\.\w+\(\.\.\.\)")


def joined(
    outputs: Iterable[nbformat.NotebookNode], widgets: Mapping[str, Any]
) -> Iterator[nbformat.NotebookNode]:
    """The outputs in order, with streams joined and widgets replaced by their last state.

    Args:
        outputs: the outputs of a cell.
        widgets: the state of the notebook's widgets, from `widget_state.models`.
    """
    pieces: list[tuple[str, str]] = []
    for output in [*_without_places(list(_without_widgets(outputs, widgets))), None]:
        if output is not None and output.output_type == "stream":
            pieces.append((output.name, output.text))
            continue
        for name, text in screens(pieces):
            yield new_output("stream", name=name, text=text)
        pieces = []
        if output is not None:
            yield output


def _without_widgets(
    outputs: Iterable[nbformat.NotebookNode], widgets: Mapping[str, Any]
) -> Iterator[nbformat.NotebookNode]:
    for output in outputs:
        data = output.get("data", {})
        if VIEW not in data or PLOTLY in data:
            figure = figure_of(data.get("text/html", "")) if PLOTLY not in data else None
            yield new_output("display_data", {PLOTLY: figure}) if figure else output
            continue
        view = data[VIEW]
        shown = widget_outputs(str(view.get("model_id")), widgets) if view else None
        if shown is None:
            sentence = "The last state of this widget was not saved; this is what it was at first."
            yield new_output("display_data", {"text/html": note(sentence)})
            yield new_output("display_data", {"text/plain": data.get("text/plain", "a widget")})
        else:
            yield from _without_widgets(shown, widgets)


def _without_places(outputs: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """The outputs without those that only load a library or contain the place of a drawing."""
    for place, output in enumerate(outputs):
        source = output.get("data", {}).get("text/html")
        kinds = [kind for one in outputs[place + 1 : place + 2] for kind in one.get("data", {})]
        drawn = any(map(_SCRIPTED.search, kinds))
        drawn |= PLOTLY in kinds and "plotly" in str(source).lower()
        if not (drawn and source and is_bare(source)):
            yield output


def output_html_of(output: nbformat.NotebookNode, alt: str, folder: str, formulas: Formulas) -> str:
    """An output as HTML.

    Args:
        output: an output with `data`, of which one kind is shown.
        alt: text alternative of a picture whose metadata have none.
        folder: the notebook's folder, for pictures in it.
        formulas: the formulas of the page so far.
    """
    data = output.data
    shown = shown_kind(data)
    picture = next((k for k in data if _RASTER.fullmatch(k) or _MEDIA.fullmatch(k)), None)
    if picture and shown in (None, "application/json", CSV, "text/plain"):
        return _picture(output, picture, alt)
    others = [kind for kind in data if kind != "text/plain" and not _RECORD.fullmatch(kind)]
    if shown in (None, "text/plain") and others:
        return _unknown(data, others)
    if shown is None:
        return "".join(map(_json, data.values()))
    if shown == "image/svg+xml":
        return _svg(str(data[shown]), _metadata_of(output, shown), alt, folder)
    if shown in PROSE:
        return markdown(str(data[shown]), folder, formulas=formulas)
    if shown == "text/html":
        return _table(output, folder)
    if shown == CSV:
        return csv_html(output)
    return _SHOWN[shown](data[shown])


def shown_kind(data: Mapping[str, Any]) -> str | None:
    """The first kind of `_SHOWN` that the output has."""
    return next((kind for kind in _SHOWN if kind in data), None)


def csv_html(output: nbformat.NotebookNode) -> str:
    """A link that saves the values; `clean` would remove the data of a link from the output."""
    named = output.metadata.get(CSV, {}).get("name", "table.csv")
    return link(str(named), str(output.data[CSV]))


def _table(output: nbformat.NotebookNode, folder: str) -> str:
    """The output's HTML, with the exact values of its table if the output has them."""
    data = output.data
    if CSV in data and "<table" not in data["text/html"]:
        return csv_html(output)
    table = output_html(str(data["text/html"]), folder)
    rows = data.get(ROWS, {}).get("data") if isinstance(data.get(ROWS), Mapping) else None
    if isinstance(rows, list):
        table = table.removesuffix("</div>")
        table += f'<script type="application/json" class="rows">{script_json(rows)}</script></div>'
    return table + (csv_html(output) if CSV in data else "")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return f"<pre>{html.escape(text, quote=False)}</pre>"


def _plain(text: Any) -> str:
    return f"<pre>{terminal_html(str(text))}</pre>"


def _unknown(data: Mapping[str, Any], kinds: list[str]) -> str:
    """A sentence on an output that cannot be shown, and its plain text."""
    scripted = next((kind for kind in kinds if _SCRIPTED.search(kind)), None)
    name = library(" ".join(kinds)) or (scripted and library(str(data[scripted])[:100_000]))
    by = f" of {name}" if name else ""
    listed = ", ".join(kinds)
    if scripted:
        sentence = f"This output is drawn by a script{by} ({listed}), and no script of an output "
        sentence += "runs on this page; the notebook draws it."
    else:
        sentence = f"This output is of a kind that this page cannot show: {listed}."
    text = str(data.get("text/plain", ""))
    return note(sentence) + (_plain(text) if text and not _BARE.fullmatch(text.strip()) else "")


def _picture(output: nbformat.NotebookNode, kind: str, alt: str) -> str:
    metadata = _metadata_of(output, kind)
    data = html.escape(re.sub(r"\s", "", str(output.data[kind])), quote=True)
    source = f'src="data:{kind};base64,{data}"'
    if _MEDIA.fullmatch(kind):
        return f"<{kind[:5]} controls {source}></{kind[:5]}>"
    return f'<img alt="{_alt(metadata, alt)}"{_size(metadata)}{_paper(metadata)} {source}>'


def _svg(text: str, metadata: Mapping[str, Any], alt: str, folder: str) -> str:
    """A drawing as a picture, in which no script runs and nothing is loaded."""
    text, notes = embedded_in_drawing(text, folder)
    if "http://www.w3.org/2000/svg" not in text:
        text = re.sub(r"<svg\b", '<svg xmlns="http://www.w3.org/2000/svg"', text, count=1)
    data = base64.b64encode(text.encode(errors="replace")).decode()
    size = _size(metadata) + ' class="on-light"'
    return f'<img alt="{_alt(metadata, alt)}"{size} src="data:image/svg+xml;base64,{data}">{notes}'


def _metadata_of(output: nbformat.NotebookNode, kind: str) -> Mapping[str, Any]:
    metadata = output.get("metadata", {})
    own = metadata.get(kind)
    return {**metadata, **(own if isinstance(own, Mapping) else {})}


def _alt(metadata: Mapping[str, Any], alt: str) -> str:
    return html.escape(str(metadata.get("alt") or alt), quote=True)


def _size(metadata: Mapping[str, Any]) -> str:
    """The size at which a picture of high resolution is to be shown."""
    named = {name: metadata.get(name) for name in ("width", "height")}
    return "".join(
        f' {n}="{v:g}"' for n, v in named.items() if isinstance(v, int | float) and v > 0
    )


def _paper(metadata: Mapping[str, Any]) -> str:
    needs = metadata.get("needs_background")
    return f' class="on-{needs}"' if needs in ("light", "dark") else ""


# The kinds of output that are shown, in the order of preference.
_SHOWN: dict[str, Callable[[Any], str] | None] = {
    PLOTLY: figure_html,
    "text/html": None,
    "text/markdown": None,
    "image/svg+xml": None,
    "text/latex": None,
    "application/json": _json,
    CSV: None,
    "text/plain": _plain,
}

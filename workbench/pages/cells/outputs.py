"""A cell's outputs as its page shows them: streams joined, of each output the kind that says most.

Whatever cannot be shown is named in a sentence; nothing is left out without a word.
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
# What the workbench, papermill and scrapbook leave for programs to read.
_RECORD = re.compile(r"application/(vnd\.workbench\.|papermill\.record|scrapbook\.scrap).*json")
# Kinds that a library draws by its script.
_SCRIPTED = re.compile(r"javascript|vega|bokeh|holoviews|leaflet|geo\+json|mermaid", re.I)
_RASTER = re.compile(r"image/(png|jpe?g|gif|webp|bmp|avif|x-icon)")
_MEDIA = re.compile(r"(video|audio)/[\w.+-]+")
_BARE = re.compile(r"<[\w.]+ object(?: at 0x[0-9a-f]+)?>|<[\w.]+>|alt\.\w+\(\.\.\.\)")


def joined(
    outputs: Iterable[nbformat.NotebookNode], widgets: Mapping[str, Any]
) -> Iterator[nbformat.NotebookNode]:
    """The outputs in order, streams as HTML, widgets as what they showed in the end.

    Args:
        outputs: a cell's.
        widgets: the state of the notebook's widgets.
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
            said = "The last state of this widget was not saved; this is what it was at first."
            yield new_output("display_data", {"text/html": note(said)})
            yield new_output("display_data", {"text/plain": data.get("text/plain", "a widget")})
        else:
            yield from _without_widgets(shown, widgets)


def _without_places(outputs: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    """The outputs without those that only load or place what another of the cell draws."""
    for place, output in enumerate(outputs):
        source = output.get("data", {}).get("text/html")
        kinds = [kind for one in outputs[place + 1 : place + 2] for kind in one.get("data", {})]
        drawn = any(map(_SCRIPTED.search, kinds))
        drawn |= PLOTLY in kinds and "plotly" in str(source).lower()
        if not (drawn and source and is_bare(source)):
            yield output


def output_html_of(output: nbformat.NotebookNode, alt: str, folder: str, formulas: Formulas) -> str:
    """An output's data as HTML.

    Args:
        output: with `data`, of which one kind is shown.
        alt: what its picture shows, where the output does not say.
        folder: where the notebook lies.
        formulas: those of the page so far.
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
        return _svg(str(data[shown]), _told_of(output, shown), alt, folder)
    if shown in PROSE:
        return markdown(str(data[shown]), folder, formulas=formulas)
    if shown == "text/html":
        return _table(output, folder)
    if shown == CSV:
        return csv_html(output)
    return _SHOWN[shown](data[shown])


def shown_kind(data: Mapping[str, Any]) -> str | None:
    """The kind of an output that says most, of those that a page shows in words or figures."""
    return next((kind for kind in _SHOWN if kind in data), None)


def csv_html(output: nbformat.NotebookNode) -> str:
    """A link that saves the values, made here: of other links the page drops the data."""
    named = output.metadata.get(CSV, {}).get("name", "table.csv")
    return link(str(named), str(output.data[CSV]))


def _table(output: nbformat.NotebookNode, folder: str) -> str:
    """HTML, with the values of its table where the output holds them to the last digit."""
    data = output.data
    if CSV in data and "<table" not in data["text/html"]:
        return csv_html(output)
    made = output_html(str(data["text/html"]), folder)
    rows = data.get(ROWS, {}).get("data") if isinstance(data.get(ROWS), Mapping) else None
    if isinstance(rows, list):
        made = made.removesuffix("</div>")
        made += f'<script type="application/json" class="rows">{script_json(rows)}</script></div>'
    return made + (csv_html(output) if CSV in data else "")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return f"<pre>{html.escape(text, quote=False)}</pre>"


def _plain(text: Any) -> str:
    return f"<pre>{terminal_html(str(text))}</pre>"


def _unknown(data: Mapping[str, Any], kinds: list[str]) -> str:
    """A sentence about what the output is, and the words it brings besides."""
    scripted = next((kind for kind in kinds if _SCRIPTED.search(kind)), None)
    name = library(" ".join(kinds)) or (scripted and library(str(data[scripted])[:100_000]))
    by = f" of {name}" if name else ""
    listed = ", ".join(kinds)
    if scripted:
        said = f"This output is drawn by a script{by} ({listed}), and no script of an output runs "
        said += "on this page; the notebook draws it."
    else:
        said = f"This output is of a kind that this page cannot show: {listed}."
    words = str(data.get("text/plain", ""))
    return note(said) + (_plain(words) if words and not _BARE.fullmatch(words.strip()) else "")


def _picture(output: nbformat.NotebookNode, kind: str, alt: str) -> str:
    told = _told_of(output, kind)
    data = html.escape(re.sub(r"\s", "", str(output.data[kind])), quote=True)
    source = f'src="data:{kind};base64,{data}"'
    if _MEDIA.fullmatch(kind):
        return f"<{kind[:5]} controls {source}></{kind[:5]}>"
    return f'<img alt="{_alt(told, alt)}"{_size(told)}{_paper(told)} {source}>'


def _svg(text: str, told: Mapping[str, Any], alt: str, folder: str) -> str:
    """A drawing as a picture, in which no script runs and nothing is loaded."""
    text, notes = embedded_in_drawing(text, folder)
    if "http://www.w3.org/2000/svg" not in text:
        text = re.sub(r"<svg\b", '<svg xmlns="http://www.w3.org/2000/svg"', text, count=1)
    data = base64.b64encode(text.encode(errors="replace")).decode()
    size = _size(told) + ' class="on-light"'
    return f'<img alt="{_alt(told, alt)}"{size} src="data:image/svg+xml;base64,{data}">{notes}'


def _told_of(output: nbformat.NotebookNode, kind: str) -> Mapping[str, Any]:
    found = output.get("metadata", {})
    own = found.get(kind)
    return {**found, **(own if isinstance(own, Mapping) else {})}


def _alt(told: Mapping[str, Any], alt: str) -> str:
    return html.escape(str(told.get("alt") or alt), quote=True)


def _size(told: Mapping[str, Any]) -> str:
    """The size in which a picture of many dots is meant to be seen."""
    named = {name: told.get(name) for name in ("width", "height")}
    return "".join(
        f' {n}="{v:g}"' for n, v in named.items() if isinstance(v, int | float) and v > 0
    )


def _paper(told: Mapping[str, Any]) -> str:
    needs = told.get("needs_background")
    return f' class="on-{needs}"' if needs in ("light", "dark") else ""


# The kinds of output that are shown, the one that says most first.
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

"""An output in HTML as a page shows it: its own style within its own box, a sentence for the rest.

What needs a script, another site or a frame cannot be shown in a page that runs nothing and asks
for nothing; a sentence in its place says what it was.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from typing import Any

from workbench.pages.text.clean import clean
from workbench.pages.text.pictures import source_of, taken_in
from workbench.pages.text.style_sheets import colours, scoped

# A tag up to its end or the text's, as browsers read it, so that no text is read twice.
_TAG = r"(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^'\">]+)*+(?:>|\Z)"
# What needs more than marks, in the order in which a browser would meet it: of a script within an
# attribute or a comment, and of marks within a script, nothing comes to pass.
_PARTS = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<script\b(?P<attributes>{_TAG})(?P<script>.*?)(?:</script\s*>|\Z)"
    rf"|<style\b{_TAG}(?P<style>.*?)(?:</style\s*>|\Z)"
    rf"|(?P<link><link\b{_TAG})"
    rf"|<(?P<framed>iframe|object|applet)\b(?P<frame>{_TAG}).*?(?:</(?P=framed)\s*>|\Z)"
    rf"|<(?:embed|frame)\b(?P<embed>{_TAG})"
    rf"|(?P<media><(?P<kind>video|audio)\b{_TAG}.*?(?:</(?P=kind)\s*>|\Z))"
    rf"|<[a-z/]{_TAG}",
    re.I | re.S,
)
# What colours of its own an element brings; letters of a drawing are black where none are named.
_PAINT = re.compile(r"""<svg\b|style="[^"]*(?:color|background|fill)[\w-]*:|(?:bgcolor|color)=""")
_SEEN = re.compile(
    r"<(?:img|svg|video|audio|table|hr|input|button|select|progress|meter|math)\b", re.I
)
# Signs of the libraries that draw by scripts, and their names; the first that is met counts.
LIBRARIES = {
    "vega": "Altair (Vega-Lite)",
    "holoviews": "HoloViews",
    "bokeh": "Bokeh",
    "plotly": "plotly",
    "leaflet": "folium (Leaflet)",
    "echarts": "pyecharts (ECharts)",
    "highcharts": "Highcharts",
    "vis-network": "pyvis (vis.js)",
    "vis.network": "pyvis (vis.js)",
    "datatable": "itables (DataTables)",
    "scikit-learn": "scikit-learn",
    "sk-container": "scikit-learn",
    "shap": "SHAP",
    "3dmol": "py3Dmol (3Dmol.js)",
    "deck.gl": "pydeck (deck.gl)",
    "pydeck": "pydeck (deck.gl)",
    "mermaid": "Mermaid",
    "cytoscape": "Cytoscape",
    "three.js": "three.js",
    "ag-grid": "AG Grid",
    "mpld3": "mpld3",
    "d3.": "D3",
    "animation": "matplotlib's animation",
    "jquery": "jQuery",
    "youtube": "YouTube",
}


def note(text: str, tag: str = "p") -> str:
    """A sentence of the page's own in the place of what it cannot show."""
    return f'<{tag} class="refused">{html.escape(text)}</{tag}>'


def output_html(source: str, folder: str = "") -> str:
    """The output in a box of its own.

    Args:
        source: its HTML, whatever it holds.
        folder: where the notebook lies, for pictures beside it.
    """
    parts = list(_PARTS.finditer(source))
    scripts = "".join(f"{one['attributes']}{one['script']}" for one in parts if one["attributes"])
    sheets = [one["style"] for one in parts if one["style"] is not None]
    text = _PARTS.sub(_instead, source)
    shown = clean(taken_in(text, folder))
    scope = "s" + hashlib.sha256(source.encode(errors="replace")).hexdigest()[:12]
    style = scoped("\n".join(sheets), scope) if sheets else ""
    is_painted = colours(style) or bool(_PAINT.search(shown))
    kinds = " ".join(["table", *([scope] if style else []), *(["painted"] if is_painted else [])])
    style = f"<style>{style}</style>" if style else ""
    return f'<div class="{kinds}">{style}{shown}{_missing(source, scripts, shown)}</div>'


def figure_of(source: str) -> dict[str, Any] | None:
    """The figure that plotly's own HTML draws by a script; None where there is not just one."""
    calls = re.findall(r"Plotly\.(?:newPlot|react)\(", source)
    found = re.search(r"Plotly\.(?:newPlot|react)\(\s*[\"'][^\"']*[\"']\s*,\s*", source)
    if len(calls) != 1 or not found:
        return None
    decoder, place = json.JSONDecoder(), found.end()
    parts = []
    try:
        for _ in range(2):
            part, place = decoder.raw_decode(source, place)
            parts.append(part)
            place = re.compile(r"\s*,\s*").match(source, place).end()
    except (ValueError, AttributeError, RecursionError):
        pass
    fits = len(parts) == 2 and isinstance(parts[0], list) and isinstance(parts[1], dict)
    return {"data": parts[0], "layout": parts[1]} if fits else None


def library(text: str) -> str | None:
    """The name of the library whose sign the text bears."""
    lower = text.lower()
    places = {name: lower.find(sign) for sign, name in LIBRARIES.items() if sign in lower}
    return min(places, key=places.get) if places else None


def is_bare(source: str) -> bool:
    """Whether HTML shows nothing by itself: scripts, styles and places for them to fill."""
    left = _PARTS.sub(_instead, source)
    return not (_SEEN.search(left) or re.sub(r"<[^<>]*>|\s|&nbsp;", "", left))


def _missing(source: str, scripts: str, shown: str) -> str:
    """What the page leaves out of the output, in a sentence; nothing where it shows all."""
    is_empty = is_bare(shown)
    known = library(scripts) or library(source) if scripts else None
    by = f" of {known}" if known else ""
    if scripts and is_empty:
        return note(
            f"This output is drawn by a script{by}, and no script of an output runs on this page; "
            "the notebook draws it."
        )
    if scripts:
        return note(f"A script{by} belongs to this output; it does not run on this page.")
    if re.search(r"<link\b[^>]*stylesheet", source, re.I):
        return note("A style sheet from elsewhere belongs to this output; this page asks for none.")
    if "<foreignobject" in source.lower():
        return note("Words within this drawing (foreignObject) are left out on this page.")
    if is_empty and re.search(r"<\w", source):
        return note("This output holds nothing to see: marks or a style for the whole notebook.")
    return ""


def _instead(found: re.Match[str]) -> str:
    """What stands on the page in the place of a part: itself, a sentence, or nothing."""
    if found["media"]:
        return _media(found["media"], found["kind"].lower())
    if found["framed"] or found["embed"]:
        return _frame(found["frame"] or found["embed"])
    is_kept = not (found["attributes"] or found["link"] or found["style"] is not None)
    return found[0] if is_kept and not found[0].startswith("<!--") else ""


def _frame(attributes: str) -> str:
    address = source_of(re.sub(r"\bdata\s*=", "src=", attributes)) or ""
    if address.lower().startswith(("http:", "https:", "//")):
        where = f"of {address} "
    else:
        where = f"of {name} " if (name := library(html.unescape(attributes))) else ""
    return note(f"A frame {where}stands here in the notebook; this page holds no other pages.")


def _media(whole: str, kind: str) -> str:
    tags = re.findall(r"<(?:video|audio|source)\b[^<>]*>", whole, re.I)
    sources = [source for source in map(source_of, tags) if source]
    if any(re.match("data:(?:video|audio)/", source) for source in sources):
        return whole
    where = f" ({sources[0]})" if sources else ""
    return note(f"A {'video' if kind == 'video' else 'sound'}{where} is not part of this page.")

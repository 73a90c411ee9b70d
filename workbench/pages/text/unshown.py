"""Replaces what a page cannot show by sentences."""

from __future__ import annotations

import html
import re

from workbench.pages.text.pictures import source_of

# A tag up to its end or the text's, as browsers read it, so that no text is read twice.
_TAG = r"(?:\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)|[^'\">]+)*+(?:>|\Z)"
# Elements of drawings and formulas; others with a hyphen in their names are drawn by scripts.
_HYPHENATED = "font-face|color-profile|missing-glyph|annotation-xml"
# What needs more than marks, in the order in which a browser would meet it: of a script within an
# attribute or a comment, and of marks within a script, nothing comes to pass.
PARTS = re.compile(
    r"<!--.*?(?:-->|\Z)"
    rf"|<script\b(?P<attributes>{_TAG})(?P<script>.*?)(?:</script\s*>|\Z)"
    rf"|<style\b{_TAG}(?P<style>.*?)(?:</style\s*>|\Z)"
    rf"|(?P<link><link\b{_TAG})"
    rf"|<(?P<framed>iframe|object|applet)\b(?P<frame>{_TAG}).*?(?:</(?P=framed)\s*>|\Z)"
    rf"|<(?:embed|frame)\b(?P<embed>{_TAG})"
    rf"|<form\b(?P<form>{_TAG})"
    rf"|(?P<media><(?P<kind>video|audio)\b{_TAG}.*?(?:</(?P=kind)\s*>|\Z))"
    rf"|<(?P<scripted>canvas|bgsound|(?!{_HYPHENATED})[a-z][a-z0-9]*-[\w.-]*)(?=[\s/>]){_TAG}"
    rf"|(?P<noscript></?noscript\b{_TAG})"
    rf"|<[a-z/]{_TAG}",
    re.I | re.S,
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


WORDS_OF_A_DRAWING = "Words within this drawing (foreignObject) are left out on this page."


def note(text: str, tag: str = "p") -> str:
    """A sentence in the place of something that the page cannot show."""
    return f'<{tag} class="refused">{html.escape(text)}</{tag}>'


def library(text: str) -> str | None:
    """The name of the library that the text first mentions; None if there is none."""
    lower = text.lower()
    places = {name: lower.find(sign) for sign, name in LIBRARIES.items() if sign in lower}
    return min(places, key=places.get) if places else None


def instead(match: re.Match[str]) -> str:
    """The replacement of a part: itself, a sentence, or nothing."""
    if match["media"]:
        return _media(match["media"], match["kind"].lower())
    if match["framed"] or match["embed"]:
        return _frame(match["frame"] or match["embed"])
    if match["form"]:
        return note("A form stands here in the notebook; nothing is sent from this page.", "span")
    # The content of <noscript> is meant for pages without scripts.
    is_dropped = match["attributes"] or match["link"] or match["noscript"]
    is_dropped = is_dropped or match["style"] is not None or match[0].startswith("<!--")
    return "" if is_dropped else match[0]


def with_notes(source: str) -> str:
    """HTML of Markdown with a sentence for every part that the page cannot show."""
    text = PARTS.sub(lambda match: _note_on(match) or instead(match), source)
    return text + (note(WORDS_OF_A_DRAWING) if "<foreignobject" in text.lower() else "")


def _note_on(match: re.Match[str]) -> str:
    """The sentence on a script or style; for outputs `foreign` has one sentence for all."""
    if match["attributes"]:
        known = library(match["attributes"] + match["script"])
        by = f" of {known}" if known else ""
        return note(
            f"A script{by} stands here in the notebook; it does not run on this page.", "span"
        )
    if match["style"] is not None or "stylesheet" in (match["link"] or "").lower():
        return note("A style for the notebook stands here; this page has its own.", "span")
    if match["scripted"]:
        name = match["scripted"].lower()
        return note(f"An element `{name}` stands here in the notebook; this page has none.", "span")
    return ""


def _frame(attributes: str) -> str:
    address = source_of(re.sub(r"\bdata\s*=", "src=", attributes)) or ""
    is_elsewhere = address.lower().startswith(("http:", "https:", "//"))
    is_file = not re.search(r"\bsrcdoc\b|^[a-z]+:", attributes + address, re.I)
    known = address if is_elsewhere else library(html.unescape(attributes))
    known = known or (address if is_file else "")
    where = f"of {known} " if known else ""
    return note(
        f"A frame {where}stands here in the notebook; this page holds no other pages.", "span"
    )


def _media(whole: str, kind: str) -> str:
    tags = re.findall(r"<(?:video|audio|source)\b[^<>]*>", whole, re.I)
    sources = [source for source in map(source_of, tags) if source]
    if any(re.match("data:(?:video|audio)/", source) for source in sources):
        return whole
    where = f" ({sources[0]})" if sources else ""
    return note(
        f"A {'video' if kind == 'video' else 'sound'}{where} is not part of this page.", "span"
    )

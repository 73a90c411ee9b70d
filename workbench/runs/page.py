"""An executed notebook and its record as one HTML file that opens anywhere and asks for nothing.

nbconvert turns the cells into HTML by the template beside this module; plotly's figures travel as
data and are drawn by the page's own script; formulas become MathML. A Content-Security-Policy
admits just the page's own scripts, by their hashes, so nothing a knob, a file name or an output
holds can run; outputs in HTML are cleaned besides.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import nh3
from bs4 import BeautifulSoup
from latex2mathml.converter import convert
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from plotly.offline import get_plotlyjs
from pygments.formatters import HtmlFormatter

from workbench.claims import MARKS, number
from workbench.runs.provenance import SHOWN

TEMPLATE = Path(__file__).parent / "page_template"
MATHML = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msup", "msub", "msubsup"}
    | {"mfrac", "msqrt", "mroot", "mover", "munder", "munderover", "mtable", "mtr", "mtd"}
    | {"mstyle", "mpadded", "mphantom", "menclose"}
)


def page(notebook: nbformat.NotebookNode, record: dict[str, Any], knobs: str = "") -> str:
    """The page of a run.

    Args:
        notebook: as executed; cells tagged `panel` or `remove` and the parameters are left out.
        record: the run's record, as `record.json` will hold it.
        knobs: the table of its knobs in HTML.
    """
    cells = _Exporter().from_notebook_node(_told(notebook))[0]
    soup = BeautifulSoup(cells, "html.parser")
    lead, contents = _lead(soup), _contents(soup)
    scripts = {"plotly": _plotly(), "script": (TEMPLATE / "page.js").read_text(encoding="utf-8")}
    figures = bool(soup.select_one(".figure"))
    tally = Counter(claim["verdict"] for claim in record["claims"])
    return _shell().render(
        record=record,
        titled="<h1" in lead,
        lead=Markup(lead),
        contents=contents,
        cells=Markup(str(soup)),
        knobs=Markup(knobs),
        provenance=_provenance(record),
        record_json=Markup(_script_json(record)),
        tally=", ".join(f"{tally[verdict]} {verdict}" for verdict in MARKS if tally[verdict]),
        marks=MARKS,
        figures=figures,
        policy=_policy(scripts.values()),
        style=Markup(_style()),
        **{name: Markup(source) for name, source in scripts.items()},
    )


def warm() -> None:
    """Fills every cache that the first page would otherwise fill: templates, styles, plotly."""
    empty = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("$x$")])
    _Exporter().from_notebook_node(empty)
    _shell(), _style(), _policy([_plotly()])


class _Exporter(HTMLExporter):
    """nbconvert's exporter with the page's template, MathML, plotly figures and clean HTML."""

    def __init__(self):
        super().__init__(
            template_name=TEMPLATE.name, extra_template_basedirs=[str(TEMPLATE.parent)]
        )

    def default_filters(self):
        yield from super().default_filters()
        yield "markdown2html", _markdown
        yield "safe_html", _safe
        yield "figure_html", _figure


class _Renderer(IPythonRenderer):
    """Markdown's renderer with formulas as MathML, which needs no script and speaks to readers."""

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return _mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def _markdown(source: str) -> str:
    # Headings get their ids and links later, when all of the page's are known.
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(
        source
    )


def _mathml(formula: str, display: str) -> str:
    """The formula in MathML; its source in a code element where the converter does not know it."""
    try:
        return convert(formula.strip(), display=display)
    except Exception:  # the converter raises whatever its parser stumbles on
        return f"<code>{html.escape(formula)}</code>"


def _safe(source: str) -> str:
    """HTML without scripts, handlers, forms, frames, remote images or ways to leave the page."""
    return nh3.clean(
        source,
        tags=nh3.ALLOWED_TAGS | MATHML | {"section", "input"},
        attributes=_attributes(),
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
        filter_style_properties={"text-align", "font-weight", "font-style", "color", "width"},
    )


@functools.cache
def _attributes() -> dict[str, set[str]]:
    common = {"class", "id", "title", "lang", "scope", "role", "aria-hidden", "aria-label", "style"}
    allowed = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    math = {"display", "xmlns", "accent", "stretchy", "linethickness", "minsize", "maxsize"}
    math |= {"width", "mathvariant", "columnalign", "fence", "separator", "form", "displaystyle"}
    allowed |= {tag: math for tag in MATHML}
    # link_rel sets the attribute itself and refuses to see it listed.
    allowed["a"] = allowed.get("a", set()) - {"rel"}
    allowed["input"] = {"type", "checked", "disabled"}
    allowed["*"] = allowed.get("*", set()) | common
    return allowed


def _figure(bundle: Any) -> str:
    """A plotly figure as data, with its text alternative, for the page's script to draw."""
    figure = {name: bundle[name] for name in ("data", "layout", "frames") if name in bundle}
    meta = figure.get("layout", {}).get("meta")
    alt = meta.get("alt", "") if isinstance(meta, dict) else ""
    caption = f"<figcaption>{html.escape(alt)}</figcaption>" if alt else ""
    label = html.escape(alt or "interactive figure", quote=True)
    data = _script_json(figure)
    return (
        f'<figure class="figure"><div class="plot" role="img" aria-label="{label}"></div>'
        f'<script type="application/json">{data}</script>{caption}</figure>'
    )


def _told(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook as the page tells it: no live panel, no bare parameters."""
    hidden = {"panel", "parameters", "injected-parameters", "remove"}
    told = nbformat.from_dict(notebook)
    told.cells = [c for c in notebook.cells if not hidden & set(c.metadata.get("tags", []))]
    return told


def _lead(soup: BeautifulSoup) -> str:
    """Takes the title cell out of the story, so that the claims can stand right below it."""
    heading = soup.select_one("section.prose h1")
    if heading is None:
        return ""
    section = heading.find_parent("section").extract()
    return str(section)


def _contents(soup: BeautifulSoup) -> list[tuple[str, str]]:
    """The second-level headings by id and text; every heading's id is made unique."""
    seen: Counter[str] = Counter({"knobs": 1, "provenance": 1, "verdicts": 1, "story": 1})
    found = []
    for heading in soup.select("h1, h2, h3"):
        text = heading.get_text().strip()
        base = re.sub(r"\W+", "-", text.lower()).strip("-") or "section"
        seen[base] += 1
        heading["id"] = base if seen[base] == 1 else f"{base}-{seen[base]}"
        anchor = soup.new_tag("a", href=f"#{heading['id']}", attrs={"class": "anchor-link"})
        anchor["aria-label"], anchor.string = f"link to {text}", "¶"
        heading.append(anchor)
        if heading.name == "h2":
            found.append((heading["id"], text))
    return found


def _provenance(record: dict[str, Any]) -> list[tuple[str, str]]:
    """What the run stood on, in the order a reader asks."""
    known = record["provenance"]
    code, timings = known["code"], record["timings"]
    commit = code.get("commit") or "no checkout"
    changes = ", with uncommitted changes" if code.get("changed") else ""
    versions = {name: known["packages"].get(name) for name in SHOWN}
    rows = [
        ("run", record["run"]),
        ("commit", commit + changes),
        ("identity", record["identity"]),
        ("started", timings["start"]),
        ("duration", f"{number(timings['seconds'])} s"),
        ("seed", str(known["seed"])),
        ("backend", f"{known['backend']} on {known['device']}"),
        ("processor", f"{known['processor']}, {known['cores']} cores, {known['memory_gib']} GiB"),
        ("system", f"{known['platform']}, Python {known['python']}"),
        ("libraries", ", ".join(f"{k} {v}" for k, v in versions.items() if v)),
    ]
    for name, file in known["data"].items():
        rows.append((name, f"{file['path']}, {file['bytes']:,} bytes, SHA-256 {file['sha256']}"))
    return [(name, value) for name, value in rows if value != "None"]


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace("\u2028", " ")


def _policy(scripts: Any) -> str:
    """Admits the page's own scripts by their hashes and nothing from anywhere else."""
    hashes = " ".join(
        "'sha256-" + base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() + "'"
        for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
    )


@functools.cache
def _plotly() -> str:
    """Plotly's library as plotly.py carries it, with no way to end its own script element."""
    return get_plotlyjs().replace("</script", "<\\/script")


@functools.cache
def _style() -> str:
    """The page's style and the colours of code in light and dark."""
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    night = "@media (prefers-color-scheme: dark) { @media not print {\n" + dark + "\n} }"
    own = (TEMPLATE / "page.css").read_text(encoding="utf-8")
    return "\n".join([light, night, own, ".highlight { background: none; }"])


@functools.cache
def _shell() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATE)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("page.html.j2")

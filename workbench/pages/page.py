"""Renders an executed notebook and its record as one HTML file without external resources.

nbconvert renders the cells by the template beside this module; plotly's figures are embedded as
data and drawn by the page's script; formulas become MathML. A Content-Security-Policy allows only
the page's own scripts, by hash, so no text of a knob, a file name or an output can run; outputs in
HTML are sanitised as well.
"""

from __future__ import annotations

import copy
import functools
import html
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from bs4 import BeautifulSoup
from markupsafe import Markup
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters.highlight import Highlight2HTML, _pygments_highlight
from pygments.formatters import HtmlFormatter

from workbench.base.rows import number, unbroken
from workbench.experiment.decisions import MARKS, Claim
from workbench.pages.cells.cell_tags import apply_tags
from workbench.pages.cells.figure import script_json
from workbench.pages.cells.foreign import output_html
from workbench.pages.cells.outputs import PLOTLY, PROSE, joined, output_html_of, shown_kind
from workbench.pages.cells.terminal import terminal_html
from workbench.pages.cells.widget_state import models
from workbench.pages.head import policy, style
from workbench.pages.plotly_library import plotly_library
from workbench.pages.text.clean import IDS
from workbench.pages.text.formulas import Formulas
from workbench.pages.text.prose import markdown
from workbench.pages.versions import SHOWN

# nbconvert also searches the user's folders for a template of this name, so it is an unusual one.
TEMPLATE = Path(__file__).parent / "page_template"
_HEADING = re.compile("<h[123]", re.IGNORECASE)


def page(
    notebook: nbformat.NotebookNode, record: dict[str, Any], knobs: str = "", folder: str = ""
) -> str:
    """The page of a run.

    Args:
        notebook: the executed notebook; tags of its cells apply, and parameters are left out.
        record: the run's record.
        knobs: the table of its knobs in HTML.
        folder: the notebook's folder, whose pictures are embedded.
    """
    shown = _shown(notebook)
    lead, cells, contents = _linked(_cells(shown, folder))
    figures = list(_figures(shown))
    scripts = {"plotly": plotly_library(figures) if figures else "", "script": _script()}
    tally = Counter(claim["verdict"] for claim in record["claims"])
    return _shell().render(
        record=record,
        titled="<h1" in lead,
        lead=Markup(lead),
        contents=contents,
        cells=Markup("".join(cells)),
        knobs=Markup(knobs),
        provenance=_provenance(record),
        record_json=Markup(script_json(record)),
        tally=", ".join(f"{tally[verdict]} {verdict}" for verdict in MARKS if tally[verdict]),
        marks=MARKS,
        measured=lambda claim: Claim.model_validate(claim).measured_text,
        unbroken=lambda text: Markup(unbroken(text)),
        figures=bool(figures),
        policy=policy(scripts.values()),
        style=Markup(style()),
        **{name: Markup(source) for name, source in scripts.items()},
    )


def warm() -> None:
    """Fills the caches of templates, styles and plotly's library in advance."""
    new = nbformat.v4
    cells = [new.new_markdown_cell("# $x$\n\n- `a`"), new.new_code_cell("1")]
    _cells(new.new_notebook(cells=cells), "")
    _shell(), style(), policy([plotly_library([])])


class _Highlight(Highlight2HTML):
    """nbconvert's highlighting with one formatter a language, whose style sheet takes a while."""

    def __call__(self, source, language=None, metadata=None):
        language = language or self.pygments_lexer
        return _pygments_highlight(source or " ", _formatter(language), language, metadata)


@functools.cache
def _formatter(language: str) -> HtmlFormatter:
    return HtmlFormatter(cssclass=html.escape(f" highlight hl-{language}"))


class _Exporter(HTMLExporter):
    """nbconvert's exporter with our template and our filters for outputs and Markdown."""

    def __init__(self):
        super().__init__(
            template_name=TEMPLATE.name,
            extra_template_basedirs=[str(TEMPLATE.parent)],
        )

    def from_notebook_node(self, nb, resources=None, **kw):
        """Converts without HTMLExporter's second parse of the page, half of the time.

        It adds text alternatives and focus to elements that this template writes itself.
        """
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name"))
        self.register_filter("highlight_code", _Highlight(pygments_lexer=lexer, parent=self))
        return TemplateExporter.from_notebook_node(self, nb, resources, **kw)

    def _preprocess(self, nb, resources):
        """Runs the preprocessors on the notebook itself, which is a copy already."""
        for preprocessor in self._preprocessors:
            nb, resources = preprocessor(nb, resources)
        return nb, resources

    def default_filters(self):
        yield from super().default_filters()
        yield "safe_html", output_html
        yield "terminal_html", terminal_html
        yield "output_html", self.output_html

    @jinja2.pass_context
    def markdown2html(self, context, source):
        resources = context["resources"]
        attachments = context["cell"].get("attachments")
        return markdown(source, resources["metadata"]["path"], attachments, resources["formulas"])

    @jinja2.pass_context
    def output_html(self, context, output):
        resources = context["resources"]
        alt = str(context["cell"].metadata.get("alt", "figure of this cell"))
        return output_html_of(output, alt, resources["metadata"]["path"], resources["formulas"])


def _figures(notebook: nbformat.NotebookNode) -> Iterator[dict[str, Any]]:
    """Every figure of the notebook as plotly's JSON."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if PLOTLY in output.get("data", {}):
                yield output.data[PLOTLY]


def _shown(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of the notebook without panels and parameters, and with its outputs joined."""
    shown = copy.deepcopy(notebook)
    apply_tags(shown)
    widgets = models(shown)
    for cell in shown.cells:
        if "outputs" in cell:
            cell.outputs = list(joined(cell.outputs, widgets))
    return shown


def _numbered(notebook: nbformat.NotebookNode) -> Formulas:
    """Numbers the equations in the notebook's texts; returns the formulas of its page."""
    formulas = Formulas()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = formulas.equations.numbered(cell.source)
        for output in cell.get("outputs", []):
            if (kind := shown_kind(output.get("data", {}))) in PROSE:
                output.data[kind] = formulas.equations.numbered(str(output.data[kind]))
    return formulas


def _cells(notebook: nbformat.NotebookNode, folder: str) -> list[str]:
    """The HTML of each cell."""
    # No cell can contain this text, since it is drawn after the notebook was executed.
    end = f"<!-- {secrets.token_hex(16)} -->"
    resources = {"metadata": {"path": folder}, "formulas": _numbered(notebook), "cell_end": end}
    return _exporter().from_notebook_node(notebook, resources)[0].split(end)


def _linked(cells: list[str]) -> tuple[str, list[str], list[tuple[str, str]]]:
    """The title cell, the other cells with ids and links at their headings, and the contents.

    The claims are between the title cell and the others. A first-level heading in a later cell is
    that of a section. Only cells with headings are parsed.
    """
    lead, linked, contents = "", [], []
    seen: Counter[str] = Counter(IDS)
    for place, cell in enumerate(cells):
        if _HEADING.search(cell) is None:
            linked.append(cell)
            continue
        soup = BeautifulSoup(cell, "html.parser")
        first = soup.find(True)
        if place == 0 and first and "prose" in first.get("class", []) and first.h1 is not None:
            lead = str(first.extract())
        contents += _contents(soup, seen)
        linked.append(str(soup))
    return lead, linked, contents


def _contents(soup: BeautifulSoup, seen: Counter[str]) -> list[tuple[str, str]]:
    """The ids and texts of the upper two levels of headings; makes the ids of all unique."""
    sections = []
    for heading in soup.select("h1, h2, h3"):
        text = heading.get_text().strip()
        base = re.sub(r"\W+", "-", text.lower()).strip("-") or "section"
        seen[base] += 1
        heading["id"] = base if seen[base] == 1 else f"{base}-{seen[base]}"
        anchor = soup.new_tag("a", href=f"#{heading['id']}", attrs={"class": "anchor-link"})
        anchor["aria-label"], anchor.string = f"link to {text}", "¶"
        heading.append(anchor)
        if heading.name != "h3":
            sections.append((heading["id"], text))
    return sections


def _provenance(record: dict[str, Any]) -> list[tuple[str, str]]:
    """The provenance of the run by name, most wanted first."""
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
    for path, sha256 in (known.get("modules") or {}).items():
        digest = f"SHA-256 {sha256}" if sha256 else "changed while the run imported it"
        rows.append((f"module {path}", digest))
    return [(name, value) for name, value in rows if value != "None"]


@functools.cache
def _exporter() -> _Exporter:
    return _Exporter()


@functools.cache
def _script() -> str:
    """The page's script; its part for figures is first, as readers wait for them."""
    parts = [
        (TEMPLATE / name).read_text(encoding="utf-8")
        for name in ("page.js", "tables.js", "numbers.js")
    ]
    return "\n".join(parts)


@functools.cache
def _shell() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(TEMPLATE)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("page.html.j2")

"""Markdown, formulas and foreign HTML as what a page may hold: no scripts, nothing of others."""

from __future__ import annotations

import functools
import html
import re

import nh3
from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import InvalidNotebook, IPythonRenderer, MarkdownWithMath

# Ids that the page's own parts bear; an output that bore one would take their place.
IDS = frozenset({"story", "fold", "record", "verdicts", "knobs", "provenance"})
MATHML = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msup", "msub", "msubsup"}
    | {"mfrac", "msqrt", "mroot", "mover", "munder", "munderover", "mtable", "mtr", "mtd"}
    | {"mstyle", "mpadded", "mphantom", "menclose"}
)


def markdown(source: str, folder: str = "", attachments: dict | None = None) -> str:
    """Markdown as clean HTML, with formulas as MathML and pictures within the text.

    Args:
        source: a cell's text.
        folder: where the notebook lies; pictures beside or below it are taken into the page.
        attachments: pictures that the cell itself holds.
    """
    renderer = _Renderer(
        escape=False,
        embed_images=bool(folder),
        # Headings get their ids and links later, when all of the page's are known.
        exclude_anchor_links=True,
        path=folder,
        attachments=attachments,
    )
    return clean(MarkdownWithMath(renderer=renderer).render(source))


class _Renderer(IPythonRenderer):
    """Markdown's renderer with formulas as MathML, which needs no script and speaks to readers."""

    def block_math(self, body: str) -> str:
        # Formulas side by side stand below each other where the screen is narrow.
        parts = [mathml(part, "block") for part in side_by_side(body)]
        return parts[0] if len(parts) == 1 else f'<div class="formulas">{"".join(parts)}</div>'

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        try:
            return super().image(text, url, title)
        except InvalidNotebook:  # a lost attachment leaves its alternative text
            return super().image(text, "data:,", title)

    def _src_to_base64(self, src: str) -> str | None:
        try:
            return super()._src_to_base64(src)
        except OSError:  # what cannot be read is not taken in
            return None


def mathml(formula: str, display: str) -> str:
    """The formula in MathML; its source in a code element where the converter does not know it."""
    known = re.sub(r"\\(begin|end)\{(aligned|gathered)\}", _known, formula.strip())
    try:
        return convert(known, display=display)
    except Exception:  # the converter raises whatever its parser stumbles on
        return f"<code>{html.escape(formula)}</code>"


def side_by_side(formula: str) -> list[str]:
    r"""The formulas that `\qquad` sets apart; one, if it stands within braces or an environment."""
    parts = [part.strip() for part in formula.split(r"\qquad")]
    return [part for part in parts if part] if all(map(_is_whole, parts)) else [formula]


def _is_whole(part: str) -> bool:
    begun, ended = (re.findall(rf"\\(?:{w})\b", part) for w in ("left|begin", "right|end"))
    return part.count("{") == part.count("}") and len(begun) == len(ended)


def _known(found: re.Match[str]) -> str:
    """An environment that the converter sets, for one whose signs it would print as they are."""
    return rf"\{found[1]}{{{'align*' if found[2] == 'aligned' else 'matrix'}}}"


def clean(source: str) -> str:
    """HTML without scripts, handlers, forms, frames, remote images or ways to leave the page."""
    return nh3.clean(
        source,
        tags=nh3.ALLOWED_TAGS | MATHML | {"section", "input"},
        attributes=_attributes(),
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
        filter_style_properties={"text-align", "font-weight", "font-style", "color", "width"},
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The attribute's value, or None to drop it: pictures carry their data, links never do."""
    data = value.strip().lower().startswith("data:")
    if name == "src":
        return value if value.startswith("data:image/") else None
    if (name == "href" and data) or (name == "id" and value in IDS):
        return None
    return value


@functools.cache
def _attributes() -> dict[str, set[str]]:
    common = {"class", "id", "title", "lang", "scope", "role", "aria-hidden", "aria-label", "style"}
    allowed = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    math = {"display", "xmlns", "accent", "stretchy", "linethickness", "minsize", "maxsize"}
    math |= {"width", "mathvariant", "columnalign", "fence", "separator", "form", "displaystyle"}
    allowed |= {tag: math for tag in MATHML}
    # All digits of a cell, for the page's download.
    allowed["td"] = allowed.get("td", set()) | {"data-value"}
    # link_rel sets the attribute itself and refuses to see it listed.
    allowed["a"] = allowed.get("a", set()) - {"rel"}
    allowed["input"] = {"type", "checked", "disabled"}
    allowed["*"] = allowed.get("*", set()) | common
    return allowed

"""Renders Markdown as sanitised HTML with MathML and embedded pictures.

Formulas are taken out before the Markdown is read and put back after it, as JupyterLab does, so
that no bar within one ends a table's cell and no underscore begins an emphasis.
"""

from __future__ import annotations

import html
import re

from mistune import BlockParser, HTMLRenderer, InlineParser
from nbconvert.filters.markdown_mistune import (
    InvalidNotebook,
    IPythonRenderer,
    MarkdownWithMath,
    MathBlockParser,
)

from workbench.pages.text.clean import clean
from workbench.pages.text.delimiters import replaced
from workbench.pages.text.formulas import Formulas
from workbench.pages.text.pictures import embedded
from workbench.pages.text.unshown import with_notes

_PLACE = "\ue000{}\ue001"
_PLACED = re.compile(
    r"(?P<source><(?P<tag>pre|code)\b.*?(?:</(?P=tag)>|\Z)|<[^>]*(?:>|\Z))"
    "|\ue000(?P<number>\\d+)\ue001",
    re.S,
)


def markdown(
    source: str,
    folder: str = "",
    attachments: dict | None = None,
    formulas: Formulas | None = None,
) -> str:
    """Markdown as sanitised HTML, with formulas as MathML and embedded pictures.

    Args:
        source: a cell's text.
        folder: where the notebook lies; pictures beside or below it are taken into the page.
        attachments: pictures that the cell itself holds.
        formulas: those of the page so far, whose macros and numbers hold here as well.
    """
    renderer = _Renderer(
        escape=False,
        # Ids and links of headings are added to the whole page.
        exclude_anchor_links=True,
        attachments=attachments,
    )
    if formulas is None:
        formulas = Formulas()
        source = formulas.equations.numbered(source)
    text, matches = _without_formulas(source)
    text = MarkdownWithMath(renderer, _Blocks(), InlineParser()).render(text)
    return clean(embedded(with_notes(_with_formulas(text, matches, formulas)), folder))


class _Renderer(IPythonRenderer):
    """nbconvert's renderer; pictures are embedded later, together with those in HTML."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        try:
            return super().image(text, url, title)
        except InvalidNotebook:  # a lost attachment
            return HTMLRenderer.image(self, text, url, title)


class _Blocks(MathBlockParser):
    """nbconvert's blocks without those of formulas, which have been replaced."""

    DEFAULT_RULES = BlockParser.DEFAULT_RULES


def _without_formulas(source: str) -> tuple[str, list[re.Match[str]]]:
    """The text with a placeholder for every formula, and the formulas."""
    matches: list[re.Match[str]] = []

    def place(match: re.Match[str]) -> str:
        matches.append(match)
        return _PLACE.format(len(matches) - 1)

    return replaced(source, place), matches


def _with_formulas(text: str, matches: list[re.Match[str]], formulas: Formulas) -> str:
    """The HTML with the formulas; in code and tags as LaTeX."""

    def written(match: re.Match[str]) -> str:
        number = int(match[1])
        return html.escape(matches[number][0]) if number < len(matches) else match[0]

    def replacement(match: re.Match[str]) -> str:
        if match["source"]:
            return re.sub("\ue000(\\d+)\ue001", written, match[0])
        number = int(match["number"])
        return _formula(matches[number], formulas) if number < len(matches) else match[0]

    return _PLACED.sub(replacement, text)


def _formula(match: re.Match[str], formulas: Formulas) -> str:
    block = match["block"] or match["bracketed"] or match["environment"]
    inline = match["inline"] or match["parenthesised"] or match["reference"]
    return formulas.html(block, "block") if block else formulas.html(inline, "inline")

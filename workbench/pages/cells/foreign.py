"""Outputs in HTML: sanitised, with their styles restricted to their own box.

Parts that need a script, another site or a frame are replaced by a sentence that names them.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from workbench.pages.text.clean import clean
from workbench.pages.text.pictures import embedded
from workbench.pages.text.style_sheets import colours, scoped
from workbench.pages.text.unshown import PARTS, WORDS_OF_A_DRAWING, instead, library, note

# Elements with colours; the text of a drawing is black by default.
_PAINT = re.compile(r"""<svg\b|style="[^"]*(?:color|background|fill)[\w-]*:|(?:bgcolor|color)=""")
_SEEN = re.compile(
    r"<(?:img|svg|video|audio|table|hr|input|button|select|progress|meter|math)\b", re.I
)


def output_html(source: str, folder: str = "") -> str:
    """The output in its box.

    Args:
        source: its HTML.
        folder: the notebook's folder, for pictures in it.
    """
    parts = list(PARTS.finditer(source))
    scripts = "".join(f"{one['attributes']}{one['script']}" for one in parts if one["attributes"])
    sheets = [one["style"] for one in parts if one["style"] is not None]
    text = PARTS.sub(instead, source)
    shown = clean(embedded(text, folder))
    scope = "s" + hashlib.sha256(source.encode(errors="replace")).hexdigest()[:12]
    style = scoped("\n".join(sheets), scope) if sheets else ""
    is_painted = colours(style) or bool(_PAINT.search(shown))
    kinds = " ".join(["table", *([scope] if style else []), *(["painted"] if is_painted else [])])
    style = f"<style>{style}</style>" if style else ""
    return f'<div class="{kinds}">{style}{shown}{_missing(source, scripts, shown)}</div>'


def figure_of(source: str) -> dict[str, Any] | None:
    """The figure in the script of plotly's own HTML; None unless there is exactly one."""
    calls = re.findall(r"Plotly\.(?:newPlot|react)\(", source)
    call = re.search(r"Plotly\.(?:newPlot|react)\(\s*[\"'][^\"']*[\"']\s*,\s*", source)
    if len(calls) != 1 or not call:
        return None
    decoder, place = json.JSONDecoder(), call.end()
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


def is_bare(source: str) -> bool:
    """Whether the HTML has only scripts, styles and empty elements."""
    left = PARTS.sub(instead, source)
    return not (_SEEN.search(left) or re.sub(r"<[^<>]*>|\s|&nbsp;", "", left))


def _missing(source: str, scripts: str, shown: str) -> str:
    """A sentence on what the page leaves out of the output; empty if it shows all."""
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
        return note(WORDS_OF_A_DRAWING)
    if is_empty and re.search(r"<\w", source):
        return note("This output holds nothing to see: marks or a style for the whole notebook.")
    return ""

"""Sanitises HTML: no scripts, no external resources, nothing that covers the page."""

from __future__ import annotations

import functools
import re

import nh3

from workbench.pages.text.style_sheets import inline

# Ids of the page's own elements, which outputs must not have.
IDS = frozenset({"story", "fold", "record", "verdicts", "knobs", "provenance"})
MATHML = frozenset(
    {"math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msup", "msub", "msubsup"}
    | {"mfrac", "msqrt", "mroot", "mover", "munder", "munderover", "mtable", "mtr", "mtd"}
    | {"mstyle", "mpadded", "mphantom", "menclose"}
)
SVG = frozenset(
    {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text"}
    | {"tspan", "defs", "linearGradient", "radialGradient", "stop", "clipPath", "pattern"}
    | {"mask", "marker", "symbol", "use", "image", "title", "desc"}
)
# Controls without effect, which show a state or fold.
_CONTROLS = frozenset(
    {"input", "label", "button", "select", "option", "optgroup", "textarea", "fieldset", "legend"}
    | {"progress", "meter", "output"}
)
_HTML = frozenset(
    {"section", "main", "font", "big", "tfoot", "video", "audio", "source", "address"}
)
_MATH_NAMES = frozenset(
    {"display", "xmlns", "accent", "stretchy", "linethickness", "minsize", "maxsize", "width"}
    | {"mathvariant", "columnalign", "fence", "separator", "form", "displaystyle", "notation"}
    | {"mathcolor", "mathbackground", "rowspacing", "columnspacing", "scriptlevel", "height"}
)
_SVG_NAMES = frozenset(
    {"viewBox", "xmlns", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r"}
    | {"rx", "ry", "d", "points", "transform", "fill", "fill-opacity", "fill-rule", "stroke"}
    | {"stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linecap", "stroke-linejoin"}
    | {"stroke-miterlimit", "opacity", "offset", "stop-color", "stop-opacity", "clip-path"}
    | {"clip-rule", "clipPathUnits", "gradientUnits", "gradientTransform", "patternUnits", "mask"}
    | {"marker-start", "marker-mid", "marker-end", "markerWidth", "markerHeight", "refX", "refY"}
    | {"orient", "dx", "dy", "font-size", "font-family", "font-weight", "font-style", "color"}
    | {"text-anchor", "dominant-baseline", "alignment-baseline", "preserveAspectRatio", "href"}
    | {"rotate", "textLength", "lengthAdjust", "visibility", "display", "overflow", "fx", "fy"}
)
_CONTROL_NAMES = frozenset(
    {"type", "checked", "disabled", "value", "placeholder", "min", "max", "step", "size", "rows"}
    | {"cols", "multiple", "selected", "readonly", "for", "low", "high", "optimum", "label"}
)
_MORE = {
    "img": {"loading"},
    "details": {"open"},
    "font": {"color", "size", "face"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    # `data-value` has all digits of a cell, for the page's download.
    "td": {"data-value", "valign", "width", "height", "nowrap"},
    "th": {"valign", "width", "height", "nowrap"},
    "table": {"width"},
    "video": {"src", "controls", "width", "height", "loop", "muted"},
    "audio": {"src", "controls", "loop", "muted"},
    "source": {"src", "type"},
}
_DATA = {"img": "image", "source": "(?:video|audio)", "video": "video", "audio": "audio"}


def clean(source: str) -> str:
    """HTML without scripts, handlers, forms, frames, remote media or ways to leave the page."""
    return _cleaner().clean(source)


# Its construction takes a millisecond.
@functools.cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=nh3.ALLOWED_TAGS | MATHML | SVG | _CONTROLS | _HTML,
        attributes=_attributes(),
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The attribute's value, or None to remove it: data only in pictures, never in links."""
    if name == "style":
        return inline(value) or None
    if name == "src":
        kind = _DATA.get(tag, "image")
        return value if re.match(rf"data:{kind}/", value) else None
    if name == "href" and tag != "a":
        is_own = value.startswith("#") or (tag == "image" and re.match("data:image/", value))
        return value if is_own else None
    if name == "href" and value.strip().lower().startswith("data:"):
        return None
    if name == "id" and value in IDS:
        return None
    if name == "type" and value.strip().lower() in ("image", "file", "password"):
        return None
    if "(" in value and re.search(r"url\s*\((?!\s*['\"]?#)|\\", value, re.I) and tag in SVG:
        return None
    return value


@functools.cache
def _attributes() -> dict[str, set[str]]:
    common = {"class", "id", "title", "lang", "dir", "scope", "role", "style", "align"}
    common |= {"aria-hidden", "aria-label", "hidden", "bgcolor"}
    allowed = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
    allowed |= {tag: set(_MATH_NAMES) for tag in MATHML}
    allowed |= {tag: set(_SVG_NAMES) for tag in SVG}
    allowed |= {tag: set(_CONTROL_NAMES) for tag in _CONTROLS}
    for tag, names in _MORE.items():
        allowed[tag] = allowed.get(tag, set()) | names
    # `link_rel` sets `rel`, which must not be listed as well.
    allowed["a"] = allowed.get("a", set()) - {"rel"} | {"name"}
    allowed["*"] = allowed.get("*", set()) | common
    return allowed

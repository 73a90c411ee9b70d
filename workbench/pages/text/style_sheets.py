"""Restricts the styles of an output to that output, and to harmless properties.

A sheet's rules reach nothing but the output that brought them. No value asks for anything from
anywhere, nothing moves, and nothing stands outside its own place.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

import tinycss2

# Functions that compute a value; `url`, `image-set` and others would load something.
_FUNCTIONS = frozenset(
    {"rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix"}
    | {"calc", "min", "max", "clamp", "var", "repeat", "minmax", "fit-content", "inset", "circle"}
    | {"linear-gradient", "radial-gradient", "repeating-linear-gradient", "conic-gradient"}
    | {"light-dark", "translate", "translatex", "translatey", "rotate", "scale", "attr", "counter"}
)
_PROPERTIES = re.compile(
    r"accent-color|align-.+|aspect-ratio|background(-(color|image|size|repeat|position|clip))?"
    r"|border(-.+)?|box-(shadow|sizing)|break-.+|caption-side|clear|color|(row-|column-)?gap"
    r"|column.*|cursor|direction|display|empty-cells|fill(-.+)?|flex.*|float|font(-.+)?|grid.*"
    r"|height|hyphens|justify-.+|letter-spacing|line-height|list-style(-.+)?|margin(-.+)?"
    r"|(min|max)-(height|width)|opacity|order|outline(-.+)?|overflow.*|padding(-.+)?|place-.+"
    r"|stroke.*|table-layout|tab-size|text-.+|unicode-bidi|user-select|vertical-align|visibility"
    r"|white-space|width|word-.+|writing-mode|dominant-baseline|stop-.+|transform(-origin)?"
)
# Also allowed in sheets, as nothing leaves the box of an output.
_BOXED = re.compile(r"--[\w-]+|position|top|right|bottom|left|inset.*|z-index|clip-path|content")
_PLACES = frozenset({"static", "relative", "absolute"})
# Selectors of the whole document, which stand for the box here.
_ROOT = re.compile(r"^(?::root|:host|html|body)(?:\s+|$)")


def scoped(sheet: str, scope: str) -> str:
    """The sheet's rules, restricted to descendants of the class `scope`.

    Args:
        sheet: CSS. Rules that import, define fonts or animate are left out, and those for dark
            schemes, since an output that brings its colours stands on white paper.
        scope: a class, without its dot.
    """
    rules = tinycss2.parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True)
    return "".join(_rules(rules, f".{scope}"))


@functools.lru_cache(4096)
def inline(style: str) -> str:
    """The allowed declarations of a `style` attribute."""
    texts = (
        text
        for name, text, tokens in _declarations(tinycss2.parse_blocks_contents(style))
        if _PROPERTIES.fullmatch(name) and name[:9] != "transform" and not _pulls(name, tokens)
    )
    return ";".join(texts)


def colours(css: str) -> bool:
    """Whether the declarations set colours of text or background."""
    return bool(re.search(r"(?:^|[\s;{-])(?:color|background(?:-\w+)?|fill)\s*:", css))


def _rules(rules: Iterable[Any], scope: str) -> Iterator[str]:
    for rule in rules:
        if rule.type == "qualified-rule":
            selectors = dict.fromkeys(_selectors(rule.prelude, scope))
            declarations = _declarations(tinycss2.parse_blocks_contents(rule.content))
            texts = [(name, text) for name, text, tokens in declarations if _in_sheet(name, tokens)]
            # The box accepts only fonts and colours, so that no sheet hides the output.
            own = [text for name, text in texts if re.match("--|color|background|font", name)]
            if scope in selectors and own:
                yield f"{scope}{{{';'.join(own)}}}"
            selectors.pop(scope, None)
            if selectors and texts:
                yield f"{','.join(selectors)}{{{';'.join(text for _, text in texts)}}}"
        elif rule.type == "at-rule" and rule.content is not None:
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            yield from _within(rule, _rules(inner, scope))


def _within(rule: Any, inner: Iterator[str]) -> Iterator[str]:
    """The rules within an allowed condition, with the condition."""
    condition = " ".join(tinycss2.serialize(rule.prelude).split())
    name, plain = rule.lower_at_keyword, re.fullmatch(r"[\w\s():.,>=-]+", condition)
    if name == "layer" or "prefers-color-scheme: light" in condition:
        yield from inner
    elif name in ("media", "supports") and plain and "prefers-color-scheme" not in condition:
        yield f"@{name} {condition}{{{''.join(inner)}}}"


def _selectors(prelude: list[Any], scope: str) -> Iterator[str]:
    """The selectors with the scope as ancestor; those that start with a combinator are left out."""
    part: list[Any] = []
    for token in [*prelude, None]:
        if token is not None and token != ",":
            part.append(token)
            continue
        text = " ".join(tinycss2.serialize([t for t in part if t.type != "comment"]).split())
        while match := _ROOT.match(text):
            text = text[match.end() :]
            if not text:
                yield scope
        if text and text[0] not in ">+~" and _is_plain(text) and all(map(_is_sound, part)):
            yield f"{scope} {text}"
        part = []


def _declarations(nodes: Iterable[Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Name, text and value of the declarations that load nothing."""
    for node in nodes:
        if node.type != "declaration" or not all(map(_is_sound, node.value)):
            continue
        value = tinycss2.serialize(node.value).strip()
        if value and _is_plain(value):
            marked = "!important" if node.important else ""
            yield node.lower_name, f"{node.name}:{value}{marked}", node.value


def _in_sheet(name: str, tokens: list[Any]) -> bool:
    if name == "position":
        return tinycss2.serialize(tokens).strip().lower() in _PLACES
    return bool(_PROPERTIES.fullmatch(name) or _BOXED.fullmatch(name))


def _pulls(name: str, tokens: list[Any]) -> bool:
    """Whether a margin or an indent could move an element over another."""
    if not name.startswith(("margin", "text-indent")):
        return False
    plain = all(
        t.type in ("number", "dimension", "percentage", "ident", "whitespace") for t in tokens
    )
    return not plain or any(getattr(t, "value", 0) < 0 for t in tokens if hasattr(t, "int_value"))


def _is_sound(token: Any) -> bool:
    if token.type in ("url", "error", "bad-url", "bad-string", "{} block"):
        return False
    if token.type == "function":
        selects = token.lower_name in ("not", "is", "where", "has", "nth-child", "nth-of-type")
        known = selects or token.lower_name in _FUNCTIONS or token.lower_name.startswith("nth-")
        return known and all(map(_is_sound, token.arguments))
    inner = getattr(token, "content", None)
    return all(map(_is_sound, inner)) if isinstance(inner, list) else True


def _is_plain(text: str) -> bool:
    """Whether the text can end neither the style element nor a rule."""
    return not re.search(r"[<{}@\\\x00-\x08]", text)

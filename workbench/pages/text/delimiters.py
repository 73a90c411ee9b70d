r"""Finds formulas in Markdown: in dollars, in brackets or as environments, and not in code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_WHOLE = re.compile(
    # Code has no formulas.
    r"(?P<code>^[ ]{0,3}(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^[ ]{0,3}(?P=fence)[`~]*[ ]*$|\Z)"
    r"|(?P<ticks>(?<!`)`+(?!`)).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?<!\\)\$\$(?P<block>.+?)(?<!\\)\$\$"
    r"|(?<!\\)\\\\\[(?P<bracketed>.+?)\\\\\]"
    r"|(?<!\\)\\\\\((?P<parenthesised>.+?)\\\\\)"
    r"|(?P<environment>\\begin\{(?P<name>[a-zA-Z]+\*?)\}.*?\\end\{(?P=name)\})"
    # A blank line ends no pair of dollars.
    r"|(?<![\\$])\$(?P<inline>(?:(?!\n[ \t]*\n)(?:\\.|[^$\\]))+)\$(?!\$)"
    r"|(?P<reference>\\(?:eq)?ref\{[^{}\n]*\})",
    re.M | re.S,
)
# Openings; those whose closing may be far away are in the group `paired`.
_OPENING = re.compile(
    r"^[ ]{0,3}(?:`{3,}|~{3,})[^\n]*\n|(?P<paired>`+|\\\\[\[(]|\\begin\{[a-zA-Z]+\*?\})"
    r"|\$\$?|\\(?:eq)?ref\{",
    re.M,
)
_CLOSING = re.compile(r"`+|\\\\[\])]|\\end\{[a-zA-Z]+\*?\}")
_ENDS = str.maketrans("[(", "])")


def replaced(source: str, replacement: Callable[[re.Match[str]], str]) -> str:
    """The text with every formula replaced.

    Args:
        source: Markdown.
        replacement: called for each formula; its match has the groups `block`, `bracketed`,
            `environment` (shown on lines of their own), `inline`, `parenthesised` and `reference`.
    """
    parts, end = [], 0
    for match in _matches(source):
        if not match["code"]:
            parts += source[end : match.start()], replacement(match)
            end = match.end()
    return "".join([*parts, source[end:]])


def _matches(source: str) -> Iterator[re.Match[str]]:
    """Formulas and code in order, in linear time also for openings without a closing."""
    last = {closing[0]: closing.start() for closing in _CLOSING.finditer(source)}
    place = 0
    while opening := _OPENING.search(source, place):
        place = opening.end()
        if begun := opening["paired"]:
            needed = begun.replace("begin", "end", 1).translate(_ENDS)
            if last.get(needed, -1) < place:
                continue
        if whole := _WHOLE.match(source, opening.start()):
            yield whole
            place = whole.end()

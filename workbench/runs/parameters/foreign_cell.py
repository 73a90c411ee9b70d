"""What can be known of the parameters of a cell that is not Python: names, and plain literals."""

from __future__ import annotations

import json
import re
from typing import Any

# `n <- 10`, `n = 10`, `val n: Int = 10`, `$n = 10`, `n=10;`: one assignment a line.
_ASSIGNMENT = re.compile(
    r"^\s*(?:(?:val|var|let|const|my|our|local|global|export|declare|set|auto|int|double|float|"
    r"bool|string|String)\s+)?[$@]?([^\W\d][\w.]*?)[!?]?\s*(?::{1,2}\s*[\w.<>{}\[\], ]+?)?\s*"
    r"(?:<<-|<-|:=|=)(?![=~>])\s*(.*?)\s*;?\s*$",
    re.MULTILINE,
)
_COMMENT = re.compile(r"\s+(?:#|//|--|%).*$")
_WORDS = {"true": True, "false": False}


def settings(source: str) -> dict[str, list[Any]]:
    """By name, the literal of each line that sets it; None for what is no literal."""
    literals: dict[str, list[Any]] = {}
    for name, text in _ASSIGNMENT.findall(source):
        literals.setdefault(name, []).append(_literal(text))
    return literals


def _literal(text: str) -> bool | int | float | str | None:
    """A number, a word for true or false, or a text in double quotes without escapes."""
    text = _COMMENT.sub("", text).rstrip("; ")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    number = re.fullmatch(r"([-+]?\d+)L?|([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)", text)
    if number:
        return int(number.group(1)) if number.group(1) else float(text)
    if re.fullmatch(r'"[^"\\$`]*"', text):
        return json.loads(text, strict=False)
    return text[1:-1] if re.fullmatch(r"'[^'\\]*'", text) else None

"""Expands LaTeX macros as MathJax does in a notebook: definitions apply to later formulas."""

from __future__ import annotations

import re
from typing import NamedTuple

_DEFINING = re.compile(
    r"\\(?:(re|provide)?newcommand|providecommand|renewcommand|DeclareMathOperator|[gex]?def|let)"
    r"(?![a-zA-Z])\*?"
)
_NAME = re.compile(r"\\(?:[a-zA-Z]+|.)", re.S)
# The most expansions and letters of a formula, since a macro may call itself.
_MOST, _LONGEST = 1000, 100_000
# Macros of MathJax that the converter lacks.
_BUILT_IN = {
    r"\arg": r"\operatorname{arg}",
    r"\hdots": r"\ldots",
    r"\dotsc": r"\ldots",
    r"\dotsb": r"\cdots",
}


class Macro(NamedTuple):
    """A macro: `#1` and so on in `body` are its arguments."""

    body: str
    arguments: int = 0
    default: str | None = None


class Macros:
    """The macros defined so far."""

    def __init__(self):
        """Starts with those macros of MathJax that the converter lacks."""
        self.known = {name: Macro(body) for name, body in _BUILT_IN.items()}

    def expanded(self, formula: str) -> str:
        """The formula with expanded macros, and without definitions, which are stored.

        Raises:
            ValueError: for a definition that cannot be read, or a macro that does not end.
        """
        done, rest, calls = [""], formula, 0
        while match := _NAME.search(rest):
            done.append(_apart(done[-1], rest[: match.start()]))
            name, after = match[0], rest[match.end() :]
            if defining := _DEFINING.match(rest, match.start()):
                rest = self._define(defining[0], rest[defining.end() :])
            elif name in self.known:
                body, rest = self._called(self.known[name], after)
                raised = "".join(done[-2:]).rstrip()[-1:] in ("^", "_")
                body = f"{{{body}}}" if raised and body else body
                rest, calls = body + _apart(body, rest), calls + 1
            else:
                rest = after
                done.append(name)
            if calls > _MOST or len(rest) > _LONGEST:
                raise ValueError(f"a formula's macros must end within {_MOST} expansions")
        return "".join([*done, _apart(done[-1], rest)])

    def _define(self, command: str, rest: str) -> str:
        """Stores the definition at the start of the text; returns the text after it."""
        command = command.lstrip("\\")
        name, rest = _argument(rest)
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise ValueError(f"a macro's name must begin with a backslash; got {name!r}")
        count, default = 0, None
        if command.startswith("let"):
            body, rest = _argument(rest.lstrip().removeprefix("="))
            self.known[name] = self.known.get(body.strip(), Macro(body))
            return rest
        if command.rstrip("*").endswith("def"):
            pattern, brace, _ = rest.partition("{")
            count = pattern.count("#")
            if not brace or re.sub(r"#\d|\s", "", pattern):
                raise ValueError(f"a macro's arguments must follow each other; got {pattern!r}")
            rest = rest[len(pattern) :]
        elif not command.startswith("Declare"):
            number, rest = _option(rest)
            count = int(number or 0)
            default, rest = _option(rest) if count else (None, rest)
        body, rest = _argument(rest)
        if command.startswith("Declare"):
            body = rf"\operatorname{{{body}}}"
        if not (command.startswith("provide") and name in self.known):
            self.known[name] = Macro(body, count, default)
        return rest

    def _called(self, macro: Macro, rest: str) -> tuple[str, str]:
        """The macro's body with its arguments, and the text after them."""
        values: list[str] = []
        if macro.default is not None:
            given, rest = _option(rest)
            values.append(macro.default if given is None else given)
        while len(values) < macro.arguments:
            value, rest = _argument(rest)
            values.append(value)
        body = ""
        for part in re.split(r"(#\d)", macro.body):
            is_value = re.fullmatch(r"#\d", part) and 0 < int(part[1]) <= len(values)
            part = values[int(part[1]) - 1] if is_value else part
            body += _apart(body, part)
        return body, rest


def _apart(left: str, right: str) -> str:
    """The right text, after a space if its first letter would extend a macro's name."""
    lengthens = right[:1].isalpha() and re.search(r"\\[a-zA-Z]+$", left)
    return f" {right}" if lengthens else right


def _argument(text: str) -> tuple[str, str]:
    """The next group in braces or single token, and the text after it."""
    text = text.lstrip()
    if not text:
        raise ValueError("a macro must have its arguments")
    if text[0] != "{":
        sign = _NAME.match(text)
        end = sign.end() if sign else 1
        return text[:end], text[end:]
    return _group(text, "{", "}")


def _option(text: str) -> tuple[str | None, str]:
    """The next optional argument in brackets, None without one, and the text after it."""
    return _group(text.lstrip(), "[", "]") if text.lstrip()[:1] == "[" else (None, text)


def _group(text: str, opening: str, closing: str) -> tuple[str, str]:
    depth = 0
    for match in re.finditer(rf"\\.|[{{}}{re.escape(opening + closing)}]", text, re.S):
        depth += (match[0] in (opening, "{")) - (match[0] in (closing, "}"))
        if depth == 0:
            return text[1 : match.start()], text[match.end() :]
    raise ValueError(f"a macro's {opening} must have its {closing}")

"""Values of knobs as the words of a command line, both ways."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

from workbench.experiment.kinds import is_container
from workbench.experiment.params import Knob, Parameters

# Options of `workbench run`: a knob of such a name is given as `--set NAME=VALUE`.
OPTIONS = frozenset(
    ("reports", "cell_timeout", "open", "progress", "shared_library", "set", "help")
)
_WORDS = {"true": True, "false": False, "none": None}
_NONFINITE = {"inf", "+inf", "-inf", "nan", "infinity", "-infinity"}
_BRACKETS = set("[](){}'\"")


def parsed(model: type[Parameters], texts: Mapping[str, str]) -> dict[str, Any]:
    """The words of a command line as the values they spell; what they spell is checked later."""
    knobs = {k.name: k for k in model.knobs()}
    return {n: spelled(text, knobs[n]) if n in knobs else text for n, text in texts.items()}


def options(params: Parameters) -> list[str]:
    """The words of a command line that set the parameters which are not at their default."""
    knobs, words = {k.name: k for k in params.knobs()}, []
    for name, value in params.changed().items():
        text = text_of(value, knobs[name])
        words += ["--set", f"{name}={text}"] if name in OPTIONS else [f"--{name}", text]
    return words


def spelled(text: str, knob: Knob) -> Any:
    """The value that the text spells; the text itself where it spells none that the knob admits.

    Where a knob admits texts, a text stands for itself unless it spells another value that the knob
    admits; in quotes it is that text. A list is written `1,2` or `[1, 2]`.
    """
    value = _literal(text, knob)
    if str in knob.kinds and isinstance(value, str):
        return value if value != text and spelled(value, knob) != value else text
    if not knob.admits(value):
        value = _listed(value, text, knob)
    return value if knob.admits(value) else text


def text_of(value: Any, knob: Knob) -> str:
    """The text that spells the value, as `spelled` reads it."""
    if isinstance(value, str) and str in knob.kinds:
        read = spelled(value, knob)
        return value if isinstance(read, str) and read == value else repr(value)
    return repr(value)


def _literal(text: str, knob: Knob) -> Any:
    """The text as Python reads it; itself where it is no literal."""
    word = text.strip().lower()
    if knob.is_open and word in _NONFINITE:
        return float(word)
    if word in _WORDS:
        return _WORDS[word] if knob.admits(_WORDS[word]) else text
    try:
        with warnings.catch_warnings():
            # Whatever is odd about the text is in the error message.
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def _listed(value: Any, text: str, knob: Knob) -> Any:
    """The list that the text spells by its commas, if the knob admits one; else the text."""
    if not any(is_container(kind) for kind in knob.kinds) or isinstance(value, list | dict):
        return text
    words = [word.strip() for word in text.split(",")]
    tried = [list(value)] if isinstance(value, tuple) else []
    tried += [[value]] if not isinstance(value, tuple | str) else []
    if all(words) and not _BRACKETS & set(text):
        tried += [[_literal(word, knob) for word in words], words]
    return next((one for one in tried if knob.admits(one)), text)

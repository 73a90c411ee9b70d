"""A code cell as Python: what IPython makes of its magics, and which names it sets or reads.

Nothing is run. What cannot be known without running is said to be unknown, never guessed.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Literal

# Cell magics whose body runs as Python among the notebook's own names.
_TRANSPARENT = {"time", "capture", "prun", "memit", "mprun"}
# Commands that IPython runs without a mark before them.
_AUTOMAGIC = re.compile(r"(?m)^(?:pip|conda|mamba|uv|cd|ls|cat|mkdir|cp|mv|rm)[ \t]+[^=\s(,].*$")
# What may set any name: another file's code, or a store of variables.
_RUNNING = {"run", "store", "pylab", "reset"}
_REFLECTING = {"exec", "eval", "globals", "locals", "vars"}
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)


@functools.lru_cache(1024)
def python_of(source: str) -> tuple[str, ast.Module]:
    """The cell as plain Python and its tree; magics are calls, as IPython has them.

    Raises:
        SyntaxError: if it is no Python to IPython either, or a cell magic of another language.
    """
    magic = re.match(r"\s*%%(\w+)[^\n]*\n?", source)
    while magic and magic.group(1) in _TRANSPARENT:
        source = source[magic.end() :]
        magic = re.match(r"\s*%%(\w+)[^\n]*\n?", source)
    if magic:
        raise SyntaxError(f"the cell magic %%{magic.group(1)}")
    try:
        return source, _parsed(source)
    except _ERRORS:
        # Loading IPython takes longer than reading most notebooks.
        from IPython.core.inputtransformer2 import TransformerManager

    try:
        text = TransformerManager().transform_cell(_AUTOMAGIC.sub("pass", source))
        return text, _parsed(text)
    except _ERRORS as error:
        raise SyntaxError(str(error)) from None


def parse_all(sources: Iterable[str]) -> None:
    """Parses cells before other threads work: Python's filters of warnings are common to all."""
    for source in sources:
        with contextlib.suppress(SyntaxError):
            python_of(source)


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # Odd escapes and comparisons are the notebook's own matter.
        warnings.simplefilter("ignore")
        return ast.parse(text)


def is_opaque(tree: ast.AST) -> bool:
    """Whether the code may set or read names that it does not spell."""
    for node in ast.walk(tree):
        is_star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        if is_star and node.module not in ("typing", "typing_extensions"):
            return True
        if isinstance(node, ast.Name) and node.id in _REFLECTING:
            return True
        magic = _magic(node)
        if magic and magic[0] in _RUNNING:
            return True
    return False


def times_set(tree: ast.AST) -> Counter[str]:
    """How often each name is set, changed in place or deleted, anywhere in the code."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        found.update(_bound(node))
    return found


def reads(tree: ast.AST) -> set[str]:
    """The names that the code reads, in functions and in the words of its magics as well."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        found.update(re.findall(r"\w+", " ".join(_magic(node) or ())))
    return found


def touch(source: str, name: str) -> Literal["read", "set"] | None:
    """What the cell does first with a name of the notebook; "read" also where nobody can know."""
    try:
        tree = python_of(source)[1]
    except SyntaxError:
        return "read" if re.search(rf"\b{re.escape(name)}\b", source) else None
    for statement in tree.body:
        if name in reads(statement) or is_opaque(statement) and not _is_star(statement):
            return "read"
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_global = any(isinstance(n, ast.Global) for n in ast.walk(statement))
            found = "set" if statement.name == name else None
            found = found or ("read" if is_global and times_set(statement)[name] else None)
        elif times_set(statement)[name]:
            is_sure = not isinstance(statement, ast.If | ast.Try | ast.While | ast.Match)
            found = "set" if is_sure else "read"
        else:
            continue
        if found:
            return found
    return None


def _is_star(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.ImportFrom)


def _bound(node: ast.AST) -> list[str]:
    """The names that a node binds without spelling them as names."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(a.asname or a.name).split(".")[0] for a in node.names]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    named = getattr(node, "name", None) or getattr(node, "rest", None)
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping):
        return [named] if named else []
    return []


def _magic(node: ast.AST) -> list[str] | None:
    """The words of a call that IPython makes of a magic or of a line for the shell."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if not is_call or not isinstance(node.func.value, ast.Call):
        return None
    inner = node.func.value.func
    if not isinstance(inner, ast.Name) or inner.id != "get_ipython":
        return None
    return [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]

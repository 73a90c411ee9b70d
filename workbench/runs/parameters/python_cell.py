"""A code cell as Python: what IPython makes of its magics, and which names it sets or reads.

Nothing is run. What cannot be known without running is said to be unknown, never guessed.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import re
import symtable
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
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError)


@functools.lru_cache(10_000)
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
    """Parses cells before other threads work: they share the filters of warnings.

    In Python 3.11 and 3.12 `ast.parse` can also raise SystemError if two threads parse at once.
    """
    for source in sources:
        with contextlib.suppress(SyntaxError):
            python_of(source)


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # Odd escapes and comparisons are the notebook's own matter.
        warnings.simplefilter("ignore")
        return ast.parse(text)


@functools.lru_cache(4096)
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


@functools.lru_cache(1024)
def _words(tree: ast.AST) -> frozenset[str]:
    """Every word that the code spells, in names and in texts."""
    values = [value for node in ast.walk(tree) for value in vars(node).values()]
    texts = [t for v in values for t in (v if isinstance(v, list) else [v]) if isinstance(t, str)]
    return frozenset(re.findall(r"\w+", "\n".join(texts)))


def times_set(tree: ast.AST) -> Counter[str]:
    """How often each name is set, changed in place or deleted; a comprehension's own are not."""
    counts: Counter[str] = Counter()
    nodes = list(ast.walk(tree))
    own = {n for c in nodes if isinstance(c, ast.comprehension) for n in ast.walk(c.target)}
    for node in nodes:
        is_set = isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        if is_set and node not in own:
            counts[node.id] += 1
        counts.update(_bound(node))
    return counts


@functools.lru_cache(4096)
def reads(tree: ast.AST) -> frozenset[str]:
    """The names of the notebook that the code reads, in functions and magics as well.

    The names that a function or a comprehension has for itself are not the notebook's. The words of
    a magic count, and `@name` in a text, as pandas' `query` has it.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            names.add(node.id)
    names -= _locals(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
            names.add(node.id)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.update(re.findall(r"@(\w+)", node.value))
        names.update(re.findall(r"\w+", " ".join(_magic(node) or ())))
    return frozenset(names)


def _locals(tree: ast.AST) -> set[str]:
    """The names that are read as those of functions, classes and comprehensions alone."""
    body = [tree] if isinstance(tree, ast.stmt) else [ast.Expr(tree)]
    body = tree.body if isinstance(tree, ast.Module) else body
    try:
        text = ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
        top = symtable.symtable(text, "cell", "exec")
    except _ERRORS:
        return set()
    own, ours = set(), {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = list(top.get_children())
    while inner:
        scope = inner.pop()
        inner += scope.get_children()
        for one in scope.get_symbols():
            # What a class reads before it sets it is the notebook's.
            is_own = one.is_local() and scope.get_type() != "class"
            is_own = is_own or one.is_free() or not one.is_referenced()
            (own if is_own else ours).add(one.get_name())
    return own - ours


_Touch = Literal["read", "set", "maybe"] | None


def touch(source: str, name: str, readers: Iterable[str] = ()) -> _Touch:
    """What the cell does first with a name of the notebook; "read" also where nobody can know.

    It is "maybe" if the cell first sets the name on a condition: with another value after the cell
    it was set, with the same value it was read if anything reads it.

    Args:
        source: of the cell.
        name: of the notebook.
        readers: functions and classes that read it when they are used (`readers_of`).
    """
    try:
        tree = python_of(source)[1]
    except SyntaxError:
        names = "|".join(map(re.escape, [name, *readers]))
        return "read" if re.search(rf"\b(?:{names})\b", source) else None
    readers = readers_of(source, name, readers)
    if not is_opaque(tree) and _words(tree).isdisjoint({name, *readers}):
        return None
    return _first(_Used(name, readers).visit(copy.deepcopy(tree)).body, name)


def readers_of(source: str, name: str, known: Iterable[str] = ()) -> set[str]:
    """The functions and classes of the cell whose bodies read the name, or use one that does."""
    readers = {*known}
    try:
        tree = python_of(source)[1]
    except SyntaxError:
        return readers
    if _words(tree).isdisjoint({name, *readers}):
        return readers
    defined = [node for node in ast.walk(tree) if isinstance(node, _DEFINITIONS)]
    while new := {d.name for d in defined if reads(d) & {name, *readers}} - readers:
        readers |= new
    return readers


class _Used(ast.NodeTransformer):
    """The code with the name in the place of its readers, and functions without their bodies.

    What a decorator or a function that sets a name of the notebook does is not known: its body
    stays.
    """

    def __init__(self, name: str, readers: set[str]):
        self.name, self.readers = name, readers

    def visit(self, node: ast.AST) -> ast.AST:
        is_plain = isinstance(node, _FUNCTIONS) and not node.decorator_list and not is_opaque(node)
        if is_plain and not any(isinstance(n, ast.Global) for n in ast.walk(node)):
            # A function reads when it is called, and not where it is defined.
            node.body = [ast.Pass()]
        if isinstance(node, ast.Name) and node.id in self.readers:
            is_load = isinstance(node.ctx, ast.Load)
            return ast.copy_location(ast.Name(self.name, node.ctx), node) if is_load else node
        return self.generic_visit(node)


def _first(body: Iterable[ast.AST | None], name: str) -> _Touch:
    """What the nodes do first with the name, one after the other."""
    nodes, is_set = [node for node in body if node is not None], False
    for place, node in enumerate(nodes):
        touched = _touch(node, name)
        if touched == "read" and is_set:
            is_set_again = any(times_set(later)[name] for later in nodes[place:])
            return "read" if is_set_again else "maybe"
        if touched in ("read", "set"):
            return touched
        is_set = is_set or touched == "maybe"
    return "maybe" if is_set else None


def _touch(node: ast.AST, name: str) -> _Touch:
    match node:
        case ast.If() | ast.While():
            return _reading(node.test, name) or _branch(node, name)
        case ast.For() | ast.AsyncFor():
            first = _reading(node.iter, name) or _first([node.target], name)
            return first or _branch(node, name)
        case ast.With() | ast.AsyncWith():
            parts = (p for i in node.items for p in (i.context_expr, i.optional_vars))
            return _first([*parts, *node.body], name)
        case ast.Try():
            others = (*node.handlers, *node.orelse, *node.finalbody)
            first = _first(node.body, name)
            return ("maybe" if first == "set" else first) or _any(others, name)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            is_global = any(isinstance(n, ast.Global) for n in ast.walk(node))
            touched = "set" if node.name == name else None
            touched = touched or ("read" if is_global and times_set(node)[name] else None)
            return _reading(node, name) or touched
        case ast.Match():
            return _any([node], name)
    return _reading(node, name) or ("set" if times_set(node)[name] else None)


def _branch(node: ast.If | ast.While | ast.For | ast.AsyncFor, name: str) -> _Touch:
    """What two ways do, of which one is taken."""
    ways = {_first(node.body, name), _first(node.orelse, name)}
    if "read" in ways or ways == {None}:
        return "read" if "read" in ways else None
    return "set" if ways == {"set"} else "maybe"


def _any(nodes: Iterable[ast.AST], name: str) -> _Touch:
    """For nodes that may run or not: "read" if one reads the name, else whether one sets it."""
    nodes = list(nodes)
    if any(_reading(node, name) for node in nodes):
        return "read"
    return "maybe" if any(times_set(node)[name] for node in nodes) else None


def _reading(node: ast.AST, name: str) -> Literal["read"] | None:
    is_known = _is_star(node) or not is_opaque(node)
    return None if is_known and name not in reads(node) else "read"


def _is_star(statement: ast.AST) -> bool:
    return isinstance(statement, ast.ImportFrom)


def _bound(node: ast.AST) -> list[str]:
    """The names that a node binds without spelling them as names."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(a.asname or a.name).split(".")[0] for a in node.names]
    if isinstance(node, _DEFINITIONS):
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

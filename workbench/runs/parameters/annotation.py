"""Types as people annotate them, read from the source: `Optional[List[int]]`, `"dict[str, float]"`.

They become kinds (`workbench.experiment.kinds`) without importing or running what the source names.
"""

from __future__ import annotations

import ast
import functools
import operator
from types import NoneType
from typing import Any, Literal

_SCALARS = {"int": int, "float": float, "bool": bool, "str": str, "Text": str, "AnyStr": str}
_LISTS = {"list", "List", "Sequence", "MutableSequence", "Iterable", "Collection"}
_MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}
_TUPLES = {"tuple", "Tuple"}
_THROUGH = {"Annotated", "Final", "Required", "ClassVar"}


def kind_of_text(text: str) -> Any | None:
    """The kind that the text of an annotation stands for; None if it is no type known here."""
    try:
        return kind_of(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def kind_of(node: ast.expr) -> Any | None:
    """The kind that an annotation stands for; None if it is no type known here."""
    if isinstance(node, ast.Constant):
        if node.value is None:
            return NoneType
        return kind_of_text(node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return joined([kind_of(node.left), kind_of(node.right)])
    if isinstance(node, ast.Subscript):
        return _subscripted(_name(node.value), node.slice)
    return _plain(_name(node))


def joined(kinds: list[Any]) -> Any | None:
    """The kinds as one; None if one of them is not known."""
    if any(kind is None for kind in kinds):
        return None
    return Any if Any in kinds else functools.reduce(operator.or_, kinds)


def _name(node: ast.expr) -> str:
    """`List` of `List`, `typing.List` or `t.List`; empty for what is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _plain(name: str) -> Any | None:
    for names, kind in ((_LISTS, list), (_MAPPINGS, dict), (_TUPLES, tuple)):
        if name in names:
            return kind
    return Any if name == "Any" else NoneType if name == "NoneType" else _SCALARS.get(name)


def _subscripted(name: str, slice: ast.expr) -> Any | None:
    """The kind of `name[slice]`; a container of items of an unknown kind is one of any items."""
    parts = slice.elts if isinstance(slice, ast.Tuple) else [slice]
    if not parts:
        return _plain(name)
    if name == "Literal":
        return _literal(parts)
    if name in _THROUGH:
        return kind_of(parts[0])
    is_open = name in _TUPLES and isinstance(parts[-1], ast.Constant) and parts[-1].value is ...
    kinds = [kind_of(part) for part in (parts[:-1] if is_open else parts)]
    if any(kind is None for kind in kinds):
        return _plain(name)
    if name == "Optional":
        return joined([*kinds, NoneType])
    if name == "Union":
        return joined(kinds)
    if name in _LISTS:
        return list[kinds[0]]
    if name in _MAPPINGS and len(kinds) == 2:
        # JSON has no other keys than texts.
        return dict[str, kinds[1]] if kinds[0] is str else None
    if name in _TUPLES:
        return tuple[kinds[0], ...] if is_open else tuple[tuple(kinds)]
    return None


def _literal(parts: list[ast.expr]) -> Any | None:
    try:
        values = [ast.literal_eval(part) for part in parts]
    except (ValueError, TypeError, SyntaxError):
        return None
    is_known = all(v is None or isinstance(v, str | int | bool) for v in values)
    return Literal[tuple(values)] if values and is_known else None

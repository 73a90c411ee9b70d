"""The knobs of any notebook, read from its `parameters` cell without running it.

papermill reads that cell line by line and loses a line whose comment holds an equals sign; here
Python's own parser reads it, so that every literal default and every simple annotation counts.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import Any

import nbformat
from pydantic import Field, create_model

from workbench.checks import refuse
from workbench.knobs import Knob, Parameters
from workbench.runs.notebook_file import parsed

_KINDS = {"int": int, "float": float, "bool": bool, "str": str, "list": list, "dict": dict}


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook, upgraded to format 4.5 in memory.

    Raises:
        ValueError: if the file is missing or unreadable, is no notebook, or none in Python.
    """
    try:
        notebook = parsed(path)
    except FileNotFoundError:
        refuse("notebook", "an existing file", str(path))
    except OSError as error:
        refuse("notebook", f"a file that can be read ({error.strerror})", str(path))
    except ValueError as error:
        refuse("notebook", f"a valid Jupyter notebook ({error})", str(path))
    kernel = notebook.metadata.get("kernelspec", {}).get("language")
    language = kernel or notebook.metadata.get("language_info", {}).get("name", "python")
    if language.lower() not in ("python", "ipython"):
        refuse("notebook", "a notebook in Python", language)
    return notebook


def parameters_of(notebook: nbformat.NotebookNode, name: str) -> type[Parameters]:
    """A model of the notebook's parameters: names, types and defaults as its cell has them.

    A type is the annotation where it is one of int, float, bool, str, list, dict or several of
    these and None joined by `|`, else the type of the literal default. A default that is no
    literal, or none that JSON has, is left to the notebook; its parameter takes any plain value.

    Raises:
        ValueError: if the cell tagged `parameters` is missing or no Python.
    """
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if not cells:
        raise ValueError(f"`{name}` must have a cell tagged 'parameters'; got none")
    # Lines for IPython's shell are legal in a cell and set no parameter.
    source = re.sub(r"(?m)^(%(?!%)|!).*$", "", cells[0].source)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"`{name}` must have Python in its parameters cell; got {error}") from None
    comments = _comments(source)
    fields = {}
    for statement in tree.body:
        help = comments.get(statement.end_lineno) or comments.get(statement.lineno, "")
        for target, annotation, value in _assigned(statement):
            default = _literal(target, value)
            kind = _kind(annotation, default)
            # The alias frees the names that the model's own methods have, such as `values`.
            fields[f"{target}_"] = (kind, Field(default, alias=target, description=help))
    return create_model("Params", __base__=Parameters, **fields)


class _Unread:
    """Stands for a default that only the notebook itself can compute."""

    def __repr__(self) -> str:
        return "computed in the notebook"


UNREAD = _Unread()


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """The names a statement gives values to, each with its annotation and the value."""
    if isinstance(statement, ast.AnnAssign):
        pairs, annotation = [(statement.target, statement.value)], statement.annotation
    elif isinstance(statement, ast.Assign):
        pairs, annotation = [(t, statement.value) for t in statement.targets], None
    else:
        return []
    flat = [single for target, value in pairs for single in _singles(target, value)]
    return [
        (target.id, annotation, value)
        for target, value in flat
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]


def _singles(target: ast.expr, value: ast.expr | None) -> list[tuple[ast.expr, ast.expr | None]]:
    """`a, b = 1, 2` as two assignments; a tuple that is not spelled out leaves its names unread."""
    if not isinstance(target, ast.Tuple):
        return [(target, value)]
    spelled = isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts)
    return list(zip(target.elts, value.elts if spelled else [None] * len(target.elts), strict=True))


def _literal(name: str, value: ast.expr | None) -> Any:
    if value is None:
        return UNREAD
    try:
        default = ast.literal_eval(value)
        Knob(name, Any, None, "").check(default)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return UNREAD
    return default


def _kind(annotation: ast.expr | None, default: Any) -> Any:
    """The Python type that the annotation or the default stands for; Any where neither says.

    A default of another kind than its annotation, such as None for an int, widens it.
    """
    given = type(default) if type(default) in _KINDS.values() or default is None else None
    if annotation is None:
        return Any if given in (None, type(None)) else given
    text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
    kinds = [_named_kind(word.strip()) for word in str(text).split("|")]
    if not all(kinds):
        return Any
    if given and not Knob("", _union(kinds), None, "").admits(default):
        kinds.append(given)
    return _union(kinds)


def _named_kind(word: str) -> Any:
    return type(None) if word == "None" else _KINDS.get(word.split("[")[0])


def _union(kinds: list[Any]) -> Any:
    union = kinds[0]
    for kind in kinds[1:]:
        union = union | kind
    return union


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}

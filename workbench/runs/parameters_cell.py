"""The knobs of any notebook, read from its `parameters` cell without running it.

papermill reads that cell line by line and loses a line whose comment holds an equals sign; here
Python's own parser reads it, so that every literal default and every simple annotation counts.
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path
from typing import Any

import nbformat
from pydantic import create_model

from workbench.checks import refuse
from workbench.knobs import Parameters, knob

_KINDS = {"int": int, "float": float, "bool": bool, "str": str, "list": list, "dict": dict}


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook, upgraded to format 4.5 in memory.

    Raises:
        ValueError: if the file is missing or is no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        refuse("notebook", "an existing file", str(path))
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError, KeyError):
        refuse("notebook", "a Jupyter notebook", str(path))


def parameters_of(notebook: nbformat.NotebookNode, name: str) -> type[Parameters]:
    """A model of the notebook's parameters: names, types and defaults as its cell has them.

    A type is the annotation where it is one of int, float, bool, str, list, dict or one of these
    "| None", else the type of the literal default. A default that is no literal is left to the
    notebook; its parameter takes any literal.

    Raises:
        ValueError: if the cell tagged `parameters` is missing or no Python.
    """
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if not cells:
        raise ValueError(f"`{name}` must have a cell tagged 'parameters'; got none")
    source = cells[0].source
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"`{name}` must have Python in its parameters cell; got {error}") from None
    comments = _comments(source)
    fields = {}
    for statement in tree.body:
        for target, annotation, value in _assigned(statement):
            default = _literal(value)
            help = comments.get(statement.end_lineno, "").replace("=", ":")
            fields[target] = (_kind(annotation, default), knob(default, help))
    return create_model("Params", __base__=Parameters, **fields)


class _Unread:
    """Stands for a default that only the notebook itself can compute."""

    def __repr__(self) -> str:
        return "computed in the notebook"


UNREAD = _Unread()


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr]]:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, annotation = [statement.target], statement.annotation
    elif isinstance(statement, ast.Assign):
        targets, annotation = statement.targets, None
    else:
        return []
    names = [t.id for t in targets if isinstance(t, ast.Name)]
    return [(n, annotation, statement.value) for n in names if not n.startswith("_")]


def _literal(value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        return UNREAD


def _kind(annotation: ast.expr | None, default: Any) -> Any:
    """The Python type that the annotation or the default stands for; Any where neither says."""
    if annotation is not None:
        words = [w.strip() for w in ast.unparse(annotation).split("|")]
        kinds = [type(None) if w == "None" else _KINDS.get(w.split("[")[0]) for w in words]
        if all(kinds):
            union = kinds[0]
            for kind in kinds[1:]:
                union = union | kind
            return union
        return Any
    return type(default) if type(default) in _KINDS.values() else Any


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}

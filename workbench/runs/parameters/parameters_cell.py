"""The knobs of any notebook, read from its `parameters` cell without running it.

papermill reads that cell line by line and loses a line whose comment holds an equals sign; here
Python's own parser reads it, so that every literal default and every simple annotation counts.
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from pydantic import ConfigDict, Field, create_model

from workbench.base.checks import refuse
from workbench.experiment.kinds import fits, is_plain
from workbench.experiment.params import Parameters
from workbench.runs.notebook_file import parsed
from workbench.runs.parameters import foreign_cell
from workbench.runs.parameters.annotation import joined, kind_of, kind_of_text
from workbench.runs.parameters.language import Language, language_of
from workbench.runs.parameters.python_cell import is_opaque, python_of, reads, times_set

TAG, INJECTED = "parameters", "injected-parameters"
_KINDS = (int, float, bool, str, list, tuple, dict)
_INFINITE = {"inf", "infinity", "nan", "Inf", "NaN", "NAN", "NINF", "PINF"}


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook, upgraded to format 4.5 in memory.

    Raises:
        ValueError: if the file is missing or unreadable, or is no notebook.
    """
    try:
        notebook = parsed(path)
    except FileNotFoundError:
        refuse("notebook", "an existing file", str(path))
    except OSError as error:
        refuse("notebook", f"a file that can be read ({error.strerror})", str(path))
    except ValueError as error:
        refuse("notebook", f"a valid Jupyter notebook ({error})", str(path))
    return notebook


def parameters_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The code cells tagged `parameters`, in order."""
    code = [c for c in notebook.cells if c.cell_type == "code"]
    return [c for c in code if TAG in c.metadata.get("tags", [])]


def parameters_of(notebook: nbformat.NotebookNode, name: str) -> type[Parameters]:
    """A model of the notebook's parameters: names, types and defaults as its cell has them.

    A type is the annotation where `annotation.kind_of` knows it, also as papermill's comment
    `# type: List[int]`, else the type of the literal default. A default that is computed, set twice
    or changed in the cell, or that JSON does not have, is left to the notebook. Of languages other
    than Python, names and plain literals are read (`foreign_cell`).

    Raises:
        ValueError: if the cell tagged `parameters` is missing or no Python.
    """
    cells = parameters_cells(notebook)
    if not cells:
        raise ValueError(f"`{name}` must have a cell tagged 'parameters'; got none")
    is_python = language_of(notebook).is_python
    fields = _python_fields(cells, name) if is_python else _foreign_fields(cells)
    # The alias frees the names that the model's own methods have, such as `values`.
    fields = {f"{re.sub('[.]', '_', n)}_": f for n, f in fields.items()}
    return create_model("Params", __base__=_NotebookParameters, **fields)


def _python_fields(cells: list[nbformat.NotebookNode], name: str) -> dict[str, Any]:
    by_name: dict[str, list[_Setting]] = {}
    for cell in cells:
        try:
            text, tree = python_of(cell.source)
        except SyntaxError as error:
            message = f"`{name}` must have Python in its parameters cell; got {error}"
            raise ValueError(message) from None
        unsure = _unsure(tree)
        for one in _settings(tree.body, _comments(text)):
            by_name.setdefault(one.name, []).append(one._replace(is_sure=one.name not in unsure))
    return {name: _field(settings) for name, settings in by_name.items()}


def _foreign_fields(cells: list[nbformat.NotebookNode]) -> dict[str, Any]:
    """Names and plain literals; a number may be whole or not, as languages differ in that."""
    by_name: dict[str, list[Any]] = {}
    for cell in cells:
        for name, values in foreign_cell.settings(cell.source).items():
            by_name.setdefault(name, []).extend(values)
    fields = {}
    for name, (first, *others) in by_name.items():
        kind = int | float if type(first) in (int, float) else type(first)
        kind = Any if first is None or others else kind
        default = UNREAD if first is None or others else first
        fields[name] = kind, Field(default, alias=name)
    return fields


class _NotebookParameters(Parameters):
    """Infinities are refused knob by knob (`Knob.is_open`), not by pydantic."""

    model_config = ConfigDict(allow_inf_nan=True)


class _Unread:
    """Stands for a default that only the notebook itself can compute."""

    def __repr__(self) -> str:
        return "computed in the notebook"


UNREAD = _Unread()


class _Setting(NamedTuple):
    """A statement that gives a name a value: at the cell's top level (`is_sure`) or inside."""

    name: str
    annotation: ast.expr | None
    value: ast.expr | None
    comment: str
    is_sure: bool = True


def cell_names(source: str, language: Language) -> set[str]:
    """The parameters that a cell sets; empty for one that cannot be read."""
    if not language.is_python:
        return set(foreign_cell.settings(source))
    try:
        return {one.name for one in _settings(python_of(source)[1].body, {})}
    except SyntaxError:
        return set()


def _unsure(tree: ast.Module) -> set[str]:
    """The names whose value after the cell cannot be read from it."""
    counts, read = times_set(tree), reads(tree)
    unsure = set(counts) if is_opaque(tree) else {n for n, count in counts.items() if count > 1}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            unsure |= set(times_set(statement))
            continue
        # What others hold of a list or a mapping may change it.
        names = set(times_set(statement))
        is_mutable = isinstance(statement.value, ast.List | ast.Dict)
        if is_mutable and names & read:
            unsure |= names
    return unsure


def _settings(body: Sequence[ast.stmt], comments: dict[int, str]) -> Iterator[_Setting]:
    """Every statement that sets a name, in blocks as well; loops, functions and classes not."""
    for statement in body:
        comment = comments.get(statement.end_lineno) or comments.get(statement.lineno, "")
        for target, annotation, value in _assigned(statement):
            yield _Setting(target, annotation, value, comment)
        for block in _blocks(statement):
            yield from _settings(block, comments)


def _blocks(statement: ast.stmt) -> Iterator[Sequence[ast.stmt]]:
    """The statements inside one, where some of them may be run."""
    if isinstance(statement, ast.If | ast.Try | ast.With | ast.Match):
        inside = *getattr(statement, "handlers", ()), *getattr(statement, "cases", ())
        for one in (statement, *inside):
            for part in ("body", "orelse", "finalbody"):
                yield getattr(one, part, ())


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr | None, ast.expr | None]]:
    """The names a statement gives values to, each with its annotation and the value."""
    annotation = None
    if isinstance(statement, ast.AnnAssign):
        pairs, annotation = [(statement.target, statement.value)], statement.annotation
    elif isinstance(statement, ast.Assign):
        pairs = [(t, statement.value) for t in statement.targets]
    elif isinstance(statement, ast.AugAssign):
        is_whole = not isinstance(statement.op, ast.Div)
        pairs = [(statement.target, statement.value if is_whole else ast.Constant(0.5))]
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
    if not isinstance(target, ast.Tuple | ast.List):
        return [(target, value)]
    spelled = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
    values = value.elts if spelled else [None] * len(target.elts)
    pairs = zip(target.elts, values, strict=True)
    return [single for one in pairs for single in _singles(*one)]


def _field(settings: list[_Setting]) -> tuple[Any, Any]:
    """The kind and the field of a parameter, from all statements that set it."""
    first, help = settings[0], next((s.comment for s in settings if s.comment), "")
    typed, help = _type_comment(help)
    values = [_literal(s.value) for s in settings]
    default = values[0] if len(values) == 1 and first.is_sure else UNREAD
    annotation = next((s.annotation for s in settings if s.annotation), None)
    known = kind_of(annotation) if annotation else typed
    kind = Any if annotation and known is None else _kind(known, values)
    return kind, Field(default, alias=first.name, description=help)


def _literal(value: ast.expr | None) -> Any:
    """The value of a literal, `float("inf")` and `math.nan` among them; else UNREAD."""
    if value is None:
        return UNREAD
    try:
        default = _infinite(value)
        default = ast.literal_eval(value) if default is None else default
    except (ValueError, TypeError, RecursionError, MemoryError):
        return UNREAD
    is_infinite = isinstance(default, float) and not math.isfinite(default)
    return default if is_infinite or fits(default, type(default)) else UNREAD


def _infinite(value: ast.expr) -> float | None:
    """The number that an expression such as `-np.inf` or `float("nan")` stands for."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub | ast.UAdd):
        inner = _infinite(value.operand)
        return -inner if inner is not None and isinstance(value.op, ast.USub) else inner
    if isinstance(value, ast.Attribute) and value.attr in _INFINITE:
        text = value.attr.lower()
        return float({"ninf": "-inf", "pinf": "inf"}.get(text, text))
    is_call = isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
    if is_call and value.func.id == "float" and len(value.args) == 1:
        text = value.args[0]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            number = float(text.value)
            return None if math.isfinite(number) else number
    return None


def _kind(known: Any | None, values: list[Any]) -> Any:
    """What the annotation or the defaults stand for; Any where neither says.

    A default of another kind than its annotation, such as None for an int, widens it.
    """
    kinds = [_type(value) for value in values]
    if known is None:
        return Any if set(kinds) <= {type(None)} else joined(kinds) or Any
    others = [k for k, v in zip(kinds, values, strict=True) if k and not _is_of(v, known)]
    return joined([known, *others]) or Any


def _type(value: Any) -> Any | None:
    return type(value) if value is None or type(value) in _KINDS else None


def _is_of(value: Any, kind: Any) -> bool:
    return fits(value, kind) or (isinstance(value, float) and not is_plain(value))


def _type_comment(help: str) -> tuple[Any | None, str]:
    """Papermill's `type: List[int] help` as the kind and the help that is left."""
    prefix = re.match(r"type:\s*", help)
    words = help[prefix.end() :].split() if prefix else []
    for count in range(1, len(words) + 1):
        kind = kind_of_text(" ".join(words[:count]))
        is_whole = words[count : count + 1] not in (["|"], ["or"])
        if kind is not None and is_whole:
            return kind, " ".join(words[count:]).lstrip("# ")
    return None, help


def _comments(source: str) -> dict[int, str]:
    """The comment at the end of each line, by line number."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("# ") for t in tokens if t.type == tokenize.COMMENT}

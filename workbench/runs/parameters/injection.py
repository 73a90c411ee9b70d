"""The cell that sets the values given to a notebook, after the cell that has their defaults.

It is what papermill would write; of Python it knows tuples as well, and values are set where the
cell that they replace stands, should a notebook have several.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from workbench.base.checks import refuse
from workbench.experiment.params import Parameters
from workbench.runs.parameters.language import Language
from workbench.runs.parameters.parameters_cell import INJECTED, cell_names, parameters_cells


def injected(
    notebook: nbformat.NotebookNode, params: Parameters, language: Language
) -> nbformat.NotebookNode:
    """A copy of the notebook with a cell of the given values after each that sets their defaults.

    Args:
        notebook: without such cells (`without_injected`).
        params: of which those that were passed are set, also where one equals its default.
        language: of the notebook's kernel.

    Raises:
        ValueError: for a value that cannot be written in the language; the sentence names it.
    """
    copied, given = copy.deepcopy(notebook), params.given()
    copied.metadata.setdefault("papermill", {})["parameters"] = {}
    ids = {c.get("id") for c in copied.cells}
    for cell in parameters_cells(copied):
        names = cell_names(cell.source, language)
        values = {name: value for name, value in given.items() if name in names}
        if values:
            new = nbformat.v4.new_code_cell(_text(values, language))
            new.metadata["tags"] = [INJECTED]
            new.id = next(n for n in _ids() if n not in ids)
            ids.add(new.id)
            copied.cells.insert(copied.cells.index(cell) + 1, new)
    return copied


def without_injected(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without the cells that earlier runs, by papermill or here, have put in."""
    copied = copy.deepcopy(notebook)
    copied.cells = [c for c in copied.cells if INJECTED not in c.metadata.get("tags", [])]
    return copied


def without_error_marks(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without the cells by which papermill marks the one that failed."""
    from papermill.execute import remove_error_markers

    return remove_error_markers(copy.deepcopy(notebook))


def _ids() -> Iterator[str]:
    """Names for the cells that are put in."""
    yield INJECTED
    count = 2
    while True:
        yield f"{INJECTED}-{count}"
        count += 1


def _text(values: Mapping[str, Any], language: Language) -> str:
    if language.is_python:
        return "\n".join(["# Parameters", *(f"{n} = {_literal(v)}" for n, v in values.items())])
    from papermill.exceptions import PapermillException
    from papermill.translators import translate_parameters

    lines = []
    for name, value in values.items():
        try:
            whole = translate_parameters(language.kernel, language.name, {name: value}, "")
        except (NotImplementedError, PapermillException):
            refuse(name, f"a value that papermill can write in {language.name}", value)
        lines += [line for line in whole.splitlines()[1:] if line.strip()]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """The value as Python spells it; infinities and NaN have no literal."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, tuple) and len(value) == 1:
        return f"({_literal(value[0])},)"
    if isinstance(value, list | tuple):
        ends = "[]" if isinstance(value, list) else "()"
        return ends[0] + ", ".join(map(_literal, value)) + ends[1]
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_literal(v)}" for k, v in value.items()) + "}"
    return repr(value)

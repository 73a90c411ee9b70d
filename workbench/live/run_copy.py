"""A copy of the notebook of a run, to be opened in JupyterLab."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from workbench.base.checks import refuse
from workbench.base.files.atomic import make_folder, write_text
from workbench.records.store import given_run
from workbench.runs.find import experiment
from workbench.runs.job import model_of
from workbench.runs.parameters.injection import injected, without_error_marks, without_injected
from workbench.runs.parameters.language import language_of
from workbench.runs.parameters.parameters_cell import read_notebook
from workbench.runs.record import NOTEBOOK, PARTIAL_NOTEBOOK

COPY = "explore.ipynb"


def write_copy(path: Path) -> Path:
    """Writes `explore.ipynb` beside the record of a run, and returns its path.

    It is the notebook as it ran, with the cell of the run's values and without outputs; executed,
    it gives the run's numbers. A run leaves out the cell of the panel, which is taken from the
    present notebook. For a run without a notebook, the copy is the experiment's present notebook
    with the run's values.

    Args:
        path: the folder of the run, or its `record.json`.

    Raises:
        ValueError: if there is no such record, its folder is a link or is not writable, its
            notebook no longer exists, or the experiment no longer admits one of its values.
    """
    run = given_run(path)
    if run is None:
        refuse("record", "the folder of a run or its record.json", str(path))
    folder, record = run
    if folder.is_symlink():
        refuse("record", "in a folder of its own, not behind a link", str(path))
    notebook = _as_it_ran(folder, record) or _with_values(record)
    if notebook is None:
        refuse("record", f"one with a command, or with {NOTEBOOK} beside it", str(path))
    text = nbformat.writes(_without_results(notebook, record.get("directory")))
    try:
        if not folder.is_dir():  # a function run has none
            make_folder(folder.parents[2], *folder.parts[-3:])
        write_text(folder / COPY, text, durable=False)
    except OSError as error:
        refuse("record", f"in a folder that can be written ({error.strerror})", str(path))
    return folder / COPY


def _as_it_ran(folder: Path, record: Mapping[str, Any]) -> nbformat.NotebookNode | None:
    """The executed notebook, whole or partial, with the present panel; None if there is none."""
    for name in (NOTEBOOK, PARTIAL_NOTEBOOK):
        if (folder / name).is_file():
            return _with_panel(read_notebook(folder / name), _present(record))
    return None


def _with_values(record: Mapping[str, Any]) -> nbformat.NotebookNode | None:
    """The present notebook with the run's values; None if the record has no command."""
    if not (target := _target(record)):
        return None
    path = _path(target, record)
    model, _ = model_of(str(path) if target.endswith(".ipynb") else target)
    given = record["given"] if isinstance(record.get("given"), dict) else record["knobs"]
    source = without_injected(read_notebook(path))
    return injected(source, model(**given), language_of(source))


def _target(record: Mapping[str, Any]) -> str:
    """The experiment's name or the notebook's path in the run's command; empty if unknown."""
    try:
        words = shlex.split(record["command"])
    except (KeyError, ValueError, AttributeError, TypeError):
        return ""
    return words[2] if len(words) > 2 and words[2].isprintable() else ""


def _path(target: str, record: Mapping[str, Any]) -> Path:
    """The path of the present notebook."""
    if not target.endswith(".ipynb"):
        return experiment(target).notebook
    return Path(str(record.get("directory") or ""), target)


def _present(record: Mapping[str, Any]) -> nbformat.NotebookNode | None:
    """The present notebook; None if it no longer exists."""
    try:
        return read_notebook(_path(_target(record), record))
    except ValueError:
        return None


def _with_panel(
    executed: nbformat.NotebookNode, present: nbformat.NotebookNode | None
) -> nbformat.NotebookNode:
    """The executed notebook with the panels of the other, each after the cell that it follows."""
    before = None
    for cell in present.cells if present else ():
        if "panel" in cell.metadata.get("tags", []):
            ids = [c.id for c in executed.cells]
            place = ids.index(before) + 1 if before in ids else len(ids)
            executed.cells.insert(place, cell)
        before = cell.id
    return executed


def _without_results(notebook: nbformat.NotebookNode, directory: Any) -> nbformat.NotebookNode:
    """The notebook without outputs and marks of a run; it starts in the run's directory."""
    new = without_error_marks(notebook)
    code = [c for c in new.cells if c.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
        for mark in ("papermill", "execution"):
            cell.metadata.pop(mark, None)
    exists = isinstance(directory, str) and os.path.isdir(directory)
    if code and exists and language_of(new).is_python:
        source = (
            "# Relative paths start where those of the run did.\n"
            f"import os\n\nos.chdir({directory!r})"
        )
        new.cells.insert(new.cells.index(code[0]), nbformat.v4.new_code_cell(source))
    return new

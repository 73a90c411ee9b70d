"""A new experiment: its code and notebook, ready to run and to be rewritten."""

from __future__ import annotations

import importlib
from pathlib import Path

import nbformat

from workbench.base.atomic import write_text
from workbench.runs.find import Experiment, new_name

TEMPLATE = Path(__file__).parent / "new_template"


def write(name: str) -> list[Path]:
    """The files written for the new experiment FAMILY/SUBJECT; no existing file is touched.

    Raises:
        ValueError: if the name is not of that form or is taken.
    """
    experiment = new_name(name)
    family, subject = name.split("/")
    package = experiment.source.parent / "__init__.py"
    texts = {experiment.source: _template("experiment.py.txt", family, subject)}
    if not package.exists():
        texts[package] = f'"""Experiments of the family {family}."""\n'
    for path in [*texts, experiment.notebook]:
        if path.exists() or path.is_symlink():
            raise ValueError(f"`{name}` must be new; got a file already at {path}")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    importlib.invalidate_caches()
    experiment.notebook.parent.mkdir(parents=True, exist_ok=True)
    text = nbformat.writes(_notebook(experiment), indent=1) + "\n"
    write_text(experiment.notebook, text)
    return [*texts, experiment.notebook]


def _template(file: str, family: str, subject: str) -> str:
    text = (TEMPLATE / file).read_text(encoding="utf-8")
    return text.replace("FAMILY", family).replace("SUBJECT", subject)


def _notebook(experiment: Experiment) -> nbformat.NotebookNode:
    """The notebook's sections in the house's order, with the parameters cell that Params writes."""
    family, subject = experiment.name.split("/")
    notebook = nbformat.v4.new_notebook()
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    story = (TEMPLATE / "notebook.md").read_text(encoding="utf-8")
    story = story.replace("FAMILY", family).replace("SUBJECT", subject)
    for block in story.split("\n---- ")[1:]:
        head, source = block.split("\n", 1)
        id, kind, *tags = head.split()
        new_cell = getattr(nbformat.v4, f"new_{kind}_cell")
        cell = new_cell(source.strip("\n"), id=id, metadata={"tags": tags} if tags else {})
        if id == "parameters":
            cell.source = experiment.module().Params.cell()
        notebook.cells.append(cell)
    nbformat.validate(notebook)
    return notebook

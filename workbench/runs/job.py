"""What is to be run, checked before any kernel starts: a notebook, its knobs, and an identity."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from workbench.knobs import Parameters
from workbench.runs.find import Experiment, experiment
from workbench.runs.parameters_cell import UNREAD, parameters_of, read_notebook
from workbench.runs.provenance import SHOWN, data, packages, source_hash


class Job(NamedTuple):
    """A notebook with valid parameters.

    Attributes:
        name: FAMILY/SUBJECT; `own/STEM` for a notebook of the user's.
        target: what the command line was given: the name or the path.
        title: one line that says what it is about.
        notebook: the notebook as it stands on disk.
        params: the checked parameters.
        claims: whether the run must end in claims, as the workbench's own experiments must.
    """

    name: str
    target: str
    title: str
    notebook: nbformat.NotebookNode
    params: Parameters
    claims: bool

    @property
    def identity(self) -> str:
        """SHA-256 over the notebook's sources, the parameters, the code, the data and versions."""
        versions = packages()
        parts = {
            "cells": [(c.cell_type, c.source) for c in self.notebook.cells],
            "knobs": plain(self.params),
            "code": source_hash(),
            "data": {k: v["sha256"] for k, v in data(self.params).items()},
            "versions": {name: versions.get(name) for name in SHOWN},
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def run(self) -> str:
        """The run's folder name: what differs from the defaults, and eight digits of identity."""
        changed = "-".join(f"{k}-{v}" for k, v in self.params.changed().items()) or "default"
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", changed)[:80].strip("._") + "-" + self.identity[:8]

    @property
    def command(self) -> str:
        """The command that makes this run again, ready to paste."""
        words = ["workbench", "run", self.target]
        for name, value in self.params.changed().items():
            words += [f"--{name}", value if isinstance(value, str) else repr(value)]
        return shlex.join(words)


def job(target: str, values: Mapping[str, Any]) -> Job:
    """The job for an experiment's name or a notebook's path, with these values for its knobs.

    Raises:
        ValueError: if the target is unknown or a value is refused; nothing has started yet.
    """
    model, found = model_of(target)
    params = model(**values)
    if found is not None:
        return Job(found.name, target, found.title, read_notebook(found.notebook), params, True)
    notebook = read_notebook(Path(target))
    name = "own/" + re.sub(r"[^A-Za-z0-9_-]+", "_", Path(target).stem)
    return Job(name, target, _title(notebook) or Path(target).stem, notebook, params, False)


def model_of(target: str) -> tuple[type[Parameters], Experiment | None]:
    """The parameters' model of an experiment's name or a notebook's path, and the experiment."""
    if target.endswith(".ipynb"):
        return parameters_of(read_notebook(Path(target)), target), None
    found = experiment(target)
    return found.module().Params, found


def parsed(model: type[Parameters], texts: Mapping[str, str]) -> dict[str, Any]:
    """The words of a command line as the values they spell; what they spell is checked later."""
    kinds = {k.name: k.kind for k in model.knobs()}
    return {name: _value(text, kinds.get(name, str)) for name, text in texts.items()}


def plain(params: Parameters) -> dict[str, Any]:
    """The values of all knobs as JSON has them, without those only the notebook can compute."""
    return {k: v for k, v in params.values().items() if v is not UNREAD}


def _value(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading.group(1).strip()
    return ""

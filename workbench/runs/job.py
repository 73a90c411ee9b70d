"""What is to be run, checked before any kernel starts: a notebook, its knobs, and an identity."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shlex
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import nbformat

from workbench.checks import refuse
from workbench.knobs import Knob, Parameters
from workbench.pages.versions import SHOWN
from workbench.runs.find import Experiment, experiment
from workbench.runs.inputs import declared
from workbench.runs.inputs import inputs as inputs_of
from workbench.runs.parameters_cell import UNREAD, parameters_of, read_notebook
from workbench.runs.provenance import provenance


@dataclass(frozen=True)
class Job:
    """A notebook with valid parameters.

    Attributes:
        name: FAMILY/SUBJECT; `own/STEM` for a notebook of the user's.
        target: what the command line was given: the name or the path.
        title: one line that says what it is about.
        notebook: the notebook as it stands on disk.
        params: the checked parameters.
        claims: whether the run must end in claims, as the workbench's own experiments must.
        folder: where the notebook lies, for the pictures beside it.
        provenance: what the run stands on, read once.
        inputs: paths that the caller declares as inputs, beside those of the notebook.
    """

    name: str
    target: str
    title: str
    notebook: nbformat.NotebookNode
    params: Parameters
    claims: bool
    folder: Path
    provenance: dict[str, Any]
    inputs: tuple[str, ...] = ()
    depth: ClassVar[str] = "notebook"

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the notebook's sources, the parameters, the code, the data and versions."""
        cells = [(c.cell_type, c.source) for c in self.notebook.cells]
        return identity({"cells": cells}, self.params, self.provenance)

    @property
    def run(self) -> str:
        """The run's folder name: what differs from the defaults, and eight digits of identity."""
        return run_name(self.params, self.identity)

    @property
    def command(self) -> str:
        """The command that makes this run again, ready to paste."""
        return shlex.join(["workbench", "run", self.target, *options(self.params)])


def identity(what: Mapping[str, Any], params: Parameters, known: Mapping[str, Any]) -> str:
    """SHA-256 over what is run, the parameters, and what of the provenance decides the numbers."""
    parts = {
        **what,
        "knobs": plain(params),
        "code": known["code"]["source"],
        "data": {k: v["sha256"] for k, v in known["data"].items()},
        "versions": {name: known["packages"].get(name) for name in SHOWN},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def run_name(params: Parameters, identity: str) -> str:
    """A run's folder name: what differs from the defaults, and eight digits of identity."""
    changed = "-".join(f"{k}-{v}" for k, v in params.changed().items())
    words = re.sub(r"[^A-Za-z0-9.+-]+", "_", changed)[:80].strip("._+-")
    return f"{words or ('changed' if changed else 'default')}-{identity[:8]}"


def options(params: Parameters) -> list[str]:
    """The words of a command line that set the parameters which are not at their default."""
    knobs = {k.name: k for k in params.knobs()}
    return [w for n, v in params.changed().items() for w in (f"--{n}", _text(v, knobs[n]))]


def job(
    target: str,
    values: Mapping[str, Any],
    surroundings: Mapping[str, Any] | None = None,
    inputs: Sequence[str] = (),
) -> Job:
    """The job for an experiment's name or a notebook's path, with these values for its knobs.

    Args:
        target: the name or the path.
        values: by knob, what differs from its default.
        surroundings: what the runs of a study have in common (`provenance.around`), read once.
        inputs: paths of files on which the run depends, beside those that the notebook declares.

    Raises:
        ValueError: if the target is unknown or a value is refused; nothing has started yet.
    """
    model, found = model_of(target)
    params = model(**values)
    path = found.notebook if found else Path(target)
    notebook = read_notebook(path)
    files = inputs_of([*declared(notebook), *inputs])
    known = provenance(params, surroundings, files)
    known["code"] = {**known["code"], "notebook": sources_hash(notebook)}
    if found:
        name, title = found.name, found.title
    else:
        word = re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-") or "notebook"
        name, title = f"own/{word}", _title(notebook) or path.stem
    return Job(
        name,
        target,
        title,
        notebook,
        params,
        bool(found),
        path.parent.resolve(),
        known,
        tuple(inputs),
    )


def sources_hash(notebook: nbformat.NotebookNode) -> str:
    """SHA-256 over the kinds and sources of the notebook's cells."""
    cells = [(c.cell_type, c.source) for c in notebook.cells]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def model_of(target: str) -> tuple[type[Parameters], Experiment | None]:
    """The parameters' model of an experiment's name or a notebook's path, and the experiment."""
    if not target.isprintable():
        # The record and the page spell the path, and neither can hold bytes that are no text.
        refuse("notebook", "a path of printable letters", target)
    if target.endswith(".ipynb"):
        return parameters_of(read_notebook(Path(target)), target), None
    found = experiment(target)
    return found.module().Params, found


def parsed(model: type[Parameters], texts: Mapping[str, str]) -> dict[str, Any]:
    """The words of a command line as the values they spell; what they spell is checked later."""
    knobs = {k.name: k for k in model.knobs()}
    return {n: spelled(text, knobs[n]) if n in knobs else text for n, text in texts.items()}


def plain(params: Parameters) -> dict[str, Any]:
    """The values of all knobs as JSON has them, without those only the notebook can compute."""
    return {k: v for k, v in params.values().items() if v is not UNREAD}


def spelled(text: str, knob: Knob) -> Any:
    """The value that the text spells; the text itself where it spells none that the knob admits."""
    words = {"true": True, "false": False, "none": None}
    if str in knob.kinds:
        return None if text.lower() == "none" and knob.admits(None) else text
    try:
        with warnings.catch_warnings():
            # Whatever is odd about the text is told by the refusal.
            warnings.simplefilter("ignore")
            value = words[text.lower()] if text.lower() in words else ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if knob.admits(value) else text


def _text(value: Any, knob: Knob) -> str:
    """The text that spells the value, as `spelled` reads it."""
    return value if isinstance(value, str) and str in knob.kinds else repr(value)


def _title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading.group(1).strip()
    return ""

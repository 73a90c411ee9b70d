"""What is to be run, checked before any kernel starts: a notebook, its knobs, and an identity."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import nbformat

from workbench.base.checks import refuse
from workbench.experiment.kinds import as_json
from workbench.experiment.params import Parameters
from workbench.pages.versions import SHOWN
from workbench.runs.find import PACKAGE, Experiment, experiment
from workbench.runs.identity.closure import Starts, ours, sources_of
from workbench.runs.identity.inputs import declared
from workbench.runs.identity.inputs import inputs as inputs_of
from workbench.runs.identity.provenance import around, code_of, provenance
from workbench.runs.parameters.injection import injected, without_injected
from workbench.runs.parameters.language import Language, installed, language_of
from workbench.runs.parameters.parameters_cell import UNREAD, parameters_of, read_notebook
from workbench.runs.parameters.python_cell import parse_all
from workbench.runs.parameters.spelling import options

_LONGEST_NAME = 120


@dataclass(frozen=True)
class Job:
    """A notebook with valid parameters.

    Attributes:
        name: FAMILY/SUBJECT; `own/STEM` for a notebook of the user's.
        target: what the command line was given: the name or the path.
        title: one line that says what it is about.
        notebook: the notebook as it stands on disk, without what earlier runs injected.
        params: the checked parameters.
        claims: whether the run must end in claims, as the workbench's own experiments must.
        folder: where the notebook lies, for the pictures beside it.
        provenance: what the run stands on, read once.
        language: of the notebook, and the kernel that runs it.
        place: for a notebook of the user's, where it is and where it runs; its identity holds both.
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
    language: Language = Language()
    place: tuple[str, ...] = ()
    depth: ClassVar[str] = "notebook"

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the notebook's sources, the parameters, the code, the data and versions."""
        cells = [(c.cell_type, c.source) for c in self.notebook.cells]
        where = {"place": self.place} if self.place else {}
        return identity({"cells": cells, **where}, self.params, self.provenance)

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
    model, entry = model_of(target)
    params = model(**values)
    path = entry.notebook if entry else Path(target)
    notebook = without_injected(read_notebook(path))
    files = inputs_of([*declared(notebook), *inputs])
    if surroundings is None:
        surroundings = around(starts_of(entry, notebook))
    known = provenance(params, surroundings, files)
    known["code"] = {**known["code"], "notebook": sources_hash(notebook)}
    parts = {
        "inputs": tuple(inputs),
        "folder": path.parent.resolve(),
        "language": installed(language_of(notebook)),
    }
    if parts["language"].is_python:
        parse_all(c.source for c in notebook.cells if c.cell_type == "code")
    else:
        injected(notebook, params, parts["language"])  # refuses what has no form in the language
    if entry:
        return Job(
            entry.name, target, entry.title, notebook, params, True, provenance=known, **parts
        )
    known = known | {"code": known["code"] | code_of(path.resolve())}
    parts["place"] = str(path.resolve()), os.getcwd()
    title = _title(notebook) or path.stem
    return Job(own_name(path), target, title, notebook, params, False, provenance=known, **parts)


def starts_of(entry: Experiment | None, notebook: nbformat.NotebookNode) -> Starts | None:
    """The files whose imports a run rests on: an experiment's code and what its notebook imports.

    None for a notebook of the user's, whose own modules may import anything.
    """
    if entry is None:
        return None
    cells = [c.source for c in notebook.cells if c.cell_type == "code"]
    files, elsewhere = entry.starts
    packages = ours(PACKAGE.parent) | dict(elsewhere)
    return Starts((*files, *sources_of(cells, packages)), elsewhere)


def own_name(path: Path) -> str:
    """The name of a notebook of the user's: `own/` and its file's name, in any script.

    Punctuation becomes `_`; a long name is cut to what every file system takes.
    """
    stem = unicodedata.normalize("NFC", path.stem)
    # Marks such as vowel signs belong to the letters of their scripts.
    is_part = [c in "_-" or unicodedata.category(c)[0] in "LMN" for c in stem]
    safe = "".join(c if part else "_" for c, part in zip(stem, is_part, strict=True))
    word = re.sub(r"_+", "_", safe).strip("_-").encode()[:_LONGEST_NAME].decode(errors="ignore")
    return f"own/{word or 'notebook'}"


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
    entry = experiment(target)
    return entry.module().Params, entry


def plain(params: Parameters) -> dict[str, Any]:
    """The values of all knobs as JSON has them, without those only the notebook can compute."""
    return {k: as_json(v) for k, v in params.values().items() if v is not UNREAD}


def _title(notebook: nbformat.NotebookNode) -> str:
    """The notebook's first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#+\s+(.+)$", cell.source, re.MULTILINE)
            if heading:
                return heading.group(1).strip()
    return ""

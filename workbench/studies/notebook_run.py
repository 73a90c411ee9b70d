"""Notebook runs of a study, each executed in a worker process."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

from workbench.runs.identity.closure import Starts
from workbench.runs.identity.provenance import around, source_hash
from workbench.runs.job import job, model_of, starts_of
from workbench.runs.parameters.parameters_cell import read_notebook


class NotebookTask(NamedTuple):
    """A notebook run for a worker, which reads the notebook again; it must be unchanged.

    Attributes:
        target: the experiment's name or the notebook's path.
        values: by knob, what was given.
        identity: the identity that the run must have.
        reports: the folder of all runs.
        cell_timeout: seconds that one cell may take; None for no limit.
        attempt: number of the attempt, from 1.
        inputs: paths of files that the study declares.
    """

    target: str
    values: dict[str, Any]
    identity: str
    reports: str
    cell_timeout: int | None
    attempt: int
    inputs: tuple[str, ...] = ()


def execute_task(task: NotebookTask) -> dict[str, Any]:
    """The record that the run wrote; of a run that could not start, only state and error."""
    from workbench.runs.execute import execute

    try:
        starts = _starts(task.target)
        known = _around(source_hash(starts), starts)
        checked = job(task.target, task.values, known, task.inputs)
        if checked.identity != task.identity:
            raise ValueError("the notebook or the code was changed while the study ran")
        how = {"cell_timeout": task.cell_timeout, "attempt": task.attempt, "template": _template()}
        return execute(checked, Path(task.reports), **how)
    except (Exception, SystemExit) as error:
        return {"state": "failed", "error": f"{type(error).__name__}: {error}", "begun": False}


def prepare() -> None:
    """Loads slow imports and the kernel template before the first run's time limit starts."""
    _template()
    from workbench.pages import page

    page.warm()
    import workbench.runs.execute  # noqa: F401


@functools.cache
def _around(source: str, starts: Starts | None) -> dict[str, Any]:
    """Code, environment and hardware, cached by the hash of the code."""
    return around(starts)


@functools.cache
def _starts(target: str) -> Starts | None:
    """The files that the target's runs depend on."""
    entry = model_of(target)[1]
    return starts_of(entry, read_notebook(entry.notebook if entry else Path(target)))


@functools.cache
def _template() -> Any:
    """The process from which this worker's kernels are forked; None if unsupported."""
    from workbench.runs.kernels.forked_kernel import Template

    return Template() if Template.is_possible() else None

"""A point of a study by its notebook, executed by papermill in a worker process of its own."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

from workbench.runs.identity.closure import Starts
from workbench.runs.identity.provenance import around, source_hash
from workbench.runs.job import job, model_of, starts_of
from workbench.runs.parameters.parameters_cell import read_notebook


class NotebookTask(NamedTuple):
    """What a worker needs to know: it reads the notebook again, and it must be the same.

    Attributes:
        target: the experiment's name or the notebook's path.
        values: by knob, what was given.
        identity: of the run that was asked for.
        reports: the folder of all runs.
        cell_timeout: seconds that one cell may take; None for no limit.
        attempt: the how-manieth try it is.
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
    """The record that the run wrote; a run that could not begin is told by state and error."""
    from workbench.runs.execute import execute

    try:
        starts = _starts(task.target)
        known = _around(source_hash(starts), starts)
        found = job(task.target, task.values, known, task.inputs)
        if found.identity != task.identity:
            raise ValueError("the notebook or the code was changed while the study ran")
        how = {"cell_timeout": task.cell_timeout, "attempt": task.attempt, "template": _template()}
        return execute(found, Path(task.reports), **how)
    except (Exception, SystemExit) as error:
        return {"state": "failed", "error": f"{type(error).__name__}: {error}", "begun": False}


def prepare() -> None:
    """Loads what takes long before the first notebook's time begins to count."""
    _template()
    from workbench.pages import page

    page.warm()
    import workbench.runs.execute  # noqa: F401


@functools.cache
def _around(source: str, starts: Starts | None) -> dict[str, Any]:
    """What the runs of this process have in common while the code is the same."""
    return around(starts)


@functools.cache
def _starts(target: str) -> Starts | None:
    """The files that the target's runs rest on; a notebook that changes has another identity."""
    found = model_of(target)[1]
    return starts_of(found, read_notebook(found.notebook if found else Path(target)))


@functools.cache
def _template() -> Any:
    """What the kernels of this process fork from; None where the system cannot."""
    from workbench.runs.kernels.forked_kernel import Template

    return Template() if Template.is_possible() else None

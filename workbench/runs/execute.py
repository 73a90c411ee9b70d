"""Executes a job: writes the record, the executed notebook and the page.

The record says `running` before the kernel starts, and the outcome after the run.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import nbformat
from papermill.execute import remove_error_markers

from workbench.base.checks import refuse
from workbench.base.files.atomic import PARTIAL, make_folder, write_text
from workbench.runs import notebook_outcome
from workbench.runs.job import Job
from workbench.runs.kernels.forked_kernel import Template
from workbench.runs.kernels.kernel import End, run_cells
from workbench.runs.processes import interruptible
from workbench.runs.record import NOTEBOOK, PAGE, PARTIAL_NOTEBOOK, RECORD, begun, clear, clock
from workbench.runs.run_folder import Reserve, as_json, owned, why, write_json


def execute(
    job: Job,
    reports: Path,
    *,
    progress: bool = False,
    cell_timeout: int | None = None,
    attempt: int = 1,
    template: Template | None = None,
    begins: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Executes the job in the folder `reports`/NAME/RUN/ and returns its record.

    The folder has `record.json` from the start of the run, `notebook.ipynb` with the cells that
    ran, and `page.html` if the run is done. An earlier run of the same identity is replaced.

    Args:
        job: what to run.
        reports: the folder of all runs.
        progress: whether to draw a bar on the terminal, cell by cell.
        cell_timeout: seconds that one cell may take; None for no limit.
        attempt: number of the attempt, from 1, for the record.
        template: process that forks the kernel; None to start a new process.
        begins: called after all checks, before the kernel starts.

    Raises:
        ValueError: if `reports` cannot be written or the same run is running; nothing has started.
    """
    with ExitStack() as stack:
        try:
            folder = make_folder(reports, job.name, job.run)
            stack.enter_context(owned(folder))
            record, began = begun(job, attempt), time.monotonic()
            reserve = Reserve(folder, as_json(record))
            stack.callback(reserve.release)
            write_json(folder / RECORD, record)
            clear(folder, reserve.path)
            (folder / PARTIAL_NOTEBOOK).unlink(missing_ok=True)
        except BlockingIOError:
            refuse("run", "one that is not running already", f"{job.name}/{job.run}")
        except OSError as error:
            refuse("reports", f"a folder that can be written ({error.strerror})", str(reports))
        stack.enter_context(interruptible())
        if begins is not None:
            begins()
        how = {"progress": progress, "cell_timeout": cell_timeout, "template": template}
        try:
            _fill(record, job, folder, began, how)
        except KeyboardInterrupt:
            record |= {"state": "killed", "error": "interrupted"}
        except Exception as error:
            record |= {"state": "failed", "error": why(error, folder)}
        return _finish(record, folder, began, reserve)


def _fill(
    record: dict[str, Any], job: Job, folder: Path, began: float, how: dict[str, Any]
) -> None:
    """Runs the notebook, completes the record, writes the notebook and the page."""
    renderer = _renderer()
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder) as partial:
        output = Path(partial) / NOTEBOOK
        end = run_cells(job, output, **how)
        notebook = end.notebook or _last_saved(output, job)
        # Renaming needs no space: on a full disk this last save remains.
        with suppress(FileNotFoundError):
            os.replace(output, folder / NOTEBOOK)
    if end.state == "done":
        # papermill marks the errors that a tag expects as well.
        notebook = remove_error_markers(notebook)
    if end.readback is not None:
        record["knobs"] = end.readback.over(record["knobs"])
        record["notes"] = [*record["notes"], *end.readback.notes]
    _judge(record, end, notebook, job.claims)
    record["provenance"] = {**record["provenance"], "modules": end.modules}
    record["timings"] |= {
        "cells": notebook_outcome.seconds(notebook),
        "peak_memory_mib": end.peak_memory_mib,
        **clock(record["timings"]["start"], began),
    }
    notebook_outcome.correct(notebook)
    folder.mkdir(parents=True, exist_ok=True)  # it may have been removed during the run
    write_text(folder / NOTEBOOK, nbformat.writes(notebook))
    if record["state"] == "done":
        table = job.params.table(record["knobs"])
        text = renderer.result()(notebook, record, table, str(job.folder))
        write_text(folder / PAGE, text)


def _renderer() -> Future[Any]:
    """A future of the function that renders pages.

    Its imports and caches take two seconds, in a thread while the kernel runs. Errors are raised by
    the future's `result`.
    """

    def ready() -> Any:
        from workbench.pages.page import page, warm

        warm()
        return page

    pool = ThreadPoolExecutor(1, "renderer")
    future = pool.submit(ready)
    pool.shutdown(wait=False)
    return future


def _last_saved(output: Path, job: Job) -> nbformat.NotebookNode:
    """The notebook as last saved; the notebook before the run if no save can be read."""
    try:
        return nbformat.read(output, as_version=4)
    except (OSError, nbformat.reader.NotJSONError):
        return nbformat.from_dict(job.notebook)


def _judge(
    record: dict[str, Any], end: End, notebook: nbformat.NotebookNode, claims_wanted: bool
) -> None:
    """Adds the outcome of the cells to the record; `done` only if every cell ran.

    If a cell ended the run with status 0, only the cells up to that one count.
    """
    state, error = end.state, end.error
    if state == "done":
        if end.exit:
            record["notes"] = [*record["notes"], notebook_outcome.leave(notebook, *end.exit)]
        error = notebook_outcome.why_incomplete(notebook, claims_wanted, end.exit and end.exit[0])
        state = "done" if error is None else "failed"
    cell = None if state == "done" else notebook_outcome.stopped(notebook)
    if cell is not None and not (error or "").startswith("cell "):
        error = f"cell {cell.id!r}: {error}"
    record |= {
        "state": state,
        "error": error,
        "cell": cell and cell.id,
        "traceback": notebook_outcome.traceback(cell),
        **notebook_outcome.shown(notebook),
    }


def _finish(record: dict[str, Any], folder: Path, began: float, reserve: Reserve) -> dict[str, Any]:
    """Writes and returns the record; removes the page of a run that is not done."""
    record["timings"] |= (
        {} if "end" in record["timings"] else clock(record["timings"]["start"], began)
    )
    try:
        if record["state"] != "done":
            (folder / PAGE).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / RECORD, record)
    except (OSError, ValueError) as error:
        error = f"the record could not be written: {why(error, folder)}"
        _write_reserved(record | {"state": "failed", "error": error}, folder, reserve)
        record |= {"state": "failed", "error": error}
    return record


def _write_reserved(record: dict[str, Any], folder: Path, reserve: Reserve) -> None:
    """Writes the failed record into the reserved space, shortened if it does not fit."""
    short = {"claims": [], "summary": {}, "cell": None, "traceback": None, "notes": []}
    for part in ({}, short):
        with suppress(OSError, ValueError):
            (folder / PAGE).unlink(missing_ok=True)
            reserve.put(folder / RECORD, json.dumps(record | part, allow_nan=False))
            return

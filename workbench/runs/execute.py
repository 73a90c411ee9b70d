"""A job through papermill to a record, an executed notebook and a page.

The record is the truth about a run: it says `running` before the kernel starts, and after that what
came of it. An executed notebook alone proves nothing, since papermill marks every cell completed
when the kernel was killed.
"""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from workbench import claims
from workbench.runs.atomic import write_json, write_text
from workbench.runs.job import Job, plain
from workbench.runs.provenance import provenance

RECORD, NOTEBOOK, PAGE = "record.json", "notebook.ipynb", "page.html"


def execute(
    job: Job, reports: Path, *, progress: bool = False, cell_timeout: int | None = None
) -> dict[str, Any]:
    """The record of the finished run, which stands with its files in `reports`/NAME/RUN/.

    The folder holds `record.json` from the first moment on, `notebook.ipynb` as far as it came, and
    `page.html` if the run is done. A run of the same identity takes the place of the earlier one.

    Args:
        job: what to run.
        reports: the folder of all runs.
        progress: whether to draw a bar on the terminal, cell by cell.
        cell_timeout: seconds that one cell may take; None for no limit.
    """
    folder = reports / job.name / job.run
    folder.mkdir(parents=True, exist_ok=True)
    for stale in [folder / PAGE, folder / NOTEBOOK, *folder.glob(".partial-*")]:
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)
    record = _begun(job, folder)
    write_json(folder / RECORD, record)
    # Rendering needs two seconds of imports; the kernel leaves this process idle meanwhile.
    threading.Thread(
        target=importlib.import_module, args=["workbench.runs.page"], daemon=True
    ).start()
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
        output = Path(partial) / NOTEBOOK
        state, error = _executed(job, output, progress, cell_timeout)
        notebook = nbformat.read(output, as_version=4) if output.exists() else job.notebook
    if state == "done":
        state, error = _verified(job, notebook)
    record |= {"state": state, "error": error, **_read(notebook)}
    record["timings"] |= _timings(record["timings"]["start"], notebook)
    _honest(notebook)
    write_text(folder / NOTEBOOK, nbformat.writes(notebook))
    if state == "done":
        _rendered(job, notebook, record, folder)
    write_json(folder / RECORD, record)
    return record


def _begun(job: Job, folder: Path) -> dict[str, Any]:
    return {
        "state": "running",
        "error": None,
        "name": job.name,
        "title": job.title,
        "run": job.run,
        "folder": str(folder),
        "identity": job.identity,
        "command": job.command,
        "process": os.getpid(),
        "knobs": plain(job.params),
        "changed": job.params.changed(),
        "claims": [],
        "summary": {},
        "timings": {"start": datetime.now(UTC).isoformat(timespec="milliseconds")},
        "provenance": provenance(job.params),
    }


def _executed(
    job: Job, output: Path, progress: bool, cell_timeout: int | None
) -> tuple[str, str | None]:
    """Runs the notebook; what came of it and, if it was not done, why."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from traitlets.config import Config

    # A kernel of another environment may bear the same name in the user's home.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # Its warnings are about parameters, which were checked before, and more strictly.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        with _interruptible():
            papermill.execute_notebook(
                _without_panel(job.notebook),
                output,
                parameters=job.params.changed(),
                kernel_name="python3",
                progress_bar={"desc": job.name, "leave": True} if progress else False,
                execution_timeout=cell_timeout,
                store_widget_state=False,
                config=Config({"KernelManager": {"transport_encryption": "auto"}}),
            )
    except papermill.PapermillExecutionError as error:
        return "failed", f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        return "timed out", f"a cell took longer than {cell_timeout} s"
    except DeadKernelError:
        return "killed", "the kernel died before the notebook ended"
    except KeyboardInterrupt:
        return "killed", "interrupted"
    except Exception as error:  # whatever else ends a run must not leave the record at `running`
        return "failed", f"{type(error).__name__}: {error}"
    return "done", None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ends the run in order when the process is asked to terminate, as on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _without_panel(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without its live panel, which has no one to touch it in a batch run."""
    kept = nbformat.from_dict(notebook)
    kept.cells = [c for c in notebook.cells if "panel" not in c.metadata.get("tags", [])]
    return kept


def _verified(job: Job, notebook: nbformat.NotebookNode) -> tuple[str, str | None]:
    """`done` only if every cell really ran, and an experiment also ended in its claims."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip() and cell.execution_count is None:
            return "failed", f"cell {cell.get('id')!r} never ran"
        if cell.metadata.get("papermill", {}).get("exception"):
            return "failed", f"cell {cell.get('id')!r} left the interpreter"
    if job.claims and not _read(notebook)["claims"]:
        return "failed", "the notebook showed no claims"
    return "done", None


def _honest(notebook: nbformat.NotebookNode) -> None:
    """Takes back papermill's word `completed` from cells that never ran."""
    for cell in notebook.cells:
        mark = cell.metadata.get("papermill")
        if mark and cell.cell_type == "code" and cell.execution_count is None:
            mark["status"] = "pending"


def _read(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The claims and the summary that the notebook displayed."""
    found: dict[str, Any] = {"claims": [], "summary": {}}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            found["claims"] += bundle.get(claims.MIME, [])
            found["summary"] |= bundle.get(claims.SUMMARY_MIME, {})
    return found


def _timings(start: str, notebook: nbformat.NotebookNode) -> dict[str, Any]:
    end = datetime.now(UTC)
    cells = {
        c.get("id", str(i)): c.metadata["papermill"].get("duration")
        for i, c in enumerate(notebook.cells)
        if c.cell_type == "code" and "papermill" in c.metadata
    }
    return {
        "end": end.isoformat(timespec="milliseconds"),
        "seconds": (end - datetime.fromisoformat(start)).total_seconds(),
        "cells": cells,
    }


def _rendered(
    job: Job, notebook: nbformat.NotebookNode, record: dict[str, Any], folder: Path
) -> None:
    """Writes the page; a page that cannot be rendered makes the run a failed one, and says so."""
    from workbench.runs.page import page

    start = time.perf_counter()
    try:
        write_text(folder / PAGE, page(notebook, record, job.params.table()))
    except Exception as error:
        record |= {"state": "failed", "error": f"no page: {type(error).__name__}: {error}"}
    record["timings"]["render"] = round(time.perf_counter() - start, 3)

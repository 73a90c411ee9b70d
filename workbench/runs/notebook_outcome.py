"""The outcome of a run from its executed notebook.

papermill marks every cell completed when the kernel was killed; here a cell counts as run only if
the kernel replied to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from pydantic import ValidationError

from workbench.base.files.atomic import PARTIAL, write_text
from workbench.base.results import MOST, SUMMARY_MIME, flat
from workbench.experiment import decisions
from workbench.experiment.kinds import is_plain
from workbench.runs.record import NOTEBOOK, PARTIAL_NOTEBOOK

_SCRAP, _RECORD = "application/scrapbook.scrap.", "application/papermill.record+json"
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def why_incomplete(
    notebook: nbformat.NotebookNode, claims_wanted: bool, last: str | None = None
) -> str | None:
    """Reason the run is incomplete although papermill succeeded; None if complete.

    Args:
        notebook: as executed.
        claims_wanted: whether it has to show claims.
        last: the id of the cell that ended the run with status 0, if one did.
    """
    for cell in _to_run(notebook):
        if cell.metadata.get("papermill", {}).get("exception"):
            return f"cell {cell.id!r} left the interpreter"
        if not _ran(cell):
            return f"cell {cell.id!r} never ran"
        if cell.id == last:
            break
    if claims_wanted and not shown(notebook)["claims"]:
        return "the notebook showed no claims"
    return None


def leave(notebook: nbformat.NotebookNode, last: str, call: str) -> str:
    """Marks the cell that ended the run with status 0 as completed; says so in a sentence.

    What the interpreter says of such an end, an error and a warning, gives way to the sentence.
    """
    cells = list(_to_run(notebook))
    place = [c.id for c in cells].index(last)
    left = len(cells) - place - 1
    after = f"; {left} {'cell' if left == 1 else 'cells'} after it did not run" if left else ""
    note = f"cell {last!r} ended the run by {call}{after}"
    cell = cells[place]
    cell.metadata.setdefault("papermill", {}).update(exception=False, status="completed")
    notebook.metadata.setdefault("papermill", {})["exception"] = None
    cell.outputs = [o for o in cell.outputs if not _is_of_exit(o)]
    cell.outputs.append(nbformat.v4.new_output("stream", text=f"{note}\n"))
    return note


def _is_of_exit(output: nbformat.NotebookNode) -> bool:
    warned = output.output_type == "stream" and "To exit: use 'exit', 'quit'" in output.text
    return warned or (output.output_type == "error" and output.ename == "SystemExit")


def stopped(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The cell that raised, or that the kernel never replied to; None if there is none."""
    for cell in _to_run(notebook):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        if (_error(cell) and not expected) or (_started(cell) and not _ran(cell)):
            return cell
    return None


def traceback(cell: nbformat.NotebookNode | None) -> str | None:
    """The traceback that the cell shows, without colours."""
    error = _error(cell) if cell else None
    return None if error is None else _ANSI.sub("", "\n".join(error.traceback))


def correct(notebook: nbformat.NotebookNode) -> None:
    """Corrects papermill's status `completed` of cells that did not run or did not end."""
    for cell in notebook.cells:
        mark = cell.metadata.get("papermill")
        if mark and cell.cell_type == "code" and cell.source.strip() and not _ran(cell):
            mark["status"] = "failed" if _started(cell) else "pending"


def shown(notebook: nbformat.NotebookNode) -> dict[str, Any]:
    """The claims and the summary that the notebook displayed; what has another form is no claim."""
    results: dict[str, Any] = {"claims": [], "summary": {}}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            results["claims"] += _claims(bundle.get(decisions.MIME))
            summary = bundle.get(SUMMARY_MIME)
            if isinstance(summary, dict) and is_plain(summary):
                results["summary"] |= summary
            results["summary"] |= _glued(bundle)
    return results


def _glued(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """What scrapbook's `glue`, or papermill's former `record`, left in an output."""
    scraps = {}
    for kind, payload in bundle.items():
        if not isinstance(payload, dict):
            continue
        if kind.startswith(_SCRAP) and payload.get("encoder") in ("json", "text"):
            values = {str(payload.get("name")): payload.get("data")}
        elif kind == _RECORD:
            values = payload
        else:
            continue
        for name, value in values.items():
            try:
                scraps |= dict(flat(name, value))
            except (TypeError, ValueError):
                scraps[name] = f"more than {MOST} values"
    return scraps


def seconds(notebook: nbformat.NotebookNode) -> dict[str, float]:
    """How long each cell took that ran to its end, by cell id."""
    took = {}
    for cell in _to_run(notebook):
        if _ran(cell):
            times = cell.metadata.execution
            ends = (times.get("iopub.execute_input"), times["shell.execute_reply"])
            start, end = (datetime.fromisoformat(t or ends[1]) for t in ends)
            took[cell.id] = round((end - start).total_seconds(), 3)
    return took


def _to_run(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """The cells that the kernel should have run."""
    for cell in notebook.cells:
        skipped = "skip-execution" in cell.metadata.get("tags", [])
        if cell.cell_type == "code" and cell.source.strip() and not skipped:
            yield cell


def _started(cell: nbformat.NotebookNode) -> bool:
    return "execution" in cell.metadata


def _ran(cell: nbformat.NotebookNode) -> bool:
    return _started(cell) and "shell.execute_reply" in cell.metadata.execution


def _error(cell: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    return next((o for o in cell.get("outputs", []) if o.output_type == "error"), None)


def _claims(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        return []
    try:
        return [decisions.Claim.model_validate(one).model_dump(mode="json") for one in data]
    except ValidationError:
        return []


def save_partial(folder: Path) -> None:
    """Copies the last save of a killed run to `partial.ipynb`, if it is complete."""
    for path in folder.glob(f"{PARTIAL}*/{NOTEBOOK}"):
        # A link would bring in a notebook from elsewhere.
        if path.is_symlink() or path.parent.is_symlink():
            continue
        try:
            notebook = nbformat.read(path, as_version=4)
        except (OSError, ValueError, nbformat.reader.NotJSONError):
            continue
        correct(notebook)
        write_text(folder / PARTIAL_NOTEBOOK, nbformat.writes(notebook))

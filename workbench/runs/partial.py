"""What a notebook run leaves whose worker was killed: the cells that ran, named as what it is."""

from __future__ import annotations

from pathlib import Path

import nbformat

from workbench.runs import outcome
from workbench.runs.atomic import PARTIAL, write_text
from workbench.runs.record import NOTEBOOK, PARTIAL_NOTEBOOK


def keep_partial(folder: Path) -> None:
    """Keeps the notebook that papermill was writing as `partial.ipynb`, if it is a whole file."""
    for path in folder.glob(f"{PARTIAL}*/{NOTEBOOK}"):
        try:
            notebook = nbformat.read(path, as_version=4)
        except (OSError, ValueError, nbformat.reader.NotJSONError):
            continue
        outcome.correct(notebook)
        write_text(folder / PARTIAL_NOTEBOOK, nbformat.writes(notebook))

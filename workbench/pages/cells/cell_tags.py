"""Applies the tags of cells that nbconvert and Jupyter Book define.

`hide-input` has no effect, since a page folds all code.
"""

from __future__ import annotations

import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor

_CELL = {"panel", "parameters", "injected-parameters", "remove", "remove-cell", "remove_cell"}
_FOLDED = {"hide-output", "hide_output", "hide-cell", "hide_cell"}
_REMOVER = TagRemovePreprocessor(
    enabled=True,
    remove_cell_tags=_CELL,
    remove_input_tags={"remove-input", "remove_input"},
    remove_all_outputs_tags={"remove-output", "remove_output"},
)


def apply_tags(notebook: nbformat.NotebookNode) -> None:
    """Removes what the tags remove, and marks folded outputs by `folded` in the metadata."""
    _REMOVER.preprocess(notebook, {})
    for cell in notebook.cells:
        hidden = cell.metadata.get("jupyter")
        is_hidden = isinstance(hidden, dict) and hidden.get("outputs_hidden") is True
        cell.metadata["folded"] = is_hidden or bool(_FOLDED & set(cell.metadata.get("tags", [])))

"""The outputs of a notebook in a form that is equal for equivalent runs.

Addresses in memory, ids drawn at random, execution counts and the names of temporary files differ
between any two runs; they are replaced by words. What is written to stderr, where warnings and
progress bars go, and the views of widgets are left out.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import nbformat

_WIDGET = "application/vnd.jupyter.widget"
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w])")
_ALIKE = (
    (re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]"), ""),
    (re.compile(r"\b0x[0-9a-fA-F]{6,}\b"), "(address)"),
    (re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"), "(id)"),
    # pandas' Styler, scikit-learn's diagrams, matplotlib's SVG.
    (re.compile(r"\bT_[0-9a-f]{5}(?=_|\b)"), "T_(id)"),
    (re.compile(r"sk-(container-id|estimator-id)-\d+"), r"sk-\1"),
    (re.compile(r"<dc:date>.*?</dc:date>", re.S), ""),
    (re.compile(r"(?<=[\"#])[mpC][0-9a-f]{10}(?=[\")_])"), "(id)"),
    (re.compile(r"ipykernel_\d+[/\\]\d+\.py"), "ipykernel"),
)


def texts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Every output as text, by the numbers of its cell and output, and its kind."""
    outputs = {}
    code = [c for c in notebook.cells if c.cell_type == "code" and "injected" not in _tags(c)]
    for number, cell in enumerate(code, 1):
        for place, (kind, data) in enumerate(_outputs(cell), 1):
            outputs[f"code cell {number}, output {place}, {kind}"] = _alike(data)
    return outputs


def agree(left: str, right: str, relative: float, absolute: float) -> bool:
    """Whether two texts are equal up to numbers within the tolerances."""
    if left == right:
        return True
    pairs = list(zip(_NUMBER.findall(left), _NUMBER.findall(right), strict=False))
    if _NUMBER.sub("#", left) != _NUMBER.sub("#", right):
        return False
    near = {"rel_tol": relative, "abs_tol": absolute}
    return all(a == b or math.isclose(float(a), float(b), **near) for a, b in pairs)


def _outputs(cell: nbformat.NotebookNode) -> Iterator[tuple[str, Any]]:
    """The cell's outputs by kind; all printed text is one output."""
    outputs = cell.get("outputs", [])
    printed = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")
    if printed:
        yield "printed", re.sub(r"[^\n]*\r(?!\n)", "", printed)
    for output in outputs:
        if output.output_type == "error":
            yield "error", f"{output.ename}: {output.evalue}"
        data = output.get("data", {})
        is_widget = any(kind.startswith(_WIDGET) for kind in data)
        for kind in [] if is_widget else sorted(data):
            yield kind, data[kind]


def _alike(data: Any) -> str:
    text = data if isinstance(data, str) else json.dumps(data, sort_keys=True)
    for pattern, word in _ALIKE:
        text = pattern.sub(word, text)
    return text


def _tags(cell: nbformat.NotebookNode) -> str:
    return " ".join(map(str, cell.metadata.get("tags", [])))

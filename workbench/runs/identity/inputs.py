"""Files that a notebook or a study declares as its inputs, which count in a run's identity.

A notebook declares them in a cell tagged `inputs`: every text in quotes of a cell of code, every
line of another cell. A study file declares them under `inputs`. Paths start in the current
directory, as they do in the notebook; `*` and its like stand for several files, a folder for all
files below.
"""

from __future__ import annotations

import ast
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nbformat

from workbench.base.checks import refuse
from workbench.base.files import regular_file

TAG = "inputs"
PREFIX = "input "


def declared(notebook: nbformat.NotebookNode) -> list[str]:
    """The paths that the notebook's own cells declare."""
    cells = [c for c in notebook.cells if TAG in c.metadata.get("tags", [])]
    return list(dict.fromkeys(path for cell in cells for path in _paths(cell)))


def inputs(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Path, size and SHA-256 of every declared file.

    Raises:
        ValueError: if one cannot be read, or a pattern or a folder has no file.
    """
    files = {}
    for path in paths:
        for one in _files(path):
            size, sha256 = digest(one, path)
            name = one.as_posix()
            files[f"{PREFIX}{name}"] = {"path": name, "bytes": size, "sha256": sha256}
    return files


def digest(path: Path, given: str = "") -> tuple[int, str]:
    """The size and SHA-256 of a file, read piece by piece.

    Raises:
        ValueError: if it cannot be read or is no file.
    """
    try:
        return regular_file.digest(path)
    except FileNotFoundError:
        refuse(TAG, "files that exist", given or str(path))
    except OSError as error:
        refuse(TAG, f"files that can be read ({error.strerror})", given or str(path))


def _files(given: str) -> list[Path]:
    path = Path(given)
    # Of a path that no file can have, `Path` would raise what is no sentence.
    if os.path.isdir(path):
        files = sorted(p for p in path.rglob("*") if p.is_file())
    elif glob.has_magic(given) and not os.path.exists(path):
        files = sorted(p for p in map(Path, glob.glob(given, recursive=True)) if p.is_file())
    else:
        return [path]
    if not files:
        refuse(TAG, "at least one file", given)
    return files


def _paths(cell: nbformat.NotebookNode) -> Iterator[str]:
    if cell.cell_type != "code":
        for line in cell.source.splitlines():
            path = line.strip().removeprefix("- ").removeprefix("* ").strip().strip("`")
            if path and not path.startswith("#"):
                yield path
        return
    try:
        tree = ast.parse(cell.source)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"`{TAG}` must have Python in its cell; got {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value

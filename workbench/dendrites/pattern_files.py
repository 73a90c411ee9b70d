"""Patterns from a user's file: active indices, one pattern a row, checked before their use."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from workbench.checks import refuse

SUFFIXES = (".npy", ".npz", ".csv")


class PatternFile(NamedTuple):
    """The patterns of a file, sorted within each row, and their classes if the file names them."""

    patterns: Int[np.ndarray, "count active"]
    labels: Int[np.ndarray, " count"] | None


def read_patterns(path: str | Path, cells: int) -> PatternFile:
    """The patterns that the file holds.

    `.npy` holds a whole-number array (patterns, active); `.npz` the same under the name `patterns`
    and, if it likes, one whole-number class each under `labels`; `.csv` one pattern a line, its
    active indices between commas, without a header. Nothing is ever unpickled.

    Args:
        path: the file.
        cells: cells in the population; every index lies in [0, cells).

    Raises:
        ValueError: if the file is missing, of another kind, or damaged; if rows differ in length,
            hold an index out of range or the same index twice. The sentence names the row,
            counted from 1 as an editor counts lines.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        refuse("patterns_file", "a file ending in " + ", ".join(SUFFIXES), str(path))
    if not path.is_file():
        refuse("patterns_file", "an existing file", str(path))
    labels = None
    if path.suffix == ".csv":
        rows = _csv(path)
    else:
        rows, labels = _binary(path)
    return PatternFile(_checked(rows, cells), _labels(labels, len(rows)))


def _csv(path: Path) -> np.ndarray:
    """The rows of a text file; empty lines at its end do not count."""
    rows: list[list[int]] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError:
        refuse("patterns_file", "text in UTF-8", path.name)
    for number, line in enumerate(lines, 1):
        try:
            row = [int(word) for word in line.split(",")]
        except ValueError:
            refuse("patterns_file", f"whole numbers between commas in row {number}", line)
        if rows and len(row) != len(rows[0]):
            refuse(
                "patterns_file",
                f"{len(rows[0])} indices in row {number}, as in row 1",
                f"{len(row)} indices",
            )
        if any(abs(index) > 2**62 for index in row):
            refuse("patterns_file", f"cell indices in row {number}", max(row, key=abs))
        rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(rows[0]) if rows else 0)


def _binary(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded, None
            if "patterns" not in loaded.files:
                refuse("patterns_file", "an archive with an array named patterns", loaded.files)
            return loaded["patterns"], loaded["labels"] if "labels" in loaded.files else None
    except (OSError, EOFError, KeyError, np.exceptions.AxisError, _zip_error()) as error:
        refuse("patterns_file", "a whole NumPy file", f"{path.name}: {error}")
    except ValueError as error:
        if str(error).startswith("`"):
            raise
        refuse("patterns_file", "a whole NumPy file without objects", f"{path.name}: {error}")


def _zip_error() -> type[Exception]:
    import zipfile

    return zipfile.BadZipFile


def _checked(rows: np.ndarray, cells: int) -> Int[np.ndarray, "count active"]:
    """The rows sorted, after every check that a kernel would otherwise have to make."""
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        got = f"{rows.dtype} of shape {rows.shape}"
        refuse("patterns_file", "a whole-number array (patterns, active)", got)
    if rows.shape[0] == 0 or rows.shape[1] == 0:
        refuse("patterns_file", "at least one pattern with one active cell", rows.shape)
    outside = (rows < 0) | (rows >= cells)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        refuse(
            "patterns_file", f"indices in [0, cells={cells}) in row {row + 1}", rows[row, column]
        )
    ordered = np.sort(rows.astype(np.int64), axis=1)
    twice = ordered[:, 1:] == ordered[:, :-1]
    if twice.any():
        row, column = np.argwhere(twice)[0]
        refuse(
            "patterns_file",
            f"distinct indices in row {row + 1}",
            f"{ordered[row, column]} twice",
        )
    return ordered


def _labels(labels: np.ndarray | None, count: int) -> Int[np.ndarray, " count"] | None:
    if labels is None:
        return None
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        got = f"{labels.dtype} of shape {labels.shape}"
        refuse("patterns_file", f"one whole-number label for each of {count} patterns", got)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)

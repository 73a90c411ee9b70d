"""Patterns from a user's file: active indices, one pattern a row, checked before their use."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from workbench.base.checks import refuse
from workbench.base.files.numpy_file import DAMAGED, arrays
from workbench.base.files.regular_file import content, refused, require

# Bytes of an array or an archive, unpacked, and of a text, whose words take up to 30 times as much
# memory; patterns, and active cells of all of them, at most.
LARGEST, LONGEST, PATTERNS, ACTIVE = 2**30, 2**26, 2**22, 2**26
SUFFIXES = (".npy", ".npz", ".csv", ".json")
# Arrays of SciPy's archives of a sparse matrix.
SPARSE = {"format", "shape", "data"}


class PatternFile(NamedTuple):
    """The patterns of a file, sorted within each row, and their classes if the file names them.

    Attributes:
        patterns: active cells, as many in each row as the shortest pattern of the file has.
        labels: classes from 0.
        longest: active cells of the longest pattern of the file.
    """

    patterns: Int[np.ndarray, "count active"]
    labels: Int[np.ndarray, " count"] | None
    longest: int


def read_patterns(path: str | Path, cells: int, seed: int = 0) -> PatternFile:
    """The patterns that the file holds.

    `.npy` holds a whole-number array (patterns, active), or one of zeros and ones (patterns,
    cells); `.npz` the same under the name `patterns` and, if it likes, one class each under
    `labels`; or a sparse matrix (patterns, cells) as `scipy.sparse.save_npz` writes it. `.csv` has
    one pattern a line, its active indices between commas, without a header; a word before them
    all is the class. `.json` has a list of lists, or a mapping with `patterns` and `labels`.
    Classes are whole numbers or text. Nothing is ever unpickled.

    Where patterns differ in length each is thinned to the shortest by random choice.

    Args:
        path: the file.
        cells: cells in the population; every index lies in [0, cells), and an array of zeros and
            ones has as many columns.
        seed: of the choice among the active cells of longer patterns.

    Raises:
        ValueError: if the file is missing, of another kind, or damaged; if a row is empty, holds
            an index out of range or the same index twice. The sentence names the row, counted
            from 1 as an editor counts lines.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        refuse("patterns_file", "a file ending in " + ", ".join(SUFFIXES), str(path))
    require("patterns_file", str(path), LARGEST if path.suffix in (".npy", ".npz") else LONGEST)
    readers = {".csv": _csv, ".json": _json, ".npy": _npy, ".npz": _npz}
    rows, labels = readers[path.suffix](path)
    rows = _active(rows, cells)
    shortest, longest = min(map(len, rows)), max(map(len, rows))
    choice = np.random.default_rng(seed)
    if shortest < longest:
        rows = [choice.choice(row, shortest, replace=False) for row in rows]
    return PatternFile(np.sort(np.array(rows), axis=1), _labels(labels, len(rows)), longest)


def _csv(path: Path) -> tuple[list, list | None]:
    """The rows of a text file; empty lines at its end do not count."""
    lines = _text(path, "text in UTF-8").rstrip().splitlines()
    cells = [[word.strip() for word in line.split(",")] for line in lines]
    named = bool(cells) and all(len(row) > 1 and not _is_number(row[0]) and row[0] for row in cells)
    rows = []
    for number, (line, words) in enumerate(zip(lines, cells, strict=True), 1):
        # A spreadsheet ends shorter lines in commas.
        while words and not words[-1]:
            words.pop()
        try:
            rows.append([int(word) for word in words[named:]])
        except ValueError:
            refuse("patterns_file", f"whole numbers between commas in row {number}", line)
        if not rows[-1]:
            refuse("patterns_file", f"whole numbers between commas in row {number}", line)
    return rows, [row[0] for row in cells] if named else None


def _is_number(word: str) -> bool:
    try:
        return float(word) is not None
    except ValueError:
        return False


def _json(path: Path) -> tuple[Any, Any]:
    with refused("patterns_file", "JSON in UTF-8", path.name):
        loaded = json.loads(_text(path, "JSON in UTF-8"))
    rows, labels = loaded, None
    if isinstance(loaded, dict):
        rows, labels = loaded.get("patterns"), loaded.get("labels")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        refuse("patterns_file", "a list of lists, or a mapping with one as `patterns`", path.name)
    for number, row in enumerate(rows, 1):
        if not all(isinstance(v, int) for v in row):
            refuse("patterns_file", f"whole numbers in row {number}", row)
    return rows, labels


def _text(path: Path, what: str) -> str:
    with refused("patterns_file", what, path.name):
        return content(path, LONGEST).decode("utf-8-sig")


def _npy(path: Path) -> tuple[np.ndarray, None]:
    # Mapped, so that a header that promises more than the file has takes no memory.
    with _reading(path):
        rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(rows, np.ndarray):
        rows.close()
        refuse("patterns_file", "a single array where it ends in .npy", f"{path.name}, an archive")
    return rows, None


def _npz(path: Path) -> tuple[Any, np.ndarray | None]:
    with _reading(path):
        there = {array.name: array for array in arrays(path)}
    wanted = {"patterns", "labels"}
    if wanted.isdisjoint(there) or set(there) >= SPARSE:
        wanted |= {*SPARSE, "indices", "indptr", "row", "col"}
    wanted &= set(there)
    for name in sorted(wanted):
        if words := there[name].fault:
            refuse("patterns_file", f"a whole NumPy file without objects ({words})", path.name)
    size = sum(there[name].member.file_size for name in wanted)
    if size > LARGEST:
        refuse("patterns_file", f"at most {LARGEST:,} bytes when unpacked", f"{size:,}")
    # Opened here, since NumPy leaves a file open that is no archive.
    with _reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
        members = {name: opened[name] for name in wanted}
    if "patterns" in members:
        return members["patterns"], members.get("labels")
    if not set(members) >= SPARSE:
        words = "an archive with an array named patterns, or a sparse matrix of SciPy's"
        refuse("patterns_file", words, path.name)
    return _sparse(path, members["shape"]), members.get("labels")


def _sparse(path: Path, shape: np.ndarray) -> Any:
    """The matrix of an archive of SciPy's, whatever its format, as compressed rows."""
    from scipy import sparse  # loaded for such files alone

    if shape.dtype.kind not in "iu" or shape.size and int(shape.flat[0]) > LARGEST // 8:
        refuse("patterns_file", f"a sparse matrix of at most {LARGEST // 8:,} rows", shape)
    with _reading(path):
        with path.open("rb") as file:
            matrix = sparse.load_npz(file).tocsr()
        matrix.check_format(full_check=True)
        matrix.sum_duplicates()
    if not np.isin(matrix.data, (0, 1)).all():
        refuse("patterns_file", "a sparse matrix of zeros and ones", path.name)
    return matrix


def _reading(path: Path) -> AbstractContextManager[None]:
    """Of what NumPy or SciPy raises at a damaged file, one sentence."""
    errors = (*DAMAGED, np.exceptions.AxisError)
    return refused("patterns_file", "a whole NumPy file without objects", path.name, errors)


def _active(rows: Any, cells: int) -> list[np.ndarray]:
    """The active cells of each pattern in order, after every check that a kernel would need."""
    shape = getattr(rows, "shape", None)  # of an array, or of a sparse matrix
    count = len(rows) if shape is None else max(shape[:1], default=0)
    if count > PATTERNS:
        refuse("patterns_file", f"at most {PATTERNS:,} patterns", count)
    if hasattr(rows, "indptr"):
        _as_wide(rows.shape[1], cells)
        rows.eliminate_zeros()
        lengths, flat = np.diff(rows.indptr), rows.indices
    elif shape is not None and (rows.ndim != 2 or not _is_legal(rows)):
        got = f"{rows.dtype} of shape {rows.shape}"
        refuse("patterns_file", "zeros and ones, or a whole-number array (patterns, active)", got)
    elif _is_dense(rows, cells):
        _as_wide(len(rows[0]), cells)
        dense = np.asarray(rows)
        lengths = np.count_nonzero(dense, axis=1)
        flat = np.nonzero(dense)[1] if lengths.sum() <= ACTIVE else lengths
    else:
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        listed = shape is None
        flat = np.array([v for row in rows for v in row]) if listed else rows.reshape(-1)
    _bounded(lengths)
    return np.split(_checked(flat, lengths, cells), np.cumsum(lengths)[:-1])


def _bounded(lengths: np.ndarray) -> None:
    """Refuses patterns without an active cell, and too many of these in all."""
    if lengths.sum() > ACTIVE:
        refuse("patterns_file", f"at most {ACTIVE:,} active cells in all", int(lengths.sum()))
    if not len(lengths) or not lengths.any():
        refuse("patterns_file", "at least one pattern with one active cell", "none")
    if not lengths.all():
        row = int(np.argmin(lengths)) + 1
        refuse("patterns_file", f"at least one active cell in row {row}", "none")


def _checked(flat: np.ndarray, lengths: np.ndarray, cells: int) -> Int[np.ndarray, " indices"]:
    """The indices of all rows behind each other, in order within each row."""
    row = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    outside = (flat < 0) | (flat >= cells)
    if outside.any():
        words = f"indices in [0, cells={cells}) in row {row[outside][0]}"
        refuse("patterns_file", words, flat[outside][0])
    ordered = flat.astype(np.int64)[np.lexsort((flat.astype(np.int64), row))]
    twice = np.flatnonzero((np.diff(ordered) == 0) & (np.diff(row) == 0))
    if len(twice):
        at = twice[0]
        refuse("patterns_file", f"distinct indices in row {row[at]}", f"{ordered[at]} twice")
    return ordered


def _is_legal(rows: np.ndarray) -> bool:
    return rows.dtype.kind in "iub" or (
        rows.dtype.kind == "f" and bool(np.isin(rows, (0, 1)).all())
    )


def _is_dense(rows: Any, cells: int) -> bool:
    """Whether rows of one length are zeros and ones: no list of cells has one of them twice."""
    widths = {rows.shape[1]} if isinstance(rows, np.ndarray) else set(map(len, rows))
    if not len(rows) or len(widths) != 1 or not min(widths):
        return False
    values = np.asarray(rows)
    is_switch = values.dtype.kind in "bf" or values.shape[1] > 2 or values.shape[1] == cells
    is_switch |= (values[:, 1:] == values[:, :-1]).any()
    return bool(is_switch and np.isin(values, (0, 1)).all())


def _as_wide(width: int, cells: int) -> None:
    if width != cells:
        refuse("cells", f"{width}, the columns of zeros and ones in `patterns_file`", cells)


def _labels(labels: Any, count: int) -> Int[np.ndarray, " count"] | None:
    """Classes from 0 in the order of their names."""
    if labels is None:
        return None
    plain = isinstance(labels, np.ndarray) or all(isinstance(v, int | str) for v in labels)
    values = np.asarray(labels) if plain else np.empty(0)
    if values.shape != (count,) or values.dtype.kind not in "iubU":
        got = f"{values.dtype} of shape {values.shape}"
        refuse("patterns_file", f"text or one whole-number label for each of {count} patterns", got)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)

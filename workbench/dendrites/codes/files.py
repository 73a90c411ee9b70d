"""Patterns from a user's file: active indices, one pattern a row, checked before their use."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from workbench.base.checks import refuse

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
    if not path.is_file():
        refuse("patterns_file", "an existing file", str(path))
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
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError:
        refuse("patterns_file", "text in UTF-8", path.name)
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
    try:
        loaded = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        refuse("patterns_file", "JSON in UTF-8", f"{path.name}: {error}")
    rows, labels = loaded, None
    if isinstance(loaded, dict):
        rows, labels = loaded.get("patterns"), loaded.get("labels")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        refuse("patterns_file", "a list of lists, or a mapping with one as `patterns`", path.name)
    for number, row in enumerate(rows, 1):
        if not all(isinstance(v, int) for v in row):
            refuse("patterns_file", f"whole numbers in row {number}", row)
    return rows, labels


def _npy(path: Path) -> tuple[np.ndarray, None]:
    # Mapped, so that a header that promises more than the file has takes no memory.
    rows = _loaded(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False))
    if not isinstance(rows, np.ndarray):
        rows.close()
        refuse("patterns_file", "a single array where it ends in .npy", f"{path.name}, an archive")
    return rows, None


def _npz(path: Path) -> tuple[Any, np.ndarray | None]:
    def load() -> dict[str, np.ndarray]:
        # Opened here, since NumPy leaves a file open that is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
            wanted = {"patterns", "labels"}
            if wanted.isdisjoint(opened.files) or set(opened.files) >= SPARSE:
                wanted |= {*SPARSE, "indices", "indptr", "row", "col"}
            return {name: opened[name] for name in opened.files if name in wanted}

    found = _loaded(path, load)
    labels = found.get("labels")
    if "patterns" in found:
        return found["patterns"], labels
    if not set(found) >= SPARSE:
        words = "an archive with an array named patterns, or a sparse matrix of SciPy's"
        refuse("patterns_file", words, path.name)
    return _loaded(path, lambda: _sparse(path)), labels


def _sparse(path: Path) -> Any:
    """The matrix of an archive of SciPy's, whatever its format, as compressed rows."""
    from scipy import sparse  # loaded for such files alone

    with path.open("rb") as file:
        matrix = sparse.load_npz(file).tocsr()
    matrix.check_format(full_check=True)
    matrix.sum_duplicates()
    if not np.isin(matrix.data, (0, 1)).all():
        refuse("patterns_file", "a sparse matrix of zeros and ones", path.name)
    return matrix


def _loaded(path: Path, load: Any) -> Any:
    """What NumPy or SciPy reads; all that they raise at a damaged file in one sentence."""
    import tokenize
    import zlib

    damaged = (OSError, EOFError, KeyError, TypeError, MemoryError, NotImplementedError)
    damaged += (SyntaxError, OverflowError, AttributeError, tokenize.TokenError)
    try:
        return load()
    except (*damaged, np.exceptions.AxisError, zipfile.BadZipFile, zlib.error) as error:
        refuse("patterns_file", "a whole NumPy file", f"{path.name}: {error}")
    except ValueError as error:
        if str(error).startswith("`"):
            raise
        refuse("patterns_file", "a whole NumPy file without objects", f"{path.name}: {error}")


def _active(rows: Any, cells: int) -> list[np.ndarray]:
    """The active cells of each pattern in order, after every check that a kernel would need."""
    if hasattr(rows, "indptr"):
        _as_wide(rows.shape[1], cells)
        rows.eliminate_zeros()
        lengths, flat = np.diff(rows.indptr), rows.indices
    elif isinstance(rows, np.ndarray) and (rows.ndim != 2 or not _is_legal(rows)):
        got = f"{rows.dtype} of shape {rows.shape}"
        refuse("patterns_file", "zeros and ones, or a whole-number array (patterns, active)", got)
    elif _is_dense(rows, cells):
        _as_wide(len(rows[0]), cells)
        number, flat = np.nonzero(np.asarray(rows))
        lengths = np.bincount(number, minlength=len(rows))
    else:
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = (
            rows.reshape(-1)
            if isinstance(rows, np.ndarray)
            else np.array([v for row in rows for v in row])
        )
    if not len(lengths) or not lengths.any():
        refuse("patterns_file", "at least one pattern with one active cell", "none")
    if not lengths.all():
        row = int(np.argmin(lengths)) + 1
        refuse("patterns_file", f"at least one active cell in row {row}", "none")
    return np.split(_checked(flat, lengths, cells), np.cumsum(lengths)[:-1])


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
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not min(widths):
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

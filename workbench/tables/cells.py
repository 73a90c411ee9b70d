"""Cells of text as numbers, with points or commas for decimals, as the table itself proves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "—", "–", ".", "?", "<na>",
     "#div/0!", "#value!", "#ref!", "#num!", "#name?")
)  # fmt: skip
OTHER = {".": ",", ",": "."}
# A space or an apostrophe between thousands marks nothing else.
_SPACED = re.compile(r"(?<=\d)[ '’\u00a0\u2009\u202f](?=\d{3}(?!\d))")
# By the mark of decimals: the numbers that can be written with it.
_NUMBER = {
    mark: re.compile(
        rf"[+-]?(?:(?:\d+|[1-9]\d{{0,2}}(?:[{other}]\d{{3}})+)(?:[{mark}]\d*)?|[{mark}]\d+)"
        r"(?:[eE][+-]?\d+)?"
    )
    for mark, other in OTHER.items()
}
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.I)


def is_missing(cell: str) -> bool:
    """Whether the cell stands for no value."""
    return cell.lower() in MISSING


def is_number(cell: str) -> bool:
    """Whether the cell is a number by one mark of decimals or by the other."""
    return any(number(cell, mark) is not None for mark in OTHER)


def number(cell: str, mark: str) -> float | None:
    """The value of a cell with this mark before its decimals; NaN for none, None for a text."""
    if is_missing(cell):
        return float("nan")
    if _INFINITE.fullmatch(cell):
        return float(cell)
    cell = _SPACED.sub("", cell.replace("\u2212", "-"))
    if not _NUMBER[mark].fullmatch(cell):
        return None
    return float(cell.replace(OTHER[mark], "").replace(mark, "."))


def proven(cells: Iterable[str]) -> dict[str, str]:
    """The marks of decimals that some cell can be read with alone, each with such a cell.

    "3,4681" and "1.234,5" prove a comma, "3.4681" and "1,000,000" a point; "1,234" and "1.234"
    could be a fraction or a thousand.
    """
    proofs: dict[str, str] = {}
    for cell in cells:
        if not ("," in cell or "." in cell) or is_missing(cell):
            continue
        readings = [mark for mark in OTHER if number(cell, mark) is not None]
        if len(readings) == 1:
            proofs.setdefault(readings[0], cell)
    return proofs


def marks(columns: Sequence[Sequence[str]]) -> list[str | None]:
    """Each column's mark of decimals; None where its cells could be read in two ways.

    A column that proves none takes that of the others, if they agree. Without any proof points are
    decimal, and commas are not to be read.
    """
    if not any("," in cell for cells in columns for cell in cells):
        return ["."] * len(columns)
    proofs = [proven(cells) if is_numeric(cells) else {} for cells in columns]
    every = {mark for proof in proofs for mark in proof}
    shared = next(iter(every)) if len(every) == 1 else None
    marks = []
    for cells, proof in zip(columns, proofs, strict=True):
        if len(proof) == 1:
            marks.append(next(iter(proof)))
        elif proof or any("," in cell for cell in cells):
            marks.append(None if proof else shared)
        else:
            marks.append(shared or ".")
    return marks


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether most cells are numbers: a text such as a list of widths proves nothing."""
    there = [cell for cell in cells if not is_missing(cell)]
    return 2 * sum(map(is_number, there)) > len(there)


def values(cells: Sequence[str], mark: str | None) -> np.ndarray:
    """The cells as numbers if all that hold a value are, else as the texts they are."""
    if mark == "." and not any("_" in cell for cell in cells):
        try:
            return np.array([float(cell) for cell in cells])
        except ValueError:
            pass
    numbers = [None if mark is None else number(cell, mark) for cell in cells]
    if None in numbers or all(map(is_missing, cells)):
        return np.array(cells, dtype=object)
    return np.array(numbers)

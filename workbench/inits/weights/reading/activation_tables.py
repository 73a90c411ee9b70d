"""Which activation each matrix feeds, from a small table of patterns and names."""

from __future__ import annotations

import csv
import fnmatch
from pathlib import Path

from workbench.base.checks import refuse
from workbench.base.files.regular_file import content, refused
from workbench.inits.functions.activations import activation

# Longest table that is read: more than any model has layers.
LONGEST = 1 << 20
BROKEN = (csv.Error,)


def read_activations(path: str) -> list[tuple[str, str]]:
    """Patterns of names, as `*.fc1.*`, and activations: two columns, a header if it likes.

    Raises:
        ValueError: if the file is missing or no text, a line has not two cells, or an activation
            is unknown.
    """
    file = Path(path)
    with refused("activations_file", f"a table in UTF-8 of at most {LONGEST} bytes", path, BROKEN):
        text = content(file, LONGEST).decode("utf-8-sig")
        lines = list(csv.reader(text.splitlines()))
    table = []
    for number, cells in enumerate(lines, 1):
        cells = [cell.strip() for cell in cells]
        if not any(cells) or (number == 1 and cells[1:] == ["activation"]):
            continue
        if len(cells) != 2:
            refuse("activations_file", f"a pattern and an activation in line {number}", cells)
        try:
            activation(cells[1])
        except ValueError as error:
            refuse("activations_file", f"known activations in line {number} ({error})", cells[1])
        table.append((cells[0], cells[1]))
    return table


def activation_of(name: str, table: list[tuple[str, str]], otherwise: str) -> str:
    """The activation of the first pattern that a name fits; as shells match, case counts."""
    fits = (which for pattern, which in table if fnmatch.fnmatchcase(name, pattern))
    return next(fits, otherwise)

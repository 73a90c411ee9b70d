"""Rows of values under the names of their columns, shown as a table in few digits."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.base.checks import refuse

MISSING = "–"
# With an exponent, at whose sign a browser would end a line, or of many digits.
NUMBER = re.compile(r"(?<![\w.])-?\d(?:[\d.,]{4,}\d|[\d.,]*e[-+]?\d+)(?!\w)")


class Rows(tuple):
    """A table for people, whose page keeps all digits of it for the download.

    Attributes:
        names: of the columns.
        digits: how many significant ones of a fraction are shown.
    """

    names: tuple[str, ...]
    digits: int

    def __new__(cls, names: Sequence[str], rows: Iterable[Sequence[Any]], digits: int = 4) -> Rows:
        """Takes the names of the columns and a value for each in every row.

        A value that is None or NaN is missing.

        Raises:
            ValueError: if a row is longer or shorter than the names.
        """
        made = super().__new__(cls, map(tuple, rows))
        made.names, made.digits = tuple(names), digits
        for row in made:
            if len(row) != len(made.names):
                refuse("rows", f"of {len(made.names)} values each, one a name", row)
        return made

    def __str__(self) -> str:
        """The table as text: words begin under each other, numbers end so."""
        told = [self.names, *([self._spelled(v) for v in row] for row in self)]
        wide = [max(map(len, column)) for column in zip(*told, strict=True)]
        words = [all(isinstance(row[i], str) for row in self) for i in range(len(wide))]
        put = [str.ljust if is_words else str.rjust for is_words in words]
        lines = ["  ".join(p(t, w) for p, t, w in zip(put, row, wide, strict=True)) for row in told]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.names)
        body = "".join(f"<tr>{''.join(map(self._cell, row))}</tr>" for row in self)
        shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return {"text/plain": str(self), "text/html": shown}

    def _cell(self, value: Any) -> str:
        whole = "" if _is_missing(value) else str(value)
        return f'<td data-value="{html.escape(whole)}">{unbroken(self._spelled(value))}</td>'

    def _spelled(self, value: Any) -> str:
        return MISSING if _is_missing(value) else number(value, self.digits)


def number(value: Any, digits: int = 4) -> str:
    """A value for people: few significant digits for a fraction, all for a whole number."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    return f"{value:.{digits}g}"


def unbroken(text: str) -> str:
    """The text as HTML in which no line ends within a number."""
    return NUMBER.sub(r'<span class="number">\g<0></span>', html.escape(text))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))

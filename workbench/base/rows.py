"""Tables for people, in few digits, with all digits in the page's download."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from workbench.base.checks import refuse

MISSING = "–"
# Numbers with an exponent, at whose sign browsers break lines, or with many digits.
NUMBER = re.compile(r"(?<![\w.])-?\d(?:[\d.,]{4,}\d|[\d.,]*e[-+]?\d+)(?!\w)")


class Rows(tuple):
    """Rows of values under the names of their columns.

    Attributes:
        names: of the columns.
        digits: significant digits of a fraction that are shown.
    """

    names: tuple[str, ...]
    digits: int

    def __new__(cls, names: Sequence[str], rows: Iterable[Sequence[Any]], digits: int = 4) -> Rows:
        """Takes the names of the columns and rows of values; None and NaN are missing values.

        Raises:
            ValueError: if a row has more or fewer values than there are names.
        """
        table = super().__new__(cls, map(tuple, rows))
        table.names, table.digits = tuple(names), digits
        for row in table:
            if len(row) != len(table.names):
                refuse("rows", f"of {len(table.names)} values each, one a name", row)
        return table

    def __str__(self) -> str:
        """The table as text: words are aligned to the left, numbers to the right."""
        cells = [self.names, *([self._spelled(v) for v in row] for row in self)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        is_text = [all(isinstance(row[i], str) for row in self) for i in range(len(widths))]
        align = [str.ljust if text else str.rjust for text in is_text]
        lines = [
            "  ".join(a(t, w) for a, t, w in zip(align, row, widths, strict=True)) for row in cells
        ]
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
    """A value as text: few significant digits of a fraction, all of a whole number."""
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
    """The text as HTML that browsers do not break within numbers."""
    return NUMBER.sub(r'<span class="number">\g<0></span>', html.escape(text))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))

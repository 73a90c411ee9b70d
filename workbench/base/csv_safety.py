"""Cells of a table that a spreadsheet may open without obeying them."""

from __future__ import annotations

import re
from typing import Any

# The signs that begin a formula, and their wide forms.
SIGNS = "=+-@|%\uff1d\uff0b\uff0d\uff20"


def harmless(value: Any) -> Any:
    """The value as a cell of a CSV file: a text that would be a formula gets an apostrophe before.

    Numbers stay numbers, and None an empty cell.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    # Whitespace and invisible signs before the sign do not stop every program.
    first = re.sub(rf"^[\s\W_]*?(?=[{re.escape(SIGNS)}])", "", text)
    is_formula = first[:1] in tuple(SIGNS) or text[:1] in tuple("\t\r\n")
    return "'" + text if is_formula and text else text

"""CSV cells that no spreadsheet program evaluates as formulas."""

from __future__ import annotations

import re
from typing import Any

# The characters that begin a formula, and their full-width forms.
SIGNS = "=+-@|%\uff1d\uff0b\uff0d\uff20"


def escape_formula(value: Any) -> Any:
    """The value as a CSV cell; a text that would be a formula gets an apostrophe in front.

    Numbers and None are unchanged.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else repr(value)
    # Some programs ignore whitespace and invisible characters before the sign.
    first = re.sub(rf"^[\s\W_]*?(?=[{re.escape(SIGNS)}])", "", text)
    is_formula = first[:1] in tuple(SIGNS) or text[:1] in tuple("\t\r\n")
    return "'" + text if is_formula and text else text

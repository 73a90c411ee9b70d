"""The results that a user's notebook records: `workbench.record({"loss": 0.1})`.

A record has numbers, booleans and texts, each under a name. Other values are converted to these
here, or refused.
"""

from __future__ import annotations

import datetime
import html
import math
import numbers
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

SUMMARY_MIME = "application/vnd.workbench.summary+json"
# Largest number of values in an array.
MOST = 64

Value = bool | int | float | str


def record(values: Mapping[str, Any]) -> None:
    """Records numbers and texts of this notebook, for its page, tables, reports and `verify`.

    May be called in several cells; a later value of a name replaces the earlier one. Outside a
    run it only shows the values.

    Args:
        values: by name, a number, a boolean or a text. NumPy's and other libraries' scalars become
            Python's; NaN and infinities become the texts `nan`, `inf` and `-inf`, as JSON has no
            such numbers. An array, list or mapping of at most 64 values is recorded value by
            value, as `name[0]` or `name.key`.

    Raises:
        TypeError: if `values` is no mapping, or a value cannot be converted.
        ValueError: if an array holds more than 64 values.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"`values` must be a mapping of names to numbers; got {_spell(values)}")
    plain = {k: v for name, value in values.items() for k, v in flat(str(name), value)}
    lines = "\n".join(f"{name}: {_short(value)}" for name, value in plain.items())
    if "IPython" not in sys.modules:
        print(lines)
        return
    from IPython.display import display

    rows = "".join(
        f'<tr><th scope="row">{html.escape(k)}</th><td>{html.escape(_short(v))}</td></tr>'
        for k, v in plain.items()
    )
    shown = f'<table class="summary"><tbody>{rows}</tbody></table>'
    display({"text/plain": lines, "text/html": shown, SUMMARY_MIME: plain}, raw=True)


def flat(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    """The value as one or several values of a record, each with its name."""
    if hasattr(value, "tolist"):  # NumPy, CuPy, torch, pandas
        size = math.prod(getattr(value, "shape", ()))
        if size > MOST:
            _refuse_size(name, size)
        value = value.tolist()
    elif not isinstance(value, str | bytes | int | float) and hasattr(value, "item"):
        value = value.item()  # scalars of other libraries
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from flat(f"{name}.{key}", one)
    elif isinstance(value, list | tuple):
        if len(value) > MOST:
            _refuse_size(name, len(value))
        for place, one in enumerate(value):
            yield from flat(f"{name}[{place}]", one)
    else:
        yield name, _single(name, value)


def _single(name: str, value: Any) -> Value:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool | numbers.Integral):
        return value if isinstance(value, bool) else int(value)
    if isinstance(value, numbers.Real) or type(value).__name__ == "Decimal":
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if value is None or isinstance(value, datetime.date | datetime.timedelta | os.PathLike):
        return str(value)
    what = "a number, a boolean, a text, or an array of them"
    raise TypeError(f"`{name}` must be {what}; got {_spell(value)}")


def _refuse_size(name: str, size: int) -> None:
    raise ValueError(f"`{name}` must be at most {MOST} values, such as their mean; got {size}")


def _short(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _spell(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"

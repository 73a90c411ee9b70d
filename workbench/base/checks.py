"""Error messages for bad values, and argument checks that primitives share."""

from __future__ import annotations

import difflib
from typing import Any, NoReturn

import numpy as np

from workbench.base.array import Array, host

# Characters of an error message.
LONGEST = 299


class Refusal(ValueError):
    """A value was refused, with an error message of our own."""


def refuse(name: str, what: str, got: Any, kind: type[Exception] = Refusal) -> NoReturn:
    """Raises "`name` must be what; got value", in one line of at most `LONGEST` characters.

    Args:
        name: the argument at fault, as the caller spells it.
        what: what must hold, with the numbers in it: "in [1, synapses=20]".
        got: the value that was passed.
        kind: Refusal for a value or a relation, TypeError for a kind.
    """
    end = f"; got {spell(got)}"
    raise kind(clipped(f"`{clipped(name, 60)}` must be {what}", LONGEST - len(end)) + end)


def refusal(sentence: str) -> Refusal:
    """A refusal with another message than that of `refuse`, of the same largest length."""
    return Refusal(clipped(sentence, LONGEST))


def clipped(text: str, most: int) -> str:
    """The text as one line of at most `most` printable characters."""
    line = " ".join(text[: 4 * most].split())
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    return plain if len(plain) <= most else plain[: most - 3] + "..."


def spell(value: Any) -> str:
    """A value as text for an error message, of at most 60 characters."""
    if isinstance(value, np.generic):
        value = value.item()
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def whole(name: str, value: Array, low: int | None = None, high: int | None = None) -> np.ndarray:
    """The values as a host array of int64, after checking that all are whole and within the span.

    Floats that hold whole numbers pass (1e4 is 10000); booleans, fractions, NaN and infinities do
    not.

    Args:
        name: the argument's name in the error message.
        value: a number or an array of any library.
        low: smallest legal value, or None.
        high: largest legal value, or None.

    Raises:
        TypeError: if the values are no real numbers.
        ValueError: if one is fractional, not finite, or outside [low, high].
    """
    values = np.asarray(host(value))
    if values.dtype.kind not in "iuf" and not (values.dtype == object and _all_integers(values)):
        refuse(name, "a whole number", value, TypeError)
    span = _span(low, high)
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values) | (values != np.floor(values)) | (np.abs(values) >= 2.0**63)
        if bad.any():
            refuse(name, f"a whole number{span}", values[bad].flat[0])
    for bad in (
        values < low if low is not None else None,
        values > high if high is not None else None,
        values > 2**63 - 1 if values.dtype.kind in "uO" else None,
        values < -(2**63) if values.dtype == object else None,
    ):
        if bad is not None and np.any(bad):
            refuse(name, f"a whole number{span}", np.extract(bad, values)[0])
    return values.astype(np.int64)


def real(name: str, value: Array, low: float, high: float) -> np.ndarray:
    """The values as a host array of float64, after checking that all lie in [low, high].

    Raises:
        TypeError: if the values are no real numbers.
        ValueError: if one is NaN or outside the span.
    """
    values = np.asarray(host(value))
    if values.dtype.kind not in "iuf":
        refuse(name, "a real number", value, TypeError)
    values = values.astype(np.float64)
    bad = ~((values >= low) & (values <= high))
    if bad.any():
        refuse(name, f"in [{low:g}, {high:g}]", np.extract(bad, values)[0])
    return values


def _span(low: int | None, high: int | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f" of at least {low}"
    if low is None:
        return f" of at most {high}"
    return f" in [{low}, {high}]"


def _all_integers(values: np.ndarray) -> bool:
    """Whether an object array has integers only, as of those too large for int64."""
    return all(isinstance(v, int) and not isinstance(v, bool) for v in values.flat)


def nearest(name: str, names: list[str]) -> str:
    """The end of an error message: the most similar legal name, or all if none is similar."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean `{near[0]}`?" if near else "there is " + ", ".join(names)

"""Shared argument checks of the laws, and results as arrays of the caller's library."""

from __future__ import annotations

import numpy as np

from workbench.base.array import Array, host, is_array, like, namespace
from workbench.base.checks import refuse, whole
from workbench.dendrites.theory._tails import MOST_CELLS


def counts(cells: Array, exact: bool = False, **parts: Array) -> list[Array]:
    """The cells and the counts of some of them, as host integers; no part exceeds the cells."""
    n = whole("cells", cells, 1, None if exact else MOST_CELLS)
    checked = [n]
    for name, part in parts.items():
        checked.append(whole(name, part, 0))
        at_most(name, checked[-1], "cells", n)
    return checked


def at_most(name: str, values: Array, other: str, bound: Array) -> None:
    """Refuses the first value above its bound, which is another argument."""
    values, bound = np.broadcast_arrays(values, bound)
    above = values > bound
    if above.any():
        got, most = values[above][0], bound[above][0]
        refuse(name, f"a whole number in [0, {other}={most}]", got)


def chance(name: str, value: Array) -> Array:
    """The values as doubles, after checking that all lie in (0, 1]."""
    values = np.asarray(host(value))
    if values.dtype.kind not in "iuf":
        refuse(name, "a real number", value, TypeError)
    bad = ~((values > 0) & (values <= 1))
    if bad.any():
        refuse(name, "in (0, 1]", np.extract(bad, values)[0])
    return values.astype(np.float64)


def numbers(log10: bool, *values: Array) -> list[int]:
    """The values as Python integers, for an exact answer."""
    if log10:
        refuse("log10", "False where the answer is exact", log10)
    for x in values:
        if x.ndim:
            refuse("exact", f"False for arrays (here of shape {x.shape})", True)
    return [int(x) for x in values]


def answer(values: Array, *given: Array) -> Array:
    """The host values in the library and on the device of the arguments; a number for numbers."""
    namespace(*given)
    arrays = [x for x in given if is_array(x)]
    if not arrays or all(isinstance(x, np.generic) for x in arrays):
        return values.item() if values.ndim == 0 else values
    return like(values, next(x for x in arrays if not isinstance(x, np.generic)))

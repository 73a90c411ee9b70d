"""A table of runs, read column by column and checked before any work; nothing is dropped."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import array_api_compat
import numpy as np

from workbench.base.array import Array, host
from workbench.base.checks import clipped, refusal, refuse


def known(name: str, names: Iterable[str], what: str) -> None:
    """Refuses a name that is not among those there are, with the nearest one and all of them."""
    names = [str(n) for n in names]
    if name in names:
        return
    lower = {n.lower(): n for n in reversed(names)}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1)
    every = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    hint = f"did you mean `{lower[near[0]]}`, of {every}?" if near else f"there is {every}"
    raise refusal(f"`{clipped(name, 60)}` must be a {what}; {hint}")


def names(table: Any) -> list[str]:
    """The columns of a mapping or of a data frame (pandas, polars, pyarrow).

    Raises:
        TypeError: if the table is neither.
    """
    if hasattr(table, "column_names"):
        return [str(c) for c in table.column_names]
    if hasattr(table, "columns") and not callable(table.columns):
        return [str(c) for c in table.columns]
    if hasattr(table, "keys"):
        return [str(c) for c in table]
    return refuse("table", "a mapping of columns or a data frame", type(table).__name__, TypeError)


def read(table: Any, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns as float64, all of one length, without NaN or infinity.

    Raises:
        ValueError: if a column is missing, has a value that is not finite, or differs in length.
        TypeError: if it is no table or a column has no numbers.
    """
    there = names(table)
    columns_read: dict[str, np.ndarray] = {}
    for name in columns:
        known(name, there, "column of the table")
        columns_read[name] = _numbers(name, table[name])
    lengths = {n: len(v) for n, v in columns_read.items()}
    if len(set(lengths.values())) > 1:
        refuse("table", "of columns of one length", lengths)
    if lengths and next(iter(lengths.values())) == 0:
        refuse("table", "of at least one row", "none")
    return columns_read


def home(table: Any, columns: Iterable[str]) -> Array:
    """The first of the columns that lives on a GPU as a CuPy array; None if all are on the host."""
    on_gpu = (c for c in map(table.__getitem__, columns) if array_api_compat.is_cupy_array(c))
    return next(on_gpu, None)


def positive(columns: dict[str, np.ndarray]) -> None:
    """Refuses a value that is not positive, and names its row."""
    for name, values in columns.items():
        bad = np.flatnonzero(~(values > 0))
        if len(bad):
            raise refusal(
                f"`{name}` must be positive on every row; got {values[bad[0]]:g} on row {bad[0]}"
                + (f" and on {len(bad) - 1} more" if len(bad) > 1 else "")
                + " (remove such rows yourself: none is dropped silently)"
            )


def varied(columns: dict[str, np.ndarray], parameters: Sequence[str]) -> None:
    """Refuses tables that cannot be fitted; warns of those that determine little.

    Raises:
        ValueError: fewer rows than parameters, or a column that never changes.
    """
    rows = len(next(iter(columns.values())))
    if rows < len(parameters):
        refuse("table", f"of at least {len(parameters)} rows for {', '.join(parameters)}", rows)
    for name, values in columns.items():
        if values.min() == values.max():
            raise refusal(
                f"`{name}` must take more than one value; got {values[0]:g} on all {rows} rows, "
                "which leaves its exponent undetermined"
            )
        decades = np.log10(values.max() / values.min()) if values.min() > 0 else np.inf
        if decades < 1:
            warnings.warn(
                f"`{name}` spans {decades:.2f} decades: with less than one the constant and the "
                "exponent trade off, so their errors are large and any extrapolation is a guess",
                stacklevel=4,
            )


def one_budget(columns: dict[str, np.ndarray]) -> None:
    """Refuses runs that all spend one compute budget, where N and D carry the same information."""
    if not {"parameters", "tokens"} <= set(columns):
        return
    budget = np.log(columns["parameters"]) + np.log(columns["tokens"])
    if np.ptp(budget) < 1e-3 and len(budget) > 1:
        raise refusal(
            "`table` must hold more than one compute budget; got parameters · tokens "
            f"{np.exp(budget[0]):.4g} on all {len(budget)} rows, where parameters and tokens "
            "cannot be separated"
        )


def _numbers(name: str, column: Any) -> np.ndarray:
    values = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(host(column))
    if values.dtype.kind not in "iuf":
        refuse(name, "a column of numbers", values.flat[0] if values.size else values, TypeError)
    if values.ndim != 1:
        refuse(name, "one-dimensional", values.shape)
    values = values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise refusal(
            f"`{name}` must be finite on every row; got {values[bad[0]]} on row {bad[0]}"
            + (f" and on {len(bad) - 1} more" if len(bad) > 1 else "")
        )
    return values

"""Tables of runs for a fit: selected rows, named columns, repeated settings."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from workbench.base.checks import refuse
from workbench.base.condition import chosen
from workbench.scaling import tables
from workbench.scaling.datasets.lcdb import lcdb
from workbench.tables.cells import is_numeric, number
from workbench.tables.names import proposed
from workbench.tables.table import Table, read_table

# The curve that is fitted by default.
CURVE = "mnist_784 / RandomForestClassifier"


class Runs(NamedTuple):
    """The rows and columns that a fit reads.

    Attributes:
        table: the rows.
        columns: of sizes (and tokens), then of losses.
        left_out: rows that `only` or an empty cell left out.
        merged: rows merged with others of their setting.
        notes: sentences on what was guessed, assumed and left out.
    """

    table: Table
    columns: tuple[str, ...]
    left_out: int
    merged: int
    notes: tuple[str, ...]


def runs_of(
    path: str,
    only: str,
    named: dict[str, str],
    *,
    beside: Sequence[str] = (),
    leave_out: bool = False,
    repeats: str = "all",
    weights: str = "",
) -> Runs:
    """The runs of a file, or of the shipped table where there is none.

    Args:
        path: the file.
        only: a condition on the rows, or the values of the text columns between " / ".
        named: by meaning (as in `proposed`, the loss last) a column, empty to guess it.
        beside: more columns that need a value for every run.
        leave_out: whether rows with an empty cell are left out, not refused.
        repeats: how runs of one setting are treated: "all", "mean" or "best".
        weights: the column of weights, which a mean uses.
    """
    every = read_table(path) if path else _shipped()
    selected = np.flatnonzero(chosen_rows(every, only if path or only else CURVE))
    table = every.taken(selected)
    columns, notes = _named(table, named)
    for name in (*beside, weights):
        if name:
            tables.known(name, list(table), "column of the table")
    numbers = [*columns, *([weights] if weights else [])]
    filled = table.filled(numbers)
    if not leave_out:
        table.complete(numbers, " (`empty_cells` can leave such rows out)")
    table = table.taken(np.flatnonzero(filled))
    if not len(table.lines):
        refuse("empty_cells", "'refuse' for a table without one whole row", "leave out")
    for name in columns:
        table.positive(name, f" (`only` can leave such rows out: {name} > 0)")
    left_out = len(every.lines) - len(table.lines)
    merged, remarks = _merged(table, columns, repeats, weights, beside)
    merged_rows = len(table.lines) - len(merged.lines)
    return Runs(merged, columns, left_out, merged_rows, (*table.notes, *notes, *remarks))


@functools.cache
def _shipped() -> Table:
    columns = {k: v if v.dtype.kind == "f" else v.astype(object) for k, v in lcdb().items()}
    return Table(columns, "the shipped table")


@functools.lru_cache(maxsize=16)
def chosen_rows(table: Table, only: str) -> Bool[np.ndarray, " rows"]:
    """Which rows fulfil a condition, or have these values in the columns of text.

    Cached, since thousands of names take long to join at every change of a knob.
    """
    if not only.strip():
        return np.ones(len(table.lines), bool)
    texts = [v for v in table.values() if v.dtype.kind not in "iuf"]
    keys = np.array([" / ".join(map(str, k)) for k in zip(*texts, strict=True)])
    if texts and only in keys:
        return keys == only
    if texts and not any(sign in only for sign in "=<>!'\"") and " in " not in only:
        what = "condition such as loss < 3, or a combination of the table's text columns"
        tables.known(only, list(dict.fromkeys(keys.tolist())), what)
    _refuse_twins(table, only)
    columns = [_values(table, name) for name in table]
    places = chosen(list(table), zip(*columns, strict=True), only, "only", "table")
    if not places:
        _refuse_none(table, only)
    return np.isin(np.arange(len(table.lines)), places)


def _refuse_twins(table: Table, only: str) -> None:
    """Refuses a condition on a column that SQL would take for another."""
    small = [n.lower() for n in table]
    for name in table:
        if small.count(name.lower()) > 1 and name.lower() in only.lower():
            what = "on columns whose names differ by more than capitals"
            refuse("only", what, f"{only}, with {name}")


def _values(table: Table, name: str) -> list:
    """A column for comparisons: numbers where most cells are numbers, None where empty."""
    column, mark = table[name].tolist(), table.marks.get(name) or "."
    if table[name].dtype.kind in "iuf":
        return [None if v != v else v for v in column]
    if not is_numeric(column):
        return [v or None for v in column]
    read = [number(v, mark) for v in column]
    return [v if x is None else (None if x != x else x) for v, x in zip(column, read, strict=True)]


def _refuse_none(table: Table, only: str) -> None:
    texts = {n: list(dict.fromkeys(v.tolist())) for n, v in table.items()
             if v.dtype.kind not in "iuf" and n in only}  # fmt: skip
    there = "; ".join(f"{n} is {', '.join(map(str, v[:8]))}" for n, v in texts.items())
    what = f"a condition that some of the {len(table.lines)} rows of {table.name} fulfil"
    refuse("only", what + (f" ({there})" if there else ""), only)


def _named(table: Table, named: dict[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns, and a sentence for each that was guessed."""
    columns, notes, shipped = [], [], table.name == _shipped().name
    for meaning, name in named.items():
        if name:
            tables.known(name, list(table), "column of the table")
        else:
            knob = f"{'size' if meaning == 'parameters' else meaning}_column"
            name = proposed(table, meaning, knob, [*columns, *filter(None, named.values())])
            notes += [f"{knob} is taken to be `{name}`, by its name"] if not shipped else []
        columns.append(name)
    twice = next((c for c in columns if columns.count(c) > 1), None)
    if twice:
        refuse("size_column", "another column than those of tokens and losses", twice)
    return tuple(columns), tuple(notes)


def by_meaning(
    path: str, knob: str, meanings: Sequence[str], may_be_zero: Sequence[str] = ()
) -> tuple[Table, dict[str, np.ndarray]]:
    """A file's table, and its columns of these meanings, recognised by name and positive.

    Tokens and compute replace each other by C = 6 N D; some may be allowed to be zero.

    Raises:
        ValueError: if a column is missing, or a cell is empty or no positive number.
    """
    table, names = read_table(path, knob), {}
    other = {"tokens": "compute", "compute": "tokens"}
    for meaning in meanings:
        try:
            names[meaning] = proposed(table, meaning, knob, names.values())
        except ValueError as error:
            try:
                names[other[meaning]] = proposed(table, other[meaning], knob, names.values())
            except (KeyError, ValueError):
                raise error from None
    table.complete(list(names.values()))
    for meaning, name in names.items():
        if meaning not in may_be_zero:
            table.positive(name)
    read = {meaning: table[name] for meaning, name in names.items()}
    for meaning in set(meanings) - set(names):
        n = read["parameters"]
        read[meaning] = read["compute"] / 6 / n if meaning == "tokens" else 6 * n * read["tokens"]
    return table, read


def _merged(
    table: Table, columns: tuple[str, ...], repeats: str, weights: str, beside: Sequence[str]
) -> tuple[Table, tuple[str, ...]]:
    """One row a setting, or all rows; and a sentence where a setting was run more than once."""
    *settings, loss = columns
    points = np.stack([table[c] for c in settings], axis=1)
    each, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)[1:]
    if not len(counts) or counts.max() == 1:
        return table, ()
    how = {
        "all": "all are fitted",
        "mean": "the mean loss of each is fitted",
        "best": "the run of least loss is fitted",
    }
    remark = (
        f"{len(each)} rows are runs of {len(counts)} settings of {' and '.join(settings)}, up to "
        f"{counts.max()} runs of one: {how[repeats]} (`repeats`)"
    )
    if repeats == "all":
        return table, (remark,)
    each = each.ravel()
    # The first of each setting in the order of the losses is the best.
    order = np.lexsort((table[loss], each))
    place = np.sort(order[np.searchsorted(each[order], np.arange(len(counts)))])
    result = table.taken(place)
    if repeats == "mean":
        for name in beside:
            _refuse_mixed(table, name, each)
        _average(table, result, loss, weights, each, place)
    return result, (remark,)


def _refuse_mixed(table: Table, name: str, each: np.ndarray) -> None:
    """Refuses runs of one setting that differ in a column which their mean would have to have."""
    pairs = set(zip(each.tolist(), table[name].tolist(), strict=True))
    if len(pairs) > each.max() + 1:
        seen = {}
        other = next(v for e, v in sorted(pairs, key=str) if seen.setdefault(e, v) != v)
        refuse(name, "the same on all runs of one setting, of which the mean is taken", other)


def _average(
    table: Table, result: Table, loss: str, weights: str, each: np.ndarray, place: np.ndarray
) -> None:
    """Sets the weighted mean loss of each setting, and its summed weight, in its row."""
    w = table[weights] if weights else np.ones(len(each))
    total = np.bincount(each, w)
    mean = np.bincount(each, w * table[loss]) / np.where(total > 0, total, 1.0)
    # A setting without weight has the mean of its runs, since a loss must be positive.
    plain = np.bincount(each, table[loss]) / np.bincount(each)
    result[loss] = np.where(total > 0, mean, plain)[each[place]]
    if weights:
        result[weights] = total[each[place]]

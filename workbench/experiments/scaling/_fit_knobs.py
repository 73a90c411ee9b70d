"""What the knobs of a fit mean for the library: columns, costs, weights, fixed parameters."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.laws.catalogue import NAMED
from workbench.scaling.run_tables import Runs, runs_of

_ONE = re.compile(r"\s*(\w+)\s*[:=\s]\s*([^\s,;]+)\s*")


class How(NamedTuple):
    """How laws are fitted to runs.

    Attributes:
        options: keywords of `fit` for every law.
        fixed: parameters that the law of the page does not fit, and their values.
        resampling: keywords of `bootstrap`.
        one: whether the laws are of one variable.
    """

    options: dict[str, Any]
    fixed: dict[str, float]
    resampling: dict[str, Any]
    one: bool


def runs_by(params: Any) -> Runs:
    """The runs that the knobs choose, under the columns that they name or leave to be guessed."""
    size, loss = params.size_column, params.loss_column
    if not params.table_file:
        size, loss = size or "size_train", loss or "test_error"
    named = {"size": size} if _is_of_one(params) else {
        "parameters": size, "tokens": params.tokens_column
    }  # fmt: skip
    return runs_of(
        params.table_file,
        params.only,
        {**named, "loss": loss},
        beside=[params.groups_column] if params.groups_column else [],
        leave_out=params.empty_cells == "leave out",
        repeats=params.repeats,
        weights=params.weights_column,
    )


def how_by(params: Any, runs: Runs) -> How:
    """How the knobs have these runs fitted."""
    one, group = _is_of_one(params), params.groups_column
    names = ("size", "loss") if one else ("parameters", "tokens", "loss")
    options = {
        "loss": params.loss,
        "delta": params.delta,
        "shape": params.penalty if params.loss == "asymmetric" else None,
        "weights": params.weights_column or None,
        "columns": dict(zip(names, runs.columns, strict=True)),
    }
    if group and len(set(runs.table[group].tolist())) < 2:
        refuse("groups_column", "a column of at least two groups", group)
    resampling = {"kind": "block", "block": group} if group else {}
    return How(options, fixed_by(params.fixed, params.law), resampling, one)


def fixed_by(text: str, law: str) -> dict[str, float]:
    """The parameters in a text such as "E: 1.69, alpha: 0.34"."""
    fixed = {}
    for part in filter(str.strip, re.split("[,;]", text)):
        found = _ONE.fullmatch(part)
        try:
            fixed[found.group(1)] = float(found.group(2))
        except (AttributeError, ValueError):
            refuse("fixed", "parameters and their values, such as E: 1.69, alpha: 0.34", text)
    for name in fixed:
        tables.known(name, NAMED[law].parameters, f"parameter of the law {law}")
    return fixed


def _is_of_one(params: Any) -> bool:
    return len(NAMED[params.law].columns) == 1

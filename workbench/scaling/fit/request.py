"""A request for a fit: table, columns, rows, law and cost, as text and numbers."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.datasets.run_tables import Runs, runs_of
from workbench.scaling.fit.fit import check, fit
from workbench.scaling.fit.result import Fit
from workbench.scaling.laws.catalogue import NAMED

_ONE = re.compile(r"\s*(\w+)\s*[:=\s]\s*([^\s,;]+)\s*")


class Request(NamedTuple):
    """A table, its columns and rows, a law, and the cost of a residual.

    Attributes:
        table_file: the file; empty for one curve of the shipped table.
        law: the name of a law of the catalogue.
        loss: the cost of a residual.
        delta: its corner or scale.
        penalty: the shape of the asymmetric cost.
        size_column: the column of sizes or parameters; empty to recognise it by name.
        tokens_column: the column of tokens, for laws of two variables.
        loss_column: the column of losses.
        weights_column: the column of weights; empty for equal ones.
        groups_column: the column of groups that are resampled whole; empty for single rows.
        only: a condition on the rows.
        empty_cells: "refuse" or "leave out".
        repeats: which runs of one setting are fitted: "all", "mean" or "best".
        fixed: parameters that are not fitted, such as "E: 1.69, alpha: 0.34".
    """

    table_file: str
    law: str
    loss: str
    delta: float
    penalty: float
    size_column: str
    tokens_column: str
    loss_column: str
    weights_column: str
    groups_column: str
    only: str
    empty_cells: str
    repeats: str
    fixed: str

    @property
    def is_of_one(self) -> bool:
        """Whether the law is of one variable."""
        return len(NAMED[self.law].columns) == 1

    @property
    def runs(self) -> Runs:
        """The rows, under the columns that are named or recognised.

        Raises:
            ValueError: if a column is missing, or a cell of it is empty or of another kind.
        """
        size, loss = self.size_column, self.loss_column
        if not self.table_file:
            size, loss = size or "size_train", loss or "test_error"
        named = (
            {"size": size} if self.is_of_one else {"parameters": size, "tokens": self.tokens_column}
        )
        runs = runs_of(
            self.table_file,
            self.only,
            {**named, "loss": loss},
            beside=[self.groups_column] if self.groups_column else [],
            leave_out=self.empty_cells == "leave out",
            repeats=self.repeats,
            weights=self.weights_column,
        )
        group = self.groups_column
        if group and len(set(runs.table[group].tolist())) < 2:
            refuse("groups_column", "a column of at least two groups", group)
        return runs

    def check(self) -> None:
        """Refuses what cannot be fitted, before any work."""
        runs = self.runs
        check(self.law, runs.table, **self.options(runs), fixed=self.fixed_parameters)

    def fitted(self) -> Fit:
        """The law at the minimum over the rows."""
        runs = self.runs
        return fit(self.law, runs.table, **self.options(runs), fixed=self.fixed_parameters)

    def options(self, runs: Runs) -> dict[str, Any]:
        """The keywords of `fit` for every law."""
        names = ("size", "loss") if self.is_of_one else ("parameters", "tokens", "loss")
        return {
            "loss": self.loss,
            "delta": self.delta,
            "shape": self.penalty if self.loss == "asymmetric" else None,
            "weights": self.weights_column or None,
            "columns": dict(zip(names, runs.columns, strict=True)),
        }

    @property
    def resampling(self) -> dict[str, Any]:
        """The keywords of `bootstrap`."""
        return {"kind": "block", "block": self.groups_column} if self.groups_column else {}

    @property
    def fixed_parameters(self) -> dict[str, float]:
        """The parameters that the law does not fit, and their values.

        Raises:
            ValueError: if the text is not of names and numbers, or the law has no such parameter.
        """
        values = {}
        for part in filter(str.strip, re.split("[,;]", self.fixed)):
            name, number = m.groups() if (m := _ONE.fullmatch(part)) else ("", "")
            try:
                values[name] = float(number)
            except ValueError:
                what = "parameters and their values, such as E: 1.69, alpha: 0.34"
                refuse("fixed", what, self.fixed)
        for name in values:
            tables.known(name, NAMED[self.law].parameters, f"parameter of the law {self.law}")
        return values

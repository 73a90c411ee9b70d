"""A law: a formula over named parameters and columns, with exact derivatives."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.laws import autodiff
from workbench.scaling.laws.expression import Expression, column, parsed
from workbench.scaling.laws.tape import Program, compiled


class Span(NamedTuple):
    """Starting values of a parameter that has no closed form.

    Attributes:
        low: the smallest value tried; with `of`, in decades below the column's smallest value.
        high: the largest; with `of`, in decades above its largest value.
        count: how many values.
        log: whether they are spaced geometrically.
        of: the column the value is measured in, or "".
    """

    low: float
    high: float
    count: int  # pyright: ignore[reportIncompatibleMethodOverride]
    log: bool = False
    of: str = ""

    def values(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """The values tried on a table."""
        if self.of:
            ends = np.log10(columns[self.of].min()), np.log10(columns[self.of].max())
            return np.logspace(ends[0] - self.low, ends[1] + self.high, self.count)
        if self.log:
            return np.geomspace(self.low, self.high, self.count)
        return np.linspace(self.low, self.high, self.count)


class Outer(NamedTuple):
    """A law of the form offset + (Σ coefficient · basis)^power, for closed-form starts.

    Attributes:
        inner: the sum, as a formula.
        power: the exponent, as a formula of parameters.
        offset: the additive parameter's name, or "".
    """

    inner: str
    power: str
    offset: str = ""


@dataclass(frozen=True)
class Law:
    """A scaling law.

    Attributes:
        name: what it is called.
        formula: the loss, as text.
        columns: the columns of the table that it reads, without the loss.
        parameters: names of its parameters, in order.
        positive: the parameters that are positive and are fitted as logarithms.
        response: the column it predicts.
        source: authors, year, equation.
        spans: starting values of parameters that are not coefficients.
        outer: how to solve for coefficients under an outer exponent, if there is one.
        proxy: a simpler formula whose coefficients serve as starts.
        named: the columns' first names, in which `outer` and `proxy` are written, and the present
            ones.
    """

    name: str
    formula: str
    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    positive: frozenset[str]
    expression: Expression = field(repr=False)
    response: str = "loss"
    source: str = ""
    spans: Mapping[str, Span] = field(default_factory=dict, repr=False)
    outer: Outer | None = field(default=None, repr=False)
    proxy: str = field(default="", repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The formula, its columns, its parameters and its source, on four lines."""
        return (
            f"{self.response} = {self.formula}\n"
            f"columns: {', '.join(self.columns)}\n"
            f"parameters: {', '.join(self.parameters)}\n"
            f"source: {self.source or 'your own'}"
        )

    @cached_property
    def program(self) -> Program:
        """The compiled logarithm."""
        return compiled(self.expression, self.positive, self.parameters)

    def on(self, **columns: str) -> Law:
        """The same law reading other columns: `power.on(size="compute")`.

        Raises:
            ValueError: if the law has no such column.
        """
        for name in columns:
            tables.known(name, [*self.columns, self.response], "column of the law")
        now = {c: columns.get(c, c) for c in self.columns}
        first = self.named or {c: c for c in self.columns}
        return replace(
            self,
            formula=_with_columns(self.formula, now),
            columns=tuple(now.values()),
            expression=_renamed(self.expression, now),
            response=columns.get(self.response, self.response),
            spans={p: s._replace(of=now.get(s.of, s.of)) for p, s in self.spans.items()},
            named={c: now[n] for c, n in first.items()},
        )

    def read(self, text: str) -> Expression:
        """A formula in the law's first names of its columns, as one of the table's."""
        first = self.named or {c: c for c in self.columns}
        return _renamed(parsed(text, list(first)), first)

    def value(self, parameters: Mapping[str, float], table: Any) -> np.ndarray:
        """The predicted loss on every row."""
        return np.exp(self.log_value(parameters, table))

    def log_value(self, parameters: Mapping[str, float], table: Any) -> np.ndarray:
        """The logarithm of the predicted loss on every row; NaN where the loss is not positive."""
        return self._trace(parameters, table).log_loss[0]

    def gradient(self, parameters: Mapping[str, float], table: Any) -> np.ndarray:
        """∂ log L / ∂ parameter, (rows, parameters), in the natural parameters, exact."""
        slopes = autodiff.gradient(self._trace(parameters, table))[0]
        return slopes / self._scale(parameters)

    def vector(self, parameters: Mapping[str, float]) -> np.ndarray:
        """The natural parameters in order, checked.

        Raises:
            ValueError: if one is missing, unknown, not finite, or negative where it must not be.
        """
        for name in parameters:
            tables.known(name, self.parameters, f"parameter of the law {self.name}")
        for name in self.parameters:
            if name not in parameters:
                refuse("parameters", f"complete: {', '.join(self.parameters)}", list(parameters))
            value = float(parameters[name])
            if not np.isfinite(value) or (name in self.positive and value < 0):
                sign = "a positive number, or 0" if name in self.positive else "a finite number"
                refuse(name, sign, value)
        return np.array([float(parameters[n]) for n in self.parameters])

    def _trace(self, parameters: Mapping[str, float], table: Any) -> autodiff.Trace:
        columns = tables.read(table, self.columns)
        theta = self.program.inside(self.vector(parameters))
        return autodiff.forward(self.program, theta[None], self.program.bound(columns))

    def _scale(self, parameters: Mapping[str, float]) -> np.ndarray:
        return np.where(self.program.logged, self.vector(parameters), 1.0)


def law(
    formula: str,
    columns: Sequence[str],
    *,
    name: str = "",
    parameters: Sequence[str] | None = None,
    positive: Sequence[str] | None = None,
    **details: Any,
) -> Law:
    """A law from a formula.

    Args:
        formula: text such as "E + A / size**alpha", parsed and never evaluated.
        columns: names that stand for columns of the table.
        name: what the law is called; the formula itself where empty.
        parameters: their order; by default that of occurrence.
        positive: parameters that must be positive; by default those that occur only as
            coefficients.
        details: further fields of `Law`.

    Raises:
        ValueError, TypeError: if the formula cannot be read, or a name is unknown.
    """
    columns = tuple(columns)
    expression = parsed(formula, columns)
    met = expression.names("parameter")
    for listed in (parameters or (), positive or ()):
        for p in listed:
            tables.known(p, met, "parameter of the formula")
    order = tuple(parameters or met)
    if len(order) != len(met):
        refuse("parameters", f"all of {', '.join(met)}", list(order))
    chosen = None if positive is None else frozenset(positive)
    program = compiled(expression, chosen, order)
    logged = frozenset(n for n, yes in zip(order, program.logged, strict=True) if yes)
    return Law(name or formula, formula, columns, order, logged, expression, **details)


def _renamed(e: Expression, named: Mapping[str, str]) -> Expression:
    if e.kind == "column":
        return column(named.get(e.of[0], e.of[0]))
    if e.kind in ("parameter", "number"):
        return e
    return Expression(e.kind, tuple(_renamed(o, named) for o in e.of))


def _with_columns(text: str, named: Mapping[str, str]) -> str:
    """The formula with other names for its columns, in backticks where a name is no word."""

    def now(match: re.Match) -> str:
        name = named.get(match[0].strip("`"), match[0].strip("`"))
        return name if name.isidentifier() else f"`{name}`"

    return re.sub(r"`[^`]+`|[A-Za-z_]\w*", now, text)

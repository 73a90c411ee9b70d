"""The result of a fit: parameters, residuals, and how well they are determined."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.scaling import tables
from workbench.scaling.fit import losses
from workbench.scaling.fit.solvers.problem import COEFFICIENT, Problem
from workbench.scaling.fit.starts import summands
from workbench.scaling.laws import autodiff
from workbench.scaling.laws.law import Law

# A term below this share of the smallest loss counts as absent.
ABSENT = 1e-4
# Residuals of log loss this small, or this share of raw losses, are rounding: there is no scatter.
ROUNDING = 1e-13


UNDETERMINED = "not determined"


class FitWarning(UserWarning):
    """A fit is less reliable than its digits suggest; the message says why."""


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """A context whose fits do not warn: it gives a list, which has their messages at the end."""
    messages: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield messages
    messages += [
        str(w.message)
        for w in caught
        if issubclass(w.category, FitWarning) or w.category is UserWarning
    ]


def or_undetermined(value: float) -> float | str:
    """A number that is finite, or "not determined"."""
    return value if np.isfinite(value) else UNDETERMINED


@dataclass(frozen=True)
class Fit:
    """A law at the minimum of its objective over a table.

    Attributes:
        law: the law, reading the table's columns.
        columns: the columns read, with the response.
        table: the table as it was given.
        problem: the minimised problem.
        theta: the minimum as slots (coefficients as logarithms).
        objective: Σ w ρ at the minimum; for the absolute loss the sum of absolute residuals.
        agreement: share of the starts that reached the best objective, to 1e-6 of it.
        converged: whether an exact step would lower the objective by less than 1e-9 of it.
        starts: how many starts.
        start_rule: how they were chosen.
        preset: "converged" or "as_published".
        iterations: linear systems solved over all starts.
    """

    law: Law
    columns: dict[str, np.ndarray] = field(repr=False)
    table: Any = field(repr=False)
    problem: Problem = field(repr=False)
    theta: np.ndarray = field(repr=False)
    objective: float
    agreement: float
    converged: bool
    starts: int
    start_rule: str
    preset: str
    iterations: int

    @property
    def parameters(self) -> dict[str, float]:
        """The natural parameters at full precision."""
        values = self.law.program.outside(self.theta)
        return dict(zip(self.law.parameters, map(float, values), strict=True))

    @property
    def free(self) -> tuple[str, ...]:
        """The parameters that were fitted."""
        return tuple(
            p
            for p, low, high in zip(
                self.law.parameters, self.problem.low, self.problem.high, strict=True
            )
            if low < high
        )

    @property
    def cost(self) -> losses.Cost:
        """What a residual costs."""
        return self.problem.cost

    @property
    def space(self) -> str:
        """Whether residuals compare logarithms ("log") or losses ("raw")."""
        return "log" if self.problem.program.same(self.law.program) else "raw"

    @property
    def weights(self) -> np.ndarray:
        """The weight of every row."""
        return self.problem.weights[0]

    @property
    def residuals(self) -> np.ndarray:
        """Observed minus predicted on every row, of log loss or of loss."""
        predicted = autodiff.forward(self.problem.program, self.theta[None], self.problem.data)
        return self.problem.target - predicted.log_loss[0]

    @property
    def jacobian(self) -> np.ndarray:
        """∂ predicted / ∂ slot of the free parameters, (rows, free)."""
        trace = autodiff.forward(self.problem.program, self.theta[None], self.problem.data)
        free = [self.law.parameters.index(p) for p in self.free]
        return autodiff.gradient(trace)[0][:, free]

    @property
    def gradient(self) -> np.ndarray:
        """∂ objective / ∂ slot of the free parameters; zero at a minimum inside the bounds."""
        psi = losses.parts(self.cost.code, -self.residuals, self.cost.delta, self.cost.shape)[1]
        return self.jacobian.T @ (self.weights * psi)

    @property
    def condition(self) -> float:
        """The condition number of Jᵀ W J, coefficients as logarithms; infinite if singular."""
        scaled = self.jacobian * np.sqrt(self.weights)[:, None]
        return float(np.linalg.cond(scaled) ** 2)

    @property
    def rows(self) -> int:
        """How many rows have a positive weight."""
        return int((self.weights > 0).sum())

    @property
    def freedom(self) -> int:
        """Residual degrees of freedom.

        Rows less free parameters; 0 where no more rows than parameters differ from each other, so
        that noise and law cannot be separated.
        """
        different = _different([v[self.weights > 0] for v in self.columns.values()])
        return self.rows - len(self.free) if different > len(self.free) else 0

    @property
    def is_exact(self) -> bool:
        """Whether the law passes through every row to rounding, with more rows than parameters."""
        size = 1.0 if self.space == "log" else np.abs(self.problem.target)
        return self.freedom > 0 and bool(
            (np.abs(self.residuals) <= ROUNDING * size)[self.weights > 0].all()
        )

    @property
    def settings(self) -> int:
        """How many rows of positive weight differ in the law's columns."""
        return _different([self.columns[c][self.weights > 0] for c in self.law.columns])

    @property
    def additive(self) -> tuple[str, ...]:
        """The free constants that the law adds to what depends on its columns."""
        terms = summands(self.law.expression, self.law)
        constants = {t.coefficient for t in terms if t.basis.kind == "number" and not t.power}
        return tuple(p for p in self.free if p in (constants | {"eps_inf"}) & self.law.positive)

    @property
    def faintest(self) -> float:
        """The loss below which a constant counts as absent."""
        return ABSENT * float(self.columns[self.law.response].min())

    @property
    def absent(self) -> tuple[str, ...]:
        """Additive constants that the fit drove to zero."""
        return tuple(p for p in self.additive if self.parameters[p] < self.faintest)

    @property
    def at_bounds(self) -> tuple[str, ...]:
        """Free parameters that ended on a bound."""
        ends = (self.theta == self.problem.low) | (self.theta == self.problem.high)
        at = dict(zip(self.law.parameters, ends, strict=True))
        return tuple(p for p in self.free if at[p])

    @property
    def bounded(self) -> dict[str, float]:
        """Free parameters that ended on a bound, and the bound: 0 for what is absent."""
        bounds = dict.fromkeys(self.absent, 0.0)
        for p in self.at_bounds:
            slot = self.theta[self.law.parameters.index(p)]
            nothing = p in self.law.positive and slot <= -COEFFICIENT
            bounds.setdefault(p, 0.0 if nothing else self.parameters[p])
        return bounds

    def objective_at(self, parameters: Mapping[str, float]) -> float:
        """What the fit minimises, at other parameters."""
        theta = self.law.program.inside(self.law.vector(parameters))
        predicted = autodiff.log_loss(self.problem.program, theta[None], self.problem.data)
        return float(self.cost.total(predicted[0] - self.problem.target, self.weights))

    def predict(self, table: Any) -> np.ndarray:
        """The loss the fit expects on every row of a table with the law's columns."""
        data = self.law.program.bound(tables.read(table, self.law.columns))
        return np.exp(autodiff.log_loss(self.law.program, self.theta[None], data)[0])


def _different(columns: list[np.ndarray]) -> int:
    """How many rows differ from each other."""
    return np.unique(np.stack(columns), axis=1).shape[1]

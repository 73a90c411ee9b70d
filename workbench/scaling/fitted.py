"""A fit: its parameters, its residuals, how well it is determined, and what to report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.scaling import derivatives, losses
from workbench.scaling.law import Law
from workbench.scaling.solver import Problem

if TYPE_CHECKING:
    from workbench.scaling.comparison import Comparison
    from workbench.scaling.resampling import Bootstrap

# A term below this share of the smallest loss is absent for every purpose.
ABSENT = 1e-4


class FitWarning(UserWarning):
    """A fit is worth less than its digits suggest; the text says why."""


@dataclass(frozen=True)
class Fit:
    """A law at the minimum of its objective over a table.

    Attributes:
        law: the law, reading the table's columns.
        columns: the columns read, with the response.
        table: the table as it was given.
        problem: what was minimised.
        theta: the minimum as slots (coefficients as logarithms).
        objective: Σ w ρ at the minimum; for the absolute loss the sum of absolute residuals.
        agreement: share of the starts that reached the best objective, to 1e-6 of it.
        converged: whether an exact step would lower the objective by less than 1e-9 of it.
        starts: how many starts.
        start_rule: where they came from.
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
        predicted = derivatives.forward(self.problem.program, self.theta[None], self.problem.data)
        return self.problem.target - predicted.log_loss[0]

    @property
    def jacobian(self) -> np.ndarray:
        """∂ predicted / ∂ slot of the free parameters, (rows, free)."""
        trace = derivatives.forward(self.problem.program, self.theta[None], self.problem.data)
        free = [self.law.parameters.index(p) for p in self.free]
        return derivatives.gradient(trace)[0][:, free]

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
    def absent(self) -> tuple[str, ...]:
        """Additive constants that the fit drove to nothing: at zero for every purpose."""
        observed = self.columns[self.law.response].min()
        additive = [p for p in ("E", "a", "eps_inf") if p in self.free and p in self.law.positive]
        return tuple(p for p in additive if self.parameters[p] < ABSENT * observed)

    @property
    def at_bounds(self) -> tuple[str, ...]:
        """Free parameters that ended on a bound."""
        ends = (self.theta <= self.problem.low) | (self.theta >= self.problem.high)
        at = dict(zip(self.law.parameters, ends, strict=True))
        return tuple(p for p in self.free if at[p])

    def predict(self, table: Any) -> np.ndarray:
        """The loss the fit expects on every row of a table with the law's columns."""
        return self.law.value(self.parameters, table)

    def report(
        self,
        drawn: Bootstrap | None = None,
        comparison: Comparison | None = None,
        compute: Sequence[float] | None = None,
    ) -> dict[str, Any]:
        """The reporting checklist as plain values, ready for JSON; gaps are named, not left out.

        Args:
            drawn: a bootstrap, for errors and intervals.
            comparison: rival laws on the same table, for criteria and held-out errors.
            compute: budgets [FLOP] to report the optimum at, for the Chinchilla law.
        """
        from workbench.scaling.checklist import checklist

        return checklist(self, drawn, comparison, compute)

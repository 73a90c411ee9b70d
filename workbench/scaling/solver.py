"""Many fits of one law, each from its start to its minimum: the door to the two solvers.

Gauss-Newton with reweighting takes the first steps, the exact Hessian the last ones; Marquardt
damping refuses what does not lower the objective; a cost with a corner is first solved with a wide
one. All fits share the law and, mostly, the points: a resample is a row of weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.scaling.losses import ABSOLUTE, Cost
from workbench.scaling.steps import SETTLED, walk
from workbench.scaling.tape import Program

# Slots are kept where their exponentials are numbers: 10^±200 for a coefficient.
COEFFICIENT = 460.0
EXPONENT = 1e9
# An objective this small is rounding: the law holds exactly.
NOTHING = 1e-20


class Problem(NamedTuple):
    """What is fitted.

    Attributes:
        program: the law, compiled for what the residuals compare.
        data: the program's data on all points, (data, points).
        target: the observed values, log loss or loss, (points,).
        weights: rows of weights, (rows, points).
        places: for each fit, its first point, its end and its row of weights, (fits, 3).
        low: the lowest slots, (parameters,).
        high: the highest slots.
        cost: what a residual costs.
    """

    program: Program
    data: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    cost: Cost

    def every(self, fits: int) -> Problem:
        """The same with that many fits of all points under the first row of weights."""
        place = np.array([[0, self.target.shape[0], 0]])
        return self._replace(places=np.repeat(place, fits, axis=0))

    def resampled(self, weights: np.ndarray) -> Problem:
        """The same with one fit for each row of weights."""
        rows = np.arange(len(weights))
        places = np.stack([0 * rows, 0 * rows + self.target.shape[0], rows], axis=1)
        return self._replace(weights=np.asarray(weights, np.float64), places=places)


class Minima(NamedTuple):
    """Where the fits ended.

    Attributes:
        theta: slots, (fits, parameters).
        objective: Σ w ρ.
        iterations: linear systems solved.
        converged: whether a further exact step would lower the objective by less than 1e-9 of it.
    """

    theta: np.ndarray
    objective: np.ndarray
    iterations: np.ndarray
    converged: np.ndarray


def limits(program: Program) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest slots where the user sets none."""
    high = np.where(program.logged, COEFFICIENT, EXPONENT)
    return -high, high


def minima(
    problem: Problem,
    starts: np.ndarray,
    *,
    method: str = "numba",
    near: bool = False,
    levels: int = 99,
) -> Minima:
    """Every fit taken to its minimum.

    Args:
        problem: what is fitted.
        starts: slots to start from, (fits, parameters).
        method: "numba", or "plain" for the array version it is tested against.
        near: whether the starts are close enough to trust the exact Hessian from the first step.
        levels: through how many of the cost's deltas to go, counted from the last.
    """
    theta = np.clip(np.array(starts, np.float64, ndmin=2), problem.low, problem.high)
    schedule = problem.cost.schedule()
    if problem.cost.code != ABSOLUTE:
        schedule = schedule[-levels:]
    if method == "plain":
        from workbench.scaling.solver_plain import descended

        found = descended(problem, theta, schedule, near)
    else:
        found = _compiled(problem, theta, schedule, near)
    settled = (found[:, 2] < SETTLED) | (found[:, 0] <= NOTHING)
    return Minima(theta, found[:, 0], found[:, 1].astype(int), settled & np.isfinite(found[:, 0]))


def _compiled(problem: Problem, theta: np.ndarray, schedule: np.ndarray, near: bool) -> np.ndarray:
    from workbench.scaling.laws import chinchilla
    from workbench.scaling.solver_numba import fit_all

    p, out = problem.program, np.zeros((len(theta), 3))
    low, high, data = problem.low.copy(), problem.high.copy(), problem.data
    wide = low[:2].max(initial=-np.inf) <= -COEFFICIENT and high[:2].min() >= COEFFICIENT
    fast = p.same(chinchilla.program) and bool(wide)
    if fast:
        # Centred logarithms: A and α stop moving together, and damping means the same for both.
        centre = data.mean(axis=1)
        data = data - centre[:, None]
        theta[:, :2] -= theta[:, 3:5] * centre
        low[:2], high[:2] = -np.inf, np.inf
    steps = (p.code, p.left, p.right, p.constant, p.needs)
    cost = problem.cost
    fit_all(
        fast, steps, np.ascontiguousarray(data), problem.target, problem.weights, problem.places,
        theta, low, high, cost.code, schedule, cost.shape, walk(near), out,
    )  # fmt: skip
    if fast:
        theta[:, :2] += theta[:, 3:5] * centre
    return out

"""Input and output of a solver: many fits of one law, and their minima."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.scaling.fit.losses import Cost
from workbench.scaling.laws.tape import Program

# Slots are limited so that their exponentials are finite: 10^±300 for a coefficient.
COEFFICIENT = 690.0


EXPONENT = 1e9


class Problem(NamedTuple):
    """Fits of one law.

    Attributes:
        program: the law, compiled for what the residuals compare.
        data: the program's data on all points, (data, points).
        target: the observed values, log loss or loss, (points,).
        weights: rows of weights, (rows, points).
        places: for each fit, its first point, its end and its row of weights, (fits, 3).
        low: the lowest slots, (parameters,).
        high: the highest slots.
        cost: what a residual costs.
        home: a column of the table that lives on a GPU, where the fits are then done; or None.
    """

    program: Program
    data: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    cost: Cost
    home: Array = None

    def every(self, fits: int) -> Problem:
        """The problem with that many fits of all points under the first row of weights."""
        place = np.array([[0, self.target.shape[0], 0]])
        return self._replace(places=np.repeat(place, fits, axis=0))

    def resampled(self, weights: np.ndarray, starts: int = 1) -> Problem:
        """The problem with so many fits for each row of weights, one row after another."""
        rows = np.repeat(np.arange(len(weights)), starts)
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

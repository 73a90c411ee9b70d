"""Which symmetric distribution a sample follows best: four families by greatest likelihood."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from workbench.inits.schemes import generalized_gaussian
from workbench.inits.schemes.generalized_gaussian import magnitudes


class Candidate(NamedTuple):
    """A family at its best parameters.

    Attributes:
        parameters: how many were fitted.
        shape: the fitted shape, degrees of freedom for Student; NaN without one.
        mean_log_density: of the sample [nats per value].
        information: Akaike's criterion, 2 (parameters - n · mean log density); smaller is better.
    """

    parameters: int
    shape: float
    mean_log_density: float
    information: float


def candidates(values: Float[np.ndarray, " n"]) -> dict[str, Candidate]:
    """Gaussian, Laplace, Student and generalised Gaussian, each fitted to a sample of mean zero.

    Raises:
        ValueError: if there are fewer than 8 values, or they are all zero or not finite.

    Source:
        Akaike (1974), IEEE Trans. Autom. Control 19, 716.
    """
    x = magnitudes(values)
    fitted = generalized_gaussian.fit(values)
    gaussian = -0.5 * (math.log(2 * math.pi * (x**2).mean()) + 1)
    families = {
        "gaussian": (1, math.nan, gaussian),
        "laplace": (1, math.nan, -math.log(2 * x.mean()) - 1),
        "student": (2, *_student(x)),
        "generalised gaussian": (
            2,
            fitted.shape,
            generalized_gaussian.log_likelihood(values, fitted),
        ),
    }
    return {name: Candidate(*c, 2 * (c[0] - len(x) * c[2])) for name, c in families.items()}


def _student(x: np.ndarray) -> tuple[float, float]:
    """Degrees of freedom in [0.3, 1000] and the mean log density of the best Student."""
    from scipy.optimize import minimize  # imported here, since it takes a fifth of a second

    # The middle of the positive sizes as unit, which a heavy tail does not move.
    unit = float(np.median(x[x > 0]))
    squares = (x / unit) ** 2
    low, high = np.log([0.3, 1e-3]), np.log([1e3, 1e3])

    def loss(logs: np.ndarray) -> float:
        return -_student_density(squares, *np.exp(np.clip(logs, low, high)))

    stop = {"xatol": 1e-5, "fatol": 1e-10}
    optimum = minimize(loss, np.log([5.0, 1.4]), method="Nelder-Mead", options=stop)
    return float(np.exp(np.clip(optimum.x[0], low[0], high[0]))), -optimum.fun - math.log(unit)


def _student_density(squares: np.ndarray, degrees: float, scale: float) -> float:
    """The mean log density of a Student of unit-scaled squares."""
    norm = special.gammaln((degrees + 1) / 2) - special.gammaln(degrees / 2)
    norm -= 0.5 * math.log(degrees * math.pi) + math.log(scale)
    return float(norm - (degrees + 1) / 2 * np.log1p(squares / (degrees * scale**2)).mean())

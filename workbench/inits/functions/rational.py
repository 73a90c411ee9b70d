"""Rational activations P(x)/Q(x), whose coefficients a network learns, and fits of them.

Source:
    Yang & Wang (2024), Kolmogorov-Arnold Transformer, arXiv:2409.10594; the denominators without
    poles are those of Molina et al. (2020), Padé Activation Units, arXiv:1907.06732. Stored
    coefficients are those of the authors' package rational_kat_cu (init.json).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from workbench.base.array import Array, namespace
from workbench.base.checks import refuse
from workbench.inits.functions.activations import Activation, activation

Denominator = Literal["sum of absolutes", "absolute of sum"]
# Numerators a₀ ... a₅ and denominators b₁ ... b₄ by the name of the function that they stand for.
STORED = {
    "gelu": (
        (-0.00153969, 0.51692871, 0.44075827, 0.0972553, -0.00884418, -0.00378675),
        (-0.14171056, -0.06481231, -0.0444695, 0.01283776),
    ),
    "gelu_old": (
        (-0.0012423594497499122, 0.5080497063245629, 0.41586363182937475)
        + (0.13022718688035761, 0.024355900098993424, 0.00290283948155535),
        (-0.06675015696494944, 0.17927646217001553, 0.03746682605496631, 1.6561610853276082e-10),
    ),
    "swish": (
        (3.054879741161051e-07, 0.5000007853744493, 0.24999783422824703)
        + (0.05326628273219478, 0.005803034571292244, 0.0002751961022402342),
        (-4.111554955950634e-06, 0.10652899335007572, -1.2690007399796238e-06)
        + (0.0005502331264140556,),
    ),
    "tanh": (
        (-1.0804622559204184e-08, 1.0003008043819048, -2.5878199375289335e-08)
        + (0.09632129918392647, 3.4775841628196104e-09, 0.0004255709234726337),
        (-0.0013027181209176277, 0.428349017422072, 1.4524304083061898e-09, 0.010796648111337176),
    ),
    "sigmoid": (
        (0.4999992534599381, 0.25002157564685185, 0.14061924500301096)
        + (0.049420492431596394, 0.00876714851885483, 0.0006442412789159799),
        (2.1694506382753683e-09, 0.28122766100417684, 1.0123620714203357e-05, 0.017531988049946),
    ),
}
TARGETS = {
    "gelu": "gelu",
    "gelu_old": "gelu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
}
# Where the stored coefficients were fitted: |x| at most this.
REACH = 3.0
_POINTS = 400


class Coefficients(NamedTuple):
    """P(x) = Σ aᵢ xⁱ from i = 0, and the bᵢ of the denominator from i = 1."""

    numerator: tuple[float, ...]
    denominator: tuple[float, ...]

    @classmethod
    def read(cls, text: str) -> Coefficients:
        """The coefficients of a text such as "0 0.5 0.25 / 0.1 0.02", by rising power.

        Raises:
            ValueError: if it is not two lists of finite numbers with a slash between them, of at
                most ten each, the first of at least two.
        """
        parts = [re.split(r"[\s,]+", part.strip(" ,[]()")) for part in text.split("/")]
        try:
            lists = [tuple(float(x) for x in part if x) for part in parts]
        except ValueError:
            lists = []
        if (
            len(lists) != 2
            or not (2 <= len(lists[0]) <= 10 and 1 <= len(lists[1]) <= 10)
            or not all(map(math.isfinite, lists[0] + lists[1]))
        ):
            what = "two lists of numbers with a slash between them, as in '0 0.5 0.25 / 0.1 0.02'"
            refuse("coefficients", what, text)
        return cls(*lists)

    def __str__(self) -> str:
        """The text that `read` reads."""
        return " / ".join(" ".join(f"{x:.9g}" for x in part) for part in self)


def rational(coefficients: Coefficients, denominator: str) -> Activation:
    """The activation F(x) = P(x)/Q(x), with its derivative.

    Q = 1 + Σ |bᵢ| |x|ⁱ  (sum of absolutes),  Q = 1 + |Σ bᵢ xⁱ|  (absolute of sum)

    Where all bᵢ are at least 0 and of even powers alone, the two are the same. The second has a
    kink wherever Σ bᵢ xⁱ changes its sign; `kinks` of the activation lists these places.

    Args:
        coefficients: of numerator and denominator.
        denominator: how the absolute value is taken.

    Raises:
        ValueError: if the denominator is none of the two.
    """
    if denominator not in ("sum of absolutes", "absolute of sum"):
        refuse("denominator", "'sum of absolutes' or 'absolute of sum'", denominator)
    a, b = coefficients
    is_inside = denominator == "sum of absolutes"
    below = (0.0, *(abs(x) if is_inside else x for x in b))
    rising, falling = _slope(a), _slope(below)

    def parts(x: Array) -> tuple[Array, Array, Array]:
        """P, Q, and the factor of the derivative's inner sign."""
        xp = namespace(x)
        inner = _polynomial(below, xp.abs(x) if is_inside else x)
        return _polynomial(a, x), 1 + xp.abs(inner), xp.sign(x if is_inside else inner)

    def function(x: Array) -> Array:
        above, under, _ = parts(x)
        return above / under

    def derivative(x: Array) -> Array:
        above, under, sign = parts(x)
        xp = namespace(x)
        change = sign * _polynomial(falling, xp.abs(x) if is_inside else x)
        return (_polynomial(rising, x) - above / under * change) / under

    kinks = () if is_inside else tuple(sign_changes(b))
    return Activation("rational", function, derivative, kinks)


def sign_changes(b: Sequence[float]) -> list[float]:
    """Where Σ bᵢ xⁱ, i from 1, changes its sign, apart from zero, in rising order."""
    if not any(b):
        return []
    roots = np.roots(np.trim_zeros(b[::-1], "f"))
    real = np.sort(roots[np.abs(roots.imag) < 1e-9 * np.maximum(1, np.abs(roots))].real)
    return [float(x) for x in real if x]


def fitted(target: str, denominator: Denominator, reach: float = REACH) -> Coefficients:
    """The coefficients of degrees 5 and 4 that follow a function best in mean square.

    min over a, b of Σ (P(xⱼ)/Q(xⱼ) - f(xⱼ))² over Chebyshev nodes of [-reach, reach]

    Args:
        target: name of an activation.
        denominator: the form of Q; for the sum of absolutes all bᵢ come out positive.
        reach: half-width of the interval.
    """
    x = reach * np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
    f = activation(target).function(x)
    is_inside = denominator == "sum of absolutes"

    def numerator(b: np.ndarray) -> np.ndarray:
        """For given bᵢ the best aᵢ solve a linear problem."""
        under = rational(Coefficients((1.0, 0.0), tuple(b)), denominator).function(x)
        return np.linalg.lstsq(x[:, None] ** np.arange(6) * under[:, None], f, rcond=None)[0]

    def error(b: np.ndarray) -> np.ndarray:
        return rational(Coefficients(tuple(numerator(b)), tuple(b)), denominator).function(x) - f

    fits = [
        least_squares(error, start, bounds=(0.0 if is_inside else -np.inf, np.inf), xtol=1e-12)
        for start in ((0.001, 0.1, 0.001, 0.001), (0.01, 0.4, 0.01, 0.02))
    ]
    b = min(fits, key=lambda fit: fit.cost).x
    return Coefficients(tuple(numerator(b).tolist()), tuple(b.tolist()))


def largest_error(which: Activation, target: str, reach: float = REACH) -> float:
    """The largest |F(x) - f(x)| on [-reach, reach], on a grid of 6,001 points."""
    x = np.linspace(-reach, reach, 6001)
    return float(np.abs(which.function(x) - activation(target).function(x)).max())


def _polynomial(coefficients: Sequence[float], x: Array) -> Array:
    """Horner's rule, in x's type."""
    value = 0 * x + coefficients[-1]
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


def _slope(coefficients: Sequence[float]) -> tuple[float, ...]:
    """The coefficients of the derivative."""
    return tuple(i * c for i, c in enumerate(coefficients))[1:] or (0.0,)

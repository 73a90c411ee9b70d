"""The singular values of a matrix of independent entries, to compare trained ones with.

Source:
    Marchenko & Pastur (1967), Math. USSR Sbornik 1, 457, for the law of the squares at large size.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from workbench.base.checks import refuse

# Grid on which the law is integrated for its quantiles.
POINTS = 20001


def random_singular_values(
    rows: int, columns: int, deviation: float = 1.0
) -> Float[np.ndarray, " values"]:
    """The singular values of a large random matrix, largest first, min(rows, columns) of them.

    With q = min/max of the sizes, s² = σ² max (1 + q + 2√q cos θ) and a share
    (2/π) sin²θ / (1 + q + 2√q cos θ) dθ of the values at each θ in [0, π].

    Args:
        rows: at least 1.
        columns: at least 1.
        deviation: σ of the independent entries of mean zero, positive.

    Raises:
        ValueError: if a size or the deviation is not positive.
    """
    ratio, size = _ratio(rows, columns, deviation)
    theta = np.linspace(0.0, math.pi, POINTS)
    squares = 1 + ratio + 2 * math.sqrt(ratio) * np.cos(theta)
    # A square matrix's values reach zero at θ = π, where the share has a limit.
    share = np.where(squares > 1e-12, np.sin(theta) ** 2 / np.maximum(squares, 1e-12), 1.0)
    below = np.concatenate([[0.0], np.cumsum((share[1:] + share[:-1]) / 2)])
    count = min(rows, columns)
    places = (np.arange(count) + 0.5) / count
    return size * np.sqrt(np.interp(places, below / below[-1], squares))


def largest_random(rows: int, columns: int, deviation: float = 1.0) -> float:
    """The largest singular value that chance gives a large matrix, σ (√rows + √columns)."""
    ratio, size = _ratio(rows, columns, deviation)
    return size * (1 + math.sqrt(ratio))


def _ratio(rows: int, columns: int, deviation: float) -> tuple[float, float]:
    """The smaller over the larger size, and σ √larger."""
    if rows < 1 or columns < 1:
        refuse("rows, columns", "at least 1", (rows, columns))
    if not 0 < deviation < math.inf:
        refuse("deviation", "positive and finite", deviation)
    smaller, larger = sorted((rows, columns))
    return smaller / larger, deviation * math.sqrt(larger)

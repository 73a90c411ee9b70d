"""One matrix of trained weights in a row of numbers: variance, tail, spectrum and ranks.

Source:
    He et al. (2015), arXiv:1502.01852, for the variance times fan-in that an activation wants;
    Martin & Mahoney (2021), arXiv:1810.01075, for holding a spectrum against a random one.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.inits import effective_rank as rank
from workbench.inits import generalized_gaussian
from workbench.inits.random_spectrum import largest_random, random_singular_values

# A signal's factor per layer beyond which ten layers change it more than a thousandfold.
VANISHES, EXPLODES = 0.5, 2.0
# Most singular values that a figure draws, and how far below chance's largest one is left out.
DRAWN, FAINT = 80, 100


class Row(NamedTuple):
    """One matrix.

    Attributes:
        name: as the file has it.
        outputs: units.
        inputs: fan-in.
        deviation: of its weights.
        fan_in_variance: mean square times fan-in.
        wanted: what keeps the second moment through the activation.
        factor: fan-in variance over wanted, a signal's growth through this layer alone.
        tail: shape of a generalised Gaussian; 2 is normal, NaN where it was not fitted.
        tail_error: its standard error.
        largest: largest singular value.
        beyond: singular values above the largest that chance gives.
        participation: rank by (Σs²)²/Σs⁴.
        entropy: rank by the entropy of the singular values.
        nuclear: rank by (Σs)²/Σs².
        stable: rank by Σs²/max s².
        flag: "lookup", "vanishes", "explodes" or "".
    """

    name: str
    outputs: int
    inputs: int
    deviation: float
    fan_in_variance: float
    wanted: float
    factor: float
    tail: float
    tail_error: float
    largest: float
    beyond: int
    participation: float
    entropy: float
    nuclear: float
    stable: float
    flag: str


class Spectrum(NamedTuple):
    """Singular values of one matrix and of a random one, at some places from 1 for the largest.

    A trained one below a hundredth of the random one's largest is NaN.
    """

    place: Float[np.ndarray, " places"]
    trained: Float[np.ndarray, " places"]
    random: Float[np.ndarray, " places"]


def fitted_tail(
    rng: Any, matrix: Float[np.ndarray, "outputs inputs"], sample: int = 50_000
) -> generalized_gaussian.Fit:
    """The shape of a matrix's tail.

    Args:
        rng: a generator on the host, which chooses the weights that the shape is fitted on.
        matrix: of outputs by inputs, at least 8 numbers that are not all zero.
        sample: most weights that are chosen.
    """
    flat = matrix.reshape(-1)
    chosen = flat[rng.integers(0, flat.size, sample)] if flat.size > sample else flat
    return generalized_gaussian.fit(chosen.astype(np.float64))


def spectrum(name: str, matrix: Float[np.ndarray, "outputs inputs"]) -> tuple[Row, Spectrum]:
    """The numbers of one matrix, its tail left NaN, and its singular values beside a random one's.

    Args:
        name: what the row is called.
        matrix: of outputs by inputs, not all zero.
    """
    values = rank.singular(matrix)
    # The squared singular values add up to the sum of squares.
    square = float((values**2).sum()) / matrix.size
    edge = largest_random(*matrix.shape, math.sqrt(square))
    row = Row(
        name,
        *matrix.shape,
        deviation=math.sqrt(square),
        fan_in_variance=square * matrix.shape[1],
        wanted=math.nan,
        factor=math.nan,
        tail=math.nan,
        tail_error=math.nan,
        largest=float(values[0]),
        beyond=int((values > edge).sum()),
        participation=rank.participation(values),
        entropy=rank.entropy_rank(values),
        nuclear=rank.nuclear_rank(values),
        stable=rank.stable_rank(values),
        flag="",
    )
    law = random_singular_values(*matrix.shape, math.sqrt(square))
    # Close together where the largest are, of which there are few.
    places = np.unique(np.geomspace(1, len(values), DRAWN).round())
    at = places.astype(int) - 1
    # Values near zero, of a singular matrix, would press all others together on a log scale.
    shown = np.where(values[at] > law[0] / FAINT, values[at], np.nan)
    return row, Spectrum(places, shown, law[at])


def wanting(row: Row, wanted: float) -> Row:
    """The row beside the fan-in variance that an activation wants."""
    factor = row.fan_in_variance / wanted
    return row._replace(wanted=wanted, factor=factor, flag=flag(row.name, factor))


def flag(name: str, factor: float) -> str:
    """What a reader should look at: a table of vectors has no fan-in, a factor tells the rest."""
    if "embed" in name.lower():
        return "lookup"
    if factor < VANISHES:
        return "vanishes"
    return "explodes" if factor > EXPLODES else ""

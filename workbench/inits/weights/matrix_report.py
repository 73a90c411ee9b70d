"""One matrix of trained weights in a row of numbers: variance, tail, spectrum and ranks.

Source:
    He et al. (2015), arXiv:1502.01852, for the variance times fan-in that preserves a signal;
    Martin & Mahoney (2021), arXiv:1810.01075, for comparing a spectrum with a random one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.inits.schemes import generalized_gaussian
from workbench.inits.theory.marchenko_pastur import largest_random, random_singular_values
from workbench.inits.weights import effective_rank as rank
from workbench.inits.weights.untrained import Law, as_drawn

# A signal's factor per layer beyond which ten layers change it more than a thousandfold.
VANISHES, EXPLODES = 0.5, 2.0
# Most singular values that a figure draws, and how far below the random largest a value is left
# out.
DRAWN, FAINT = 80, 100
# Numbers below which no tail is fitted; sizes whose squares are finite doubles.
FEW, TINY, HUGE = 8, 1e-150, 1e150
# The second singular value over the first below which a matrix is an outer product; rounding to
# sixteen bits leaves some ten-thousandths.
ONE = 1e-3
NONE = math.nan


class Row(NamedTuple):
    """One matrix; what cannot be computed is NaN, and the flag says why.

    Attributes:
        name: as the file has it, with the gate of a recurrent layer.
        outputs: units; rows of a lookup table.
        inputs: fan-in; width of a lookup table.
        deviation: standard deviation of its weights, about their mean.
        fan_in_variance: mean square times fan-in.
        target: the fan-in variance that preserves the second moment through the activation.
        factor: fan-in variance over target, a signal's growth through this layer alone.
        tail: shape of a generalised Gaussian; 2 is normal, NaN where it was not fitted.
        tail_error: its standard error.
        largest: largest singular value.
        beyond: singular values above the largest of a random matrix.
        participation: rank by (Σs²)²/Σs⁴.
        entropy: rank by the entropy of the singular values.
        nuclear: rank by (Σs)²/Σs².
        stable: rank by Σs²/max s².
        mean: of its weights.
        activation: that its outputs feed, from which `target` is computed.
        flag: what a reader should check, several between semicolons: "lookup", "vanishes",
            "explodes", "rank one", "initial distribution: law", or the `fault` of a matrix without
            numbers.
    """

    name: str
    outputs: int
    inputs: int
    deviation: float = NONE
    fan_in_variance: float = NONE
    target: float = NONE
    factor: float = NONE
    tail: float = NONE
    tail_error: float = NONE
    largest: float = NONE
    beyond: int | None = None
    participation: float = NONE
    entropy: float = NONE
    nuclear: float = NONE
    stable: float = NONE
    mean: float = NONE
    activation: str = ""
    flag: str = ""

    @property
    def flags(self) -> list[str]:
        """The flags one by one."""
        return self.flag.split("; ") if self.flag else []

    @property
    def is_measured(self) -> bool:
        """Whether it has numbers."""
        return not math.isnan(self.largest)

    @property
    def excess(self) -> float:
        """The largest singular value over the largest of a random matrix; 0 without numbers."""
        if not self.is_measured:
            return 0.0
        return self.largest / largest_random(self.outputs, self.inputs, self.deviation)


class Spectrum(NamedTuple):
    """Singular values of one matrix and of a random one, at some places from 1 for the largest.

    A trained one below a hundredth of the random one's largest is NaN.
    """

    place: Float[np.ndarray, " places"]
    trained: Float[np.ndarray, " places"]
    random: Float[np.ndarray, " places"]


# Of a matrix without numbers: nothing is drawn.
BLANK = Spectrum(np.ones(1), np.full(1, NONE), np.full(1, NONE))


def fault(matrix: Float[np.ndarray, ...]) -> str:
    """Why a matrix, or a sample of it, gives no numbers, in words; empty where it does."""
    if not matrix.size:
        return "empty"
    finite = int(np.isfinite(matrix).sum())
    if finite < matrix.size:
        return f"{matrix.size - finite:,} of {matrix.size:,} not finite"
    low, high = float(matrix.min()), float(matrix.max())
    if low == high:
        return "zero" if low == 0 else "constant"
    if max(-low, high) > HUGE:
        return "too large to fit"
    return "too small to fit" if matrix.size < FEW or max(-low, high) < TINY else ""


def fitted_tail(
    rng: Any, matrix: Float[np.ndarray, "outputs inputs"], sample: int = 50_000
) -> generalized_gaussian.Fit:
    """The shape of a matrix's tail about its mean; NaN where all that were chosen are one number.

    Args:
        rng: a generator on the host, which chooses the weights that the shape is fitted on.
        matrix: of outputs by inputs, without a `fault`.
        sample: most weights that are chosen.
    """
    flat = matrix.reshape(-1)
    chosen = flat[rng.integers(0, flat.size, sample)] if flat.size > sample else flat
    if chosen.min() == chosen.max():
        return generalized_gaussian.Fit(NONE, NONE, NONE)
    return generalized_gaussian.fit(centred(chosen))


def centred(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The values less their mean, in float64."""
    wide = values.astype(np.float64)
    return wide - wide.mean()


def spectrum(
    name: str,
    matrix: Float[np.ndarray, "outputs inputs"],
    laws: Sequence[Law] = (),
    bias: Float[np.ndarray, " units"] | None = None,
) -> tuple[Row, Spectrum]:
    """The numbers of one matrix, its tail left NaN, and its singular values beside a random one's.

    Args:
        name: what the row is called.
        matrix: of outputs by inputs, without a `fault`.
        laws: of initial weights, which it is tested against.
        bias: what is added to its outputs.
    """
    values = rank.singular(matrix)
    # The squared singular values add up to the sum of squares.
    square = float((values**2).sum()) / matrix.size
    mean, deviation = _moments(matrix)
    outputs, inputs = matrix.shape
    edge = largest_random(outputs, inputs, deviation)
    flags = initial(matrix, laws, values, bias)
    flags += ["rank one"] if len(values) > 1 and values[1] < ONE * values[0] else []
    row = Row(
        name,
        outputs,
        inputs,
        deviation=deviation,
        fan_in_variance=square * inputs,
        largest=float(values[0]),
        beyond=int((values > edge).sum()),
        participation=rank.participation(values),
        entropy=rank.entropy_rank(values),
        nuclear=rank.nuclear_rank(values),
        stable=rank.stable_rank(values),
        mean=mean,
        flag="; ".join(flags),
    )
    law = random_singular_values(outputs, inputs, deviation)
    # Close together where the largest are, of which there are few.
    places = np.unique(np.geomspace(1, len(values), DRAWN).round())
    at = places.astype(int) - 1
    # Values near zero, of a singular matrix, would press all others together on a log scale.
    shown = np.where(values[at] > law[0] / FAINT, values[at], np.nan)
    return row, Spectrum(places, shown, law[at])


def initial(
    matrix: Float[np.ndarray, "outputs inputs"],
    laws: Sequence[Law],
    values: Float[np.ndarray, " values"],
    bias: Float[np.ndarray, " units"] | None = None,
) -> list[str]:
    """The flag of a matrix that may still be a draw from a law, or none; see `as_drawn`."""
    law = as_drawn(matrix, laws, values, bias)
    return [f"initial distribution: {law}"] if law else []


def _moments(matrix: np.ndarray) -> tuple[float, float]:
    """The mean and the deviation about it, without a copy of the whole in float64."""
    mean = float(matrix.mean(dtype=np.float64))
    parts = (matrix[k : k + rank.ROWS] for k in range(0, len(matrix), rank.ROWS))
    square = sum(float(((p.astype(np.float64) - mean) ** 2).sum()) for p in parts)
    return mean, math.sqrt(square / matrix.size)


def with_target(row: Row, target: float, activation: str = "") -> Row:
    """The row with the fan-in variance that preserves a signal through an activation.

    A lookup table has no fan-in and so no target.
    """
    if not row.is_measured or "lookup" in row.flags:
        return row
    factor = row.fan_in_variance / target
    flags = list(row.flags)
    if not VANISHES <= factor <= EXPLODES:
        flags.append("vanishes" if factor < VANISHES else "explodes")
    return row._replace(target=target, factor=factor, activation=activation, flag="; ".join(flags))

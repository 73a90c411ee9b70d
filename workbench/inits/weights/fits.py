"""Fits of trained weights, matrix by matrix: four families, and two formats of eight bits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.cancellation import step
from workbench.base.checks import refusal, spell
from workbench.inits.schemes import generalized_gaussian as law
from workbench.inits.weights import rf8
from workbench.inits.weights.matrix_report import centred, fault
from workbench.inits.weights.model_selection import candidates
from workbench.inits.weights.sources import matrices
from workbench.inits.weights.survey import Survey

# Bins of the pooled weights, in deviations.
EDGES = np.linspace(-6.0, 6.0, 61)


class Row(NamedTuple):
    """One matrix.

    Attributes:
        name: as the file has it.
        shape: of a generalised Gaussian of greatest likelihood.
        error: its standard error.
        best: the family of the smallest information criterion.
        losses: by family, how much less likely it is than the best [nats per weight].
        decibels: power of the weights over that of RF8's error.
        ordinary_decibels: the same of an ordinary float of eight bits.
        bits: entropy of RF8's codes.
    """

    name: str
    shape: float
    error: float
    best: str
    losses: dict[str, float]
    decibels: float
    ordinary_decibels: float
    bits: float


class Histogram(NamedTuple):
    """Density of all matrices' samples together, each divided by its own deviation."""

    edges: Float[np.ndarray, " edges"]
    density: Float[np.ndarray, " bins"]


class Fits(NamedTuple):
    """Where the weights come from, every matrix, and all of them together."""

    source: str
    rows: list[Row]
    pooled: Histogram


def all_fits(rng: Any, survey: Survey, sample: int) -> Fits:
    """Four families, and two formats of eight bits, on up to `sample` weights of every matrix.

    Args:
        rng: a generator on the host, which chooses the weights.
        survey: whose matrices are read one after the other.
        sample: most weights of a matrix that are fitted.

    Raises:
        ValueError: if there is no matrix of finite numbers that differ.
    """
    rows, counts = [], np.zeros(len(EDGES) - 1)
    for name, matrix in matrices(survey):
        step()
        flat = matrix.reshape(-1)
        chosen = flat[rng.integers(0, flat.size, sample)] if flat.size > sample else flat
        if fault(chosen):  # such as only zeros of a sparse matrix
            continue
        wide = chosen.astype(np.float64)
        rows.append(_row(name, wide))
        counts += _counted(wide)
    if not rows:
        beside = "without one of finite numbers that differ"
        source = spell(survey.source)
        raise refusal(f"`weights_file` must be one with a matrix; got {source} {beside}")
    return Fits(survey.source, rows, Histogram(EDGES, counts / (len(rows) * np.diff(EDGES))))


def _counted(chosen: Float[np.ndarray, " weights"]) -> np.ndarray:
    return np.histogram(chosen / chosen.std(), EDGES)[0] / chosen.size


def _row(name: str, chosen: Float[np.ndarray, " weights"]) -> Row:
    fitted, families = law.fit(centred(chosen)), candidates(centred(chosen))
    best = min(families, key=lambda n: families[n].information)
    top = families[best].mean_log_density
    codes, largest = rf8.encode(chosen)
    return Row(
        name,
        fitted.shape,
        fitted.error,
        best,
        {n: top - c.mean_log_density for n, c in families.items()},
        rf8.signal_to_noise(chosen, rf8.decode(codes, largest)),
        rf8.signal_to_noise(chosen, rf8.ordinary(chosen)),
        rf8.entropy(codes),
    )

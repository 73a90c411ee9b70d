"""Fits of trained weights, matrix by matrix, and the few that a first look has time for."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import generator
from workbench.base.cancellation import step
from workbench.inits.schemes import generalized_gaussian as law
from workbench.inits.weights import rf8
from workbench.inits.weights.cache import Origin, origin, weights
from workbench.inits.weights.matrix_report import centred, fault
from workbench.inits.weights.model_selection import candidates
from workbench.inits.weights.sources import matrices

# Bins of the pooled weights, in deviations.
EDGES = np.linspace(-6.0, 6.0, 61)
# Files and samples whose fits are kept.
KEPT = 4
# Of a first look: weights altogether, of a matrix, and matrices.
FEW, FEW_OF_ONE, FEW_MATRICES = 24000, 8000, 24


class Row(NamedTuple):
    """One matrix: its shape, the winner, and by how much each family loses [nats per weight].

    A first look knows the shape and its error alone.
    """

    name: str
    shape: float
    error: float
    best: str = ""
    losses: dict[str, float] = {}
    decibels: float = math.nan
    ordinary_decibels: float = math.nan
    bits: float = math.nan


class Histogram(NamedTuple):
    """Density of all matrices' samples together, each divided by its own deviation."""

    edges: Float[np.ndarray, " edges"]
    density: Float[np.ndarray, " bins"]


class Fits(NamedTuple):
    """Where the weights come from, every matrix, and all of them together."""

    source: str
    rows: list[Row]
    pooled: Histogram


class _Key(NamedTuple):
    """All that decides the fits."""

    origin: Origin
    sample: int
    seed: int


class _Some(NamedTuple):
    """Enough weights of each matrix to draw a first look from."""

    source: str
    parts: list[tuple[str, np.ndarray]]


# The last fits, so that what leaves the weights alone need not read them again.
_KNOWN: dict[_Key, tuple[Fits, _Some]] = {}


def all_fits(path: str, sample: int, seed: int) -> Fits:
    """Four families, and two formats of eight bits, on up to `sample` weights of every matrix.

    Raises:
        ValueError: if there is no matrix.
    """
    key = _Key(origin(path, seed), sample, seed)
    if key not in _KNOWN:
        found = _fitted(key)
        while len(_KNOWN) >= KEPT:
            del _KNOWN[next(iter(_KNOWN))]
        _KNOWN[key] = found
    return _KNOWN[key][0]


def few_fits(path: str, sample: int, seed: int) -> Fits:
    """The fits that are known, else shapes alone, by few weights of few matrices.

    Raises:
        ValueError: if there is no matrix.
    """
    key = _Key(origin(path, seed), sample, seed)
    if key in _KNOWN:
        return _KNOWN[key][0]
    known = [some for k, (_, some) in _KNOWN.items() if k.origin == key.origin]
    source, parts = known[-1] if known else _read(key.origin)
    at = np.unique(np.linspace(0, len(parts) - 1, FEW_MATRICES).round().astype(int))
    few = min(sample, FEW_OF_ONE, FEW // len(at))
    rng, rows, counts = generator(seed), [], np.zeros(len(EDGES) - 1)
    for name, part in (parts[i] for i in at):
        chosen = _sample(rng, few, part)
        if fault(chosen):
            continue
        fitted = law.fit(centred(chosen))
        rows.append(Row(name, fitted.shape, fitted.error))
        counts += _counted(chosen)
    return Fits(source, rows, _pooled(counts, len(rows)))


def _fitted(key: _Key) -> tuple[Fits, _Some]:
    rng, network = weights(key.origin, key.seed)
    rows, counts, parts = [], np.zeros(len(EDGES) - 1), []
    for name, matrix in matrices(network.survey):
        step()
        flat = matrix.reshape(-1)
        chosen = _sample(rng, key.sample, flat)
        if fault(chosen):  # as of a sparse matrix of which only zeros were chosen
            continue
        rows.append(_row(name, chosen))
        counts += _counted(chosen)
        parts.append((name, _thinned(flat)))
    _need(rows, key.origin)
    whole = Fits(network.source, rows, _pooled(counts, len(rows)))
    return whole, _Some(network.source, parts)


@functools.lru_cache(maxsize=1)
def _read(where: Origin) -> _Some:
    """Some weights of each matrix, where no fit has kept them yet."""
    _, network = weights(where, max(where.seed, 0))
    thinned = [(name, _thinned(matrix.reshape(-1))) for name, matrix in matrices(network.survey)]
    parts = [(name, part) for name, part in thinned if not fault(part)]
    _need(parts, where)
    return _Some(network.source, parts)


def _need(found: list, where: Origin) -> None:
    if not found:
        beside = "without one of finite numbers that differ"
        raise ValueError(f"`weights_file` must be one with a matrix; got {where.path!r} {beside}")


def _sample(rng, sample: int, flat: Float[np.ndarray, " weights"]) -> np.ndarray:
    """Some weights of a matrix, all of them where they are few, in float64."""
    return _taken(rng, sample, flat).astype(np.float64)


def _thinned(flat: Float[np.ndarray, " weights"]) -> np.ndarray:
    """Always the same weights of a matrix, in a copy that does not hold the whole in memory."""
    return _taken(generator(0), FEW_OF_ONE, flat).copy()


def _taken(rng, sample: int, flat: Float[np.ndarray, " weights"]) -> np.ndarray:
    return flat[rng.integers(0, flat.size, sample)] if flat.size > sample else flat


def _counted(chosen: Float[np.ndarray, " weights"]) -> np.ndarray:
    return np.histogram(chosen / chosen.std(), EDGES)[0] / chosen.size


def _pooled(counts: Float[np.ndarray, " bins"], count: int) -> Histogram:
    return Histogram(EDGES, counts / (count * np.diff(EDGES)))


def _row(name: str, chosen: Float[np.ndarray, " weights"]) -> Row:
    fitted, made = law.fit(centred(chosen)), candidates(centred(chosen))
    best = min(made, key=lambda n: made[n].information)
    top = made[best].mean_log_density
    codes, largest = rf8.encode(chosen)
    return Row(
        name,
        fitted.shape,
        fitted.error,
        best,
        {n: top - c.mean_log_density for n, c in made.items()},
        rf8.signal_to_noise(chosen, rf8.decode(codes, largest)),
        rf8.signal_to_noise(chosen, rf8.ordinary(chosen)),
        rf8.entropy(codes),
    )

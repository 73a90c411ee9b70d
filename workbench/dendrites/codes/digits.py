"""Which patterns a run stores and which it shows: scanned digits as sparse codes, or the user's."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import Array, generator, like, namespace
from workbench.base.optional import optional
from workbench.dendrites.codes.encoders import random_projection
from workbench.dendrites.codes.files import read_patterns


class Patterns(NamedTuple):
    """Patterns that are stored and shown, by class."""

    stored: Array
    stored_labels: Int[np.ndarray, " stored"]
    shown: Array
    shown_labels: Int[np.ndarray, " shown"]


def chosen(params: Any, rng: Any, most: int | None = None) -> Patterns:
    """The patterns of a run: those of the user's file, else the digits.

    Args:
        params: the knobs of `dendrites/digits`.
        rng: decides where the patterns live.
        most: how many are stored, and how many shown, at most.
    """
    if params.patterns_file:
        file = read_patterns(params.patterns_file, params.cells, params.seed)
        return of_file(rng, file.patterns, file.labels, params.seed, most)
    return of_digits(rng, params.cells, params.active, params.training, params.seed, most)


def thinned(params: Any) -> dict[str, int]:
    """Active cells of a user's patterns, and of the longest where they differ."""
    file = read_patterns(params.patterns_file, params.cells, params.seed)
    active = file.patterns.shape[1]
    longer = {"active cells of the longest, thinned": file.longest} if file.longest > active else {}
    return {"active cells of a pattern": active, **longer}


def of_digits(
    rng: Any, cells: int, active: int, training: int, seed: int, most: int | None = None
) -> Patterns:
    """Digits as the `active` cells that their pixels, less the mean digit, drive most.

    Args:
        rng: draws the weights, and decides where the patterns live.
        cells: cells in the population.
        active: cells that win.
        training: digits that are stored; the rest are shown.
        seed: of the order in which digits are chosen.
        most: how many are stored, and how many shown, at most; they are among those of all, with
            the same codes.
    """
    images, labels, mean = _digits()
    used, first, last = _split(labels, training, seed, most)
    coded = random_projection(rng, images[used], cells, active, mean)
    return _taken(coded, labels, used, first, last)


def of_file(
    rng: Any,
    rows: Int[np.ndarray, "count active"],
    labels: Int[np.ndarray, " count"] | None,
    seed: int,
    most: int | None = None,
) -> Patterns:
    """Of patterns with classes two thirds are stored and the others shown.

    Without classes each pattern is a class of its own, stored and shown.

    Args:
        rng: decides where the patterns live.
        rows: the patterns.
        labels: their classes, if they have any.
        seed: of the order in which patterns are chosen.
        most: how many are stored, and how many shown, at most.
    """
    if labels is None:
        each = np.arange(len(rows))[:most]
        patterns = like(rows[each], rng.random(1))
        return Patterns(patterns, each, patterns, each)
    used, first, last = _split(labels, len(rows) * 2 // 3, seed, most)
    return _taken(like(rows[used], rng.random(1)), labels, used, first, last)


class _Digits(NamedTuple):
    """The scanned digits, a row of pixels each, and which they are."""

    images: Float[np.ndarray, "digits pixels"]
    labels: Int[np.ndarray, " digits"]
    mean: Float[np.ndarray, " pixels"]


@functools.cache
def _digits() -> _Digits:
    # Half a second that the rest need not pay.
    datasets = optional("sklearn.datasets", "scikit-learn", "the set of digits")
    images, labels = datasets.load_digits(return_X_y=True)
    return _Digits(images, labels, images.mean(axis=0))


def _split(labels: np.ndarray, stored: int, seed: int, most: int | None) -> tuple:
    """The rows that are used at all, in order; those to be stored and those to be shown."""
    mixed = np.argsort(generator(seed).random(len(labels)))
    first, last = mixed[:stored][:most], mixed[stored:][:most]
    return np.sort(np.concatenate([first, last])), first, last


def _taken(patterns: Array, labels: np.ndarray, used: Array, first: Array, last: Array) -> Patterns:
    """The patterns of the rows used, parted."""
    xp = namespace(patterns)
    stored, shown = (
        xp.take(patterns, like(np.searchsorted(used, part), patterns), axis=0)
        for part in (first, last)
    )
    return Patterns(stored, labels[first], shown, labels[last])

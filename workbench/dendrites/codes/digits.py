"""Patterns to store and to show: scanned digits as sparse codes, or those of the user's file."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import Array, generator, like, namespace
from workbench.base.optional import optional
from workbench.dendrites.codes.encoders import random_projection
from workbench.dendrites.codes.files import PatternFile


class Patterns(NamedTuple):
    """Patterns that are stored and shown, by class."""

    stored: Array
    stored_labels: Int[np.ndarray, " stored"]
    shown: Array
    shown_labels: Int[np.ndarray, " shown"]


def of_digits(
    rng: Any, cells: int, active: int, training: int, seed: int, most: int | None = None
) -> Patterns:
    """Digits as the `active` cells that their pixels, less the mean digit, drive most.

    Args:
        rng: draws the weights, and sets the library and device of the patterns.
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


def of_file(rng: Any, file: PatternFile, seed: int, most: int | None = None) -> Patterns:
    """Of patterns with classes two thirds are stored and the others shown.

    Without classes each pattern is a class of its own, stored and shown.

    Args:
        rng: sets the library and device of the patterns.
        file: the patterns, and their classes if they have any.
        seed: of the order in which patterns are chosen.
        most: how many are stored, and how many shown, at most.
    """
    rows, labels = file.patterns, file.labels
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
    # Imported here, since it takes half a second.
    datasets = optional("sklearn.datasets", "scikit-learn", "the set of digits")
    images, labels = datasets.load_digits(return_X_y=True)
    return _Digits(images, labels, images.mean(axis=0))


def _split(labels: np.ndarray, stored: int, seed: int, most: int | None) -> tuple:
    """The rows that are used at all, in order; those to be stored and those to be shown."""
    mixed = np.argsort(generator(seed).random(len(labels)))
    first, last = mixed[:stored][:most], mixed[stored:][:most]
    return np.sort(np.concatenate([first, last])), first, last


def _taken(patterns: Array, labels: np.ndarray, used: Array, first: Array, last: Array) -> Patterns:
    """The patterns of the rows used, split into stored and shown."""
    xp = namespace(patterns)
    stored, shown = (
        xp.take(patterns, like(np.searchsorted(used, part), patterns), axis=0)
        for part in (first, last)
    )
    return Patterns(stored, labels[first], shown, labels[last])

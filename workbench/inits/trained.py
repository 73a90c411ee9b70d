"""Trained matrices to look at: a user's file, else the packaged model, else a network made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.inits.trained_digits import trained_digits
from workbench.inits.weight_files import array_bytes, arrays, packaged


class Trained(NamedTuple):
    """Where the weights come from, in words, and the arrays, each read when its turn comes.

    Attributes:
        source: the file's name, or what stands in for it.
        arrays: names and values.
        size: bytes that the arrays add up to, about.
    """

    source: str
    arrays: Iterator[tuple[str, np.ndarray]]
    size: int


def trained(rng: Any, path: str = "") -> Trained:
    """Weights of a file, or of the first of the two stand-ins that this installation has.

    Args:
        rng: a generator; used only where a network is trained here.
        path: a weight file, or empty.
    """
    file = path or packaged()
    if file:
        source = Path(file).name if path else "all-MiniLM-L6-v2"
        return Trained(source, arrays(file), array_bytes(file))
    found, right = trained_digits(rng)
    last = found["last"]
    words = f"a network trained here on digits, {100 * right:.0f} % of unseen ones right"
    return Trained(words, iter(last.items()), sum(w.nbytes for w in last.values()))


def matrices(weights: Iterator[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of rank two and more as (outputs, everything else), PyTorch's layout."""
    for name, value in weights:
        if value.ndim >= 2 and min(value.shape[0], value.size // value.shape[0]) > 1:
            yield name, value.reshape(value.shape[0], -1)

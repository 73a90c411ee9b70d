"""Trained matrices to look at: a user's file, else the packaged model, else a network made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.inits.weights.digits_mlp import trained_digits
from workbench.inits.weights.matrix_report import fault
from workbench.inits.weights.reading.files import Contents, contents, packaged
from workbench.inits.weights.reading.stored_numbers import Stored
from workbench.inits.weights.survey import Survey, survey


class Trained(NamedTuple):
    """Where the weights come from, in words, and the matrices, each read when its turn comes.

    Attributes:
        source: the file's name, or what stands in for it.
        survey: what the file holds.
    """

    source: str
    survey: Survey


def trained(rng: Any, path: str = "", layout: str = "auto", lookup: str = "auto") -> Trained:
    """Weights of a file, or of the first of the two stand-ins that this installation has.

    Args:
        rng: a generator; used only where a network is trained here.
        path: a weight file, or empty.
        layout: of the file; see `weight_survey.survey`.
        lookup: which arrays are tables of vectors; see `lookup_tables.lookup_tables`.
    """
    file = path or packaged()
    if file:
        source = Path(file).name if path else "all-MiniLM-L6-v2"
        return Trained(source, survey(contents(file), layout, lookup, Path(file).suffix))
    network, right = trained_digits(rng)
    last = network["last"]
    words = f"a network trained here on digits, {100 * right:.0f} % of unseen ones right"
    arrays = {n: Stored(w.dtype.name, w.shape, lambda w=w: w) for n, w in last.items()}
    whole = Contents(arrays, {}, sum(w.nbytes for w in last.values()))
    return Trained(words, survey(whole, "torch", lookup))


def matrices(found: Survey) -> Iterator[tuple[str, np.ndarray]]:
    """The matrices that can be fitted, as (outputs, everything else); others are left out."""
    for weight in found.weights:
        try:
            matrix = weight.matrix()
        except ValueError:
            continue
        if not fault(matrix):
            yield weight.name, matrix

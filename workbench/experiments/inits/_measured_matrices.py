"""The rows of numbers and the spectra of all matrices of a file, and what was not read of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from workbench.experiments.inits._trained_weights import Origin, weights
from workbench.inits.matrix_report import BLANK, Row, Spectrum, fault, fitted_tail, spectrum
from workbench.inits.weight_files import read
from workbench.inits.weight_survey import Survey, Weight, left_out
from workbench.watch import step

# Seconds after which a run shows its progress.
PATIENCE = 5


class Measured(NamedTuple):
    """All matrices of a file.

    Attributes:
        source: the file's name, or what stands in for it.
        weights: how many numbers the matrices have.
        rows: in the file's order; of a recurrent layer one for each gate.
        spectra: for each row.
        layout: and why it was taken.
        vectors: arrays of rank one or none, which are left out.
        unread: a sentence for each reason why arrays were not read.
    """

    source: str
    weights: int
    rows: list[Row]
    spectra: list[Spectrum]
    layout: str
    vectors: int
    unread: list[str]


# What the last weights hold whatever sample the tails are fitted on, which are NaN here.
KNOWN: dict[Origin, Measured] = {}


@functools.lru_cache(maxsize=4)
def measured(where: Origin, sample: int, seed: int) -> Measured:
    """What a file holds whatever activation follows; cached, so that a slider reads no file."""
    rng, network = weights(where, seed)
    known, rows, spectra, tails = KNOWN.get(where), [], [], []
    for name, matrix, weight, words in _parts(network.survey):
        words = words or fault(matrix)
        tails.append(None if words else fitted_tail(rng, matrix, sample))
        if known is None:
            row, seen = Row(name, *matrix.shape, flag=words), BLANK
            if not words:
                row, seen = spectrum(name, matrix, weight.laws, _bias(weight))
            rows.append(_marked(row) if weight.is_table else row)
            spectra.append(seen)
    if known is None:
        KNOWN.clear()
        known = KNOWN[where] = _whole(network.source, network.survey, rows, spectra)
    fitted = [
        row._replace(tail=t.shape, tail_error=t.error) if t else row
        for row, t in zip(known.rows, tails, strict=True)
    ]
    return known._replace(rows=fitted)


def _whole(source: str, survey: Survey, rows: list[Row], spectra: list[Spectrum]) -> Measured:
    guess = survey.layout
    layout = f"{guess.layout}, guessed {guess.why}" if guess.why else guess.layout
    count = sum(w.stored.size for w in survey.weights)
    return Measured(source, count, rows, spectra, layout, survey.vectors, left_out(survey.unread))


def _marked(row: Row) -> Row:
    return row._replace(flag="; ".join(["lookup", *row.flags]))


def _parts(survey: Survey) -> Iterator[tuple[str, np.ndarray, Weight, str]]:
    """Name, numbers and fault of each matrix, gate by gate; each moves the progress bar."""
    bar = {"unit": "B", "unit_scale": True, "desc": "audit", "delay": PATIENCE, "leave": False}
    total = sum(w.stored.size for w in survey.weights)
    # Nothing is drawn where standard error is no terminal and there is no notebook.
    with tqdm(total=survey.size, disable=None, **bar) as shown:
        for weight in survey.weights:
            step()
            try:
                matrix, words = weight.matrix(), ""
            except ValueError as error:
                matrix, words = np.empty((0, 0)), f"unreadable ({error})"
            for gate in weight.gates if not words else ():
                yield f"{weight.name} [{gate.name}]", matrix[gate.rows], weight, ""
            if words or not weight.gates:
                yield weight.name, matrix, weight, words
            shown.update(round(survey.size * weight.stored.size / max(total, 1)))


def _bias(weight: Weight) -> Any:
    """What is added to the outputs, where it can be read and is finite."""
    try:
        bias = read("bias", weight.bias) if weight.bias else None
    except ValueError:
        return None
    return bias if bias is None or np.isfinite(bias).all() else None

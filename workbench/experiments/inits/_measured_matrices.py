"""The rows of numbers and the spectra of all matrices of a file, and what was not read of it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from workbench.base.cancellation import step
from workbench.inits.weights.cache import Origin, weights
from workbench.inits.weights.effective_rank import singular
from workbench.inits.weights.matrix_report import (
    BLANK,
    Row,
    Spectrum,
    fault,
    fitted_tail,
    initial,
    spectrum,
)
from workbench.inits.weights.reading.files import read
from workbench.inits.weights.survey import Survey, Weight, left_out
from workbench.inits.weights.untrained import Law

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
    for part in _parts(network.survey):
        words = part.fault or fault(part.matrix)
        tails.append(None if words else fitted_tail(rng, part.matrix, sample))
        if known is None:
            row, seen = Row(part.name, *part.matrix.shape, flag=words), BLANK
            if not words:
                row, seen = spectrum(part.name, part.matrix, part.laws, part.bias)
            rows.append(row._replace(flag="; ".join([*part.marks, *row.flags])))
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


class _Part(NamedTuple):
    """A matrix, or what of it feeds one gate, and what is known of it before it is measured."""

    name: str
    matrix: np.ndarray
    fault: str = ""
    marks: list[str] = []
    laws: list[Law] = []
    bias: np.ndarray | None = None


def _parts(survey: Survey) -> Iterator[_Part]:
    """All matrices, those of recurrent layers gate by gate; each moves the progress bar."""
    bar = {"unit": "B", "unit_scale": True, "desc": "audit", "delay": PATIENCE, "leave": False}
    total = sum(w.stored.size for w in survey.weights)
    # Nothing is drawn where standard error is no terminal and there is no notebook.
    with tqdm(total=survey.size, disable=None, **bar) as shown:
        for weight in survey.weights:
            step()
            try:
                matrix = weight.matrix()
            except ValueError as error:
                said = str(error).partition("; got ")[2]
                yield _Part(weight.name, np.empty((0, 0)), f"unreadable: {said}")
            else:
                yield from _gates(weight, matrix)
            shown.update(round(survey.size * weight.stored.size / max(total, 1)))


def _gates(weight: Weight, matrix: np.ndarray) -> Iterator[_Part]:
    """The matrix, or its gates, which were drawn together if they were."""
    if not weight.gates or fault(matrix):
        marks = ["lookup"] if weight.is_table else []
        yield _Part(weight.name, matrix, "", marks, weight.laws, _bias(weight))
        return
    marks = initial(matrix, weight.laws, singular(matrix), _bias(weight))
    for gate in weight.gates:
        yield _Part(f"{weight.name} [{gate.name}]", matrix[gate.rows], "", marks)


def _bias(weight: Weight) -> Any:
    """What is added to the outputs, where it can be read and is finite."""
    try:
        bias = read("bias", weight.bias) if weight.bias else None
    except ValueError:
        return None
    return bias if bias is None or np.isfinite(bias).all() else None

"""All matrices of a weight file: a row of numbers and a spectrum for each, and their tails."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from workbench.base.cancellation import step
from workbench.base.checks import refuse
from workbench.base.csv_safety import escape_formula
from workbench.base.rows import Rows
from workbench.inits.schemes.generalized_gaussian import Fit
from workbench.inits.theory.moments import gain
from workbench.inits.weights.effective_rank import singular
from workbench.inits.weights.matrix_report import (
    BLANK,
    Row,
    Spectrum,
    fault,
    fitted_tail,
    initial,
    spectrum,
    with_target,
)
from workbench.inits.weights.reading.activation_tables import activation_of
from workbench.inits.weights.reading.files import read
from workbench.inits.weights.sources import require_matrices
from workbench.inits.weights.survey import Survey, Weight, left_out

# Seconds after which a run shows its progress.
PATIENCE = 5


class FileReport(NamedTuple):
    """All matrices of a file.

    Attributes:
        source: the file's name, or what stands in for it.
        weights: how many numbers the matrices have.
        rows: in the file's order, their tails NaN; of a recurrent layer one for each gate.
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


def file_report(survey: Survey) -> FileReport:
    """Every matrix of a file, one at a time, whatever activation follows.

    Raises:
        ValueError: if there is no matrix.
    """
    require_matrices(survey)
    rows, spectra = [], []
    for weight, matrix, unreadable in _read(survey):
        parts = _parts(weight, matrix)
        laws, bias, marks = weight.laws, _bias(weight), []
        if weight.gates and parts[0][1] is not matrix:
            # Gates were drawn together if they were.
            marks, laws, bias = initial(matrix, laws, singular(matrix), bias), [], None
        elif weight.is_table and not unreadable:
            marks = ["lookup"]
        for name, part in parts:
            words = unreadable or fault(part)
            row, seen = Row(name, *part.shape, flag=words), BLANK
            if not words:
                row, seen = spectrum(name, part, laws, bias)
            rows.append(row._replace(flag="; ".join([*marks, *row.flags])))
            spectra.append(seen)
    unread = left_out(survey.unread)
    guess = survey.layout
    layout = f"{guess.layout}, guessed {guess.why}" if guess.why else guess.layout
    count = sum(w.stored.size for w in survey.weights)
    return FileReport(survey.source, count, rows, spectra, layout, survey.vectors, unread)


def fitted_tails(rng: Any, survey: Survey, sample: int) -> list[Fit | None]:
    """The fitted tail of every row of `file_report`; None for one without numbers.

    Args:
        rng: a generator on the host, which chooses the weights.
        survey: whose matrices are read one after the other.
        sample: most weights of a matrix that are chosen.
    """
    return [
        None if unreadable or fault(part) else fitted_tail(rng, part, sample)
        for weight, matrix, unreadable in _read(survey)
        for _, part in _parts(weight, matrix)
    ]


def beside_theory(
    rows: list[Row], tails: list[Fit | None], activations: list[tuple[str, str]], otherwise: str
) -> list[Row]:
    """The rows with their tails, and with the target of the activation that each matrix feeds.

    Args:
        rows: of `file_report`.
        tails: of `fitted_tails`.
        activations: patterns of names with the activation of each; see `activation_tables`.
        otherwise: the activation of all other matrices.
    """
    names = [activation_of(row.name, activations, otherwise) for row in rows]
    squares = {name: gain(name) ** 2 for name in {*names}}
    fitted = [
        row._replace(tail=tail.shape, tail_error=tail.error) if tail else row
        for row, tail in zip(rows, tails, strict=True)
    ]
    return [with_target(row, squares[n], n) for row, n in zip(fitted, names, strict=True)]


class Drawn(NamedTuple):
    """The matrix that a figure shows, its place in the file from 1, and its singular values."""

    place: int
    row: Row
    spectrum: Spectrum

    @property
    def title(self) -> str:
        """The matrix by place, name, size and flag."""
        flag = f" ({self.row.flag})" if self.row.flag else ""
        return f"{self.place}. {self.row.name}: {self.row.outputs} × {self.row.inputs}{flag}"


def drawn_matrix(rows: list[Row], spectra: list[Spectrum], matrix: int = 0) -> Drawn:
    """The matrix at a place from 1; at 0 the one whose largest value is furthest from random.

    Raises:
        ValueError: if the file has fewer matrices.
    """
    if not 0 <= matrix <= len(rows):
        refuse("matrix", f"in [0, matrices={len(rows)}]", matrix)
    place = matrix or 1 + int(np.argmax([row.excess for row in rows]))
    return Drawn(place, rows[place - 1], spectra[place - 1])


def layers(rows: list[Row]) -> list[Row]:
    """The matrices that a signal passes: those with numbers, without the tables of vectors.

    The tables as well where there is nothing else.
    """
    measured = [row for row in rows if row.is_measured]
    return [row for row in measured if "lookup" not in row.flags] or measured


def table(rows: list[Row]) -> Rows:
    """The rows as a table."""
    return Rows([name.replace("_", " ") for name in Row._fields], rows)


def as_csv(rows: list[Row]) -> str:
    """The rows as comma-separated values in all digits; a name from a file is no formula."""
    out = io.StringIO()
    cells = [[escape_formula(value) for value in row] for row in rows]
    csv.writer(out, lineterminator="\n").writerows([Row._fields, *cells])
    return out.getvalue()


def _read(survey: Survey) -> Iterator[tuple[Weight, np.ndarray, str]]:
    """Each weight, its matrix, and why that could not be read; each moves the progress bar."""
    bar = {"unit": "B", "unit_scale": True, "desc": "weights", "delay": PATIENCE, "leave": False}
    total = sum(w.stored.size for w in survey.weights)
    # Nothing is drawn where standard error is no terminal and there is no notebook.
    with tqdm(total=survey.size, disable=None, **bar) as shown:
        for weight in survey.weights:
            step()
            matrix, unreadable = np.empty((0, 0)), ""
            try:
                matrix = weight.matrix()
            except ValueError as error:
                unreadable = "unreadable: " + str(error).partition("; got ")[2]
            yield weight, matrix, unreadable
            shown.update(round(survey.size * weight.stored.size / max(total, 1)))


def _parts(weight: Weight, matrix: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """The matrix with its name, or one for each gate of a recurrent layer."""
    if not weight.gates or fault(matrix):
        return [(weight.name, matrix)]
    return [(f"{weight.name} [{gate.name}]", matrix[gate.rows]) for gate in weight.gates]


def _bias(weight: Weight) -> Any:
    """What is added to the outputs, where it can be read and is finite."""
    try:
        bias = read("bias", weight.bias) if weight.bias else None
    except ValueError:
        return None
    return bias if bias is None or np.isfinite(bias).all() else None

"""What does a file of trained weights carry, matrix by matrix, and what would theory want there?

Every matrix of the file is read when its turn comes, and nothing in the file is executed. Its
mean square times fan-in is set beside what the activation that it feeds wants, its tail is fitted,
its singular values stand beside those of a random matrix, and its rank is given by four
definitions that are often confused. What has no numbers or was never trained is flagged.

Source:
    He et al. (2015), arXiv:1502.01852; Martin & Mahoney (2021), arXiv:1810.01075; Roy &
    Vetterli (2007), EUSIPCO; Devlin et al. (2019), arXiv:1810.04805, whose code starts at 0.02.
"""

from __future__ import annotations

import csv
import io
from typing import Literal, NamedTuple

import numpy as np

from workbench.base.checks import refuse, spell
from workbench.base.csv_safety import harmless
from workbench.base.rows import Rows
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.inits._measured_matrices import KNOWN, Measured, measured
from workbench.inits.theory.marchenko_pastur import largest_random
from workbench.inits.theory.moments import gain
from workbench.inits.weights.cache import Origin, origin
from workbench.inits.weights.matrix_report import Row, Spectrum, wanting
from workbench.inits.weights.reading.activation_tables import activation_of, read_activations
from workbench.inits.weights.reading.files import SUFFIXES

PAPER = "Devlin et al. (2019)"
DEVIATIONS = 5.0
# Weights of a matrix whose tail nobody sees.
FEW = 1000
NOTHING = "no matrix of this file has numbers to decide it by"

DEVIATION = Statement(PAPER, "released code", "Weights start with a deviation of 0.02 and keep it")
TAILS = Statement(
    "Martin & Mahoney (2021)",
    "heavy tails",
    "Trained weight matrices depart from a Gaussian's tail",
)
WANTED = Statement(
    "He et al. (2015)",
    "forward case",
    "Trained matrices keep the variance that relu asks for, 2/fan_in",
)
RANKS = Statement("Roy & Vetterli (2007)", "abstract", "One number is a matrix's effective rank")


class Params(Knobs):
    """The knobs of the experiment."""

    weights_file: str = knob("", "your own weights instead of the default's", suffixes=SUFFIXES)
    activation: Literal["gelu", "relu", "silu", "tanh", "linear"] = knob(
        "gelu", "activation that the matrices feed"
    )
    activations_file: str = knob(
        "", "activations of single matrices, a pattern of names and one a line", suffixes=(".csv",)
    )
    layout: Literal["auto", "torch", "keras", "flax", "gpt2"] = knob(
        "auto", "which axis counts the outputs, by whose convention"
    )
    lookup: str = knob("auto", "tables of vectors: auto, none, or patterns of names and commas")
    matrix: int = knob(
        0, "matrix whose singular values are drawn; 0 for the furthest from random", span=(0, 1000)
    )
    sample: int = knob(50000, "weights of a matrix that its tail is fitted on", span=(1000, 10**6))


class Result(NamedTuple):
    """All matrices in the file's order, where they come from, and the one that is drawn.

    Attributes:
        measured: what the file holds.
        rows: its rows beside what the activations want.
        place: of the matrix that is drawn, from 1.
    """

    measured: Measured
    rows: list[Row]
    place: int

    @property
    def chosen(self) -> Row:
        """The matrix that is drawn."""
        return self.rows[self.place - 1]

    @property
    def spectrum(self) -> Spectrum:
        """Its singular values."""
        return self.measured.spectra[self.place - 1]

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """What a slider has to reach: a file may hold far fewer matrices than the knob allows."""
        return {"matrix": (0, len(self.rows))}


def run(params: Params) -> Result:
    """Every matrix of the file, one at a time."""
    return _result(params, measured(_where(params), params.sample, params.seed))


def first_look(params: Params) -> Result:
    """Every matrix but for its tail, which the main figure does not show and the sample is for."""
    where = _where(params)
    known = KNOWN.get(where) or measured(where, min(params.sample, FEW), params.seed)
    return _result(params, known)


def _where(params: Params) -> Origin:
    return origin(params.weights_file, params.seed, params.layout, params.lookup)


def _result(params: Params, whole: Measured) -> Result:
    if not whole.rows:
        beside = "; ".join([f"{whole.vectors} vectors and scalars", *whole.unread])[:200]
        source = spell(whole.source)
        raise ValueError(f"`weights_file` must be one with a matrix; got {source} with {beside}")
    if params.matrix > len(whole.rows):
        refuse("matrix", f"in [0, matrices={len(whole.rows)}]", params.matrix)
    table = read_activations(params.activations_file) if params.activations_file else []
    names = [activation_of(row.name, table, params.activation) for row in whole.rows]
    squares = {name: gain(name) ** 2 for name in {*names}}
    rows = [wanting(row, squares[n], n) for row, n in zip(whole.rows, names, strict=True)]
    place = params.matrix or 1 + int(np.argmax([_excess(row) for row in rows]))
    return Result(whole, rows, place)


def settled(params: Params, result: Result) -> Params:
    """The same knobs with the matrix that was drawn by its place in the file."""
    return type(params)(**{**params.values(), "matrix": result.place})


def _excess(row: Row) -> float:
    """The largest singular value over the largest that chance gives; 0 without numbers."""
    if not row.is_measured:
        return 0.0
    return row.largest / largest_random(row.outputs, row.inputs, row.deviation)


def layers(result: Result) -> list[Row]:
    """The matrices that a signal passes: those with numbers, without the tables of vectors.

    The tables as well where there is nothing else.
    """
    measured_rows = [r for r in result.rows if r.is_measured]
    return [r for r in measured_rows if "lookup" not in r.flags] or measured_rows


def wanted(result: Result) -> dict[str, float]:
    """What each activation wants that a matrix of the file feeds."""
    return {r.activation: r.wanted for r in layers(result) if r.activation}


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    passed, whole = layers(result), result.measured
    flags = [flag.split(":")[0] for r in result.rows for flag in r.flags]
    values = {
        "weights from": whole.source,
        "layout": whole.layout,
        "weights": whole.weights,
        "matrices": len(result.rows),
        "vectors and scalars": whole.vectors,
        "vanish": flags.count("vanishes"),
        "explode": flags.count("explodes"),
        "at an initial distribution": flags.count("initial distribution"),
        "without numbers": sum(not r.is_measured for r in result.rows),
    }
    values |= {"not read": "; ".join(whole.unread)} if whole.unread else {}
    if passed:
        values["median fan-in variance"] = float(np.median([r.fan_in_variance for r in passed]))
        values[f"wanted by {params.activation}"] = gain(params.activation) ** 2
    tails = [r.tail for r in passed if not np.isnan(r.tail)]
    return Summary({**values, "median tail shape": float(np.median(tails))} if tails else values)


def claims(params: Params, result: Result) -> Claims:
    """What is said of trained weights in general, on these."""
    passed = layers(result)
    size = f"{len(passed)} matrices of {result.measured.source}"
    deviations = [r.deviation for r in passed]
    products = [r.fan_in_variance for r in passed]
    ratios = [r.entropy / r.stable for r in passed]
    normal = [abs(r.tail - 2) < DEVIATIONS * r.tail_error for r in passed if r.tail_error > 0]
    return Claims(
        [
            _typical(DEVIATION, (0.018, 0.022), deviations, size),
            _share(TAILS, normal, 0.5, "whose tail is a Gaussian's within five standard errors"),
            _typical(WANTED, (1.6, 2.4), products, size),
            RANKS.bounded(
                measured=float(np.median(ratios)),
                below=1.5,
                note="median ratio of the entropy's rank to the stable rank",
            )
            if ratios
            else RANKS.beyond(expected="below 1.5", note=NOTHING),
        ]
    )


def _typical(
    statement: Statement, expected: tuple[float, float], values: list[float], size: str
) -> Claim:
    if not values:
        return statement.beyond(expected=f"{expected[0]} to {expected[1]}", note=NOTHING)
    note = f"median; {min(values):.3g} to {max(values):.3g} in {size}"
    return statement.agrees(expected=expected, measured=float(np.median(values)), note=note)


def _share(statement: Statement, values: list[bool], below: float, words: str) -> Claim:
    if not values:
        return statement.beyond(expected=f"below {below}", note=NOTHING)
    measured_share = sum(values) / len(values)
    return statement.bounded(
        measured=measured_share, below=below, note=f"share of matrices {words}"
    )


def table(result: Result) -> Rows:
    """The rows as a table."""
    return Rows([name.replace("_", " ") for name in Row._fields], result.rows)


def text(result: Result) -> str:
    """The rows as comma-separated values, all digits kept; a name from a file is no formula."""
    out = io.StringIO()
    rows = [[harmless(value) for value in row] for row in result.rows]
    csv.writer(out, lineterminator="\n").writerows([Row._fields, *rows])
    return out.getvalue()


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    row = result.chosen
    if not row.is_measured:
        return f"No singular values of {row.name}, {row.outputs} by {row.inputs}: {row.flag}."
    return (
        f"Singular values of {row.name}, {row.outputs} by {row.inputs}, largest first, on a log "
        f"scale beside those of a random matrix of the same deviation; {row.beyond} of "
        f"{min(row.outputs, row.inputs)} lie above the largest that chance gives."
    )


def title(result: Result) -> str:
    """The matrix that is drawn, by place, name, size and flag."""
    row = result.chosen
    flag = f" ({row.flag})" if row.flag else ""
    return f"{result.place}. {row.name}: {row.outputs} × {row.inputs}{flag}"


def told_of_all(result: Result) -> str:
    """What the figure of all matrices shows, in words."""
    products = [r.fan_in_variance for r in layers(result)]
    if not products:
        return "No matrix has a fan-in variance to draw."
    lines = " and ".join(f"the {v:.3g} that {name} wants" for name, v in wanted(result).items())
    return (
        f"Fan-in variance of {len(products)} trained matrices in the file's order, from "
        f"{min(products):.3g} to {max(products):.3g}"
        + (f", with a line at {lines}." if lines else ".")
    )

"""What does a file of trained weights carry, matrix by matrix, and what would theory want there?

Every matrix of a `.safetensors`, `.npz` or `.pt` file is read when its turn comes, and nothing in
the file is executed. Its variance times fan-in is set beside what the activation it feeds wants,
its tail is fitted, and its rank is told by four definitions that are often confused.

Source:
    He et al. (2015), arXiv:1502.01852, eq. 10; Martin & Mahoney (2021), arXiv:1810.01075; Roy &
    Vetterli (2007), EUSIPCO; Devlin et al. (2019), arXiv:1810.04805, whose code starts at 0.02.
"""

from __future__ import annotations

import csv
import html
import io
import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from workbench.array import generator
from workbench.claims import Claims, Statement, Summary, number
from workbench.inits import effective_rank as rank
from workbench.inits import generalized_gaussian
from workbench.inits.moments import gain
from workbench.inits.trained import matrices, trained
from workbench.inits.weight_files import SUFFIXES
from workbench.knobs import Knobs, knob

PAPER = "Devlin et al. (2019)"
DEVIATIONS = 5.0
# A signal's factor per layer beyond which ten layers change it more than a thousandfold.
VANISHES, EXPLODES = 0.5, 2.0

DEVIATION = Statement(PAPER, "released code", "Weights start with a deviation of 0.02 and keep it")
TAILS = Statement(
    "Martin & Mahoney (2021)", "section 1", "Trained weight matrices depart from a Gaussian's tail"
)
WANTED = Statement(
    "He et al. (2015)", "eq. 10", "Trained matrices keep the variance that relu asks for, 2/fan_in"
)
RANKS = Statement("Roy & Vetterli (2007)", "abstract", "One number is a matrix's effective rank")


class Params(Knobs):
    """The knobs of the experiment."""

    weights_file: str = knob("", "your own weights instead of the default's", suffixes=SUFFIXES)
    activation: Literal["gelu", "relu", "silu", "tanh", "linear"] = knob(
        "gelu", "activation that the matrices feed"
    )
    sample: int = knob(50000, "weights of a matrix that its tail is fitted on", span=(1000, 10**6))


class Row(NamedTuple):
    """One matrix.

    Attributes:
        name: as the file has it.
        outputs: units.
        inputs: fan-in.
        deviation: of its weights.
        fan_in_variance: mean square times fan-in.
        wanted: what keeps the second moment through the activation.
        factor: fan-in variance over wanted, a signal's growth through this layer alone.
        tail: shape of a generalised Gaussian; 2 is normal.
        tail_error: its standard error.
        largest: largest singular value.
        participation: rank by (Σs²)²/Σs⁴.
        entropy: rank by the entropy of the singular values.
        nuclear: rank by (Σs)²/Σs².
        stable: rank by Σs²/max s².
        flag: "lookup", "vanishes", "explodes" or "".
    """

    name: str
    outputs: int
    inputs: int
    deviation: float
    fan_in_variance: float
    wanted: float
    factor: float
    tail: float
    tail_error: float
    largest: float
    participation: float
    entropy: float
    nuclear: float
    stable: float
    flag: str


class Result(NamedTuple):
    """The matrices in the file's order, where they come from, and how many weights they hold."""

    source: str
    weights: int
    rows: list[Row]


def run(params: Params) -> Result:
    """Every matrix of the file, one at a time."""
    rng = generator(params.seed)
    found = trained(rng, params.weights_file)
    wanted = gain(params.activation) ** 2
    # Nothing is drawn where standard error is no terminal, so a page stays free of it.
    shown = tqdm(matrices(found.arrays), unit=" matrices", disable=None)
    rows, count = [], 0
    for name, matrix in shown:
        count += matrix.size
        rows.append(_row(rng, params, name, matrix, wanted))
    if not rows:
        raise ValueError(f"`weights_file` must be one with a matrix; got {params.weights_file!r}")
    return Result(found.source, count, rows)


def _row(
    rng: Any, params: Params, name: str, matrix: Float[np.ndarray, "o i"], wanted: float
) -> Row:
    flat = matrix.reshape(-1)
    chosen = flat
    if flat.size > params.sample:
        chosen = flat[rng.integers(0, flat.size, params.sample)]
    tail = generalized_gaussian.fit(chosen.astype(np.float64))
    values = rank.singular(matrix)
    # The squared singular values add up to the sum of squares.
    square = float((values**2).sum()) / flat.size
    product = square * matrix.shape[1]
    return Row(
        name,
        *matrix.shape,
        math.sqrt(square),
        product,
        wanted,
        product / wanted,
        tail.shape,
        tail.error,
        float(values[0]),
        rank.participation(values),
        rank.entropy_rank(values),
        rank.nuclear_rank(values),
        rank.stable_rank(values),
        flag(name, product / wanted),
    )


def flag(name: str, factor: float) -> str:
    """What a reader should look at: a table of vectors has no fan-in, a factor tells the rest."""
    if "embed" in name.lower():
        return "lookup"
    if factor < VANISHES:
        return "vanishes"
    return "explodes" if factor > EXPLODES else ""


def layers(result: Result) -> list[Row]:
    """The matrices that a signal passes; the tables of vectors are left out where there are any."""
    return [r for r in result.rows if r.flag != "lookup"] or result.rows


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    kept = layers(result)
    flags = [r.flag for r in result.rows]
    return Summary(
        {
            "weights from": result.source,
            "weights": result.weights,
            "matrices": len(result.rows),
            "vanish": flags.count("vanishes"),
            "explode": flags.count("explodes"),
            "median fan-in variance": float(np.median([r.fan_in_variance for r in kept])),
            f"wanted by {params.activation}": result.rows[0].wanted,
            "median tail shape": float(np.median([r.tail for r in kept])),
        }
    )


def claims(params: Params, result: Result) -> Claims:
    """What is said of trained weights in general, on these."""
    kept = layers(result)
    deviations = np.array([r.deviation for r in kept])
    products = np.array([r.fan_in_variance for r in kept])
    ratios = np.array([r.entropy / r.stable for r in kept])
    normal = sum(abs(r.tail - 2) < DEVIATIONS * r.tail_error for r in kept)
    size = f"{len(kept)} matrices of {result.source}"
    return Claims(
        [
            DEVIATION.agrees(
                expected=(0.018, 0.022),
                measured=float(np.median(deviations)),
                note=f"median; {deviations.min():.3g} to {deviations.max():.3g} in {size}",
            ),
            TAILS.bounded(
                measured=normal / len(kept),
                below=0.5,
                note="share of matrices whose tail is a Gaussian's within five standard errors",
            ),
            WANTED.agrees(
                expected=(1.6, 2.4),
                measured=float(np.median(products)),
                note=f"median; {products.min():.3g} to {products.max():.3g} in {size}",
            ),
            RANKS.bounded(
                measured=float(np.median(ratios)),
                below=1.5,
                note="median ratio of the entropy's rank to the stable rank",
            ),
        ]
    )


def table(result: Result) -> str:
    """The rows as an HTML table."""
    head = "".join(f"<th>{html.escape(f.replace('_', ' '))}</th>" for f in Row._fields)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(number(v))}</td>" for v in row) + "</tr>"
        for row in result.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def text(result: Result) -> str:
    """The rows as comma-separated values, all digits kept."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([Row._fields, *result.rows])
    return out.getvalue()


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    kept = layers(result)
    products = [r.fan_in_variance for r in kept]
    return (
        f"Fan-in variance of {len(kept)} trained matrices in the file's order, from "
        f"{min(products):.3g} to {max(products):.3g}, with a line at the "
        f"{result.rows[0].wanted:.3g} that the activation wants."
    )

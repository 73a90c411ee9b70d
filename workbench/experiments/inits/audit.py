"""What does a file of trained weights carry, matrix by matrix, and what would theory want there?

Every matrix of a `.safetensors`, `.npz` or `.pt` file is read when its turn comes, and nothing in
the file is executed. Its variance times fan-in is set beside what the activation it feeds wants,
its tail is fitted, its singular values stand beside those of a random matrix, and its rank is told
by four definitions that are often confused.

Source:
    He et al. (2015), arXiv:1502.01852; Martin & Mahoney (2021), arXiv:1810.01075; Roy &
    Vetterli (2007), EUSIPCO; Devlin et al. (2019), arXiv:1810.04805, whose code starts at 0.02.
"""

from __future__ import annotations

import csv
import functools
import io
from typing import Any, Literal, NamedTuple

import numpy as np
from tqdm.auto import tqdm

from workbench.checks import refuse
from workbench.experiment.decisions import Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.inits._trained_weights import Origin, origin, weights
from workbench.inits.matrix_report import Row, Spectrum, fitted_tail, spectrum, wanting
from workbench.inits.moments import gain
from workbench.inits.random_spectrum import largest_random
from workbench.inits.trained import matrices
from workbench.inits.weight_files import SUFFIXES
from workbench.rows import Rows
from workbench.spreadsheet import harmless
from workbench.watch import step

PAPER = "Devlin et al. (2019)"
DEVIATIONS = 5.0
# Weights of a matrix whose tail nobody sees.
FEW = 1000
# Seconds after which a run tells how far it is.
PATIENCE = 5

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
    matrix: int = knob(
        0, "matrix whose singular values are drawn; 0 for the furthest from random", span=(0, 1000)
    )
    sample: int = knob(50000, "weights of a matrix that its tail is fitted on", span=(1000, 10**6))


class Result(NamedTuple):
    """The matrices in the file's order, where they come from, and the one that is drawn."""

    source: str
    weights: int
    rows: list[Row]
    place: int
    spectrum: Spectrum

    @property
    def chosen(self) -> Row:
        """The matrix that is drawn."""
        return self.rows[self.place - 1]

    @property
    def spans(self) -> dict[str, tuple[int, int]]:
        """What a slider has to reach: a file may hold far fewer matrices than the knob allows."""
        return {"matrix": (0, len(self.rows))}


def run(params: Params) -> Result:
    """Every matrix of the file, one at a time."""
    where = origin(params.weights_file, params.seed)
    return _result(params, _measured(where, params.sample, params.seed))


def first_look(params: Params) -> Result:
    """Every matrix but for its tail, which the main figure does not show and the sample is for."""
    where = origin(params.weights_file, params.seed)
    found = _KNOWN.get(where) or _measured(where, min(params.sample, FEW), params.seed)
    return _result(params, found)


def _result(params: Params, found: _Measured) -> Result:
    if not found.rows:
        raise ValueError(f"`weights_file` must be one with a matrix; got {params.weights_file!r}")
    if params.matrix > len(found.rows):
        refuse("matrix", f"in [0, matrices={len(found.rows)}]", params.matrix)
    wanted = gain(params.activation) ** 2
    rows = [wanting(row, wanted) for row in found.rows]
    place = params.matrix or 1 + int(np.argmax([_excess(row) for row in rows]))
    return Result(found.source, found.weights, rows, place, found.spectra[place - 1])


def settled(params: Params, result: Result) -> Params:
    """The same knobs with the matrix that was drawn by its place in the file."""
    return type(params)(**{**params.values(), "matrix": result.place})


def _excess(row: Row) -> float:
    """The largest singular value over the largest that chance gives."""
    return row.largest / largest_random(row.outputs, row.inputs, row.deviation)


class _Measured(NamedTuple):
    source: str
    weights: int
    rows: list[Row]
    spectra: list[Spectrum]


# What the last weights hold whatever sample the tails are fitted on, which are NaN here.
_KNOWN: dict[Origin, _Measured] = {}


@functools.lru_cache(maxsize=4)
def _measured(where: Origin, sample: int, seed: int) -> _Measured:
    """What a file holds whatever is wanted of it; kept, so that a slider need not read it again."""
    rng, found = weights(where.path, seed)
    bar = {"unit": "B", "unit_scale": True, "desc": "audit", "delay": PATIENCE, "leave": False}
    known, rows, spectra, count, tails = _KNOWN.get(where), [], [], 0, []
    # Nothing is drawn where standard error is no terminal and there is no notebook.
    with tqdm(total=found.size, disable=None, **bar) as shown:
        for name, matrix in matrices(_counted(found.arrays, shown)):
            count += matrix.size
            tails.append(fitted_tail(rng, matrix, sample))
            if known is None:
                row, seen = spectrum(name, matrix)
                rows.append(row)
                spectra.append(seen)
    if known is None:
        _KNOWN.clear()
        known = _KNOWN[where] = _Measured(found.source, count, rows, spectra)
    told = [
        row._replace(tail=t.shape, tail_error=t.error)
        for row, t in zip(known.rows, tails, strict=True)
    ]
    return known._replace(rows=told)


def _counted(arrays: Any, shown: tqdm) -> Any:
    """The arrays as they come; each moves the progress bar when the next is asked for."""
    for name, value in arrays:
        step()
        yield name, value
        shown.update(value.nbytes)


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
    return (
        f"Singular values of {row.name}, {row.outputs} by {row.inputs}, largest first, on a log "
        f"scale beside those of a random matrix of the same deviation; {row.beyond} of "
        f"{min(row.outputs, row.inputs)} lie above the largest that chance gives."
    )


def told_of_all(result: Result) -> str:
    """What the figure of all matrices shows, in words."""
    products = [r.fan_in_variance for r in layers(result)]
    return (
        f"Fan-in variance of {len(products)} trained matrices in the file's order, from "
        f"{min(products):.3g} to {max(products):.3g}, with a line at the "
        f"{result.rows[0].wanted:.3g} that the activation wants."
    )

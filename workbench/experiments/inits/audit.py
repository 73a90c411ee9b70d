"""What is in a file of trained weights, matrix by matrix, and how does it compare with theory?

Matrices are read one at a time, and nothing in the file is executed. The mean square times fan-in
is compared with the value that preserves a signal through the following activation, the tail is
fitted, the singular values are compared with those of a random matrix, and the rank is given by
four definitions that are often confused. Matrices without numbers and untrained ones are flagged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from workbench.base.array import generator
from workbench.experiment.claims import Claim, Measured, Paper, between, equals, missing
from workbench.experiment.measurement import DEVIATIONS, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.theory.moments import gain
from workbench.inits.weights.file_report import (
    FileReport,
    beside_theory,
    file_report,
    fitted_tails,
    layers,
)
from workbench.inits.weights.reading.activation_tables import read_activations
from workbench.inits.weights.reading.files import SUFFIXES, changed
from workbench.inits.weights.sources import UNTRAINED, check_file, is_stored, loaded

PAPER = Paper("Devlin et al.", 2019, "arXiv:1810.04805")
TAILS = Paper("Martin & Mahoney", 2021, "arXiv:1810.01075")
HE = Paper("He et al.", 2015, "arXiv:1502.01852")
RANKS = Paper("Roy & Vetterli", 2007, "EUSIPCO 2007:606")
NOTHING = missing("no matrix of this file has numbers to decide it by")


class Params(Knobs):
    """The knobs of the experiment."""

    file_state = staticmethod(changed)
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
    sample: int = knob(
        50000, "weights of a matrix that its tail is fitted on", span=(1000, 10**6), is_budget=True
    )

    def check_files(self) -> None:
        """Refuses weights without a matrix, and what is no table of activations."""
        check_file(self.weights_file)
        if self.activations_file:
            read_activations(self.activations_file)


@stage
def report(weights_file, layout, lookup, seed) -> FileReport:
    """The matrices of the file, without activations and tails."""
    return file_report(loaded(weights_file, layout, lookup, seed))


@stage
def tails(weights_file, layout, lookup, sample, seed) -> list:
    """The tail of each matrix, fitted on a sample of its weights."""
    return fitted_tails(generator(seed), loaded(weights_file, layout, lookup, seed), sample)


def run(p: Params) -> dict:
    """Every matrix of the file, one at a time."""
    # A file is read without a seed.
    whole = report(p, seed=0 if is_stored(p.weights_file) else p.seed)
    table = read_activations(p.activations_file) if p.activations_file else []
    rows = beside_theory(whole.rows, tails(p), table, p.activation)
    passed = layers(rows)
    flags = [flag.split(":")[0] for row in rows for flag in row.flags]
    return {
        "weights from": whole.source,
        "layout": whole.layout,
        "weights": whole.weights,
        "matrices": len(rows),
        "vectors and scalars": whole.vectors,
        "vanish": flags.count("vanishes"),
        "explode": flags.count("explodes"),
        "at an initial distribution": flags.count("initial distribution"),
        "without numbers": sum(not row.is_measured for row in rows),
        "not read": "; ".join(whole.unread) or None,
        "median fan-in variance": _median([row.fan_in_variance for row in passed]),
        f"fan-in variance that preserves {p.activation}": gain(p.activation) ** 2,
        "median tail shape": _median([row.tail for row in passed if not np.isnan(row.tail)]),
        "rows": rows,
        "layers": passed,
        "spectra": whole.spectra,
        "spans": {"matrix": (0, len(rows))},
    }


def _median(values: list[float]) -> float | None:
    """The median; None, which no summary shows, of nothing."""
    return float(np.median(values)) if values else None


def _typical(quantity: str) -> Callable[[dict], Measured]:
    """The median of a column over the matrices that a signal passes."""

    def measure(result: dict) -> Measured:
        values = [getattr(row, quantity) for row in result["layers"]]
        if not values:
            return NOTHING
        size = f"{len(values)} matrices of {result['weights from']}"
        note = f"median; {min(values):.3g} to {max(values):.3g} in {size}"
        return Measured(_median(values), note=note)

    return measure


def _share_normal(p: Params, result: dict) -> Measured:
    """The share of matrices whose tail is consistent with a Gaussian's."""
    if not is_stored(p.weights_file):
        return missing(UNTRAINED)
    fitted = [row for row in result["layers"] if row.tail_error > 0]
    if not fitted:
        return NOTHING
    normal = sum(abs(row.tail - 2) < DEVIATIONS * row.tail_error for row in fitted)
    note = "share of matrices whose tail is a Gaussian's within five standard errors"
    return Measured(normal / len(fitted), note=note)


def _rank_ratio(result: dict) -> Measured:
    """The entropy's rank over the stable rank, in the middle of all matrices."""
    ratios = [row.entropy / row.stable for row in result["layers"]]
    note = "median ratio of the entropy's rank to the stable rank"
    return Measured(_median(ratios), note=note) if ratios else NOTHING


CLAIMS = [
    Claim(
        "released code",
        "Weights start with a deviation of 0.02 and keep it",
        equals(_typical("deviation"), (0.018, 0.022)),
        finding="not reproduced",
    ),
    Claim(
        "heavy tails",
        "Trained weight matrices depart from a Gaussian's tail",
        between(_share_normal, below=0.5),
        paper=TAILS,
    ),
    Claim(
        "forward case",
        "Trained matrices keep the variance that relu asks for, 2/fan_in",
        equals(_typical("fan_in_variance"), (1.6, 2.4)),
        paper=HE,
    ),
    Claim(
        "abstract",
        "One number is a matrix's effective rank",
        between(_rank_ratio, below=1.5),
        finding="not reproduced",
        paper=RANKS,
    ),
]

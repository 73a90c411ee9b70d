"""Do trained weights follow a generalised Gaussian, and does it pay to start or store them so?

Every matrix is fitted by four families, and the families are compared by their likelihood on the
same weights. Then the paper's uses: initial weights of a peaked shape, whose kurtosis increases the
scatter in depth; the entropy of quantised weights; and RF8, eight bits as two powers of two, beside
an ordinary float of eight bits.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable

import numpy as np

from workbench.base.array import generator
from workbench.base.cancellation import steps
from workbench.experiment.claims import Claim, Measured, Paper, between, follows, missing
from workbench.experiment.measurement import DEVIATIONS, Samples, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes import generalized_gaussian as law
from workbench.inits.theory.preservation import relu_scatter, spread
from workbench.inits.weights.fits import Fits, all_fits
from workbench.inits.weights.reading.files import SUFFIXES, changed
from workbench.inits.weights.sources import UNTRAINED, check_file, is_stored, loaded

PAPER = Paper("Wu et al.", 2025, "arXiv:2506.00486", "It takes a good model to train a good model")
SHAPES = [2.0, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3]


class Params(Knobs):
    """The knobs of the experiment."""

    file_state = staticmethod(changed)
    weights_file: str = knob("", "your own weights instead of the default's", suffixes=SUFFIXES)
    sample: int = knob(
        20000, "weights of a matrix that are fitted", span=(1000, 1000000), log=True, is_budget=True
    )
    shape: float = knob(0.5, "shape of the initial weights", span=(0.2, 3.0))
    width: int = knob(128, "units of a layer of the network in depth", span=(16, 1024), log=True)
    depth: int = knob(10, "layers of it", span=(2, 50))
    networks: int = knob(160, "independent networks", span=(8, 512), log=True, is_budget=True)

    def check_files(self) -> None:
        """Refuses weights without a matrix."""
        check_file(self.weights_file)


@stage
def fits(weights_file, sample, seed) -> Fits:
    """The trained matrices, read and fitted on the host."""
    return all_fits(generator(seed), loaded(weights_file, seed=seed), sample)


@stage
def ratios(rng, shape, width, depth, networks) -> Samples:
    """Each relu network's second moment at the output over that at the input, at one input."""
    scheme = functools.partial(law.weights, tail=shape, scale=2.0)
    widths = [width] * (depth + 1)
    passed = propagate(rng, widths, "relu", scheme, networks=networks, inputs=1)
    return Samples(passed.signal_ratio, law=1.0)


def scatter(shape: float, width: int, depth: int) -> float:
    """The relative deviation of one input's second moment over networks of a shape, by law."""
    return spread(width, depth, relu_scatter(width, law.kurtosis(shape)))


def run(p: Params) -> dict:
    """Fits of the trained weights, and signals through untrained ones."""
    fitted, signal = fits(p), ratios(p)
    rows = fitted.rows
    wins = [r.best for r in rows]
    return {
        "weights from": fitted.source,
        "matrices": len(rows),
        **{f"best is {name}": wins.count(name) for name in rows[0].losses},
        "median shape": _median(r.shape for r in rows),
        "RF8 [dB]": _median(r.decibels for r in rows),
        "ordinary float [dB]": _median(r.ordinary_decibels for r in rows),
        "RF8 code [bits]": _median(r.bits for r in rows),
        "signal over depth": float(signal.mean),
        "rows": rows,
        "pooled": fitted.pooled,
        "signal": signal,
        "scatter": [float(ratios(p, shape=s).values.std(ddof=1)) for s in steps(SHAPES)],
        "scatter law": [scatter(s, p.width, p.depth) for s in SHAPES],
    }


def _median(values: Iterable[float]) -> float:
    return float(np.median([*values]))


def _share_won(p: Params, result: dict) -> Measured:
    """The share of matrices on which the generalised Gaussian wins."""
    if not is_stored(p.weights_file):
        return missing(UNTRAINED)
    wins = {name: result[f"best is {name}"] for name in result["rows"][0].losses}
    note = "wins: " + ", ".join(f"{name} {count}" for name, count in wins.items())
    return Measured(wins["generalised gaussian"] / result["matrices"], note=note)


def _share_peaked(p: Params, result: dict) -> Measured:
    """The share of matrices whose shape is clearly below a Gaussian's."""
    if not is_stored(p.weights_file):
        return missing(UNTRAINED)
    peaked = [r.shape + DEVIATIONS * r.error < 2 for r in result["rows"]]
    note = "share of matrices whose shape is below 2 by five standard errors"
    return Measured(sum(peaked) / len(peaked), note=note)


def _signal(p: Params, result: dict) -> Measured:
    """The mean ratio; the interval is at least the law's, for few networks underestimate it."""
    mean = result["signal over depth"]
    half = DEVIATIONS * scatter(p.shape, p.width, p.depth) / math.sqrt(p.networks)
    low, high = (float(end) for end in result["signal"].interval)
    note = f"shape {p.shape:g}, kurtosis {law.kurtosis(p.shape):.3g}"
    return Measured(mean, (min(low, mean - half), max(high, mean + half)), 1.0, note)


def _gap(result: dict) -> Measured:
    """RF8's decibels less those of an ordinary float, in the middle of all matrices."""
    gaps = [r.decibels - r.ordinary_decibels for r in result["rows"]]
    note = f"decibels, RF8 less the float; {min(gaps):.2f} to {max(gaps):.2f}"
    return Measured(_median(gaps), note=note)


CLAIMS = [
    Claim(
        "abstract",
        "Trained weights follow a generalised Gaussian best",
        between(_share_won, above=0.5),
        finding="not reproduced",
    ),
    Claim(
        "abstract", "The fitted shape lies below a Gaussian's 2", between(_share_peaked, above=0.5)
    ),
    Claim(
        "section on initialisation",
        "Peaked weights keep a relu's signal in depth",
        follows(_signal),
    ),
    Claim(
        "section on RF8",
        "On trained weights RF8 errs no more than a float of eight bits",
        between(_gap, above=0.0),
        finding="not reproduced",
    ),
    Claim(
        "section on coding",
        "RF8's codes need fewer than eight bits",
        between(lambda result: max(r.bits for r in result["rows"]), below=8.0),
        note="the largest of all matrices",
    ),
]

"""Do trained weights follow a generalised Gaussian, and does it pay to start or store them so?

Every matrix is fitted by four families, and the families are compared by their likelihood on the
same weights. Then the paper's uses: initial weights of a peaked shape, whose kurtosis costs scatter
in depth; the entropy of quantised weights; and RF8, eight bits as two powers of two, beside an
ordinary float of eight bits.

Source:
    Wu et al. (2025), It takes a good model to train a good model: generalized Gaussian priors for
    optimized LLMs, arXiv:2506.00486.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import generator
from workbench.base.cancellation import steps
from workbench.base.intervals import Interval
from workbench.experiment.decisions import Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes import generalized_gaussian as law
from workbench.inits.weights.fits import Histogram, Row, all_fits, few_fits
from workbench.inits.weights.reading.files import SUFFIXES

PAPER = "Wu et al. (2025)"
DEVIATIONS = 5.0
SHAPES = np.array([2.0, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3])

FOLLOWS = Statement(PAPER, "abstract", "Trained weights follow a generalised Gaussian best")
PEAKED = Statement(PAPER, "abstract", "The fitted shape lies below a Gaussian's 2")
KEEPS = Statement(
    PAPER, "section on initialisation", "Peaked weights keep a relu's signal in depth"
)
CODEC = Statement(
    PAPER, "section on RF8", "On trained weights RF8 errs no more than a float of eight bits"
)
ENTROPY = Statement(PAPER, "section on coding", "RF8's codes need fewer than eight bits")


class Params(Knobs):
    """The knobs of the experiment."""

    weights_file: str = knob("", "your own weights instead of the default's", suffixes=SUFFIXES)
    sample: int = knob(
        20000, "weights of a matrix that are fitted", span=(1000, 1000000), log=True, is_budget=True
    )
    shape: float = knob(0.5, "shape of the initial weights", span=(0.2, 3.0))
    width: int = knob(128, "units of a layer of the network in depth", span=(16, 1024), log=True)
    depth: int = knob(10, "layers of it", span=(2, 50))
    networks: int = knob(160, "independent networks", span=(8, 512), log=True, is_budget=True)


class Result(NamedTuple):
    """The matrices, and what initial weights of each shape do to a relu network's signal."""

    source: str
    rows: list[Row]
    pooled: Histogram
    shapes: Float[np.ndarray, " shapes"]
    scatter: Float[np.ndarray, " shapes"]
    scatter_law: Float[np.ndarray, " shapes"]
    signal: tuple[float, Interval]


def run(params: Params) -> Result:
    """Fits of the trained weights, and signals through untrained ones."""
    source, rows, pooled = all_fits(params.weights_file, params.sample, params.seed)
    ratios = _ratios(
        *(params.shape, params.width, params.depth, params.networks, params.seed, params.backend)
    )
    mine = ratios[params.shape]
    half = DEVIATIONS * mine.std(ddof=1) / math.sqrt(len(mine))
    return Result(
        source,
        rows,
        pooled,
        SHAPES,
        np.array([ratios[s].std(ddof=1) for s in SHAPES.tolist()]),
        np.array([_spread(s, params) for s in SHAPES.tolist()]),
        (float(mine.mean()), (float(mine.mean() - half), float(mine.mean() + half))),
    )


def first_look(params: Params) -> Result:
    """What the main figure shows, by few weights where the fits are not known; no networks."""
    fits = few_fits(params.weights_file, params.sample, params.seed)
    none = np.empty(0)
    return Result(*fits, none, none, none, (math.nan, (math.nan, math.nan)))


def again(result: Result, params: Params) -> Result:
    """The same result: the shape that a figure draws needs no new fits."""
    return result


# A panel asks again for networks that the weights' knobs leave as they are.
@functools.lru_cache(maxsize=4)
def _ratios(
    shape: float, width: int, depth: int, networks: int, seed: int, backend: str
) -> dict[float, Float[np.ndarray, " networks"]]:
    """By shape, each network's second moment at the output over that at the input."""
    rng, found = generator(seed, backend), {}
    for tail in steps({*SHAPES.tolist(), shape}):
        scheme = functools.partial(law.weights, tail=tail, scale=2.0)
        made = propagate(rng, [width] * (depth + 1), "relu", scheme, networks=networks, inputs=1)
        found[tail] = made.signal_ratio
    return found


def _spread(shape: float, params: Params) -> float:
    """The relative deviation of one input's second moment over networks, to first order in 1/n.

    c = 5 + 12 (κ - 3)/n: relu's E f⁴/(E f²)² - 1 where E z⁴ carries the weights' excess kurtosis
    times Σ a⁴/(Σ a²)² = 6/n of the signals a below.
    """
    added = (5 + 12 * (law.kurtosis(shape) - 3) / params.width) / params.width
    return math.sqrt(math.expm1(params.depth * math.log1p(added)))


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    wins = [r.best for r in result.rows]
    return Summary(
        {
            "weights from": result.source,
            "matrices": len(wins),
            **{f"best is {n}": wins.count(n) for n in result.rows[0].losses},
            "median shape": float(np.median([r.shape for r in result.rows])),
            "RF8 [dB]": float(np.median([r.decibels for r in result.rows])),
            "ordinary float [dB]": float(np.median([r.ordinary_decibels for r in result.rows])),
            "RF8 code [bits]": float(np.median([r.bits for r in result.rows])),
            "signal over depth": result.signal[0],
        }
    )


def claims(params: Params, result: Result) -> Claims:
    """The paper's sentences on these weights."""
    rows = result.rows
    won = sum(r.best == "generalised gaussian" for r in rows)
    second = {n: sum(r.best == n for r in rows) for n in rows[0].losses}
    told_wins = ", ".join(f"{n} {k}" for n, k in second.items())
    gaps = [r.decibels - r.ordinary_decibels for r in rows]
    bits = [r.bits for r in rows]
    return Claims(
        [
            FOLLOWS.bounded(measured=won / len(rows), above=0.5, note=f"wins: {told_wins}"),
            PEAKED.bounded(
                measured=sum(r.shape + DEVIATIONS * r.error < 2 for r in rows) / len(rows),
                above=0.5,
                note="share of matrices whose shape is below 2 by five standard errors",
            ),
            KEEPS.agrees(
                expected=1.0,
                measured=result.signal[0],
                interval=result.signal[1],
                note=f"shape {params.shape:g}, kurtosis {law.kurtosis(params.shape):.3g}",
            ),
            CODEC.bounded(
                measured=float(np.median(gaps)),
                above=0.0,
                note=f"decibels, RF8 less the float; {min(gaps):.2f} to {max(gaps):.2f}",
            ),
            ENTROPY.bounded(measured=max(bits), below=8.0, note="the largest of all matrices"),
        ]
    )


def typical(result: Result) -> float:
    """The shape in the middle of all matrices."""
    return float(np.median([r.shape for r in result.rows]))


def told(params: Params, result: Result) -> str:
    """What the main figure shows, in words."""
    return (
        f"Density of the weights of {len(result.rows)} trained matrices, each in its own "
        f"deviations, on a log scale: beside it a generalised Gaussian of shape {params.shape:g}, "
        f"one of the typical fitted shape {typical(result):.3g}, and a Gaussian."
    )


def told_of_shapes(result: Result) -> str:
    """What the figure of all fitted shapes shows, in words."""
    shapes = [r.shape for r in result.rows]
    return (
        f"Fitted shapes of {len(shapes)} trained matrices, from {min(shapes):.2f} to "
        f"{max(shapes):.2f}, with a line at the Gaussian's 2."
    )

"""Does a network of sines start with signals of unit variance at every depth?

SIREN draws weights uniformly within ±√(6/fan_in), so that each sine should see a normal signal of
unit variance. This run draws such networks, measures the variance before every sine and the growth
of gradients, and holds both against the maps of infinitely wide networks.

Source:
    Sitzmann, Martel, Bergman, Lindell & Wetzstein (2020), arXiv:2006.09661, section 3.2; Poole et
    al. (2016), arXiv:1606.05340, for the map of the variance; Schoenholz et al. (2017),
    arXiv:1611.01232, for the gradients' factor. Here the first sine sees normal signals with the
    variance of the paper's uniform ones.
"""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float

from workbench.experiment.claims import Claim, Paper, equals
from workbench.experiment.measurement import Samples, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.propagation import Propagation, propagate
from workbench.inits.networks.trajectories import iterated
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.criticality import fixed_point
from workbench.inits.theory.moments import chi

PAPER = Paper("Sitzmann et al.", 2020, "arXiv:2006.09661")
MAP = Paper("Poole et al.", 2016, "arXiv:1606.05340")
GRADIENTS = Paper("Schoenholz et al.", 2017, "arXiv:1611.01232")


class Params(Knobs):
    """The knobs of the experiment."""

    bound: float = knob(6.0, "squared bound of a weight times its fan-in", span=(1.5, 12.0))
    frequency: float = knob(
        30.0, "factor on coordinates in [-1, 1] before the first sine", span=(1.0, 100.0), log=True
    )
    width: int = knob(256, "units of a layer", span=(64, 512), log=True)
    depth: int = knob(12, "layers after the first sine", span=(4, 32), log=True)
    networks: int = knob(64, "independent networks", span=(8, 256), log=True, is_budget=True)


@stage
def drawn(rng, bound, frequency, width, depth, networks) -> Propagation:
    """Signals and gradients through random networks; a uniform weight's variance is bound/3."""
    scheme = functools.partial(variance_scaling, scale=bound / 3, distribution="uniform")
    widths, variance = [width] * (depth + 1), frequency**2 / 3
    return propagate(
        rng, widths, "sin", scheme, networks=networks, inputs=16, input_variance=variance
    )


@stage
def law(bound, frequency, depth) -> Float[np.ndarray, " layers"]:
    """The variance before each sine at infinite width, q' = bound/3 E sin(z)² with z ~ N(0, q)."""
    return iterated("sin", bound / 3, 0.0, frequency**2 / 3, depth)


@stage
def growth(drawn, bound, law) -> Samples:
    """By network, a gradient's factor a layer over its law, the geometric mean of χ⊥(q)."""
    layers = len(law) - 1
    factors = [chi("sin", q, bound / 3).perpendicular for q in law[1:-1]]
    measured = (drawn.gradient[1] / drawn.gradient[-1]) ** (1 / (layers - 1))
    return Samples(measured / np.exp(np.log(factors).mean()), law=1.0)


def run(p: Params) -> dict:
    """The variances by layer beside their law, and the gradients' growth."""
    before, expected, settled = drawn(p).before, law(p), fixed_point("sin", p.bound / 3)
    return {
        "fixed point": settled.variance,
        "gradient factor there": settled.slopes.perpendicular,
        "first layer": float(before[1].mean()),
        "last layer": float(before[-1].mean()),
        "variance": Samples(before.T),
        "law": expected,
        "growth": growth(p),
    }


def _layer(at: int):
    """The variance before the sine of one layer."""
    return lambda r: Samples(r["variance"].values[:, at])


def _ratio(p: Params, r: dict) -> Samples:
    """The last layer's variance over that at half the depth, by network."""
    return Samples(r["variance"].values[:, -1] / r["variance"].values[:, p.depth // 2])


def _over_law(r: dict) -> Samples:
    """By network, the variance over its law, of the layer that strays most from it."""
    ratio = r["variance"].values[:, 1:] / r["law"][1:]
    return Samples(ratio[:, np.argmax(np.abs(ratio.mean(axis=0) - 1))])


_is_one = functools.partial(equals, expected=1.0, resolution=0.1)
# Laws of infinite width hold within five per cent at these widths.
_is_near = functools.partial(equals, expected=(0.95, 1.05), resolution=0.05)

CLAIMS = [
    Claim("section 3.2", "The first layer's signal has unit variance", _is_one(_layer(1))),
    Claim(
        "section 3.2",
        "The last layer's signal has unit variance",
        _is_one(_layer(-1)),
        finding="not reproduced",
        note=lambda r: f"fixed point of the map {r['fixed point']:.6g}",
    ),
    Claim("section 3.2", "The variance at half the depth is that at the end", _is_one(_ratio)),
    Claim(
        "length map",
        "Every layer's variance follows the map",
        _is_near(_over_law),
        paper=MAP,
        note="variance over the map's, where it strays most",
    ),
    Claim(
        "back propagation",
        "Gradients grow by χ⊥ a layer",
        _is_near("growth"),
        paper=GRADIENTS,
        note=lambda r: f"growth over χ⊥, {r['gradient factor there']:.4g} at the fixed point",
    ),
]

"""Is one gain enough to carry a signal through a deep network?

A gain preserves the variance of one layer. This run iterates the variance through many layers and
measures it in networks of finite width: under the gain from an activation's own moments, under
He's, and at the critical pair of weight and bias variances or off it. It maps where gradients grow
and shrink over all pairs and in how many layers, and compares the scatter between networks, which
goes with depth over width, with its law.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

import numpy as np

from workbench.base.cancellation import steps
from workbench.experiment.claims import Claim, Measured, Paper, equals, exactly, follows
from workbench.experiment.measurement import DEVIATIONS, Samples, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.finite_width import Fluctuations, fluctuations, scatter_ratio
from workbench.inits.networks.trajectories import Trajectory, gradient_decay, iterated, trajectory
from workbench.inits.theory.criticality import attracting_sides, critical
from workbench.inits.theory.moments import chi, depth_scale, gain
from workbench.inits.theory.phase_diagram import Phases, phases

PAPER = Paper("Roberts, Yaida & Hanin", 2022, "arXiv:2106.10165")
HE = Paper("He et al.", 2015, "arXiv:1502.01852")
TRANSFORMER = Paper("Yang & Wang", 2024, "arXiv:2409.10594")
DEEP = Paper("Schoenholz et al.", 2017, "arXiv:1611.01232")
PRODUCTS = Paper("Hanin & Nica", 2018, "arXiv:1812.05994")
# How papers spell the activations; the others as the knob does.
SPELLED = {"gelu": "GELU", "silu": "SiLU", "mish": "Mish", "selu": "SELU", "elu": "ELU"}


class Params(Knobs):
    """The knobs of the experiment."""

    activation: Literal["gelu", "silu", "mish", "tanh", "relu", "sin", "selu", "elu"] = knob(
        "gelu", "activation of the map and of the critical trajectory"
    )
    mistuned: float = knob(
        0.0, "relative error of the weight variance in the critical trajectory", span=(-0.5, 0.5)
    )
    width: int = knob(256, "units of a layer in the trajectories", span=(16, 2048), log=True)
    depth: int = knob(30, "layers of the trajectories", span=(4, 200), log=True)
    networks: int = knob(
        16, "independent networks of a trajectory", span=(4, 256), log=True, is_budget=True
    )
    narrow: int = knob(64, "units of a layer where scatter is measured", span=(8, 256), log=True)
    shallow: int = knob(8, "layers where scatter is measured", span=(2, 32))
    many: int = knob(
        20000, "networks whose scatter is measured", span=(400, 400000), log=True, is_budget=True
    )


class Size(NamedTuple):
    """The knobs of the trajectories' networks."""

    width: int
    depth: int
    networks: int


@stage
def silu_path(rng, size: Size) -> Trajectory:
    """Networks under the gain of SiLU's own moments."""
    return trajectory(rng, "silu", gain("silu") ** 2, **size._asdict())


@stage
def gelu_path(rng, size: Size) -> Trajectory:
    """GELU networks under relu's gain."""
    return trajectory(rng, "gelu", 2.0, **size._asdict())


@stage
def critical_path(rng, activation, mistuned, size: Size) -> Trajectory:
    """Networks at the critical pair, or off it by the error."""
    pair = critical(activation)
    weight, bias = pair.weight_variance * (1 + mistuned), pair.bias_variance
    # A fixed point at zero, or everywhere, is approached from one.
    start = pair.variance if pair.variance > 0 else 1.0
    return trajectory(rng, activation, weight, bias, input_variance=start, **size._asdict())


@stage
def gradient_map(activation) -> Phases:
    """The factor on a gradient's second moment a layer, over pairs of variances."""
    return phases(activation, np.linspace(0.0, 0.6, 25), np.linspace(0.5, 3.5, 31))


@stage
def gradient_rates(rng, size: Size) -> Samples:
    """Logarithmic decay of tanh's gradients a layer, off the edge of chaos; law 1/ξ."""
    rates, law = gradient_decay(rng, "tanh", 1.3, 0.05, **size._asdict())
    return Samples(rates, law=law)


@stage
def scatter(rng, narrow, shallow, many) -> dict[tuple[str, int], Fluctuations]:
    """How much networks differ from each other, by activation and width."""
    cases = [("relu", narrow * k // 2) for k in (1, 2, 4)] + [("linear", narrow)]
    # Wide networks scatter less and cost more, so that fewer are drawn, at least 200.
    counts = {width: many * narrow // width for _, width in cases}
    return {case: fluctuations(rng, *case, shallow, counts[case[1]]) for case in steps(cases)}


def run(p: Params) -> dict:
    """The laws, and measurements in networks of finite width."""
    pair, rates = critical(p.activation), gradient_rates(p)
    paths = {
        "SiLU, gain of its own": silu_path(p),
        "GELU, relu's gain": gelu_path(p),
        f"{SPELLED.get(p.activation, p.activation)}, critical pair": critical_path(p),
    }
    return {
        "class": pair.kind,
        "attracts from": pair.attracts,
        "weight variance": pair.weight_variance,
        "bias variance": pair.bias_variance,
        # Every variance is a fixed point of relu.
        "fixed point": None if math.isnan(pair.variance) else pair.variance,
        **{f"last layer, {name}": float(path.typical[-1]) for name, path in paths.items()},
        "depth scale off tanh's edge": float(1 / rates.mean),
        "pair": pair,
        "trajectories": paths,
        "map": gradient_map(p),
        "rates": rates,
        "scatter": scatter(p),
    }


def moments(seen: Fluctuations) -> Samples:
    """E g² over (E g)² by layer, over batches of networks, with its law."""
    return Samples(seen.moments, law=seen.law)


def _typical(name: str):
    """The last layer's variance in a typical network."""

    def measure(result: dict) -> Measured:
        path = result["trajectories"][name]
        low, high = (float(end[-1]) for end in path.interval)
        return Measured(float(path.typical[-1]), (low, high))

    return measure


def _last_moment(which: str):
    """E g² over (E g)² in the last layer, beside its law."""

    def measure(p: Params, result: dict) -> Samples:
        seen = result["scatter"][which, p.narrow]
        return Samples(seen.moments[:, -1], law=float(seen.law[-1]))

    return measure


def _batches(p: Params, _) -> str:
    return f"width {p.narrow}, {p.shallow} layers, {p.many:,} networks in batches"


def _depth_over_width(p: Params, result: dict) -> Measured:
    """The variance of ln g at twice width and depth over that at one."""
    wide, narrow = (result["scatter"]["relu", n] for n in (2 * p.narrow, p.narrow))
    ratio, error = scatter_ratio(wide, narrow, p.shallow // 2)
    half = DEVIATIONS * error
    note = f"variance of ln g, width {2 * p.narrow} over {p.narrow}, at twice the layers"
    return Measured(ratio, (ratio - half, ratio + half), note=note)


def _doubling(result: dict) -> str:
    """Why the signal under SiLU's own gain leaves one."""
    layers = math.log(2) * depth_scale(chi("silu", 1.0, gain("silu") ** 2).parallel)
    law = result["trajectories"]["SiLU, gain of its own"].law[-1]
    return f"law at infinite width {law:.4g}; a deviation from it doubles in {layers:.1f} layers"


_near_one = functools.partial(equals, expected=(0.5, 2.0))

CLAIMS = [
    Claim(
        "GELU",
        "GELU is critical at a weight variance of 1.98305826",
        equals(lambda: critical("gelu").weight_variance, "1.98305826"),
    ),
    Claim(
        "SWISH",
        "SiLU (SWISH) is critical at a variance (kernel) of 14.32017362",
        equals(lambda: critical("silu").variance, "14.32017362"),
    ),
    Claim(
        "half-stable class",
        "Both points attract a variance from one side and repel it on the other",
        exactly(lambda: f"{attracting_sides('gelu')}, {attracting_sides('silu')}", "1, 1"),
    ),
    Claim(
        "class of zero kernel",
        "At criticality tanh's variance falls as 1/(2 layers)",
        equals(lambda: 2000 * iterated("tanh", 1.0, 0.0, 1.0, 1000)[-1], (0.99, 1.01)),
        note="2 ℓ K(ℓ) at layer ℓ = 1000",
    ),
    Claim(
        "variance-preserving initialisation",
        "The gain 1/√E f² keeps a SiLU network's variance in depth",
        _near_one(_typical("SiLU, gain of its own")),
        finding="not reproduced",
        paper=TRANSFORMER,
        note=_doubling,
    ),
    Claim(
        "the forward case, as used for GELU",
        "Relu's weight variance 2/fan_in keeps a GELU network's signal",
        _near_one(_typical("GELU, relu's gain")),
        finding="not reproduced",
        paper=HE,
    ),
    Claim(
        "depth scales",
        "Off the edge of chaos gradients change by e in 1/|ln χ⊥| layers",
        equals(lambda r: Samples(r["rates"].values / r["rates"].law), (0.95, 1.05)),
        paper=DEEP,
        note="measured rate over the law's, tanh, weight and bias variances 1.3 and 0.05",
    ),
    Claim(
        "moments, relu",
        "Relu networks scatter as (1 + 5/width)^depth",
        follows(_last_moment("relu")),
        paper=PRODUCTS,
        note=_batches,
    ),
    Claim(
        "moments, linear",
        "Linear networks scatter as (1 + 2/width)^depth",
        follows(_last_moment("linear")),
        paper=PRODUCTS,
        note=_batches,
    ),
    Claim(
        "depth-to-width ratio",
        "Twice the width at twice the depth scatters as before: what counts is depth over width",
        equals(_depth_over_width, 1.0),
    ),
]

"""Is one gain enough to carry a signal through a deep network?

A gain preserves the variance of one layer. This run iterates the variance through many layers and
measures it in networks of finite width: under the gain from an activation's own moments, under
He's, and at the critical pair of weight and bias variances or off it. It maps where gradients grow
and shrink over all pairs and in how many layers, and compares the scatter between networks, which
goes with depth over width, with its law.

Source:
    Roberts, Yaida & Hanin (2022), The Principles of Deep Learning Theory, arXiv:2106.10165; He et
    al. (2015), arXiv:1502.01852; Yang & Wang (2024), arXiv:2409.10594; Schoenholz et al. (2017),
    arXiv:1611.01232; Hanin & Nica (2018), arXiv:1812.05994.
"""

from __future__ import annotations

import functools
import math
from typing import Literal

import numpy as np

from workbench.base.cancellation import steps
from workbench.base.intervals import student_interval
from workbench.experiment.claims import Claim, Measured, Paper, equals, exactly, follows
from workbench.experiment.measurement import DEVIATIONS, Samples, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.finite_width import BATCHES, Fluctuations, fluctuations
from workbench.inits.networks.propagation import propagate
from workbench.inits.networks.trajectories import Trajectory, iterated, trajectory
from workbench.inits.schemes import variance_scaling
from workbench.inits.theory.criticality import Critical, critical, fixed_point
from workbench.inits.theory.moments import chi, depth_scale, gain, variance_map
from workbench.inits.theory.phase_diagram import Phases, phases

PAPER = Paper("Roberts, Yaida & Hanin", 2022, "arXiv:2106.10165")
HE = Paper("He et al.", 2015, "arXiv:1502.01852")
TRANSFORMER = Paper("Yang & Wang", 2024, "arXiv:2409.10594")
DEEP = Paper("Schoenholz et al.", 2017, "arXiv:1611.01232")
PRODUCTS = Paper("Hanin & Nica", 2018, "arXiv:1812.05994")
# Weight and bias variances off tanh's edge of chaos, where the decay of its gradients is measured.
OFF_EDGE = 1.3, 0.05


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


@stage
def silu_path(rng, width, depth, networks) -> Trajectory:
    """Networks under the gain of SiLU's own moments."""
    how = {"width": width, "depth": depth, "networks": networks}
    return trajectory(rng, "silu", gain("silu") ** 2, **how)


@stage
def gelu_path(rng, width, depth, networks) -> Trajectory:
    """GELU networks under relu's gain."""
    return trajectory(rng, "gelu", 2.0, width=width, depth=depth, networks=networks)


@stage
def critical_path(rng, activation, mistuned, width, depth, networks) -> Trajectory | None:
    """Networks at the critical pair, or off it by the error; None where there is no pair."""
    pair = critical_pair.measure(activation)
    if pair.kind == "none":
        return None
    return trajectory(
        rng,
        activation,
        pair.weight_variance * (1 + mistuned),
        pair.bias_variance,
        # A fixed point at zero, or everywhere, is approached from one.
        input_variance=pair.variance if pair.variance > 0 else 1.0,
        width=width,
        depth=depth,
        networks=networks,
    )


@stage
def critical_pair(activation) -> Critical:
    """The pair of variances at which neither signals nor gradients grow or shrink."""
    return critical(activation)


@stage
def gradient_map(activation) -> Phases:
    """The factor on a gradient's second moment a layer, over pairs of variances."""
    return phases(activation, np.linspace(0.0, 0.6, 25), np.linspace(0.5, 3.5, 31))


@stage
def gradient_rates(rng, width, depth, networks) -> Samples:
    """Logarithmic decay of tanh's gradients a layer, off the edge, by network; law 1/ξ."""
    weight, bias = OFF_EDGE
    settled = fixed_point("tanh", weight, bias)
    ratio = propagate(
        rng,
        [width] * (depth + 1),
        "tanh",
        functools.partial(variance_scaling.variance_scaling, scale=weight),
        networks=networks,
        inputs=16,
        bias_variance=bias,
        input_variance=settled.variance,
    ).gradient_ratio
    return Samples(-np.log(ratio) / depth, law=1 / depth_scale(settled.slopes.perpendicular))


@stage
def scatter(rng, narrow, shallow, many) -> dict[tuple[str, int], Fluctuations]:
    """How much networks differ from each other, by activation and width."""
    cases = [("relu", narrow * k // 2) for k in (1, 2, 4)] + [("linear", narrow)]
    return {
        case: fluctuations(rng, *case, shallow, _enough(many, narrow, case[1]))
        for case in steps(cases)
    }


def _enough(many: int, narrow: int, width: int) -> int:
    """Wide networks scatter less and cost more, so that fewer are drawn."""
    return max(2 * BATCHES, many * narrow // width)


def run(p: Params) -> dict:
    """The laws, and measurements in networks of finite width."""
    pair, rates = critical_pair(p), gradient_rates(p)
    paths = {"SiLU, gain of its own": silu_path(p), "GELU, relu's gain": gelu_path(p)}
    if (path := critical_path(p)) is not None:
        paths[f"{p.activation}, critical pair"] = path
    variances = {"weight": pair.weight_variance, "bias": pair.bias_variance}
    numbers = {f"{name} variance": v for name, v in variances.items() if not math.isnan(v)}
    return {
        "class": pair.kind,
        "attracts from": pair.attracts,
        **numbers,
        **({"fixed point": pair.variance} if pair.variance >= 0 else {}),
        **{f"last layer, {name}": path.typical[0] for name, path in paths.items()},
        "depth scale off tanh's edge": float(1 / rates.mean),
        "pair": pair,
        "trajectories": paths,
        "map": gradient_map(p),
        "rates": rates,
        "scatter": scatter(p),
    }


def _sides(which: str) -> int:
    """From how many sides of an activation's critical variance the next layer's lies nearer."""
    pair = critical(which)
    near = pair.variance * np.array([0.996, 1.004])
    moved = variance_map(which, near, pair.weight_variance, pair.bias_variance)
    return int((np.abs(moved - pair.variance) < np.abs(near - pair.variance)).sum())


def _typical(name: str):
    """The last layer's variance in a typical network."""
    return lambda result: Measured(*result["trajectories"][name].typical)


def _moment(which: str):
    """E g² over (E g)² in the last layer, beside its law."""

    def measure(p: Params, result: dict) -> Measured:
        seen = result["scatter"][which, p.narrow]
        interval = student_interval(seen.moment[-1], seen.error[-1], BATCHES, DEVIATIONS)
        note = f"width {p.narrow}, {p.shallow} layers, {p.many:,} networks"
        law = float(seen.law[-1])
        return Measured(float(seen.moment[-1]), tuple(map(float, interval)), law, note)

    return measure


def _depth_over_width(p: Params, result: dict) -> Measured:
    """The variance of ln g at twice width and depth over that at one; ln g is nearly normal."""
    wide, half = 2 * p.narrow, p.shallow // 2
    above = result["scatter"]["relu", wide].logarithm[2 * half - 1]
    ratio = float(above / result["scatter"]["relu", p.narrow].logarithm[half - 1])
    variance = sum(2 / (_enough(p.many, p.narrow, n) - 1) for n in (wide, p.narrow))
    error = DEVIATIONS * ratio * math.sqrt(variance)
    note = f"variance of ln g, width {wide} over {p.narrow}, {2 * half} layers over {half}"
    return Measured(ratio, (ratio - error, ratio + error), note=note)


CLAIMS = [
    Claim(
        "GELU",
        "GELU is critical at a weight variance of 1.98305826",
        equals(lambda: critical("gelu").weight_variance, "1.98305826"),
    ),
    Claim(
        "SWISH",
        "SWISH (SiLU) is critical at the kernel 14.32017362",
        equals(lambda: critical("silu").variance, "14.32017362"),
    ),
    Claim(
        "half-stable class",
        "Both points attract a variance from one side and repel it on the other",
        exactly(lambda: f"{_sides('gelu')}, {_sides('silu')}", "1, 1"),
    ),
    Claim(
        "class of zero kernel",
        "At criticality tanh's kernel falls as one over 2 layers",
        equals(lambda: 2000 * iterated("tanh", 1.0, 0.0, 1.0, 1000)[-1], (0.99, 1.01)),
        note="2 l K(l) at layer 1000",
    ),
    Claim(
        "variance-preserving initialisation",
        "The gain 1/√E f² keeps a SiLU network's variance in depth",
        equals(_typical("SiLU, gain of its own"), (0.5, 2.0)),
        finding="not reproduced",
        paper=TRANSFORMER,
        note=lambda result: (
            "law at infinite width "
            f"{result['trajectories']['SiLU, gain of its own'].law[-1]:.4g}; it doubles in "
            f"{math.log(2) * depth_scale(chi('silu', 1.0, gain('silu') ** 2).parallel):.1f} layers"
        ),
    ),
    Claim(
        "the forward case, as used for GELU",
        "Relu's weight variance 2/fan_in keeps a GELU network's signal",
        equals(_typical("GELU, relu's gain"), (0.5, 2.0)),
        finding="not reproduced",
        paper=HE,
    ),
    Claim(
        "depth scales",
        "Off the edge of chaos gradients change by e in 1/|ln χ⊥| layers",
        equals(lambda r: Samples(r["rates"].values / r["rates"].law), (0.95, 1.05)),
        paper=DEEP,
        note="measured rate over the law's, tanh, weight and bias variances {} and {}".format(
            *OFF_EDGE
        ),
    ),
    Claim(
        "moments, relu",
        "Relu networks scatter as (1 + 5/width)^depth",
        follows(_moment("relu")),
        paper=PRODUCTS,
    ),
    Claim(
        "moments, linear",
        "Linear networks scatter as (1 + 2/width)^depth",
        follows(_moment("linear")),
        paper=PRODUCTS,
    ),
    Claim(
        "depth-to-width ratio",
        "Twice the width at twice the depth scatters as before: what counts is depth over width",
        equals(_depth_over_width, 1.0),
    ),
]

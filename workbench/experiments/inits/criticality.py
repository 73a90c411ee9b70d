"""Is one gain enough to carry a signal through a deep network?

A gain keeps the variance of one layer. This run iterates the variance through many layers and
measures it in networks of finite width: under the gain that an activation's own moments ask for,
under He's, and at the critical pair of weight and bias variances or off it. It maps where gradients
grow and shrink over all pairs and in how many layers, and holds the scatter between networks, which
goes with depth over width, against its law.

Source:
    Roberts, Yaida & Hanin (2022), The Principles of Deep Learning Theory, arXiv:2106.10165; He et
    al. (2015), arXiv:1502.01852; Yang & Wang (2024), arXiv:2409.10594; Schoenholz et al. (2017),
    arXiv:1611.01232; Hanin & Nica (2018), arXiv:1812.05994.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from workbench.array import generator
from workbench.experiment.decisions import Claim, Claims, Interval, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.inits._trajectories import DEVIATIONS, Trajectory, glimpse, trajectory
from workbench.inits import schemes
from workbench.inits.criticality import Critical, critical, fixed_point
from workbench.inits.fluctuations import Fluctuations, fluctuations
from workbench.inits.moments import chi, depth_scale, gain, variance_map
from workbench.inits.phases import Phases, phases
from workbench.inits.propagation import propagate
from workbench.watch import steps

BOOK = "Roberts, Yaida & Hanin (2022)"
# Weights and biases off tanh's edge of chaos, where its gradients are timed.
OFF_EDGE = 1.3, 0.05
# Random numbers of a trajectory in a first look, which take a hundredth of a second.
NUMBERS = 60_000

GELU_PAIR = Statement(BOOK, "GELU", "GELU is critical at a weight variance of 1.98305826")
SILU_POINT = Statement(BOOK, "SWISH", "SWISH (SiLU) is critical at the kernel 14.32017362")
HALF_STABLE = Statement(
    BOOK,
    "half-stable class",
    "Both points attract a variance from one side and repel it on the other",
)
TANH_DECAY = Statement(
    BOOK, "class of zero kernel", "At criticality tanh's kernel falls as one over 2 layers"
)
ONE_GAIN = Statement(
    "Yang & Wang (2024)",
    "variance-preserving initialisation",
    "The gain 1/√E f² keeps a SiLU network's variance in depth",
)
HE_GELU = Statement(
    "He et al. (2015)",
    "the forward case, as used for GELU",
    "Relu's weight variance 2/fan_in keeps a GELU network's signal",
)
DEPTH_SCALE = Statement(
    "Schoenholz et al. (2017)",
    "depth scales",
    "Off the edge of chaos gradients change by e in 1/|ln χ⊥| layers",
)
RELU_LAW = Statement(
    "Hanin & Nica (2018)", "moments, relu", "Relu networks scatter as (1 + 5/width)^depth"
)
LINEAR_LAW = Statement(
    "Hanin & Nica (2018)", "moments, linear", "Linear networks scatter as (1 + 2/width)^depth"
)
DEPTH_TO_WIDTH = Statement(
    BOOK,
    "depth-to-width ratio",
    "Twice the width at twice the depth scatters as before: what counts is depth over width",
)


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
        4000, "networks whose scatter is measured", span=(400, 40000), log=True, is_budget=True
    )


class Result(NamedTuple):
    """Trajectories by setting, the map, the critical pair, and the networks' scatter.

    Attributes:
        trajectories: by setting.
        map: of the gradient's factor a layer; None in a first look, as are `scale` and `scatter`.
        pair: of this run's activation.
        scale: layers in which tanh's gradients change by e off the edge: law and measurement.
        scatter: by activation and width.
    """

    trajectories: dict[str, Trajectory]
    map: Phases | None
    pair: Critical
    scale: tuple[float, float, Interval] | None
    scatter: dict[tuple[str, int], Fluctuations]


def run(params: Params) -> Result:
    """What the laws say and what networks of finite width do."""
    return retuned(_untuned(params.model_copy(update={"mistuned": 0.0})), params)


# All but one trajectory: a panel turns the error of that one's weight variance first.
@functools.lru_cache(maxsize=4)
def _untuned(params: Params) -> Result:
    rng = generator(params.seed, params.backend)
    pair = _pair(params.activation)
    paths = _paths(rng, params)
    grid = np.linspace(0.0, 0.6, 25), np.linspace(0.5, 3.5, 31)
    # What scatters less needs fewer networks, and wide ones cost more.
    cases = [("relu", params.narrow * k // 2) for k in (1, 2, 4)] + [("linear", params.narrow)]
    seen = {c: fluctuations(rng, *c, params.shallow, _enough(params, c[1])) for c in steps(cases)}
    return Result(paths, phases(params.activation, *grid), pair, _scale(rng, params), seen)


def _paths(rng, params: Params, walk: Callable = trajectory) -> dict[str, Trajectory]:
    """The trajectories under the gain of an activation's own moments, and under relu's."""
    return {
        "SiLU, gain of its own": walk(rng, params, "silu", gain("silu") ** 2, 0.0, 1.0),
        "GELU, relu's gain": walk(rng, params, "gelu", 2.0, 0.0, 1.0),
    }


def retuned(result: Result, params: Params, walk: Callable = trajectory) -> Result:
    """The result with the critical trajectory drawn anew, for the error of these knobs."""
    pair = result.pair
    if pair.kind == "none":
        return result
    # A fixed point at zero, or everywhere, is approached from one.
    begin = pair.variance if pair.variance > 0 else 1.0
    weight = pair.weight_variance * (1 + params.mistuned)
    rng = generator(params.seed, params.backend)
    path = walk(rng, params, params.activation, weight, pair.bias_variance, begin)
    name = f"{params.activation}, critical pair"
    return result._replace(trajectories={**result.trajectories, name: path})


def first_look(params: Params) -> Result:
    """The trajectories alone, which the main figure shows, by one input to each of few networks."""
    networks = max(2, min(params.networks, NUMBERS // (params.width * params.depth)))
    few = params.model_copy(update={"networks": networks})
    elsewhere = ("activation", "mistuned", "narrow", "shallow", "many")
    default = Params()
    same = few.model_copy(update={name: getattr(default, name) for name in elsewhere})
    paths = _glimpsed(same)
    return retuned(Result(paths, None, _pair(params.activation), None, {}), few, glimpse)


@functools.lru_cache(maxsize=4)
def _glimpsed(params: Params) -> dict[str, Trajectory]:
    """The trajectories of a first look that neither the activation nor its error changes."""
    return _paths(generator(params.seed, params.backend), params, glimpse)


# The one thing here that is slow to solve and asked for at every turn of another knob.
@functools.lru_cache(maxsize=8)
def _pair(which: str) -> Critical:
    return critical(which)


def _enough(params: Params, width: int) -> int:
    return max(40, params.many * params.narrow // width)


def _scale(rng, params: Params) -> tuple[float, float, Interval]:
    """The depth scale of tanh's gradients off the edge: its law, and the networks' with a range."""
    weight, bias = OFF_EDGE
    settled = fixed_point("tanh", weight, bias)
    found = propagate(
        rng,
        [params.width] * (params.depth + 1),
        "tanh",
        functools.partial(schemes.variance_scaling, scale=weight),
        networks=params.networks,
        inputs=16,
        bias_variance=bias,
        input_variance=settled.variance,
    )
    rates = -np.log(found.gradient_ratio) / params.depth
    rate, half = rates.mean(), DEVIATIONS * rates.std(ddof=1) / math.sqrt(params.networks)
    return (
        depth_scale(settled.slopes.perpendicular),
        float(1 / rate),
        (float(1 / (rate + half)), float(1 / (rate - half))),
    )


def _sides(which: str) -> int:
    """From how many sides of an activation's critical variance the next layer's lies nearer."""
    pair = critical(which)
    near = pair.variance * np.array([0.996, 1.004])
    moved = variance_map(which, near, pair.weight_variance, pair.bias_variance)
    return int((np.abs(moved - pair.variance) < np.abs(near - pair.variance)).sum())


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    pair = result.pair
    ends = {f"last layer, {n}": t.typical[0] for n, t in result.trajectories.items()}
    numbers = {"weight variance": pair.weight_variance, "bias variance": pair.bias_variance}
    fixed = {"fixed point": pair.variance} if pair.variance >= 0 else {}
    known = {k: v for k, v in {**numbers, **fixed}.items() if not math.isnan(v)}
    scale = {"depth scale off tanh's edge": result.scale[1]}
    return Summary({"class": pair.kind, "attracts from": pair.attracts, **known, **ends, **scale})


def claims(params: Params, result: Result) -> Claims:
    """The book's printed numbers by the solver, the rules of thumb by this run's networks."""
    k = 1.0
    for _ in range(1000):
        k = variance_map("tanh", k, 1.0)
    silu = result.trajectories["SiLU, gain of its own"]
    gelu = result.trajectories["GELU, relu's gain"]
    made = [
        GELU_PAIR.agrees(
            expected=(1.983058255, 1.983058265), measured=critical("gelu").weight_variance
        ),
        SILU_POINT.agrees(
            expected=(14.320173615, 14.320173625), measured=critical("silu").variance
        ),
        HALF_STABLE.exact(expected="1, 1", measured=f"{_sides('gelu')}, {_sides('silu')}"),
        TANH_DECAY.agrees(expected=(0.99, 1.01), measured=2000 * k, note="2 l K(l) at layer 1000"),
        ONE_GAIN.agrees(
            expected=(0.5, 2.0),
            measured=silu.typical[0],
            interval=silu.typical[1],
            note=f"law at infinite width {silu.law[-1]:.4g}; a deviation doubles in "
            f"{math.log(2) * depth_scale(chi('silu', 1.0, gain('silu') ** 2).parallel):.1f} layers",
        ),
        HE_GELU.agrees(expected=(0.5, 2.0), measured=gelu.typical[0], interval=gelu.typical[1]),
        DEPTH_SCALE.agrees(
            expected=(0.95 * result.scale[0], 1.05 * result.scale[0]),
            measured=result.scale[1],
            interval=result.scale[2],
            note="tanh at weight and bias variances of {} and {}".format(*OFF_EDGE),
        ),
    ]
    for statement, which in ((RELU_LAW, "relu"), (LINEAR_LAW, "linear")):
        seen = result.scatter[which, params.narrow]
        measured, half = float(seen.moment[-1]), DEVIATIONS * float(seen.error[-1])
        within, note = (
            (measured - half, measured + half),
            f"width {params.narrow}, {_layers(params)}",
        )
        law = float(seen.law[-1])
        made.append(statement.agrees(expected=law, measured=measured, interval=within, note=note))
    return Claims([*made, _depth_to_width(params, result)])


def _depth_to_width(params: Params, result: Result) -> Claim:
    """The scatter at twice width and depth over that at one; deviations of normal logarithms."""
    wide, narrow = 2 * params.narrow, params.narrow
    half = params.shallow // 2
    above = result.scatter["relu", wide].logarithm[2 * half - 1]
    ratio = float(above / result.scatter["relu", narrow].logarithm[half - 1])
    spread = sum(2 / (_enough(params, n) - 1) for n in (wide, narrow))
    error = DEVIATIONS * ratio * math.sqrt(spread)
    note = f"variance of ln g, width {wide} over {narrow}, {2 * half} layers over {half}"
    within = (ratio - error, ratio + error)
    return DEPTH_TO_WIDTH.agrees(expected=1.0, measured=ratio, interval=within, note=note)


def _layers(params: Params) -> str:
    return f"{params.shallow} layers, {params.many:,} networks"


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    ends = ", ".join(
        f"{name} from {t.measured[0]:.3g} to {t.measured[-1]:.3g}"
        for name, t in result.trajectories.items()
    )
    return f"Second moment of the pre-activation against the layer, on a log scale: {ends}."

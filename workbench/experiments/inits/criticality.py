"""Is one gain enough to carry a signal through a deep network?

A gain keeps the variance of one layer. This run iterates the variance through many layers and
measures it in networks of finite width: under the gain that an activation's own moments ask for,
under He's, and at the critical pair of weight and bias variances. It maps where signals and
gradients grow and shrink over all pairs, and holds the scatter between networks against its law.

Source:
    Roberts, Yaida & Hanin (2022), The Principles of Deep Learning Theory, arXiv:2106.10165, ch. 5;
    He et al. (2015), arXiv:1502.01852; Yang & Wang (2024), arXiv:2409.10594; Hanin & Nica (2018),
    arXiv:1812.05994.
"""

from __future__ import annotations

import functools
import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.array import generator
from workbench.claims import Claims, Interval, Statement, Summary
from workbench.inits import schemes
from workbench.inits.criticality import Critical, critical
from workbench.inits.moments import chi, depth_scale, gain, moments, variance_map
from workbench.inits.propagation import propagate
from workbench.inits.verdict import scatter
from workbench.knobs import Knobs, knob

BOOK = "Roberts, Yaida & Hanin (2022)"
DEVIATIONS = 5.0
# Where an iterated variance counts as having run away, and how long one is iterated in the map.
AWAY, LAYERS = 100.0, 60

GELU_PAIR = Statement(BOOK, "eq. 5.93", "GELU is critical at a weight variance of 1.98305826")
SILU_POINT = Statement(BOOK, "eq. 5.92", "SWISH (SiLU) is critical at the kernel 14.32017362")
TANH_DECAY = Statement(BOOK, "eq. 5.46", "At criticality tanh's kernel falls as one over 2 layers")
ONE_GAIN = Statement(
    "Yang & Wang (2024)", "section 3.3", "The gain 1/√E f² keeps a SiLU network's variance in depth"
)
HE_GELU = Statement(
    "He et al. (2015)",
    "eq. 10, as used for GELU",
    "Relu's weight variance 2/fan_in keeps a GELU network's signal",
)
RELU_LAW = Statement(
    "Hanin & Nica (2018)", "theorem 1", "Relu networks scatter as (1 + 5/width)^depth"
)
LINEAR_LAW = Statement(
    "Hanin & Nica (2018)", "theorem 1", "Linear networks scatter as (1 + 2/width)^depth"
)


class Params(Knobs):
    """The knobs of the experiment."""

    activation: Literal["gelu", "silu", "mish", "tanh", "relu", "sin", "selu", "elu"] = knob(
        "gelu", "activation of the map and of the critical trajectory"
    )
    width: int = knob(256, "units of a layer in the trajectories", span=(16, 2048), log=True)
    depth: int = knob(30, "layers of the trajectories", span=(4, 200), log=True)
    networks: int = knob(16, "independent networks of a trajectory", span=(4, 256), log=True)
    narrow: int = knob(64, "units of a layer where scatter is measured", span=(8, 256), log=True)
    shallow: int = knob(8, "layers where scatter is measured", span=(1, 32))
    many: int = knob(4000, "networks whose scatter is measured", span=(400, 40000), log=True)


class Trajectory(NamedTuple):
    """A setting's variance by layer: its law, and the networks' mean with its standard error.

    A typical network (the geometric mean, which a few large ones do not move) ends at `typical`.
    """

    law: Float[np.ndarray, " layers"]
    measured: Float[np.ndarray, " layers"]
    error: Float[np.ndarray, " layers"]
    typical: tuple[float, Interval]


class Map(NamedTuple):
    """Gradient factor a layer, χ⊥, where the variance settles; NaN where it runs away."""

    bias_variance: Float[np.ndarray, " rows"]
    weight_variance: Float[np.ndarray, " columns"]
    perpendicular: Float[np.ndarray, "rows columns"]


class Result(NamedTuple):
    """Trajectories by setting, the map, the critical pair and the scatter with its law."""

    trajectories: dict[str, Trajectory]
    map: Map
    pair: Critical
    scatter: dict[str, tuple[float, float, float]]


def run(params: Params) -> Result:
    """What the laws say and what networks of finite width do."""
    rng = generator(params.seed, params.backend)
    pair = critical(params.activation)
    settings = {
        "SiLU, gain of its own": ("silu", gain("silu") ** 2, 0.0, 1.0),
        "GELU, relu's gain": ("gelu", 2.0, 0.0, 1.0),
    }
    if pair.kind != "none":
        # A fixed point at zero, or everywhere, is approached from one.
        begin = pair.variance if pair.variance > 0 else 1.0
        name = f"{params.activation}, critical pair"
        settings[name] = (params.activation, pair.weight_variance, pair.bias_variance, begin)
    return Result(
        trajectories={n: _trajectory(rng, params, *s) for n, s in settings.items()},
        map=_map(params.activation),
        pair=pair,
        scatter={which: _scatter(rng, params, which) for which in ("relu", "linear")},
    )


def _trajectory(
    rng, params: Params, which: str, weight: float, bias: float, begin: float
) -> Trajectory:
    law = [begin]
    for _ in range(params.depth):
        law.append(min(variance_map(which, law[-1], weight, bias), 1e12))
    found = propagate(
        rng,
        [params.width] * (params.depth + 1),
        which,
        functools.partial(schemes.variance_scaling, scale=weight),
        networks=params.networks,
        inputs=16,
        bias_variance=bias,
        input_variance=begin,
    ).before
    error = found.std(axis=1, ddof=1) / math.sqrt(params.networks)
    logs = np.log(found[-1])
    middle, half = logs.mean(), DEVIATIONS * logs.std(ddof=1) / math.sqrt(params.networks)
    ends = tuple(float(np.exp(middle + side)) for side in (-half, half))
    return Trajectory(np.array(law), found.mean(axis=1), error, (float(np.exp(middle)), ends))


def _map(which: str) -> Map:
    """The gradient factor over pairs of variances, after many layers from a start at one."""
    bias, weight = np.linspace(0.0, 0.6, 25), np.linspace(0.5, 3.5, 31)
    k = np.ones((25, 31))
    for _ in range(LAYERS):
        # Both variances broadcast: a column of biases, a row of weights.
        k = np.minimum(variance_map(which, np.clip(k, 1e-8, AWAY), weight, bias[:, None]), AWAY)
    perpendicular = weight * moments(which, np.clip(k, 1e-8, AWAY)).slope
    return Map(bias, weight, np.where(k < AWAY, perpendicular, np.nan))


def _scatter(rng, params: Params, which: str) -> tuple[float, float, float]:
    """E g²/(E g)² of one input's second moment over networks: law, measured, standard error."""
    scheme = schemes.he if which == "relu" else schemes.lecun
    found = propagate(
        rng,
        [params.narrow] * (params.shallow + 1),
        which,
        scheme,
        networks=params.many,
        inputs=1,
    )
    # The output is normal given the layer below, whose mean square adds 1 + 2/n of its own.
    squares = found.before[-1] ** 2 / (1 + 2 / params.narrow)
    batches = np.array([b.mean() for b in np.array_split(squares, 20)])
    law = (1 + scatter(which) / params.narrow) ** params.shallow
    return law, float(batches.mean()), float(batches.std(ddof=1) / math.sqrt(20))


def summary(params: Params, result: Result) -> Summary:
    """The numbers the run is remembered by."""
    pair = result.pair
    ends = {f"last layer, {n}": t.typical[0] for n, t in result.trajectories.items()}
    numbers = {"weight variance": pair.weight_variance, "bias variance": pair.bias_variance}
    fixed = {"fixed point": pair.variance} if pair.variance >= 0 else {}
    known = {k: v for k, v in {**numbers, **fixed}.items() if not math.isnan(v)}
    return Summary({"class": pair.kind, "attracts from": pair.attracts, **known, **ends})


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
        TANH_DECAY.agrees(expected=(0.99, 1.01), measured=2000 * k, note="2 l K(l) at layer 1000"),
        ONE_GAIN.agrees(
            expected=(0.5, 2.0),
            measured=silu.typical[0],
            interval=silu.typical[1],
            note=f"law at infinite width {silu.law[-1]:.4g}; a deviation doubles in "
            f"{math.log(2) * depth_scale(chi('silu', 1.0, gain('silu') ** 2).parallel):.1f} layers",
        ),
        HE_GELU.agrees(expected=(0.5, 2.0), measured=gelu.typical[0], interval=gelu.typical[1]),
    ]
    for statement, which in ((RELU_LAW, "relu"), (LINEAR_LAW, "linear")):
        law, measured, error = result.scatter[which]
        within = (measured - DEVIATIONS * error, measured + DEVIATIONS * error)
        note = f"width {params.narrow}, {params.shallow} layers, {params.many:,} networks"
        made.append(statement.agrees(expected=law, measured=measured, interval=within, note=note))
    return Claims(made)


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    ends = ", ".join(
        f"{name} from {t.measured[0]:.3g} to {t.measured[-1]:.3g}"
        for name, t in result.trajectories.items()
    )
    return f"Second moment of the pre-activation against the layer, on a log scale: {ends}."

"""Which initial weights keep a signal, which its gradient, and which do what they are said to do?

Every scheme goes through the same verifier: many networks at once, second moments by layer forward
and backward, and the singular values of the end-to-end Jacobian. A verdict compares the last layer
with the first, with the scatter that the width allows. The defaults of libraries stand among them,
rebuilt from their rules, and are measured in the libraries themselves where those are installed.

Source:
    Glorot & Bengio (2010), AISTATS; He et al. (2015), arXiv:1502.01852; Saxe, McClelland & Ganguli
    (2014), arXiv:1312.6120; the documentation of torch.nn.init and jax.nn.initializers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.array import generator
from workbench.experiment.decisions import Claim, Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.experiments.inits import _residual_streams
from workbench.experiments.inits._compared_schemes import named, variances
from workbench.experiments.inits._libraries import Ratio, libraries
from workbench.experiments.inits._residual_streams import Stream
from workbench.inits import schemes as family
from workbench.inits.one_input import one_input
from workbench.inits.orthogonal import orthogonal
from workbench.inits.propagation import Propagation, propagate
from workbench.inits.verdict import Verdict, scatter, verdict
from workbench.watch import steps

# Networks whose Jacobian is decomposed, and networks of a sketch.
FEW, FEWEST = 16, 8
# Random numbers of a first look, which take a hundredth of a second.
NUMBERS = 300_000
# Conventions of libraries among the schemes; the others are rules of papers.
LIBRARIES = ("He, cut at two deviations, uncorrected", "torch's default", "torch's tanh gain")
# On the line of the orthogonal scheme or beside it, and left to the table.
TOLD = ("delta-orthogonal, forward gain", "sparse, forward gain", "identity")

HE_FORWARD = Statement(
    "He et al. (2015)", "forward case", "Variance 2/fan_in keeps a relu's signal"
)
HE_BACKWARD = Statement(
    "He et al. (2015)", "backward case", "Variance 2/fan_out keeps its gradient"
)
GLOROT = Statement(
    "Glorot & Bengio (2010)", "normalised initialisation", "At equal widths a linear signal is kept"
)
ISOMETRY = Statement(
    "Saxe et al. (2014)",
    "orthogonal weights",
    "An orthogonal linear network has singular values of one",
)
TANH_GAIN = Statement(
    "torch.nn.init", "calculate_gain", "The gain 5/3 keeps the gradient of a tanh network"
)
LINEAR = Statement("torch.nn.Linear", "reset_parameters", "Fan-in times variance is one third")
TRUNCATED = Statement(
    "jax.nn.initializers", "variance_scaling", "Its truncated normal has the deviation asked for"
)


class Params(Knobs):
    """The knobs of the experiment."""

    activation: Literal[
        "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "selu", "elu", "mish", "sin"
    ] = knob("relu", "activation between the layers")
    width: int = knob(128, "units of a layer", span=(16, 1024), log=True)
    mistuned: float = knob(0.0, "relative error of every scheme's gain", span=(-0.5, 0.5))
    depth: int = knob(20, "layers", span=(2, 100), log=True)
    networks: int = knob(64, "independent networks", span=(4, 256), log=True, is_budget=True)


class Row(NamedTuple):
    """One scheme: its verdicts, its second moments by layer, and its Jacobian's middle values.

    A first look has the signal alone: `backward` is None, `gradient` empty, and the values are NaN.
    """

    forward: Verdict
    backward: Verdict | None
    signal: Float[np.ndarray, " layers"]
    gradient: Float[np.ndarray, " layers"]
    largest: float
    smallest: float


class Result(NamedTuple):
    """The schemes at the chosen activation, and what decides the claims at the papers' own."""

    rows: dict[str, Row]
    checked: dict[str, Ratio]
    libraries: dict[str, Ratio]
    streams: dict[str, Stream]


def run(params: Params) -> Result:
    """Every scheme through the verifier."""
    rng = generator(params.seed, params.backend)
    measure = functools.partial(_measure, rng, params)
    rows = _rows(rng, params, params.networks, FEW)
    relu = measure("relu", family.he, 4 * params.networks)
    linear = measure("linear", family.glorot, params.networks)
    tanh = measure("tanh", named("tanh")["torch's tanh gain"], params.networks)
    straight = measure("linear", orthogonal, FEW, FEW, "float64")
    checked = {
        "He forward": _mean(relu.signal_ratio),
        "He backward": _mean(relu.gradient_ratio),
        "Glorot linear": _mean(linear.signal_ratio),
        "tanh gain": _mean(tanh.gradient_ratio ** (1 / params.depth)),
        "isometry": Ratio(float(np.abs(straight.singular - 1).max()), 0.0),
    }
    flows = _residual_streams.streams(rng, params.width, params.depth, params.networks)
    return Result(rows, checked, libraries(params.seed), flows)


def sketched(params: Params, result: Result, other: Params) -> Result:
    """The signals at other knobs by a few networks; at the run's own knobs its own result."""
    if other == params:
        return result
    rng = generator(other.seed, other.backend)
    return result._replace(rows=_rows(rng, other, min(FEWEST, other.networks), 1))


def first_look(params: Params) -> Result:
    """What the main figure shows, by one input to each of few networks, whose weights none draws.

    Torch's uniform weights are taken as normal ones of their variance, which a sum over a layer
    tells apart by one over its width alone.
    """
    rng, wanted = generator(params.seed, params.backend), variances(params.activation)
    each = len(wanted) * params.width * params.depth
    networks = max(2, min(params.networks, NUMBERS // each))
    factors = np.array([*wanted.values()]) * (1 + params.mistuned) ** 2
    found = one_input(
        *(rng, params.width, params.depth, params.activation, factors),
        is_orthogonal=np.array([name.startswith("orthogonal") for name in wanted]),
        networks=networks,
    )
    c = _scatter(params.activation, "forward")
    rows = {}
    for name, moments in zip(wanted, found, strict=True):
        told = verdict(moments[-1] / moments[0], params.width, params.depth, c)
        rows[name] = Row(told, None, moments.mean(axis=1), np.empty(0), math.nan, math.nan)
    return Result(rows, {}, {}, {})


def _rows(rng, params: Params, networks: int, jacobian: int) -> dict[str, Row]:
    rows, which = {}, params.activation
    for name, scheme in steps(named(which).items()):
        off = functools.partial(_mistuned, scheme, 1 + params.mistuned)
        rows[name] = _row(params, _measure(rng, params, which, off, networks, jacobian))
    return rows


def _mistuned(scheme: Callable, factor: float, rng, shape: tuple[int, ...], **axes) -> Any:
    weights = scheme(rng, shape, **axes)
    weights *= factor
    return weights


def _measure(
    rng,
    params: Params,
    which: str,
    scheme: Callable,
    networks: int,
    jacobian: int = 0,
    dtype: str = "float32",
) -> Propagation:
    widths = [params.width] * (params.depth + 1)
    options = {"networks": networks, "inputs": 16, "jacobian": jacobian, "dtype": dtype}
    return propagate(rng, widths, which, scheme, **options)


def _row(params: Params, found: Propagation) -> Row:
    ends = np.median(found.singular[:, [0, -1]], axis=0)
    decide = functools.partial(verdict, width=params.width, depth=params.depth)
    c = [_scatter(params.activation, kind) for kind in ("forward", "backward")]
    return Row(
        decide(found.signal_ratio, scatter=c[0]),
        decide(found.gradient_ratio, scatter=c[1]),
        found.before.mean(axis=1),
        found.gradient.mean(axis=1),
        float(ends[0]),
        float(ends[1]),
    )


def _scatter(which: str, kind: str) -> float:
    return max(5.0, scatter(which, 1.0, kind))


def _mean(values: Float[np.ndarray, " networks"]) -> Ratio:
    return Ratio(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def summary(params: Params, result: Result) -> Summary:
    """Every scheme's ratio over depth, forward and backward."""
    numbers: dict[str, float | str] = {}
    for name, row in result.rows.items():
        numbers[f"{name}, signal"] = f"{row.forward.decision} ({row.forward.ratio:.3g})"
        numbers[f"{name}, gradient"] = f"{row.backward.decision} ({row.backward.ratio:.3g})"
        numbers[f"{name}, Jacobian"] = f"{row.smallest:.2g} to {row.largest:.2g}"
    return Summary({**numbers, **{n: r.value for n, r in result.libraries.items()}})


def claims(params: Params, result: Result) -> Claims:
    """The papers' statements at their own activation, and the libraries' where installed."""
    seen, size = result.checked, f"width {params.width}, depth {params.depth}"
    return Claims(
        [
            _one(HE_FORWARD, seen["He forward"], 1.0, size),
            _one(HE_BACKWARD, seen["He backward"], 1.0, size),
            _one(GLOROT, seen["Glorot linear"], 1.0, size),
            ISOMETRY.bounded(measured=seen["isometry"].value, below=1e-10),
            _one(TANH_GAIN, seen["tanh gain"], (0.99, 1.01), "factor per layer on E g²"),
            _library(LINEAR, result, "torch.nn.Linear", 1 / 3),
            _library(TRUNCATED, result, "jax variance_scaling", 1.0),
            *_residual_streams.claims(result.streams, params.depth),
        ]
    )


def _one(statement: Statement, ratio: Ratio, expected, note: str) -> Claim:
    return statement.agrees(
        expected=expected, measured=ratio.value, interval=ratio.interval, note=note
    )


def _library(statement: Statement, result: Result, name: str, expected: float) -> Claim:
    if name not in result.libraries:
        return statement.beyond(expected=f"{expected:.4g}", note=f"{name} is not installed here")
    return _one(statement, result.libraries[name], expected, "fan-in times variance")


def drawn(result: Result) -> dict[str, Row]:
    """The schemes that the figures show."""
    return {name: row for name, row in result.rows.items() if name not in TOLD}


def told(result: Result) -> str:
    """What the main figure shows, in words."""
    parts = ", ".join(f"{name} {row.forward.decision}" for name, row in drawn(result).items())
    return f"Second moment of the signal against the layer for each scheme, log scale: {parts}."


def streams_told(result: Result) -> str:
    """What the figure of residual streams shows, in words."""
    return _residual_streams.told(result.streams)

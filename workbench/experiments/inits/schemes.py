"""Which initial weights keep a signal, which its gradient, and which do what they are said to do?

Every scheme is tested in the same way: many networks at once, second moments by layer forward
and backward, and the singular values of the end-to-end Jacobian. A verdict compares the last layer
with the first, with the scatter that the width allows. The defaults of libraries are included,
by their rules, and are measured in the libraries themselves if installed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.cancellation import steps
from workbench.experiment.claims import Claim, Measured, Paper, between, equals, exactly, follows
from workbench.experiment.measurement import Samples, stage
from workbench.experiment.params import Knobs, knob
from workbench.inits.networks.propagation import Propagation, Scheme, propagate
from workbench.inits.networks.residual_stream import factors, growth, residual_stream
from workbench.inits.networks.scheme_report import DECOMPOSED, SchemeReport, scheme_report
from workbench.inits.schemes.catalogue import named
from workbench.inits.schemes.external import Product, libraries
from workbench.inits.schemes.orthogonal import orthogonal
from workbench.inits.schemes.variance_scaling import glorot, he

PAPER = Paper("He et al.", 2015, "arXiv:1502.01852")
GLOROT = Paper("Glorot & Bengio", 2010, "PMLR 9:249")
SAXE = Paper("Saxe et al.", 2014, "arXiv:1312.6120")
TORCH = Paper("PyTorch", 2026, "https://docs.pytorch.org")
JAX = Paper("JAX", 2026, "https://docs.jax.dev")
FIXUP = Paper("Zhang, Dauphin & Ma", 2019, "arXiv:1901.09321")
GPT2 = Paper("Radford et al.", 2019, "Language models are unsupervised multitask learners")
REZERO = Paper("Bachlechner et al.", 2020, "arXiv:2003.04887")
# Conventions of libraries among the schemes; the others are rules of papers.
LIBRARIES = ("He, cut at two deviations, uncorrected", "torch's default", "torch's tanh gain")
# Close to the line of the orthogonal scheme, and only in the table.
NOT_DRAWN = ("delta-orthogonal, forward gain", "sparse, forward gain", "identity")


class Params(Knobs):
    """The knobs of the experiment."""

    activation: Literal[
        "relu", "leaky_relu", "tanh", "sigmoid", "gelu", "silu", "selu", "elu", "mish", "sin"
    ] = knob("relu", "activation between the layers")
    width: int = knob(128, "units of a layer", span=(16, 1024), log=True)
    mistuned: float = knob(0.0, "relative error of every scheme's gain", span=(-0.5, 0.5))
    depth: int = knob(12, "layers", span=(2, 100), log=True)
    networks: int = knob(32, "independent networks", span=(4, 256), log=True, is_budget=True)


class Size(NamedTuple):
    """The knobs of the networks' size."""

    width: int
    depth: int
    networks: int


@stage
def compared(rng, activation, mistuned, size: Size) -> dict[str, SchemeReport]:
    """The report of every scheme, its gain off by the error."""
    how = {"gain_error": mistuned, **size._asdict()}
    schemes = steps(named(activation).items())
    return {name: scheme_report(rng, scheme, activation, **how) for name, scheme in schemes}


@stage
def relu_he(rng, size: Size) -> tuple[Samples, Samples]:
    """Ratios of last to first layer of relu networks under He's rule: signal and gradient."""
    measured = _passed(rng, size, "relu", he, 8)
    return Samples(measured.signal_ratio, law=1.0), Samples(measured.gradient_ratio, law=1.0)


@stage
def linear_glorot(rng, size: Size) -> Samples:
    """The signal's ratio in linear networks under Glorot's rule."""
    return Samples(_passed(rng, size, "linear", glorot, 2).signal_ratio, law=1.0)


@stage
def tanh_torch(rng, size: Size) -> Samples:
    """The gradient's factor a layer in tanh networks under torch's gain."""
    measured = _passed(rng, size, "tanh", named("tanh")["torch's tanh gain"], 2)
    return Samples(measured.gradient_ratio ** (1 / size.depth))


@stage
def isometry(rng, width, depth) -> float:
    """The largest deviation from 1 of singular values of orthogonal linear networks."""
    how = {"networks": DECOMPOSED, "inputs": 16, "jacobian": DECOMPOSED, "dtype": "float64"}
    measured = propagate(rng, [width] * (depth + 1), "linear", orthogonal, **how)
    return float(np.abs(measured.singular - 1).max())


@stage
def drawn_by_libraries(seed) -> dict[str, Product]:
    """Fan-in times variance of what installed libraries draw."""
    return libraries(seed)


@stage
def streams(rng, size: Size) -> dict[str, Array]:
    """E x² of every residual scheme by block and network, a block for each layer."""
    networks = 2 * size.networks
    return {
        name: residual_stream(rng, size.width, size.depth, **scheme, networks=networks)
        for name, scheme in steps(factors(size.depth).items())
    }


def _passed(rng: Any, size: Size, which: str, scheme: Scheme, times: int) -> Propagation:
    """Networks of one width, `times` as many as the knob says."""
    widths = [size.width] * (size.depth + 1)
    return propagate(rng, widths, which, scheme, networks=times * size.networks, inputs=16)


def run(p: Params) -> dict:
    """Every scheme at the knobs' activation, and what the claims need at the papers' own."""
    rows, products, (signal, gradient) = compared(p), drawn_by_libraries(p), relu_he(p)
    return {
        **{name: _in_words(row) for name, row in rows.items()},
        **{f"fan-in variance, {name}": product.value for name, product in products.items()},
        "rows": rows,
        "libraries": products,
        "He forward": signal,
        "He backward": gradient,
        "Glorot linear": linear_glorot(p),
        "tanh gain": tanh_torch(p),
        "deviation from isometry": isometry(p),
        "streams": streams(p),
    }


def _in_words(row: SchemeReport) -> str:
    """Both verdicts with the ratios over the depth, and the Jacobian's singular values."""
    verdicts = {"signal": row.forward, "gradient": row.backward}
    both = [f"{what} {v.decision} ({v.ratio:.3g})" for what, v in verdicts.items()]
    return f"{', '.join(both)}, Jacobian {row.smallest:.2g} to {row.largest:.2g}"


def drawn(result: dict) -> dict[str, SchemeReport]:
    """The schemes that the figures show."""
    return {name: row for name, row in result["rows"].items() if name not in NOT_DRAWN}


def _product(name: str) -> Callable[[dict], Measured]:
    """What a library draws, if it is installed."""

    def measure(result: dict) -> Measured:
        if name not in result["libraries"]:
            return Measured(None, note=f"{name} is not installed here")
        return Measured(*result["libraries"][name], note="fan-in times variance")

    return measure


def _block(name: str) -> Callable[[Params, dict], Measured]:
    """The growth of a single block, beside the law's."""

    def measure(p: Params, result: dict) -> Measured:
        moments = result["streams"][name]
        grown = Samples(moments[-1] / moments[0], law=growth(p.depth, **factors(p.depth)[name]))
        ends = (grown.mean, grown.law, *grown.interval)
        mean, law, low, high = (max(float(v), 0.0) ** (1 / p.depth) for v in ends)
        return Measured(mean, (low, high), law, f"growth of a block, over {p.depth} blocks")

    return measure


def _size(p: Params, _) -> str:
    return f"width {p.width}, depth {p.depth}"


CLAIMS = [
    Claim(
        "forward case", "Variance 2/fan_in keeps a relu's signal", follows("He forward"), note=_size
    ),
    Claim(
        "backward case", "Variance 2/fan_out keeps its gradient", follows("He backward"), note=_size
    ),
    Claim(
        "normalised initialisation",
        "At equal widths a linear signal is kept",
        follows("Glorot linear"),
        paper=GLOROT,
        note=_size,
    ),
    Claim(
        "orthogonal weights",
        "An orthogonal linear network has singular values of one",
        between("deviation from isometry", below=1e-10),
        paper=SAXE,
    ),
    Claim(
        "torch.nn.init, calculate_gain",
        "The gain 5/3 keeps the gradient of a tanh network",
        equals("tanh gain", (0.99, 1.01)),
        finding="not reproduced",
        paper=TORCH,
        note="factor per layer on E g²",
    ),
    Claim(
        "torch.nn.Linear, reset_parameters",
        "Fan-in times variance is one third",
        equals(_product("torch.nn.Linear"), 1 / 3),
        paper=TORCH,
    ),
    Claim(
        "jax.nn.initializers, variance_scaling",
        "Its truncated normal has the requested deviation",
        equals(_product("jax variance_scaling"), 1.0),
        paper=JAX,
    ),
    Claim(
        "residual networks at initialisation",
        "Branches that keep the variance double that of the stream in every block",
        follows(_block("unscaled")),
        paper=FIXUP,
    ),
    Claim(
        "model, modified initialisation",
        "The factor 1/√N on N branches accounts for their accumulation: (1 + 1/N)^N, below e",
        follows(_block("depth_scaled")),
        paper=GPT2,
    ),
    Claim(
        "ReZero",
        "A branch factor of zero starts as the identity",
        exactly(lambda result: float(np.ptp(result["streams"]["rezero"].mean(axis=1))), 0.0),
        paper=REZERO,
        note="change of E x² over all blocks",
    ),
]

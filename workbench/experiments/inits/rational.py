"""Which gain preserves variance through the rational activations of Kolmogorov-Arnold transformers?

A rational F(x) = P(x)/Q(x) replaces the activation, and weights start with a variance of
α/fan-in, α = 1/E F(x)² for x ~ N(0, 1). This run takes α from an integral for stored coefficients
under both denominators in use, measures networks with it, and fits coefficients again.

Source:
    Yang & Wang (2024), arXiv:2409.10594, and the authors' code: rational_kat_cu for coefficients,
    kernels and gains, kat for the initial weights.
"""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np

from workbench.experiment.claims import Claim, Paper, between, equals, follows
from workbench.experiment.measurement import Samples, stage
from workbench.experiment.params import KnobError, Knobs, knob
from workbench.inits.functions.rational import STORED, TARGETS, Coefficients, fitted, rational
from workbench.inits.functions.rational import largest_error as error
from workbench.inits.networks.propagation import Propagation, propagate
from workbench.inits.networks.trajectories import iterated
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.moments import chi, gain

PAPER = Paper("Yang & Wang", 2024, "arXiv:2409.10594")
# The model file's squared gain, a mean of 1e6 draws, and five of its standard errors.
PUBLISHED, DRAWS = 2.3567850379928976, 5 * 0.0059
# The model file refills all weights but those of attention with this deviation; at 768 channels
# the second layer of a block has four times as many inputs.
REFILLED, FAN_IN = 0.02, 4 * 768
X = np.linspace(-4.0, 4.0, 81)


class Params(Knobs):
    """The knobs of the experiment."""

    function: Literal["gelu", "gelu_old", "swish", "tanh", "sigmoid"] = knob(
        "gelu", "set of stored coefficients"
    )
    denominator: Literal["sum of absolutes", "absolute of sum"] = knob(
        "sum of absolutes", "how absolute values keep the denominator from zero"
    )
    coefficients: str = knob("", "your own, such as '0 0.5 0.25 / 0.1 0.02', by rising power")
    refit: bool = knob(False, "fit the coefficients again for this denominator")
    start: float = knob(1.0, "variance of the input", span=(0.25, 4.0), log=True)
    width: int = knob(256, "units of a layer", span=(64, 512), log=True)
    depth: int = knob(16, "layers", span=(2, 32), log=True)
    networks: int = knob(64, "independent networks", span=(8, 256), log=True, is_budget=True)

    def relations(self) -> None:
        """Adds that one's own coefficients can be read, and are not fitted again."""
        super().relations()
        if self.coefficients and self.refit:
            raise KnobError("`refit` must be False with `coefficients` of your own; got True")
        coefficients_of(self.function, self.denominator, self.coefficients, refit=False)


def coefficients_of(function, denominator, coefficients, refit) -> Coefficients:
    """The coefficients of the run."""
    if coefficients:
        return Coefficients.read(coefficients)
    return fitted(TARGETS[function], denominator) if refit else Coefficients(*STORED[function])


used = stage(coefficients_of)


@stage
def drawn(rng, used, denominator, start, width, depth, networks) -> Propagation:
    """Signals through random networks whose weights have the gain of their own rational."""
    f, widths = rational(used, denominator), [width] * (depth + 1)
    scheme = functools.partial(variance_scaling, scale=gain(f) ** 2)
    return propagate(rng, widths, f, scheme, networks=networks, inputs=16, input_variance=start)


def run(p: Params) -> dict:
    """Gains and errors of the coefficients, and signals through networks."""
    gelu = Coefficients(*STORED["gelu"])
    f, computed, intended = (
        rational(*pair)
        for pair in (
            (used(p), p.denominator),
            (gelu, "sum of absolutes"),
            (gelu, "absolute of sum"),
        )
    )
    law, before = iterated(f, gain(f) ** 2, 0.0, p.start, p.depth), drawn(p).before
    return {
        "squared gain": gain(f) ** 2,
        "coefficients": str(used(p)),
        "error on [-3, 3]": error(f, TARGETS[p.function]),
        "χ∥ at one": chi(f, 1.0, gain(f) ** 2).parallel,
        "gelu as computed, squared gain": gain(computed) ** 2,
        "gelu as computed, error": error(computed, "gelu"),
        "gelu as fitted, squared gain": gain(intended) ** 2,
        "gelu as fitted, χ∥": chi(intended, 1.0, gain(intended) ** 2).parallel,
        "first layer": Samples(before[1], law=float(law[1])),
        "signal": Samples(before.T),
        "law": law,
        "law of gelu as fitted": iterated(intended, gain(intended) ** 2, 0.0, p.start, p.depth),
        "curves": {"x": X, "run": f(X), "as fitted": intended(X), "as computed": computed(X)},
    }


_is_published = functools.partial(equals, expected=(PUBLISHED - DRAWS, PUBLISHED + DRAWS))

CLAIMS = [
    Claim(
        "initialisation",
        "With the gain of its own rational a layer keeps a signal's variance of one",
        follows("first layer"),
        note=lambda p, r: f"from an input of variance {p.start:g}",
    ),
    Claim(
        "code, gains",
        "GELU's squared gain is 2.357 with the denominator that its coefficients were fitted with",
        _is_published("gelu as fitted, squared gain"),
    ),
    Claim(
        "code, gains",
        "GELU's squared gain is 2.357 with the denominator that the kernels compute",
        _is_published("gelu as computed, squared gain"),
        finding="not reproduced",
    ),
    Claim(
        "code, coefficients",
        "What the kernels compute for GELU is within 0.01 of it on [-3, 3]",
        between("gelu as computed, error", below=0.01),
        finding="not reproduced",
    ),
    Claim(
        "code, initial weights",
        "The second layer's weights have the variance 2.357/fan-in",
        _is_published(lambda: REFILLED**2 * FAN_IN),
        finding="not reproduced",
        note="times fan-in; a later branch fills them again, with a deviation of 0.02",
    ),
    Claim(
        "initialisation",
        "Depth keeps GELU's variance of one, since deviations from it shrink: χ∥ < 1",
        between("gelu as fitted, χ∥", below=1.0),
        finding="not reproduced",
    ),
]

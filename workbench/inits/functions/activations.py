"""Activations with their derivatives, by name, and any callable that maps arrays to arrays.

Functions use the array standard only, so that they run on the device of their argument.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array, namespace
from workbench.base.checks import refuse
from workbench.inits.functions.erf import erf

Map = Callable[[Array], Array]

# Klambauer et al. (2017), arXiv:1706.02515: the pair that makes N(0, 1) a fixed point.
SELU_ALPHA, SELU_SCALE = 1.6732632423543773, 1.0507009873554805
# Step of the one-sided differences that stand in for a missing derivative: ε^(1/5).
STEP = float(np.finfo(np.float64).eps) ** 0.2


class Activation(NamedTuple):
    """A function of one real number with its derivative; calling it applies the function.

    Attributes:
        name: as in `NAMES`, or a callable's.
        function: on arrays.
        derivative: on arrays.
        kinks: where the derivative jumps, apart from zero.
    """

    name: str
    function: Map
    derivative: Map
    kinks: tuple[float, ...] = ()

    def __call__(self, x: Array) -> Array:
        """The function of every value."""
        return self.function(x)


def activation(which: str | Activation | Map, derivative: Map | None = None) -> Activation:
    """The activation of a name ("relu", "leaky_relu(0.2)"), or a callable as an activation.

    Args:
        which: a name of `NAMES`, with a number in brackets where it takes one; or a callable on
            arrays; or an activation, which is returned unchanged.
        derivative: of the callable; without it one-sided differences of fourth order, which step
            away from zero and so never across a kink there, and err by about 1e-11 in float64.

    Raises:
        ValueError: if the name is unknown, or the callable returns another shape or values that
            are not finite.
        TypeError: if it is neither a name nor callable.
    """
    if isinstance(which, Activation):
        return which
    if isinstance(which, str):
        return _named(which)
    if not callable(which):
        refuse("activation", "a name or a callable", which, TypeError)
    result = Activation(
        getattr(which, "__name__", "callable"), which, derivative or differences(which)
    )
    for what, part in (("activation", result.function), ("derivative", result.derivative)):
        _probe(what, part)
    return result


def _named(text: str) -> Activation:
    """The activation of a name, its parameter read from the brackets."""
    match = re.fullmatch(r"(\w+)(?:\((-?[\d.]+(?:e-?\d+)?)\))?", text)
    name, number = match.groups() if match else (text, None)
    if name not in NAMES or (number is not None and name not in _PARAMETER):
        refuse("activation", "one of " + ", ".join(NAMES) + ", or a callable", text)
    maker = NAMES[name]
    if name not in _PARAMETER:
        return Activation(text, *maker)
    return Activation(text, *maker(_PARAMETER[name] if number is None else float(number)))


def _probe(what: str, function: Map) -> None:
    """Refuses a function that changes the shape or leaves the real numbers."""
    probe = np.linspace(-12.0, 12.0, 8).reshape(2, 4)
    with np.errstate(all="ignore"):
        got = np.asarray(function(probe))
    if got.shape != probe.shape:
        refuse(what, f"a function that keeps the shape {probe.shape}", got.shape)
    if got.dtype.kind not in "fiu" or not np.isfinite(got).all():
        refuse(what, "real and finite on [-12, 12]", got.ravel().tolist())


def differences(function: Map) -> Map:
    """The derivative by one-sided differences of fourth order, stepping away from zero.

    f'(x) ≈ (-25 f₀ + 48 f₁ - 36 f₂ + 16 f₃ - 3 f₄) / 12h,  fₖ = f(x + kh),  h = ±ε^(1/5)
    """

    def derivative(x: Array) -> Array:
        xp = namespace(x)
        step = xp.where(x < 0, -STEP, STEP)
        terms = zip((-25.0, 48.0, -36.0, 16.0, -3.0), range(5), strict=True)
        return sum(c * function(x + k * step) for c, k in terms) / (12 * step)

    return derivative


def _sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * namespace(x).tanh(0.5 * x)


def _softplus(x: Array) -> Array:
    xp = namespace(x)
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


def _leaky(slope: float) -> tuple[Map, Map]:
    """max(x, 0) + slope · min(x, 0)."""

    def function(x: Array) -> Array:
        xp = namespace(x)
        return xp.where(x > 0, x, slope * x)

    return function, lambda x: _either(x, 1.0, slope)


def _either(x: Array, above: float, below: float) -> Array:
    """One number where x > 0, another elsewhere, in x's type."""
    xp = namespace(x)
    return below + (above - below) * xp.astype(x > 0, x.dtype)


def _elu(alpha: float, scale: float = 1.0) -> tuple[Map, Map]:
    """The function scale · (x above zero, α(eˣ - 1) below)."""

    def function(x: Array) -> Array:
        xp = namespace(x)
        return xp.where(x > 0, scale * x, scale * alpha * xp.expm1(xp.minimum(x, 0.0)))

    def derivative(x: Array) -> Array:
        xp = namespace(x)
        low = scale * alpha * xp.exp(xp.minimum(x, 0.0))
        return xp.where(x > 0, scale + 0 * low, low)

    return function, derivative


def _gate(x: Array) -> Array:
    """The standard normal's distribution function."""
    return 0.5 + 0.5 * erf(x * math.sqrt(0.5))


def _gelu_slope(x: Array) -> Array:
    return _gate(x) + x * namespace(x).exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _gelu_tanh_gate(x: Array) -> Array:
    return namespace(x).tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _gelu_tanh_slope(x: Array) -> Array:
    t = _gelu_tanh_gate(x)
    inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner


def _silu_slope(x: Array) -> Array:
    s = _sigmoid(x)
    return s * (1 + x * (1 - s))


def _mish_slope(x: Array) -> Array:
    t = namespace(x).tanh(_softplus(x))
    return t + x * (1 - t * t) * _sigmoid(x)


def _sech2(x: Array) -> Array:
    t = namespace(x).tanh(x)
    return 1 - t * t


def _sigmoid_slope(x: Array) -> Array:
    t = namespace(x).tanh(0.5 * x)
    return 0.25 * (1 - t * t)


NAMES: dict = {
    "linear": (lambda x: +x, lambda x: namespace(x).ones_like(x)),
    "relu": (lambda x: namespace(x).maximum(x, 0.0), lambda x: _either(x, 1.0, 0.0)),
    "leaky_relu": _leaky,
    "tanh": (lambda x: namespace(x).tanh(x), _sech2),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "gelu": (lambda x: x * _gate(x), _gelu_slope),
    "gelu_tanh": (lambda x: 0.5 * x * (1 + _gelu_tanh_gate(x)), _gelu_tanh_slope),
    "silu": (lambda x: x * _sigmoid(x), _silu_slope),
    "selu": _elu(SELU_ALPHA, SELU_SCALE),
    "elu": _elu,
    "softplus": (_softplus, _sigmoid),
    "mish": (lambda x: x * namespace(x).tanh(_softplus(x)), _mish_slope),
    "sin": (lambda x: namespace(x).sin(x), lambda x: namespace(x).cos(x)),
    "erf": (erf, lambda x: namespace(x).exp(-x * x) * (2 / math.sqrt(math.pi))),
}
_PARAMETER = {"leaky_relu": 0.01, "elu": 1.0}

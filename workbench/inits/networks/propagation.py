"""Second moments of signals and gradients by layer, measured in many networks at once.

A layer is z' = W f(z) + b; the input is a z as well, so that all layers are alike. One network is
one sample, however many inputs it sees, since these share its weights. Networks are the first axis
of every array.

Source:
    Poole et al. (2016), arXiv:1606.05340; Schoenholz et al. (2017), arXiv:1611.01232; Pennington,
    Schoenholz & Ganguli (2017), arXiv:1711.04735, for the Jacobian's singular values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import Array, host, namespace
from workbench.base.cancellation import step, steps
from workbench.base.checks import refuse, whole
from workbench.inits.functions.activations import Activation, activation
from workbench.inits.functions.batched_linalg import product, singular_values
from workbench.inits.theory.moments import Which

# Called with (rng, (networks, outputs, inputs), in_axis=2, out_axis=1, batch_axis=0, dtype=...).
Scheme = Callable[..., Array]

# Bytes of weights in memory at once; more networks than fit run one part after the other.
MEMORY = 1 << 30


class Propagation(NamedTuple):
    """Second moments by layer and network, from the input (layer 0) to the output.

    Attributes:
        before: mean z² before the activation, over inputs and units.
        after: mean f(z)².
        mean: mean f(z).
        gradient: mean square of the gradient by z, from a unit normal cotangent at the output.
        singular: singular values of the Jacobian ∂z^L/∂z⁰ at one input, largest first, of as many
            networks as `jacobian`.
    """

    before: Float[np.ndarray, "layers networks"]
    after: Float[np.ndarray, "layers networks"]
    mean: Float[np.ndarray, "layers networks"]
    gradient: Float[np.ndarray, "layers networks"]
    singular: Float[np.ndarray, "decomposed values"]

    @property
    def signal_ratio(self) -> Float[np.ndarray, " networks"]:
        """The signal's second moment at the output over that at the input."""
        return self.before[-1] / self.before[0]

    @property
    def gradient_ratio(self) -> Float[np.ndarray, " networks"]:
        """The gradient's second moment at the input over that at the output."""
        return self.gradient[0] / self.gradient[-1]


def propagate(
    rng: Any,
    widths: Sequence[int],
    which: Which,
    scheme: Scheme,
    *,
    networks: int = 16,
    inputs: int = 64,
    bias_variance: float = 0.0,
    input_variance: float = 1.0,
    jacobian: int = 0,
    dtype: Any = "float32",
) -> Propagation:
    """Signals and gradients through every layer of independent random networks.

    Args:
        rng: a generator of any backend.
        widths: units of each layer from the input on, at least two of them.
        which: the activation, by name or callable.
        scheme: weights from (rng, shape) and the axes' keywords: `schemes.he`, a partial of one.
        networks: independent networks, at least 1.
        inputs: independent normal inputs to each network, at least 1.
        bias_variance: of normal biases, at least 0.
        input_variance: of the input's z, positive.
        jacobian: networks whose end-to-end Jacobian is decomposed, which costs much; the first
            ones, all where there are fewer.
        dtype: "float32" or "float64".

    Raises:
        ValueError: if a width or a count is not positive, a variance is out of range, or a scheme
            returns another shape.
    """
    sizes = [int(n) for n in whole("widths", np.asarray(widths), 1).ravel()]
    if len(sizes) < 2:
        refuse("widths", "of at least two layers, input and output", sizes)
    networks, inputs = int(whole("networks", networks, 1)), int(whole("inputs", inputs, 1))
    decomposed = int(whole("jacobian", jacobian, 0))
    if not 0 <= bias_variance < math.inf:
        refuse("bias_variance", "at least 0 and finite", bias_variance)
    if not 0 < input_variance < math.inf:
        refuse("input_variance", "positive and finite", input_variance)
    task = _Task(sizes, activation(which), scheme, inputs, bias_variance, input_variance, dtype)
    each = sum(a * b for a, b in zip(sizes, sizes[1:], strict=False)) * np.dtype(dtype).itemsize
    part = max(1, min(networks, MEMORY // each))
    parts = []
    for start in steps(range(0, networks, part)):
        count = min(part, networks - start)
        parts.append(_measured(rng, task, count, min(max(decomposed - start, 0), count)))
    *moments, singular = zip(*parts, strict=True)
    values = np.concatenate(singular)
    return Propagation(*(np.concatenate(m, axis=1) for m in moments), singular=values)


class _Task(NamedTuple):
    sizes: list[int]
    f: Activation
    scheme: Scheme
    inputs: int
    bias_variance: float
    input_variance: float
    dtype: Any


class _Pass(NamedTuple):
    """Results of the forward pass that the backward one needs."""

    weights: list[Array]
    slopes: list[Array]
    rows: list[tuple[float, ...]]


def _measured(rng: Any, task: _Task, networks: int, jacobian: int) -> tuple[np.ndarray, ...]:
    """The five arrays of `Propagation` for some networks."""
    passed = _forward(rng, task, networks)
    gradient = _backward(rng, task, networks, passed)
    before, after, mean = (np.stack(rows) for rows in zip(*passed.rows, strict=True))
    singular = _singular(passed, jacobian) if jacobian else np.empty((0, min(task.sizes)))
    return before, after, mean, gradient, singular


def _forward(rng: Any, task: _Task, networks: int) -> _Pass:
    z = _normal(rng, (networks, task.inputs, task.sizes[0]), task.input_variance, task.dtype)
    weights, slopes, rows = [], [], []
    for fan_in, fan_out in zip(task.sizes, task.sizes[1:], strict=False):
        step()
        signal = task.f.function(z)
        rows.append((_square(z), _square(signal), _average(signal)))
        slopes.append(task.f.derivative(z))
        weights.append(_weights(rng, task, (networks, fan_out, fan_in)))
        z = product(signal, namespace(z).matrix_transpose(weights[-1]))
        if task.bias_variance > 0:
            z += _normal(rng, (networks, 1, fan_out), task.bias_variance, task.dtype)
    signal = task.f.function(z)
    rows.append((_square(z), _square(signal), _average(signal)))
    return _Pass(weights, slopes, rows)


def _backward(rng: Any, task: _Task, networks: int, passed: _Pass) -> np.ndarray:
    """The second moments of the gradient by z, from the output's unit cotangent down."""
    gradient = _normal(rng, (networks, task.inputs, task.sizes[-1]), 1.0, task.dtype)
    rows = [_square(gradient)]
    for weights, slope in zip(reversed(passed.weights), reversed(passed.slopes), strict=True):
        step()
        gradient = product(gradient, weights)
        gradient *= slope
        rows.append(_square(gradient))
    return np.stack(rows[::-1])


def _singular(passed: _Pass, networks: int) -> np.ndarray:
    """Singular values of ∂z^L/∂z⁰ at the first input, the product taken in float64."""
    xp = namespace(passed.weights[0])
    chain = None
    for weights, slope in zip(passed.weights, passed.slopes, strict=True):
        step()
        scaled = xp.astype(weights[:networks, :, :] * slope[:networks, :1, :], xp.float64)
        chain = scaled if chain is None else product(scaled, chain)
    return singular_values(host(chain))


def _weights(rng: Any, task: _Task, shape: tuple[int, int, int]) -> Array:
    drawn = task.scheme(rng, shape, in_axis=2, out_axis=1, batch_axis=0, dtype=task.dtype)
    if tuple(drawn.shape) != shape:
        refuse("scheme", f"one that returns weights of shape {shape}", tuple(drawn.shape))
    return drawn


def _normal(rng: Any, shape: tuple[int, ...], variance: float, dtype: Any) -> Array:
    return rng.standard_normal(shape, dtype=np.dtype(dtype).type) * math.sqrt(variance)


def _square(x: Array) -> np.ndarray:
    """The mean square of each network's values."""
    return _average(x * x)


def _average(x: Array) -> np.ndarray:
    # In float64, since the sum of millions of float32 values would lose what depth changes.
    xp = namespace(x)
    return host(xp.mean(xp.astype(xp.mean(x, axis=2), xp.float64), axis=1))

"""A small multilayer network, many at once, with gradients written out and three optimisers.

Networks are the first axis of every array: weights (networks, outputs, inputs), biases (networks,
1, outputs), data (networks, examples, units). Functions run on the device of their arrays.

Source:
    Kingma & Ba (2015), arXiv:1412.6980; Loshchilov & Hutter (2019), arXiv:1711.05101, for decoupled
    decay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from workbench.base.array import Array, like, namespace
from workbench.base.checks import refuse, whole
from workbench.inits.functions.activations import activation
from workbench.inits.functions.batched_linalg import product
from workbench.inits.networks.propagation import Scheme
from workbench.inits.theory.moments import Which

Loss = Literal["squares", "classes"]


class Network(NamedTuple):
    """Weights and biases of some networks; gradients and moments have the same form."""

    weights: list[Array]
    biases: list[Array]


class State(NamedTuple):
    """State of an optimiser: steps taken, first and second moments."""

    steps: int
    first: Network
    second: Network


def network(
    rng: Any, widths: Sequence[int], scheme: Scheme, networks: int = 1, dtype: Any = "float64"
) -> Network:
    """Networks with weights from the scheme and biases of zero.

    Args:
        rng: a generator of any backend.
        widths: units of each layer from the input on, at least two.
        scheme: weights from (rng, shape) and the axes' keywords: `schemes.he`, a partial of one.
        networks: how many, at least 1.
        dtype: "float32" or "float64".
    """
    sizes = [int(n) for n in whole("widths", np.asarray(widths), 1).ravel()]
    if len(sizes) < 2:
        refuse("widths", "of at least two layers, input and output", sizes)
    count = int(whole("networks", networks, 1))
    axes = {"in_axis": 2, "out_axis": 1, "batch_axis": 0, "dtype": dtype}
    pairs = list(zip(sizes, sizes[1:], strict=False))
    weights = [scheme(rng, (count, b, a), **axes) for a, b in pairs]
    biases = [like(np.zeros((count, 1, b), dtype=dtype), weights[0]) for _, b in pairs]
    return Network(weights, biases)


def outputs(model: Network, inputs: Array, which: Which) -> Array:
    """The last layer's z; without an activation."""
    return _layers(model, inputs, which)[-1]


def loss_and_gradient(
    model: Network, inputs: Array, targets: Array, which: Which, loss: Loss = "squares"
) -> tuple[Array, Network]:
    """Each network's loss and its gradient by every weight and bias.

    squares: mean over examples of |z - t|²/2
    classes: mean over examples of -Σ t ln softmax(z), [nats]

    Args:
        model: some networks.
        inputs: (networks, examples, units).
        targets: (networks, examples, outputs); for classes the shares of each, summing to one.
        which: the activation between layers.
        loss: "squares" or "classes".

    Raises:
        ValueError: if the loss is unknown or the targets have another shape than the outputs.
    """
    f = activation(which)
    zs = _layers(model, inputs, which)
    value, gradient = _loss(zs[-1], targets, loss)
    weights, biases = [], []
    for index in reversed(range(len(model.weights))):
        xp = namespace(gradient)
        below = zs[index] if index == 0 else f.function(zs[index])
        weights.append(product(xp.matrix_transpose(gradient), below))
        biases.append(xp.sum(gradient, axis=1, keepdims=True))
        if index:
            gradient = product(gradient, model.weights[index]) * f.derivative(zs[index])
    return value, Network(weights[::-1], biases[::-1])


def sgd(model: Network, gradient: Network, rate: float) -> Network:
    """One step of plain descent, w - rate · g."""
    return _each(lambda w, g: w - rate * g, model, gradient)


def start(model: Network) -> State:
    """An optimiser's state before its first step."""
    zero = _each(lambda w: namespace(w).zeros_like(w), model)
    return State(0, zero, zero)


def adam(
    model: Network,
    gradient: Network,
    state: State,
    rate: float,
    *,
    decay: float = 0.0,
    memories: tuple[float, float] = (0.9, 0.999),
    guard: float = 1e-8,
) -> tuple[Network, State]:
    """One step of Adam, or of AdamW where the decay is above zero.

    m ← β₁m + (1-β₁)g,  v ← β₂v + (1-β₂)g²
    w ← w (1 - rate · decay) - rate · m̂/(√v̂ + guard),  m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)

    Args:
        model: some networks.
        gradient: of the loss.
        state: from `start` or the step before.
        rate: η; the decay is multiplied by it, as in torch.
        decay: λ, on weights and not on biases.
        memories: β₁ and β₂, in [0, 1).
        guard: ε, which makes the quotient finite.
    """
    one, two = memories
    if not (0 <= one < 1 and 0 <= two < 1):
        refuse("memories", "two numbers in [0, 1)", memories)
    t = state.steps + 1
    first = _each(lambda m, g: one * m + (1 - one) * g, state.first, gradient)
    second = _each(lambda v, g: two * v + (1 - two) * g * g, state.second, gradient)

    def moved(m: Array, v: Array) -> Array:
        size = namespace(v).sqrt(v) / math.sqrt(1 - two**t) + guard
        return rate / (1 - one**t) * m / size

    steps = _each(moved, first, second)
    shrunk = Network([w * (1 - rate * decay) for w in model.weights], model.biases)
    return _each(lambda w, s: w - s, shrunk, steps), State(t, first, second)


def _layers(model: Network, inputs: Array, which: Which) -> list[Array]:
    """The inputs and every layer's z."""
    f, zs = activation(which), [inputs]
    for index, (weights, bias) in enumerate(zip(model.weights, model.biases, strict=True)):
        signal = zs[-1] if index == 0 else f.function(zs[-1])
        zs.append(product(signal, namespace(weights).matrix_transpose(weights)) + bias)
    return zs


def _loss(z: Array, targets: Array, loss: str) -> tuple[Array, Array]:
    """Each network's loss, and its gradient by the outputs."""
    xp = namespace(z, targets)
    if tuple(z.shape) != tuple(targets.shape):
        refuse("targets", f"of the outputs' shape {tuple(z.shape)}", tuple(targets.shape))
    examples = z.shape[1]
    if loss == "squares":
        gap = z - targets
        return xp.sum(gap * gap, axis=(1, 2)) / (2 * examples), gap / examples
    if loss == "classes":
        # The largest output is taken off first, so that no exponential overflows.
        shifted = z - xp.max(z, axis=2, keepdims=True)
        logs = shifted - xp.log(xp.sum(xp.exp(shifted), axis=2, keepdims=True))
        return -xp.sum(targets * logs, axis=(1, 2)) / examples, (xp.exp(logs) - targets) / examples
    return refuse("loss", "'squares' or 'classes'", loss)


def _each(change: Any, *models: Network) -> Network:
    """A function of the parameters in the same place of some models."""
    parts = (zip(*(m[kind] for m in models), strict=True) for kind in (0, 1))
    return Network(*([change(*same) for same in part] for part in parts))

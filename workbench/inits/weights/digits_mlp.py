"""A small network trained on scikit-learn's digits, for use without a file of trained weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from workbench.base.array import host, like
from workbench.base.optional import optional
from workbench.base.parallel import one_blas_thread
from workbench.inits.networks.mlp import Network, adam, loss_and_gradient, network, outputs, start
from workbench.inits.schemes.variance_scaling import he

WIDTHS = (64, 256, 256, 10)


def trained_digits(rng: Any, steps: int = 300, rate: float = 1e-3) -> tuple[dict, float]:
    """The weights by name before and after training, and the accuracy on unseen digits.

    Args:
        rng: a generator of any backend.
        steps: of AdamW on batches of 100.
        rate: its learning rate.
    """
    # Imported here, since it takes half a second.
    datasets = optional("sklearn.datasets", "scikit-learn", "the set of digits")
    images, labels = datasets.load_digits(return_X_y=True)
    images = (images - images.mean()) / images.std()
    model = network(rng, WIDTHS, he)
    names = [f"layer {i}.weight" for i in range(len(model.weights))]
    first = {n: host(w)[0] for n, w in zip(names, model.weights, strict=True)}
    with one_blas_thread():
        model = _trained(model, images, labels, steps, rate)
    seen = host(outputs(model, like(images[None, 1400:], model.weights[0]), "relu"))[0]
    right = float((seen.argmax(axis=1) == labels[1400:]).mean())
    last = {n: host(w)[0] for n, w in zip(names, model.weights, strict=True)}
    return {"first": first, "last": last}, right


def _trained(
    model: Network,
    images: Float[np.ndarray, "digits 64"],
    labels: Int[np.ndarray, " digits"],
    steps: int,
    rate: float,
) -> Network:
    """The network trained on the first 1,400 digits."""
    state, order = start(model), np.random.default_rng(0).permutation(1400)
    for step in range(steps):
        batch = np.take(order, np.arange(100 * step, 100 * step + 100), mode="wrap")
        x, t = images[batch][None], np.eye(10)[labels[batch]][None]
        there = like(x, model.weights[0]), like(t, model.weights[0])
        _, gradient = loss_and_gradient(model, *there, "relu", "classes")
        model, state = adam(model, gradient, state, rate, decay=0.01)
    return model

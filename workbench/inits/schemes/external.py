"""Variances that the initialisers of installed libraries draw."""

from __future__ import annotations

import importlib.util
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.array import generator
from workbench.inits.schemes import variance_scaling as family

DEVIATIONS = 5.0


class Product(NamedTuple):
    """Fan-in times variance of one matrix, with its interval."""

    value: float
    interval: tuple[float, float]


def libraries(seed: int) -> dict[str, Product]:
    """Fan-in times variance of a thousand units, ours and those of installed libraries."""
    square, cut = (1000, 1000), {"distribution": "truncated_normal"}
    ours = family.lecun(generator(seed), square, **cut)
    products = {"workbench variance_scaling": _product(ours, 2.4)}
    if importlib.util.find_spec("torch"):
        import torch  # pyright: ignore[reportMissingImports]

        with torch.random.fork_rng():
            torch.manual_seed(seed)
            drawn = torch.nn.Linear(*square).weight.detach().numpy()
            products["torch.nn.Linear"] = _product(drawn, 1.8)
            # It cuts at ±2 for any deviation, so that nothing is cut here.
            whole = torch.nn.init.trunc_normal_(torch.empty(square), std=1000**-0.5)
            products["torch trunc_normal_"] = _product(whole.numpy(), 3.0)
    if importlib.util.find_spec("jax"):
        import jax  # pyright: ignore[reportMissingImports]

        starts = jax.nn.initializers
        make = starts.variance_scaling(1.0, "fan_in", "truncated_normal")
        drawn = np.asarray(make(jax.random.PRNGKey(seed), square))
        products["jax variance_scaling"] = _product(drawn, 2.4)
        drawn = np.asarray(starts.truncated_normal(1000**-0.5)(jax.random.PRNGKey(seed), square))
        products["jax truncated_normal"] = _product(drawn, 2.4)
    return products


def _product(weights: Float[np.ndarray, "a b"], kurtosis: float) -> Product:
    """By the weights' second moment, whose error follows from their fourth."""
    value = 1000 * float((weights.astype(np.float64) ** 2).mean())
    half = DEVIATIONS * value * math.sqrt((kurtosis - 1) / weights.size)
    return Product(value, (value - half, value + half))

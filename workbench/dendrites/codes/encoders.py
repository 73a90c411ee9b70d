"""Encoders from inputs to sparse codes that preserve similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from workbench.base.array import Array, like
from workbench.base.checks import refuse
from workbench.base.parallel import one_blas_thread
from workbench.dendrites.codes.patterns import winners


def random_projection(
    rng: Any,
    inputs: Float[np.ndarray, "count features"],
    cells: int,
    active: int,
    mean: Float[np.ndarray, " features"] | None = None,
) -> Integer[Array, "count active"]:
    """The cells that each input, less the mean input, drives most through random weights.

    active cells of  (x - x̄) W,   W ~ N(0, 1)

    Inputs at a small angle about the mean share many winners; in the limit of many cells their
    share does not depend on the number of cells.

    Args:
        rng: draws the weights; the codes live in its library.
        inputs: one row an input, finite.
        cells: cells in the population, at least 1.
        active: cells that win, [0, cells].
        mean: of all inputs, where these are but some of them; of these if not given.

    Raises:
        ValueError: if an input is not finite or more cells should win than there are.
    """
    inputs = np.asarray(inputs)
    if inputs.ndim != 2:
        refuse("inputs", "a table of shape (count, features)", inputs.shape)
    if not np.isfinite(inputs).all():
        refuse("inputs", "finite", inputs[~np.isfinite(inputs)][0])
    weights = rng.standard_normal((inputs.shape[1], cells))
    apart = like(inputs - (inputs.mean(axis=0) if mean is None else mean), weights)
    # Where other programs occupy a core, BLAS's threads wait longer for each other than they work.
    with one_blas_thread():
        scores = apart @ weights
    return winners(scores, active)

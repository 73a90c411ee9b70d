"""The published bootstrap as it was run: one loose BFGS run a resample, from Hoffmann's values.

It reproduces the published standard errors to their last digit, which differ from those at the
minima.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from workbench.base.checks import refuse
from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.bootstrap import Bootstrap, determined, flat

# Hoffmann et al. (2022), from the paper's TeX source: log A, log B, log E, α, β.
HOFFMANN = np.array([6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083])


def published_bootstrap(fit: Fit, counts: np.ndarray) -> Bootstrap:
    """SciPy's BFGS at its default tolerance on each resample.

    Its test of the gradient, 1e-5 against an objective of 1e-3, stops some runs early; `converged`
    is the share whose gradient passed it, not the share at a minimum.

    Args:
        fit: a fit of the Chinchilla law.
        counts: how often each row is drawn, (resamples, rows), as `pair_counts` gives it.

    Source:
        Besiroglu et al. (2024), published notebook: 4,000 pairs, seed 42 of NumPy's RandomState.
    """
    from scipy.optimize import minimize

    if fit.cost.name != "huber":
        refuse("loss", "'huber' for the published bootstrap", fit.cost.name)
    points, delta = (*fit.problem.data, fit.problem.target), fit.cost.delta
    ends = [
        minimize(_objective, HOFFMANN, (*points, row * fit.weights, delta), method="BFGS", jac=True)
        for row in counts
    ]
    slots = np.array([e.x for e in ends])
    values = np.array([e.fun for e in ends])
    share = float(np.mean([e.success for e in ends]))
    return Bootstrap(
        fit.law.parameters, slots, values, "pairs", share, determined(fit, counts), flat(fit),
        fit.law.positive,
    )  # fmt: skip


@no_type_check
def _objective(theta, n, d, target, weights, delta):
    """Σ w Huber(log L̂ - log L) and its gradient, in plain arrays for one fit."""
    a, b, e, alpha, beta = theta
    pieces = np.array([a - alpha * n, b - beta * d, np.full_like(n, e)])
    top = pieces.max(axis=0)
    raised = np.exp(pieces - top)
    total = raised.sum(axis=0)
    r = top + np.log(total) - target
    psi = np.clip(r, -delta, delta)
    pull = raised / total * (weights * psi)
    slopes = pull.sum(axis=1)
    gradient = np.array([*slopes, -(pull[0] * n).sum(), -(pull[1] * d).sum()])
    return float((weights * psi * (r - psi / 2)).sum()), gradient

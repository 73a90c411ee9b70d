"""The phase diagram: for which pairs of variances gradients vanish, persist or explode in depth.

Source:
    Poole et al. (2016), arXiv:1606.05340; Schoenholz et al. (2017), arXiv:1611.01232, for the
    diagram and its depth scales.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.base.cancellation import steps
from workbench.inits.theory.moments import Which, moments, variance_map

# Bounds beyond which an iterated variance counts as diverged, and as vanished.
AWAY, NOTHING = 100.0, 1e-8


class Phases(NamedTuple):
    """A gradient's factor a layer, χ⊥, where the variance settles; NaN where it runs away."""

    bias_variance: Float[np.ndarray, " rows"]
    weight_variance: Float[np.ndarray, " columns"]
    perpendicular: Float[np.ndarray, "rows columns"]

    @property
    def depth_scale(self) -> Float[np.ndarray, "rows columns"]:
        """Layers in which a gradient changes by a factor e, 1/|ln χ⊥|; infinite at the edge."""
        with np.errstate(divide="ignore"):
            return 1 / np.abs(np.log(self.perpendicular))


def phases(
    which: Which,
    bias_variance: Float[np.ndarray, " rows"],
    weight_variance: Float[np.ndarray, " columns"],
    layers: int = 60,
) -> Phases:
    """χ⊥ over pairs of variances, at the variance that one becomes after `layers` layers.

    Args:
        which: an activation by name, or a callable.
        bias_variance: C_b of each row, at least 0.
        weight_variance: C_W of each column, positive.
        layers: how often the layer map is applied; next to the edge the limit takes longer.
    """
    bias = np.asarray(bias_variance, dtype=np.float64)[:, None]
    weight = np.asarray(weight_variance, dtype=np.float64)
    k = np.ones((len(bias), len(weight)))
    for _ in steps(range(layers)):
        # Both variances broadcast: a column of biases, a row of weights.
        k = np.minimum(variance_map(which, np.clip(k, NOTHING, AWAY), weight, bias), AWAY)
    perpendicular = weight * moments(which, np.clip(k, NOTHING, AWAY)).slope
    return Phases(bias[:, 0], weight, np.where(k < AWAY, perpendicular, np.nan))

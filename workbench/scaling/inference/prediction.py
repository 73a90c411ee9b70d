"""Predictions of a fit for new rows, with bands."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.base.checks import refuse
from workbench.scaling import tables
from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.bootstrap import Bootstrap, percentile
from workbench.scaling.inference.curvature import unseen
from workbench.scaling.laws import autodiff

OF = ("law", "run")


class Band(NamedTuple):
    """Lower end, estimate and upper end of one quantity, row by row or budget by budget."""

    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray

    def around(self, line: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Both ends for a figure, with the line between them; None where an end is missing.

        A lower end of 0 or an infinite upper one anywhere means that the rows do not determine it.
        """
        if not (np.isfinite(self.high).all() and (self.low > 0).all()):
            return None
        # Percentiles of a few resamples need not lie on both sides of the estimate.
        return np.minimum(self.low, line), np.maximum(self.high, line)


def prediction(
    fit: Fit, drawn: Bootstrap, table: Any, level: float = 0.95, *, of: str = "run", rng: Any = 0
) -> Band:
    """The loss a fit expects on every row of a table, with percentile bands.

    The band of the law has the resamples' predictions: L̂_b. The band of a run adds the scatter of
    single runs: L̂_b exp(r √(n / (n - k))), with r drawn from the fit's residuals and the factor
    that corrects residuals for k parameters fitted to n rows. Residuals of raw losses are added
    instead.

    Args:
        fit: the fit.
        drawn: its bootstrap.
        table: rows with the law's columns; the loss is not read.
        level: share of the predictions inside.
        of: "law" or "run".
        rng: a generator or a seed, for the residuals.

    Where the rows do not determine the fit, or a direction that the loss on a row depends on, the
    band reaches from 0 to infinity.

    Raises:
        ValueError: for a level outside (0, 1) or another `of`.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods and their Application, section 7.2.4.
    """
    if not 0 < level < 1:
        refuse("level", "between 0 and 1", level)
    if of not in OF:
        refuse("of", "'law' or 'run'", of)
    data = fit.law.program.bound(tables.read(table, fit.law.columns))
    slots = np.concatenate([fit.theta[None], drawn.slots])
    logged = autodiff.log_loss(fit.law.program, slots, data)
    with np.errstate(over="ignore", invalid="ignore"):
        losses = np.exp(logged)
        if of == "run":
            losses[1:] = _scattered(fit, losses[1:], np.random.default_rng(rng))
    # A resample that does not determine the law gives no prediction.
    lost = ~drawn.determined[:, None] | np.isnan(losses[1:])
    lost = lost | unseen(fit, data) | (fit.freedom == 0)
    low = percentile(np.where(lost, 0.0, losses[1:]), 50 * (1 - level))
    high = percentile(np.where(lost, np.inf, losses[1:]), 50 * (1 + level))
    return Band(low, losses[0], high)


def _scattered(fit: Fit, losses: Array, rng: np.random.Generator) -> Array:
    residuals = fit.residuals[fit.weights > 0]
    free = max(fit.freedom, 1)
    # One residual a resample for all rows: the edges of the band are smooth.
    scatter = rng.choice(residuals, (len(losses), 1)) * np.sqrt(len(residuals) / free)
    return losses * np.exp(scatter) if fit.space == "log" else losses + scatter

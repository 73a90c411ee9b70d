"""What to draw of a fit: the runs, the law, and the band of a single run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.bootstrap import Bootstrap
from workbench.scaling.inference.prediction import prediction


class Picture(NamedTuple):
    """What to draw of the fit: rows as marks, the law as a line with the band of a single run.

    A law of one variable is drawn over its sizes to ten times the largest; one of two variables
    has no line, so that what was observed is drawn against what is predicted. The ends of the band
    are 0 and infinite where the rows do not determine it.
    """

    labels: tuple[str, str]
    x: Float[np.ndarray, " rows"]
    y: Float[np.ndarray, " rows"]
    grid: Float[np.ndarray, " grid"]
    line: Float[np.ndarray, " grid"]
    low: Float[np.ndarray, " grid"]
    high: Float[np.ndarray, " grid"]

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Both ends of the band; None where it has no end somewhere, which no figure shows."""
        shut = np.isfinite(self.high).all() and (self.low > 0).all()
        return (self.low, self.high) if shut else None

    @property
    def banded(self) -> str:
        """What the band is, in words."""
        if self.band:
            return "the band holds 95 % of single runs by the bootstrap"
        return "there is no band, since the rows do not determine how far off a run may be"


def picture(fitted: Fit, drawn: Bootstrap, columns: tuple[str, ...], seed: int) -> Picture:
    """The runs of a law of one variable with the law, to ten times the largest size."""
    size, observed = (fitted.columns[c] for c in columns)
    grid = np.geomspace(size.min(), 10 * size.max(), 100)
    low, line, high = prediction(fitted, drawn, {columns[0]: grid}, rng=seed)
    ends = np.minimum(low, line), np.maximum(high, line)
    return Picture(columns, size, observed, grid, line, *ends)


def scatter(fitted: Fit, drawn: Bootstrap, columns: tuple[str, ...], seed: int) -> Picture:
    """What was observed against what a law of two variables predicts."""
    observed = fitted.columns[columns[-1]]
    low, line, high = prediction(fitted, drawn, fitted.columns, rng=seed)
    order = np.argsort(line, kind="stable")
    ends = np.minimum(low, line)[order], np.maximum(high, line)[order]
    labels = f"predicted {columns[-1]}", f"observed {columns[-1]}"
    return Picture(labels, line, observed, line[order], line[order], *ends)

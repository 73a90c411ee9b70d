"""Figure data of a fit: the runs, the law, and the band of a single run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from workbench.scaling.fit.result import Fit
from workbench.scaling.inference.bootstrap import Bootstrap
from workbench.scaling.inference.prediction import prediction


class Picture(NamedTuple):
    """Rows as marks and a law as a line with the band of a single run; no band where it is open."""

    labels: tuple[str, str]
    x: Float[np.ndarray, " rows"]
    y: Float[np.ndarray, " rows"]
    grid: Float[np.ndarray, " grid"]
    line: Float[np.ndarray, " grid"]
    band: tuple[np.ndarray, np.ndarray] | None


def picture(fit: Fit, drawn: Bootstrap, columns: Sequence[str], seed: int) -> Picture:
    """The runs of a law of one variable with the law, to ten times the largest size.

    A law of two variables has no line: observed losses are drawn against predicted ones.

    Args:
        fit: the fit.
        drawn: its bootstrap.
        columns: of size (and tokens), then of the loss.
        seed: of the scatter of single runs.
    """
    if len(columns) > 2:
        return _scatter(fit, drawn, columns[-1], seed)
    name, loss = columns[0], columns[1]
    size, observed = fit.columns[name], fit.columns[loss]
    grid = np.geomspace(size.min(), 10 * size.max(), 100)
    band = prediction(fit, drawn, {name: grid}, rng=seed)
    return Picture((name, loss), size, observed, grid, band.middle, band.around(band.middle))


def _scatter(fit: Fit, drawn: Bootstrap, loss: str, seed: int) -> Picture:
    observed = fit.columns[loss]
    band = prediction(fit, drawn, fit.columns, rng=seed)
    order, line = np.argsort(band.middle, kind="stable"), band.middle
    ends = band.around(line)
    labels = f"predicted {loss}", f"observed {loss}"
    return Picture(
        labels, line, observed, line[order], line[order], ends and (ends[0][order], ends[1][order])
    )

"""The false-match law over whole ranges: population size, sparsity, threshold, the paper's grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.dendrites.theory.overlap_laws import binomial_limit, false_match


class Growth(NamedTuple):
    """The error over population sizes: at a fixed share of active cells, and at a fixed number."""

    cells: Int[np.ndarray, " sizes"]
    fixed_share: Float[np.ndarray, " sizes"]
    fixed_number: Float[np.ndarray, " sizes"]
    limit: Float[np.ndarray, " sizes"]


def growth(active: int = 128, share: float = 0.032, synapses: int = 24, threshold: int = 12):
    """The false-match law from 500 to 64,000 cells, with its binomial limit at the fixed share.

    Source:
        Ahmad & Hawkins (2016), Fig. 5A, whose synapses and threshold are the defaults.
    """
    cells = 500 * 2 ** np.arange(8)
    return Growth(
        cells=cells,
        fixed_share=false_match(cells, (cells * share).astype(np.int64), synapses, threshold),
        fixed_number=false_match(cells, active, synapses, threshold),
        limit=np.full(len(cells), binomial_limit(share, synapses, threshold)),
    )


class ErrorMap(NamedTuple):
    """log10 of the false-match chance over shares of active cells and thresholds."""

    share: Float[np.ndarray, " shares"]
    threshold: Int[np.ndarray, " thresholds"]
    exponent: Float[np.ndarray, "thresholds shares"]


def error_map(cells: int, synapses: int, most: float = 0.125) -> ErrorMap:
    """The map from the fewest active cells a segment can subsample up to the share `most`."""
    last = max(synapses, int(cells * most))
    active = np.unique(np.linspace(synapses, last, 60).astype(np.int64))
    threshold = np.arange(1, synapses + 1)
    exponent = false_match(cells, active[None, :], synapses, threshold[:, None], log10=True)
    return ErrorMap(active / cells, threshold, exponent)


def figure_6_medians(thresholds: Int[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """The median error over the 420 settings of the paper's Fig. 6, at each threshold.

    The grid is cells 10,000 to 190,000 by 20,000, active share 0.5 % to 3 % by 0.5 %, synapses 20
    to 50 by 5. The published script's own loop has another range; this grid is the one that
    reproduces every digit of the authors' printed table.

    Source:
        Ahmad & Hawkins (2016), Fig. 6.
    """
    cells = np.arange(10000, 190001, 20000)[:, None, None]
    active = cells * np.arange(1, 7)[None, :, None] // 200
    synapses = np.arange(20, 51, 5)[None, None, :]
    errors = [false_match(cells, active, synapses, int(t)) for t in thresholds]
    return np.array([np.median(e) for e in errors])

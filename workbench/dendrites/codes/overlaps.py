"""The overlap of every segment with every pattern, which answers all thresholds at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Integer

from workbench.base.array import Array, host, like, namespace
from workbench.base.checks import whole
from workbench.dendrites.codes._sets import sorted_rows


def overlap_table(
    segments: Integer[Array, "segments synapses"],
    patterns: Integer[Array, "patterns active"],
    cells: int,
) -> Integer[Array, "segments patterns"]:
    """The overlap of every segment with every pattern.

    overlap(s, p) = |p ∩ s|

    A detector finds the pairs that reach one threshold; this counts all pairs once for all
    thresholds. Every synapse adds, for all patterns at once, whether its cell is
    active. Memory is a byte for each pair and for each pattern's cells, four from 256 synapses.

    Args:
        segments: cells of each segment, distinct in each row.
        patterns: active cells, distinct in each row, of the same library.
        cells: cells in the population, at least 1.

    Raises:
        ValueError: if an index is outside [0, cells) or a row repeats a cell.
    """
    cells = int(whole("cells", cells, 1))
    segments, patterns = sorted_rows(segments, cells), sorted_rows(patterns, cells)
    xp = namespace(segments, patterns)
    shown, synapses = host(patterns), segments.shape[1]
    kind = np.uint8 if synapses < 256 else np.int32
    # The array standard has no way to set scattered places, so that the host does.
    active = np.zeros((cells, shown.shape[0]), dtype=kind)
    active[shown, np.arange(shown.shape[0])[:, None]] = 1
    active = like(active, segments)
    shared = xp.zeros(
        (segments.shape[0], shown.shape[0]), dtype=active.dtype, device=segments.device
    )
    for synapse in range(synapses):
        shared += xp.take(active, segments[:, synapse], axis=0)
    return shared


def reached(histogram: Int[np.ndarray, "*rows overlaps"]) -> Int[np.ndarray, "*rows thresholds"]:
    """How many reach each threshold from 1 on, given how many have each overlap from 0 on.

    Example:
        >>> reached(np.array([5, 3, 1]))
        array([4, 1])
    """
    return np.cumsum(histogram[..., :0:-1], axis=-1)[..., ::-1]

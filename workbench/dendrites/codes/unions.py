"""Several patterns on one segment: mixed into one list of synapses, or tagged by pattern.

A mixed union is one segment with a synapse wherever one of its patterns has one. It also matches
where parts of several patterns add up. In a tagged union each pattern is counted separately, and
the segment matches where one of them does:

    |A ∩ (D₁ ∪ … ∪ D_k)| ≥ θ    against    max_i |A ∩ D_i| ≥ θ.

Both go to `Detector`: `Detector(mixed(patterns), …)`, `Detector(*tagged…)` as in the examples.

Source: Ahmad & Hawkins (2016), arXiv 1601.00720, §3.3, for the mixed union; the tagged one is the
control.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from workbench.base.array import Array, host
from workbench.base.checks import refuse


class Tagged(NamedTuple):
    """Rows of cells, and for each the segment it belongs to: `segments` and `numbers`."""

    segments: np.ndarray
    numbers: np.ndarray


def mixed(patterns: Integer[Array, "segments patterns synapses"]) -> list[np.ndarray]:
    """For each segment the distinct cells of its patterns, ascending; lists of unequal length.

    Raises:
        ValueError: if the array is not of three dimensions.

    Example:
        >>> [row.tolist() for row in mixed(np.array([[[1, 2], [2, 5]]]))]
        [[1, 2, 5]]
    """
    return [np.unique(rows) for rows in _three(patterns)]


def tagged(patterns: Integer[Array, "segments patterns synapses"]) -> Tagged:
    """Each segment's patterns as rows of their own that share its number.

    Raises:
        ValueError: if the array is not of three dimensions.

    Example:
        >>> tagged(np.array([[[1, 2], [2, 5]]])).numbers.tolist()
        [0, 0]
    """
    rows = _three(patterns)
    segments, each, synapses = rows.shape
    numbers = np.repeat(np.arange(segments), each)
    return Tagged(rows.reshape(segments * each, synapses), numbers)


def _three(patterns: Array) -> np.ndarray:
    if patterns.ndim != 3:
        refuse("patterns", "three-dimensional, (segments, patterns, cells)", tuple(patterns.shape))
    return host(patterns)

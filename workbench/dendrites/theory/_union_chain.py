"""The numerics of a segment that stores several patterns at once, mixed into one set of synapses.

Fix the shown pattern and add the stored patterns one at a time. The state is the number of active
cells that they have covered so far, y. From y, the next pattern covers j
more with the hypergeometric chance C(a−y, j)·C(n−a+y, s−j) / C(n, s). A match is the event that y
reaches the threshold, so the chain has only `threshold` states, where the chain on the size of the
union has thousands; the two give the same number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from workbench.base.array import Array
from workbench.dendrites.theory import _pairs
from workbench.dendrites.theory._tails import Sums, log10_tail, sums

_CHUNK = 2**16  # elements of the transition tables in memory at a time
_SMALLEST = 1e-290
_NEGLIGIBLE = 2.0**-60


class _Numbers(NamedTuple):
    """Arithmetic on chances: as pairs of doubles, or as logarithms where doubles underflow.

    A pair is stored here as one array with a leading axis of two, so that both kinds are sliced
    alike; `shape` is what leads.
    """

    shape: tuple[int, ...]
    zero: float
    one: np.ndarray
    times: Callable[[np.ndarray, np.ndarray], np.ndarray]
    plus: Callable[[np.ndarray, np.ndarray], np.ndarray]
    mass: Callable[[Sums], np.ndarray]
    tail: Callable[[Sums], np.ndarray]


def union_tail(*arguments: Array, log10: bool = False) -> np.ndarray:
    """The chance of a match over cells, active, synapses, threshold, patterns, or its logarithm."""
    wide = np.broadcast_arrays(*[np.asarray(x, dtype=np.float64) for x in arguments])
    flat = [x.reshape(-1) for x in wide]
    out = np.empty(flat[0].shape)
    done = 0
    while done < out.size:
        # The table of one law has threshold² entries; a chunk is sized for its largest.
        thresholds = flat[3][done : done + _CHUNK]
        width = np.maximum.accumulate(
            np.maximum(np.minimum(thresholds, flat[1][done:][:_CHUNK]), 1)
        )
        many = int(np.sum(width**2 * np.arange(1, thresholds.size + 1) <= _CHUNK))
        part = slice(done, done + max(1, many))
        out[part] = _answers([x[part] for x in flat], log10)
        done = part.stop
    return out.reshape(wide[0].shape)


def _answers(arguments: list[np.ndarray], log10: bool) -> np.ndarray:
    """The law over flat arrays of one length, with the certain and the impossible set apart."""
    _, active, synapses, threshold, patterns = arguments
    certain = threshold == 0
    possible = (threshold <= active) & (threshold <= synapses * patterns) & ~certain
    out = certain.astype(np.float64)
    if possible.any():
        out[possible] = _chain(_PAIRS, *[x[possible] for x in arguments])[0]
    if not log10:
        return out
    with np.errstate(divide="ignore"):
        log = np.log10(out)
    small = possible & (out < _SMALLEST)
    if small.any():
        log[small] = _chain(_LOGS, *[x[small] for x in arguments])
    return log


def _chain(
    numbers: _Numbers,
    cells: np.ndarray,
    active: np.ndarray,
    synapses: np.ndarray,
    threshold: np.ndarray,
    patterns: np.ndarray,
) -> np.ndarray:
    """The chance that y reaches the threshold, from the expected visits to every smaller y."""
    width = int(threshold.max())
    steps, leaps = _tables(numbers, cells, active, synapses, threshold, width)
    here = np.full((*numbers.shape, cells.size, width), numbers.zero)
    here[..., 0] = numbers.one
    visits = here
    for m in range(1, int(patterns.max())):
        after = numbers.times(here, steps[0])
        for j in range(1, width):
            moved = numbers.times(here[..., : width - j], steps[j][..., : width - j])
            after[..., j:] = numbers.plus(after[..., j:], moved)
        here = np.where((m < patterns)[:, None], after, numbers.zero)
        visits = numbers.plus(visits, here)
        if numbers is _PAIRS and _settled(here[0], visits[0], leaps[0]):
            break
    reached = numbers.times(visits, leaps)
    total = reached[..., 0]
    for y in range(1, width):
        total = numbers.plus(total, reached[..., y])
    return total


def _settled(here: np.ndarray, visits: np.ndarray, leaps: np.ndarray) -> bool:
    """Whether the mass still below the threshold is too small to show in the answer."""
    return bool(np.all(here.sum(axis=-1) <= _NEGLIGIBLE * (visits * leaps).sum(axis=-1)))


def _tables(
    numbers: _Numbers,
    cells: np.ndarray,
    active: np.ndarray,
    synapses: np.ndarray,
    threshold: np.ndarray,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The chance of each step, j first, and of the leap from y to the threshold or beyond."""
    n, a, s, most = (x[:, None] for x in (cells, active, synapses, threshold))
    y = np.arange(width, dtype=np.float64)
    j = y[:, None, None]
    left = np.maximum(a - y, 0)
    legal = (y + j < most) & (j >= s + left - n) & (j <= np.minimum(s, left)) & (y <= a)
    wide = np.broadcast_arrays(n, left, s, j)
    steps = np.full((width, *numbers.shape, cells.size, width), numbers.zero)
    # A pair's leading axis goes behind j, so that steps[j] is laid out like the chances.
    every = np.moveaxis(steps, 0, len(numbers.shape))
    every[..., legal] = numbers.mass(sums(*[x[legal] for x in wide]))
    legal = (y < most) & (y <= a)
    wide = np.broadcast_arrays(n, left, s, most - y)
    leaps = np.full((*numbers.shape, cells.size, width), numbers.zero)
    leaps[..., legal] = numbers.tail(sums(*[x[legal] for x in wide]))
    return steps, leaps


def _aligned(both: Sums) -> tuple[_pairs.Pair, _pairs.Pair, np.ndarray]:
    """U and U + L as pairs over one exponent, the larger of their two."""
    exponent = np.maximum(both.upper_exponent, both.lower_exponent)
    upper = _pairs.scaled(both.upper, both.upper_exponent - exponent)
    lower = _pairs.scaled(both.lower, both.lower_exponent - exponent)
    return upper, _pairs.plus(upper, lower), exponent


def _pair_mass(both: Sums) -> np.ndarray:
    """The chance of the threshold itself, 1 / (U + L)."""
    _, total, exponent = _aligned(both)
    one = _pairs.Pair(np.ones_like(total.high), np.zeros_like(total.high))
    return np.stack(_pairs.scaled(_pairs.over(one, total), -exponent))


def _pair_tail(both: Sums) -> np.ndarray:
    """The chance of the threshold or more, U / (U + L)."""
    upper, total, _ = _aligned(both)
    return np.where(both.never, 0.0, np.stack(_pairs.over(upper, total)))


def _log_mass(both: Sums) -> np.ndarray:
    _, total, exponent = _aligned(both)
    return -np.log10(total.high) - exponent * np.log10(2)


def _log_plus(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.logaddexp2(x / _LOG2, y / _LOG2) * _LOG2


_LOG2 = np.log10(2)
_PAIRS = _Numbers(
    shape=(2,),
    zero=0.0,
    one=np.array([[1.0], [0.0]]),
    times=lambda x, y: np.stack(_pairs.times(_pairs.Pair(*x), _pairs.Pair(*y))),
    plus=lambda x, y: np.stack(_pairs.plus(_pairs.Pair(*x), _pairs.Pair(*y))),
    mass=_pair_mass,
    tail=_pair_tail,
)
_LOGS = _Numbers(
    shape=(),
    zero=-np.inf,
    one=np.array(0.0),
    times=np.add,
    plus=_log_plus,
    mass=_log_mass,
    tail=log10_tail,
)

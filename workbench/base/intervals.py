"""Confidence intervals of rates and means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from workbench.base.array import Array
from workbench.base.checks import refuse, whole

Interval = tuple[float, float]
# Bootstrap resamples of a clustered interval.
RESAMPLES = 4000


def binomial_interval(count: int, trials: int, deviations: float = 3.0) -> tuple[float, float]:
    """The interval of a rate, given a count (Wilson's score interval).

    p̂ = (k + z²/2) / (n + z²),  half-width = z/(n + z²) · √(k (n - k)/n + z²/4)

    The chance to miss the true rate is the normal one where many events of each kind are expected.
    Where few are, it can be thousands of times that; `chernoff_interval` holds there too.

    Args:
        count: number of events, k.
        trials: number of trials, n, at least 1.
        deviations: standard deviations on each side, z; 3 leaves 0.27 % outside.

    Source:
        Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    count, trials = _checked(count, trials, deviations)
    z2 = deviations**2
    middle = (count + z2 / 2) / (trials + z2)
    half = deviations / (trials + z2) * math.sqrt(count * (trials - count) / trials + z2 / 4)
    # Rounding must not push the ends past a rate of exactly 0 or 1.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    return low, 1.0 if count == trials else min(1.0, middle + half)


def chernoff_interval(count: int, trials: int, deviations: float = 3.0) -> tuple[float, float]:
    """The interval of a rate, given a count, that also holds where few events are expected.

    k ln(p̂/p) + (n - k) ln((1 - p̂)/(1 - p)) ≤ z²/2,  p̂ = k/n

    Over independent trials each end misses the true rate with a chance of at most exp(-z²/2), at
    every rate and number of trials: 1.1 % for 3, four in a million for 5. Where many events of each
    kind are expected it is Wilson's interval, and the chance some ten times smaller.

    Args:
        count: number of events, k.
        trials: number of trials, n, at least 1.
        deviations: standard deviations on each side, z, were the count normal.

    Source:
        Chernoff (1952), Ann. Math. Stat. 23, 493; the bound is Hoeffding's (1963), J. Am. Stat.
        Assoc. 58, 13, theorem 1.
    """
    count, trials = _checked(count, trials, deviations)
    # The rarer kind is counted, since rates near 0 have more digits than those near 1.
    rarer = min(count, trials - count)
    most = deviations**2 / 2
    low, high = _ends(rarer, trials, most)
    if rarer == count:
        return low, high
    # Of few trials the lower end may be near 0 as well.
    return 1 - high if high < 0.5 else _low_end(count, trials, most), 1 - low


def chernoff_trials(rate: float, half: float, deviations: float = 3.0) -> int:
    """The fewest trials that make an interval of `chernoff_interval` no wider than this.

    Args:
        rate: the expected rate, between 0 and 1.
        half: half of the interval's width, above 0.
        deviations: standard deviations on each side.
    """
    rarer, most = min(rate, 1 - rate), deviations**2 / 2

    def is_enough(trials: int) -> bool:
        low, high = _ends(rarer, 1, most / trials)
        return high - low <= 2 * half

    few, enough = 0, 1
    while not is_enough(enough):
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if is_enough(middle) else (middle, enough)
    return enough


def clustered_interval(
    hits: Bool[np.ndarray, " trials"],
    misses: Bool[np.ndarray, " trials"],
    clusters: Sequence[str | int],
    deviations: float = 2.0,
) -> Interval:
    """The interval of a rate whose trials are correlated within clusters.

    The union of Wilson's interval and the middle 95 % of the rates over resampled clusters. A dozen
    clusters are few to resample, so that neither interval suffices alone.

    Args:
        hits: whether a trial is a hit; there must be at least one hit or miss.
        misses: whether a trial is a miss; trials that are neither do not count.
        clusters: the cluster of each trial.
        deviations: standard deviations of Wilson's interval.

    Source:
        Davison & Hinkley (1997), Bootstrap Methods and their Application, section 3.8.
    """
    each = np.unique(np.asarray(clusters), return_inverse=True)[1]
    won, lost = (np.bincount(each, marks) for marks in (hits, misses))
    drawn = np.random.default_rng(0).integers(0, len(won), (RESAMPLES, len(won)))
    decided = won[drawn].sum(axis=1) + lost[drawn].sum(axis=1)
    rates = (won[drawn].sum(axis=1) / np.maximum(decided, 1))[decided > 0]
    low, high = np.percentile(rates, [2.5, 97.5])
    count = int(hits.sum())
    bottom, top = binomial_interval(count, count + int(misses.sum()), deviations)
    return min(float(low), bottom), max(float(high), top)


def _checked(count: int, trials: int, deviations: float) -> tuple[int, int]:
    """Count and trials as Python integers, whose products do not overflow."""
    trials = int(whole("trials", trials, 1))
    count = int(whole("count", count, 0, trials))
    if not (deviations > 0 and math.isfinite(deviations)):
        refuse("deviations", "a positive number", deviations)
    return count, trials


def _ends(count: float, trials: int, most: float) -> Interval:
    """The ends for the rarer kind of events; with one trial, `count` may be a rate."""
    low = _low_end(count, trials, most) if count else 0.0
    far = (1 - count / trials) * math.exp(-1 - most / (trials - count))
    return low, _end(1 - far, count, trials, most)


def _low_end(count: float, trials: int, most: float) -> float:
    """The lower end, whose digits are exact also where it is near 0."""
    if count == trials:
        return math.exp(-most / trials)
    # Outside, since the other kind's term takes at most as much away as there are events.
    return _end(count / trials * math.exp(-1 - most / count), count, trials, most)


def _end(rate: float, count: float, trials: int, most: float) -> float:
    """The end of the interval on the way from a rate outside it.

    By Newton's steps: the sum is convex in the rate, so each comes nearer and none steps inside.
    """
    own = count / trials
    while 0 < rate < 1:
        moved = rate - own
        fall = -(trials - count) * math.log1p(-moved / (1 - own))
        if count:
            # Each form loses digits where the other is exact: far below, and close by.
            fall -= count * (math.log1p(moved / own) if 2 * rate > own else math.log(rate / own))
        nearer = rate - (fall - most) * rate * (1 - rate) / (trials * moved)
        if fall <= most or nearer == rate:
            break
        rate = nearer
    return rate


def student_interval(
    mean: Array, error: Array, replicas: int, deviations: float = 3.0
) -> tuple[Array, Array]:
    """The interval of a mean over few independent replicas (Student's t).

    mean ± t(replicas - 1) · error, with t's chance beyond each end that of a normal law's
    deviations: 16 replicas need 8.3 standard errors where a thousand need 5.0.

    Args:
        mean: mean over the replicas.
        error: its standard error, from the scatter of the replicas.
        replicas: number of replicas, at least 2.
        deviations: standard deviations on each side, were the error known.

    Source:
        Student (1908), Biometrika 6, 1.
    """
    from scipy.special import ndtr, stdtrit  # a fifth of a second, for samples alone

    replicas = int(whole("replicas", replicas, 2))
    half = -stdtrit(replicas - 1, ndtr(-deviations)) * error
    return mean - half, mean + half

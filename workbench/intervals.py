"""The range a measured rate may have by chance."""

from __future__ import annotations

import math

from workbench.checks import refuse, whole


def binomial_interval(count: int, trials: int, deviations: float = 3.0) -> tuple[float, float]:
    """The rates that make the count no surprise (Wilson's score interval).

    p̂ = (k + z²/2) / (n + z²),  half-width = z/(n + z²) · √(k (n - k)/n + z²/4)

    Args:
        count: events seen, k.
        trials: trials made, n, at least 1.
        deviations: standard deviations on each side, z; 3 leaves 0.27 % outside.

    Source:
        Wilson (1927), J. Am. Stat. Assoc. 22, 209.
    """
    # Python's integers, since NumPy's would wrap around in the product below.
    trials = int(whole("trials", trials, 1))
    count = int(whole("count", count, 0, trials))
    if not (deviations > 0 and math.isfinite(deviations)):
        refuse("deviations", "a positive number", deviations)
    z2 = deviations**2
    middle = (count + z2 / 2) / (trials + z2)
    half = deviations / (trials + z2) * math.sqrt(count * (trials - count) / trials + z2 / 4)
    # Rounding must not push the ends past a rate of exactly 0 or 1.
    low = 0.0 if count == 0 else max(0.0, middle - half)
    return low, 1.0 if count == trials else min(1.0, middle + half)

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.intervals import binomial_interval

NAN, INF = math.nan, math.inf


@given(st.integers(1, 10**12), st.data(), st.floats(0.5, 8))
def test_wilson_solves_its_quadratic(trials, data, z):
    """Each end p satisfies (p̂ - p)² = z² p (1 - p) / n."""
    count = data.draw(st.integers(0, trials))
    share = count / trials
    for p in binomial_interval(count, trials, z):
        assert 0 <= p <= 1
        error = (share - p) ** 2 - z * z * p * (1 - p) / trials
        assert abs(error) <= 1e-12 * max(share**2, p * p, z * z * p / trials)


@pytest.mark.parametrize(("count", "trials"), [(0, 5), (5, 5), (3, 10), (1, 40_000), (500, 1000)])
def test_wilson_is_scipy_s(count, trials):
    z = 3.0
    level = 1 - 2 * stats.norm.sf(z)
    theirs = stats.binomtest(count, trials).proportion_ci(level, method="wilson")
    assert binomial_interval(count, trials, z) == pytest.approx(tuple(theirs), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.37, 0.5])
def test_wilson_covers_by_the_exact_sum(p):
    """A negative control: an interval a fifth narrower falls short of the level promised."""
    trials = 1000
    counts = np.arange(trials + 1)
    chance = stats.binom.pmf(counts, trials, p)

    def coverage(deviations):
        ends = [binomial_interval(int(k), trials, deviations) for k in counts]
        return sum(c for c, (low, high) in zip(chance, ends, strict=True) if low <= p <= high)

    promised = 1 - 2 * stats.norm.sf(3)
    assert coverage(3.0) >= promised - 2e-3
    assert coverage(2.4) < promised - 2e-3


def test_wilson_takes_numpy_counts_too_large_to_square(unchecked):
    large = np.int64(4 * 10**9)
    assert binomial_interval(large // 2, large) == binomial_interval(2 * 10**9, 4 * 10**9)


@pytest.mark.parametrize(
    ("count", "trials", "sentence"),
    [
        (-1, 5, r"`count` must be a whole number in \[0, 5\]; got -1"),
        (6, 5, r"`count` must be a whole number in \[0, 5\]; got 6"),
        (0, 0, "`trials` must be a whole number of at least 1; got 0"),
        (1.5, 5, "`count` must be a whole number"),
        (NAN, 5, "`count` must be a whole number"),
    ],
)
def test_wilson_refuses_impossible_counts(count, trials, sentence, unchecked):
    with pytest.raises(ValueError, match=sentence):
        binomial_interval(count, trials)


@pytest.mark.parametrize("deviations", [0.0, -1.0, NAN, INF])
def test_wilson_refuses_impossible_deviations(deviations):
    with pytest.raises(ValueError, match="`deviations` must be a positive number"):
        binomial_interval(1, 5, deviations)

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.base.intervals import binomial_interval, chernoff_interval, clustered_interval

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


@pytest.mark.parametrize("interval", [binomial_interval, chernoff_interval])
def test_numpy_counts_too_large_to_square_are_taken(interval, unchecked):
    large = np.int64(4 * 10**9)
    assert interval(large // 2, large) == interval(2 * 10**9, 4 * 10**9)


@given(st.integers(1, 10**13), st.data(), st.floats(0.5, 8))
def test_chernoff_solves_its_equation(trials, data, z):
    """At each end the logarithm of the likelihood, in forty digits, has fallen by z²/2."""
    count = data.draw(st.integers(0, trials))
    ends = chernoff_interval(count, trials, z)
    assert 0 <= ends[0] <= count / trials <= ends[1] <= 1
    assert (ends[0] == 0) == (count == 0)
    for p in set(ends) - {0.0, 1.0}:
        with decimal.localcontext(prec=40):
            pairs = [(count, Decimal(p)), (trials - count, 1 - Decimal(p))]
            fall = sum(k * (Decimal(k) / trials / q).ln() for k, q in pairs if k)
        # By so much the sum changes from a float near p to the next.
        step = trials * abs(p - count / trials) / (p * (1 - p)) * math.ulp(p)
        assert float(fall) == pytest.approx(z * z / 2, rel=1e-6, abs=4 * step)


@pytest.mark.parametrize(("count", "trials"), [(1, 1), (2, 2), (2, 3), (3, 4), (9, 10)])
def test_the_lower_end_of_few_trials_has_all_its_digits(count, trials):
    low, _ = chernoff_interval(count, trials, 8.0)
    with decimal.localcontext(prec=40):
        pairs = [(count, Decimal(low)), (trials - count, 1 - Decimal(low))]
        fall = sum(k * (Decimal(k) / trials / q).ln() for k, q in pairs if k)
    assert float(fall) == pytest.approx(32, rel=1e-12)


@given(st.integers(1, 10**13), st.data(), st.floats(0.5, 8))
def test_chernoff_mirrors(trials, data, z):
    count = data.draw(st.integers(0, trials))
    low, high = chernoff_interval(count, trials, z)
    other = chernoff_interval(trials - count, trials, z)
    assert (1 - high, 1 - low) == pytest.approx(other, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("count", [40_000, 5 * 10**7])
def test_chernoff_is_wilson_s_where_many_are_expected(count):
    wilson, chernoff = binomial_interval(count, 10**8, 5.0), chernoff_interval(count, 10**8, 5.0)
    half = (wilson[1] - wilson[0]) / 2
    assert np.abs(np.subtract(wilson, chernoff)).max() < 0.01 * half


@pytest.mark.parametrize("trials", [1, 4, 20, 400])
def test_chernoff_holds_for_few_events_by_the_exact_sum(trials):
    """A negative control: Wilson's interval misses some rare rates thousands of times as often."""
    counts = np.arange(trials + 1)

    def worst(interval):
        low, high = np.array([interval(int(k), trials, 5.0) for k in counts]).T
        # Coverage jumps at the ends, so both sides of each are checked.
        ends = np.concatenate([low, high])
        rates = np.concatenate([ends * (1 - 1e-9), ends * (1 + 1e-9), np.geomspace(1e-9, 0.5, 200)])
        rates = rates[(rates > 0) & (rates < 1)][:, None]
        outside = (rates < low) | (rates > high)
        return (stats.binom.pmf(counts, trials, rates) * outside).sum(axis=1).max()

    assert worst(chernoff_interval) <= 2 * math.exp(-12.5)
    assert worst(binomial_interval) > 0.02


@pytest.mark.parametrize("interval", [binomial_interval, chernoff_interval])
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
def test_impossible_counts_are_refused(interval, count, trials, sentence, unchecked):
    with pytest.raises(ValueError, match=sentence):
        interval(count, trials)


@pytest.mark.parametrize("interval", [binomial_interval, chernoff_interval])
@pytest.mark.parametrize("deviations", [0.0, -1.0, NAN, INF])
def test_impossible_deviations_are_refused(interval, deviations):
    with pytest.raises(ValueError, match="`deviations` must be a positive number"):
        interval(1, 5, deviations)


def test_the_trials_of_one_cluster_are_not_many():
    """If all that one of four clusters holds are hits, a rate of 0 is no surprise."""
    clusters = [name for name in "abcd" for _ in range(25)]
    hits = np.arange(100) < 25
    low, high = clustered_interval(hits, ~hits, clusters)
    narrow = binomial_interval(25, 100, 2.0)
    assert low == 0.0
    assert high > narrow[1]


def test_clusters_of_a_single_trial_give_the_wider_of_wilson_s_interval_and_the_quantiles():
    hits = np.arange(400) % 4 == 0
    low, high = clustered_interval(hits, ~hits, list(map(str, range(400))))
    # Draws with replacement are binomial.
    drawn = stats.binom(400, 0.25).ppf([0.025, 0.975]) / 400
    wilson = binomial_interval(100, 400, 2.0)
    assert low == pytest.approx(min(drawn[0], wilson[0]), abs=0.005)
    assert high == pytest.approx(max(drawn[1], wilson[1]), abs=0.005)


def test_trials_that_decide_nothing_do_not_count():
    hits, misses = np.arange(60) % 3 == 0, np.arange(60) % 3 == 1
    decided, clusters = hits | misses, np.arange(60) // 6
    some = clustered_interval(hits[decided], misses[decided], clusters[decided].tolist())
    assert clustered_interval(hits, misses, clusters.tolist()) == some

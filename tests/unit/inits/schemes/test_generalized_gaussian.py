import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_values import rows
from scipy import stats
from standard_errors import variance_is

from workbench.inits.schemes import generalized_gaussian as gg

shapes = st.floats(0.2, 5.0)


@pytest.mark.parametrize("shape", [0.3, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_follow_the_density(backend, shape, dtype):
    drawn = gg.variates(backend.rng(1), (40_000,), shape, 2.0, dtype)
    x = backend.back(drawn)
    assert x.dtype == dtype
    law = stats.gennorm(shape, scale=gg.scale_of(shape, 2.0))
    assert stats.kstest(x, law.cdf).pvalue > 5.7e-7
    wrong = stats.gennorm(0.6 * shape, scale=gg.scale_of(0.6 * shape, 2.0))
    assert stats.kstest(x, wrong.cdf).pvalue < 5.7e-7
    assert variance_is(x, 2.0, gg.kurtosis(shape))


@pytest.mark.parametrize(("name", "args", "exact"), rows("gg_alpha_over_sigma"))
def test_the_table_s_numbers(name, args, exact):
    assert gg.scale_of(float(args[3:])) == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(("shape", "exact"), [(2.0, 3), (1.0, 6), (0.5, 25.2), (0.1, 2.82e6)])
def test_kurtosis(shape, exact):
    assert gg.kurtosis(shape) == pytest.approx(exact, rel=2e-3)


@given(shapes, st.floats(0.01, 100))
def test_scipy_s_variance(shape, variance):
    assert stats.gennorm(shape, scale=gg.scale_of(shape, variance)).var() == pytest.approx(variance)


@given(shapes, st.floats(-20, 20), st.floats(0.01, 100))
def test_scipy_s_density(shape, x, variance):
    law = stats.gennorm(shape, scale=gg.scale_of(shape, variance))
    assert gg.density(np.array([x]), shape, variance)[0] == pytest.approx(law.pdf(x), rel=1e-9)


def exact_quantiles(shape, n=20_000):
    shares = (np.arange(n) + 0.5) / n
    return stats.gennorm(shape, scale=gg.scale_of(shape)).ppf(shares)


@given(shapes, st.floats(0.01, 100))
@settings(max_examples=25, deadline=None)
def test_fits_recover_the_shape_in_any_units(shape, unit):
    x = unit * exact_quantiles(shape)
    assert gg.fit(x).shape == pytest.approx(shape, rel=0.02 if shape > 0.5 else 0.1)
    assert gg.fit(x).scale == pytest.approx(
        unit * gg.scale_of(shape), rel=0.02 if shape > 0.5 else 0.2
    )


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_errors_are_the_scatter_of_repeated_fits(shape):
    rng = np.random.default_rng(2)
    found = [gg.fit(x) for x in gg.variates(rng, (300, 2000), shape, dtype="float64")]
    scatter = np.std([f.shape for f in found], ddof=1)
    # The deviation of 300 values has a relative error of 1/√600.
    assert np.mean([f.error for f in found]) / scatter == pytest.approx(1, abs=5 / math.sqrt(600))
    pulls = [(f.shape - shape) / f.error for f in found]
    assert abs(np.mean(pulls)) < 0.5


def test_likelihood_is_scipy_s_and_greatest_at_the_fit():
    x = gg.variates(np.random.default_rng(3), (5000,), 0.8, dtype="float64")
    found = gg.fit(x)
    law = stats.gennorm(found.shape, scale=found.scale)
    assert gg.log_likelihood(x, found) == pytest.approx(law.logpdf(x).mean(), rel=1e-12)
    for factor in (0.97, 1.03):
        for other in (
            found._replace(shape=factor * found.shape),
            found._replace(scale=factor * found.scale),
        ):
            assert gg.log_likelihood(x, other) < gg.log_likelihood(x, found)


def test_a_uniform_sample_ends_at_the_bound():
    found = gg.fit(np.linspace(-1, 1, 4001))
    assert found.shape > 9.9
    assert math.isnan(found.error)


def test_weights_have_their_fan_s_variance_in_both_layouts():
    rng = np.random.default_rng(4)
    assert variance_is(gg.weights(rng, (1024, 256), 0.5, 2.0), 2 / 256, gg.kurtosis(0.5))
    other = gg.weights(rng, (256, 1024), 0.5, 2.0, in_axis=0, out_axis=1)
    assert variance_is(other, 2 / 256, gg.kurtosis(0.5))


def test_bad_input(unchecked):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"`shape` must be in \[0.05, 10.0\]; got 0.01"):
        gg.variates(rng, (3,), 0.01)
    with pytest.raises(ValueError, match="`variance` must be positive and finite; got 0"):
        gg.variates(rng, (3,), 1.0, 0.0)
    for bad in (np.ones(3), np.zeros(9), np.full(9, np.nan)):
        with pytest.raises(ValueError, match="`values` must be at least 8 finite numbers"):
            gg.fit(bad)

import math

import numpy as np
import pytest
from reference_values import value
from scipy import stats
from standard_errors import mean_is, variance_is

from workbench.inits.schemes.sampling import (
    BLOCK,
    accepted,
    gammas,
    normals,
    truncated_deviation,
    truncated_normals,
    uniforms,
)

SMALL, LARGE = (300, 400), (3, BLOCK // 2 + 17)
each_size = pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def fits(sample, distribution):
    """Kolmogorov and Smirnov's test at the tail of five standard deviations."""
    return stats.kstest(np.ravel(sample), distribution).pvalue > 5.7e-7


@each_size
@each_dtype
def test_draws_follow_their_distributions(backend, shape, dtype):
    for draw, law in (
        (normals, stats.norm()),
        (uniforms, stats.uniform(-1, 2)),
        (truncated_normals, stats.truncnorm(-2, 2)),
    ):
        got = backend.back(draw(backend.rng(1), shape, dtype))
        assert got.shape == shape
        assert got.dtype == dtype
        assert fits(got, law.cdf)
        assert not fits(1.05 * got, law.cdf)


def test_large_normals_have_the_right_moments_and_are_independent():
    x = normals(np.random.default_rng(2), (1 << 22,)).astype(np.float64)
    assert mean_is(x, 0, 1)
    assert variance_is(x, 1)
    assert mean_is(x**4, 3, math.sqrt(96))
    for lag in (1, 1 << 14, 1 << 15, BLOCK):
        assert mean_is(x[lag:] * x[:-lag], 0, 1)


@each_dtype
def test_the_numbers_are_the_seed_s(dtype):
    for draw in (normals, uniforms, truncated_normals):
        first, again = (draw(np.random.default_rng(3), LARGE, dtype) for _ in range(2))
        np.testing.assert_array_equal(first, again)
        rng = np.random.default_rng(3)
        draw(rng, LARGE, dtype)
        assert not np.array_equal(first, draw(rng, LARGE, dtype))


def test_the_numbers_do_not_depend_on_the_threads(monkeypatch):
    many = normals(np.random.default_rng(4), LARGE)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(normals(np.random.default_rng(4), LARGE), many)


def test_truncated_deviation():
    assert truncated_deviation() == pytest.approx(value("truncnorm_std", "a=-2 b=2"), rel=1e-15)
    assert truncated_deviation(0.5) == pytest.approx(stats.truncnorm(-0.5, 0.5).std(), rel=1e-12)
    sample = truncated_normals(np.random.default_rng(5), (10**6,), "float64", 0.5)
    assert variance_is(sample, truncated_deviation(0.5) ** 2)
    assert np.abs(sample).max() <= 0.5


def test_torch_and_jax_call_this_a_truncated_normal_of_deviation_one():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    seeded = torch.Generator().manual_seed(0)
    ours = truncated_normals(np.random.default_rng(7), SMALL).ravel()
    for theirs in (
        torch.nn.init.trunc_normal_(torch.empty(SMALL), generator=seeded).numpy(),
        jax.nn.initializers.truncated_normal(1.0)(jax.random.PRNGKey(0), SMALL),
    ):
        assert stats.ks_2samp(ours, np.ravel(theirs)).pvalue > 1e-6
        assert variance_is(theirs, truncated_deviation() ** 2)
        assert not variance_is(theirs, 1)


@pytest.mark.parametrize("power", [1.0, 1.3, 3.0, 11.0])
def test_gammas_follow_theirs(backend, power):
    got = backend.back(gammas(backend.rng(6), (200_000,), power))
    assert fits(got, stats.gamma(power).cdf)
    assert not fits(1.05 * got, stats.gamma(power).cdf)


def test_accepted_keeps_the_order_and_fills_the_shape():
    numbers = iter(range(10**6))

    def propose(count):
        drawn = np.array([next(numbers) for _ in range(count)])
        return drawn, drawn % 10 == 0

    # A rate that promises far too much takes more rounds, and still fills it.
    got = accepted(propose, (4, 50), 1.0)
    np.testing.assert_array_equal(got.ravel(), np.arange(0, 2000, 10))


def test_bad_input(unchecked):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="`bound` must be positive; got 0"):
        truncated_normals(rng, (3,), bound=0)
    with pytest.raises(ValueError, match="`power` must be at least 1 and finite; got 0.5"):
        gammas(rng, (3,), 0.5)
    with pytest.raises(ValueError, match="`dtype` must be 'float32' or 'float64'; got 'float16'"):
        normals(rng, (3,), "float16")

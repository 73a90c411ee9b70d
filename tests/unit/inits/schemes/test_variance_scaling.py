import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from standard_errors import variance_is

from workbench.inits.schemes import variance_scaling as schemes
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.moments import gain

# Kurtosis of each distribution, for the error of a sample's variance.
KURTOSIS = {
    "normal": 3.0,
    "uniform": 1.8,
    "truncated_normal": 3 + float(stats.truncnorm(-2, 2).stats("k")),
}
FAN = {"fan_in": 300, "fan_out": 500, "fan_avg": 400, "fan_geo_avg": math.sqrt(150000)}


@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("mode", FAN)
def test_the_variance_is_scale_over_fan(backend, mode, distribution):
    drawn = variance_scaling(backend.rng(1), (500, 300), 1.7, mode, distribution)
    weights = backend.back(drawn)
    assert weights.dtype == np.float32
    assert weights.shape == (500, 300)
    variance, kurtosis = 1.7 / FAN[mode], KURTOSIS[distribution]
    assert variance_is(weights, variance, kurtosis)
    assert not variance_is(1.05 * weights, variance, kurtosis)
    assert abs(weights.mean()) < 5 * math.sqrt(variance / weights.size)


NAMED = {
    "lecun": (schemes.lecun, 1 / 300),
    "glorot": (schemes.glorot, 2 / 800),
    "he": (schemes.he, 2 / 300),
    "leaky he": (functools.partial(schemes.he, slope=0.2), 2 / 1.04 / 300),
    "backward he": (functools.partial(schemes.he, mode="fan_out"), 2 / 500),
    "tanh": (functools.partial(schemes.preserving, activation="tanh"), gain("tanh") ** 2 / 300),
    "torch": (schemes.torch_default, 1 / 900),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("distribution", KURTOSIS)
def test_named_schemes_have_the_variance_of_their_name(name, distribution):
    scheme, variance = NAMED[name]
    weights = scheme(np.random.default_rng(2), (500, 300), distribution=distribution)
    assert variance_is(weights, variance, KURTOSIS[distribution])


@given(st.integers(0, 2**31), st.floats(0.01, 100), st.sampled_from(sorted(KURTOSIS)))
@settings(max_examples=30)
def test_scale_is_a_factor_and_bounds_hold(seed, scale, distribution):
    draw = functools.partial(variance_scaling, shape=(9, 16), distribution=distribution)
    one = draw(np.random.default_rng(seed), dtype="float64")
    other = draw(np.random.default_rng(seed), scale=scale, dtype="float64")
    np.testing.assert_allclose(other, math.sqrt(scale) * one, rtol=1e-14)
    most = {"uniform": math.sqrt(3), "truncated_normal": 2 / 0.87962566, "normal": math.inf}
    assert np.abs(one).max() <= most[distribution] / 4 * (1 + 1e-7)


def test_batches_of_layers_count_one_layer_s_fan():
    weights = schemes.lecun(
        np.random.default_rng(3), (8, 200, 100), in_axis=2, out_axis=1, batch_axis=0
    )
    assert variance_is(weights, 1 / 100)


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 0.97])
def test_sparse_rows_have_their_count_and_variance(backend, sparsity):
    weights = backend.back(schemes.sparse(backend.rng(4), (2000, 100), sparsity, 2.0))
    kept = round(100 * (1 - sparsity))
    assert ((weights != 0).sum(axis=1) == kept).all()
    assert variance_is(weights[weights != 0], 2 / kept)
    # Every input is as likely as any other to be kept.
    chance = kept / 100
    deviation = math.sqrt(2000 * chance * (1 - chance))
    assert (np.abs((weights != 0).sum(axis=0) - 2000 * chance) <= 5 * deviation).all()


@pytest.mark.parametrize("name", ["xavier_normal_", "xavier_uniform_", "kaiming_uniform_"])
def test_torch_s_names_have_our_distributions(name):
    init, torch = pytest.importorskip("torch.nn.init"), pytest.importorskip("torch")
    theirs = torch.empty(800, 400)
    generator = torch.Generator().manual_seed(0)
    kind = "uniform" if "uniform" in name else "normal"
    keywords = {"nonlinearity": "relu"} if "kaiming" in name else {}
    getattr(init, name)(theirs, generator=generator, **keywords)
    scheme = schemes.glorot if "xavier" in name else schemes.he
    ours = scheme(np.random.default_rng(5), (800, 400), distribution=kind)
    assert stats.ks_2samp(ours.ravel(), theirs.numpy().ravel()).pvalue > 1e-6
    assert stats.ks_2samp(1.05 * ours.ravel(), theirs.numpy().ravel()).pvalue < 1e-6


@pytest.mark.parametrize("distribution", KURTOSIS)
@pytest.mark.parametrize("mode", FAN)
def test_jax_s_core_has_our_distribution(mode, distribution):
    jax = pytest.importorskip("jax")
    theirs = jax.nn.initializers.variance_scaling(1.3, mode, distribution, in_axis=1, out_axis=0)(
        jax.random.PRNGKey(0), (800, 400)
    )
    ours = variance_scaling(np.random.default_rng(6), (800, 400), 1.3, mode, distribution)
    assert stats.ks_2samp(ours.ravel(), np.ravel(theirs)).pvalue > 1e-6
    assert stats.ks_2samp(1.05 * ours.ravel(), np.ravel(theirs)).pvalue < 1e-6


def test_torch_s_linear_starts_as_torch_default():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = torch.nn.Linear(300, 400).weight.detach().numpy().ravel()
    ours = schemes.torch_default(np.random.default_rng(7), (400, 300)).ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-6
    assert variance_is(theirs, 1 / 900, 1.8)


def test_bad_input(unchecked):
    rng = np.random.default_rng(0)
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="`scale` must be positive and finite; got"):
            variance_scaling(rng, (3, 4), bad)
    with pytest.raises(ValueError, match="`mode` must be 'fan_in', .*; got 'fan'"):
        variance_scaling(rng, (3, 4), mode="fan")
    with pytest.raises(ValueError, match="`distribution` must be 'normal', .*; got 'cauchy'"):
        variance_scaling(rng, (3, 4), distribution="cauchy")
    with pytest.raises(ValueError, match="`shape` must be of rank 2 or more"):
        schemes.he(rng, (3,))
    with pytest.raises(ValueError, match=r"`shape` must be of rank 2, \(outputs, inputs\)"):
        schemes.sparse(rng, (3, 3, 3))
    with pytest.raises(ValueError, match=r"`sparsity` must be in \[0, 1\); got 1"):
        schemes.sparse(rng, (3, 4), 1.0)
    with pytest.raises(ValueError, match="`sparsity` must be small enough to leave one of 4"):
        schemes.sparse(rng, (3, 4), 0.9)

import functools
import math

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.networks.finite_width import fluctuations, layer_moments, scatter_ratio
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.preservation import spread


def mean_and_error(seen):
    """The moments' mean over batches with its standard error."""
    return seen.moments.mean(axis=0), seen.moments.std(axis=0, ddof=1) / math.sqrt(20)


@pytest.mark.parametrize(("which", "c"), [("relu", 5), ("linear", 2)])
def test_layers_scatter_by_their_law(backend, which, c):
    seen = fluctuations(backend.rng(1), which, 40, 4, 4000)
    mean, error = mean_and_error(seen)
    layers = np.arange(1, 5)
    np.testing.assert_allclose(seen.ratio, layers / 40)
    np.testing.assert_allclose(seen.law, (1 + c / 40) ** layers)
    assert (np.abs(mean - seen.law) < 5 * error).all()
    # The other network's constant is off by more.
    assert abs(mean[-1] - (1 + (7 - c) / 40) ** 4) > 5 * error[-1]


def test_logarithms_of_a_linear_layer_scatter_as_a_chi_square_s():
    seen = fluctuations(np.random.default_rng(2), "linear", 16, 3, 20_000)
    # The logarithm of a chi-square of n degrees has the variance ψ'(n/2), and layers add.
    trigamma = sum(1 / (8 + k) ** 2 for k in range(10**6))
    exact = trigamma * np.arange(1, 4)
    np.testing.assert_allclose(seen.logarithm, exact, rtol=5 * math.sqrt(2.3 / 20_000))


def test_twice_the_width_at_twice_the_depth_scatters_alike():
    rng = np.random.default_rng(3)
    wide, narrow = (fluctuations(rng, "linear", n, 8, 4000) for n in (64, 32))
    ratio, error = scatter_ratio(wide, narrow, 4)
    assert abs(ratio - 1) < 5 * error
    # At the same depth it scatters half as much.
    same = wide.logarithm[3] / narrow.logarithm[3]
    assert abs(same - 1) > 5 * error
    assert error == pytest.approx(ratio * math.sqrt(4 / 3999))


class Fixed:
    """A generator of numbers chosen before."""

    def __init__(self, backend, draws):
        self.parts = iter([backend.put(d) for d in draws])

    def standard_normal(self, shape, dtype):
        return next(self.parts)


def test_a_plain_loop_agrees(backend):
    rng = np.random.default_rng(1)
    draws = [rng.standard_normal((3, 5)).astype(np.float32) for _ in range(4)]
    fixed = Fixed(backend, [d.copy() for d in draws])
    before, after = layer_moments(fixed, "relu", 5, 3, 3)
    assert before.shape == after.shape == (4, 3)
    for network in range(3):
        z = draws[0][network].astype(float)
        for layer, x in enumerate(draws[1:], 1):
            z = math.sqrt(2 * (np.maximum(z, 0) ** 2).mean()) * x[network]
            assert before[layer, network] == pytest.approx((z**2).mean(), rel=1e-5)
            assert after[layer, network] == pytest.approx((np.maximum(z, 0) ** 2).mean(), rel=1e-5)


def compared(one, other):
    """Gaps of the means and of the variances of two samples' roots, in standard errors."""
    a, b = np.sqrt(one), np.sqrt(other)
    middle = (a.mean() - b.mean()) / np.sqrt(a.var() / a.size + b.var() / b.size)
    fourths = [((x - x.mean()) ** 4).mean() / x.size - x.var() ** 2 / x.size for x in (a, b)]
    return max(abs(middle), abs(a.var() - b.var()) / np.sqrt(sum(fourths)))


@pytest.mark.parametrize(("which", "scale"), [("relu", 2.0), ("linear", 1.0)])
def test_networks_whose_weights_are_drawn_are_alike(which, scale):
    def drawn(scale):
        scheme = functools.partial(variance_scaling, scale=scale)
        return propagate(generator(0), [16] * 5, which, scheme, networks=4000, inputs=1)

    right, wrong = drawn(scale), drawn(scale * 1.05**2)
    before, after = layer_moments(generator(1), which, 16, 4, 4000)
    for layer in range(5):
        assert compared(before[layer], right.before[layer]) < 5
        assert compared(after[layer], right.after[layer]) < 5
    assert compared(before[4], wrong.before[4]) > 5


def test_relu_scatters_as_its_law_says():
    before, _ = layer_moments(generator(2), "relu", 32, 6, 40_000)
    ratio = before[-1] / before[0]
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / 200)
    square = (ratio - 1) ** 2
    error = square.std() / 200
    assert square.mean() == pytest.approx(spread(32, 6) ** 2, abs=5 * error)
    assert abs(square.mean() - spread(32, 6, 2.0) ** 2) > 5 * error


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"width": 0}, "`width` must be a whole number"),
        ({"depth": 0}, "`depth` must be a whole number"),
        ({"networks": 39}, "`networks` must be a whole number of at least 40"),
    ],
)
def test_bad_input_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        fluctuations(
            generator(0), **{"which": "relu", "width": 8, "depth": 2, "networks": 40, **changed}
        )

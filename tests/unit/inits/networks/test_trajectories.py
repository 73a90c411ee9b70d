import functools
import math

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.networks.propagation import propagate
from workbench.inits.networks.trajectories import gradient_decay, iterated, trajectory
from workbench.inits.schemes.variance_scaling import variance_scaling
from workbench.inits.theory.criticality import fixed_point
from workbench.inits.theory.moments import depth_scale, gain, variance_map

SIZE = {"width": 64, "depth": 6, "networks": 200}


def test_the_law_is_the_map_iterated():
    law = iterated("gelu", 1.9, 0.1, 1.0, 5)
    k = 1.0
    for value in law:
        assert value == pytest.approx(k, rel=1e-12)
        k = variance_map("gelu", k, 1.9, 0.1)
    assert iterated("linear", 1e3, 0.0, 1.0, 9)[-1] == 1e12
    with pytest.raises(ValueError, match="read-only"):
        law[0] = 2.0


@pytest.mark.parametrize(("which", "weight"), [("relu", 2.0), ("silu", gain("silu") ** 2)])
def test_wide_shallow_networks_follow_the_law(which, weight):
    size = {"width": 512, "depth": 3, "networks": 60}
    path, wrong = (trajectory(generator(0), which, w, **size) for w in (weight, 1.2 * weight))
    low, high = path.interval
    assert (low < 1.03 * path.law).all()
    assert (high > 0.97 * path.law).all()
    assert wrong.interval[0][-1] > 1.03 * path.law[-1]


def test_the_typical_network_is_the_geometric_mean():
    """For relu ln g of the last layer falls below the law by half its variance, about 5 L / 2 n."""
    path = trajectory(generator(1), "relu", 2.0, **SIZE)
    scheme = functools.partial(variance_scaling, scale=2.0)
    drawn = propagate(generator(1), [64] * 7, "relu", scheme, networks=200, inputs=16).before
    np.testing.assert_allclose(path.typical, np.exp(np.log(drawn).mean(axis=1)), rtol=1e-12)
    low, high = path.interval
    assert (low < path.typical).all()
    assert (path.typical < high).all()
    assert low[-1] < math.exp(-5 * 6 / 2 / 64) < high[-1]
    assert path.typical[-1] < drawn[-1].mean()
    half = 5 * np.log(drawn).std(axis=1, ddof=1) / math.sqrt(200)
    np.testing.assert_allclose(np.log(high / path.typical), half, rtol=0.1)


def test_a_pair_with_biases_begins_at_its_own_variance():
    how = {"width": 200, "depth": 4, "networks": 40}
    path = trajectory(generator(2), "tanh", 1.3, 0.05, input_variance=0.4, **how)
    assert path.law[0] == 0.4
    assert path.typical[0] == pytest.approx(0.4, rel=0.05)


def test_a_signal_too_small_for_float32_is_a_small_one():
    path = trajectory(generator(3), "linear", 1e-8, width=8, depth=12, networks=4)
    assert path.typical[-1] < 1e-40
    assert np.isfinite(path.interval).all()


@pytest.mark.parametrize(("weight", "bias"), [(1.3, 0.05), (2.5, 0.05)])
def test_gradients_decay_or_grow_by_the_slope_at_the_fixed_point(weight, bias):
    rates, law = gradient_decay(
        generator(4), "tanh", weight, bias, width=256, depth=10, networks=60
    )
    slope = fixed_point("tanh", weight, bias).slopes.perpendicular
    assert abs(law) == pytest.approx(1 / depth_scale(slope))
    assert (law > 0) == (slope < 1)
    error = 5 * rates.std(ddof=1) / np.sqrt(60)
    assert abs(rates.mean() - law) < error + 0.05 * abs(law)
    wrong = math.log(fixed_point("tanh", 1.2 * weight, bias).slopes.perpendicular)
    assert abs(rates.mean() + wrong) > error + 0.05 * abs(law)

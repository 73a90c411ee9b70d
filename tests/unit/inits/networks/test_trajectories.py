import math

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.networks.trajectories import gradient_decay, iterated, trajectory
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
    path = trajectory(generator(0), which, weight, width=256, depth=3, networks=60)
    gap = np.abs(path.measured - path.law)
    assert (gap[1:] < 5 * path.error[1:] + 0.02 * path.law[1:]).all()
    wrong = trajectory(generator(0), which, 1.2 * weight, width=256, depth=3, networks=60)
    assert abs(wrong.measured[-1] - path.law[-1]) > 5 * wrong.error[-1]


def test_the_typical_network_is_the_geometric_mean():
    """For relu ln g of the last layer falls below the law by half its variance, about 5 L / 2 n."""
    path = trajectory(generator(1), "relu", 2.0, **SIZE)
    value, (low, high) = path.typical
    assert low < value < high
    assert low < math.exp(-5 * 6 / 2 / 64) < high
    assert value < path.measured[-1]


def test_a_pair_with_biases_begins_at_its_own_variance():
    how = {"width": 200, "depth": 4, "networks": 40}
    path = trajectory(generator(2), "tanh", 1.3, 0.05, input_variance=0.4, **how)
    assert path.law[0] == 0.4
    assert path.measured[0] == pytest.approx(0.4, rel=0.05)


def test_a_signal_too_small_for_float32_is_a_small_one():
    path = trajectory(generator(3), "linear", 1e-8, width=8, depth=12, networks=4)
    assert path.typical[0] < 1e-40
    assert all(math.isfinite(end) for end in path.typical[1])


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

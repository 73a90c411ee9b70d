import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.networks.propagation import propagate
from workbench.inits.networks.scheme_report import scheme_report
from workbench.inits.schemes.orthogonal import orthogonal
from workbench.inits.schemes.variance_scaling import he, lecun

SIZE = {"width": 192, "depth": 14, "networks": 48}


@pytest.mark.parametrize(
    ("error", "decision"), [(0.0, "preserved"), (0.05, "grows"), (-0.05, "vanishes")]
)
def test_a_gain_wrong_by_five_per_cent_is_caught(error, decision):
    seen = scheme_report(generator(1), he, "relu", **SIZE, gain_error=error)
    assert (seen.forward.decision, seen.backward.decision) == (decision, decision)
    right = scheme_report(generator(1), he, "relu", **SIZE)
    # A relu network is homogeneous: weights times 1 + error multiply each layer's moment.
    growth = (1 + error) ** (2 * np.arange(15))
    np.testing.assert_allclose(seen.signal, growth * right.signal, rtol=1e-4)
    np.testing.assert_allclose(seen.gradient, growth[::-1] * right.gradient, rtol=1e-4)
    assert seen.largest == pytest.approx((1 + error) ** 14 * right.largest, rel=1e-4)


def test_it_is_what_propagate_measures():
    seen = scheme_report(generator(2), lecun, "tanh", **SIZE)
    drawn = propagate(generator(2), [192] * 15, "tanh", lecun, networks=48, inputs=16, jacobian=16)
    np.testing.assert_array_equal(seen.signal, drawn.before.mean(axis=1))
    np.testing.assert_array_equal(seen.gradient, drawn.gradient.mean(axis=1))
    assert seen.forward.ratio == drawn.signal_ratio.mean()
    assert seen.backward.ratio == drawn.gradient_ratio.mean()
    assert seen.largest == np.median(drawn.singular.max(axis=1))
    assert seen.smallest == np.median(drawn.singular.min(axis=1))


def test_the_jacobian_of_orthogonal_linear_networks_is_an_isometry():
    seen = scheme_report(generator(3), orthogonal, "linear", width=32, depth=4, networks=2)
    assert (seen.smallest, seen.largest) == pytest.approx((1, 1), rel=1e-5)

import math

import numpy as np
import pytest

from workbench.inits.networks.finite_width import fluctuations


@pytest.mark.parametrize(("which", "c"), [("relu", 5), ("linear", 2)])
def test_layers_scatter_by_their_law(backend, which, c):
    seen = fluctuations(backend.rng(1), which, 40, 4, 4000)
    layers = np.arange(1, 5)
    np.testing.assert_allclose(seen.ratio, layers / 40)
    np.testing.assert_allclose(seen.law, (1 + c / 40) ** layers)
    assert (np.abs(seen.moment - seen.law) < 5 * seen.error).all()
    # The other network's constant is off by more.
    assert abs(seen.moment[-1] - (1 + (7 - c) / 40) ** 4) > 5 * seen.error[-1]


def test_logarithms_of_a_linear_layer_scatter_as_a_chi_square_s():
    seen = fluctuations(np.random.default_rng(2), "linear", 16, 3, 20_000)
    # The logarithm of a chi-square of n degrees has the variance ψ'(n/2), and layers add.
    trigamma = sum(1 / (8 + k) ** 2 for k in range(10**6))
    exact = trigamma * np.arange(1, 4)
    np.testing.assert_allclose(seen.logarithm, exact, rtol=5 * math.sqrt(2.3 / 20_000))

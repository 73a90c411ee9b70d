import numpy as np
import pytest

from workbench.inits.functions.activations import NAMES, activation
from workbench.inits.schemes.lsuv import lsuv


def network(rng, layers=8, networks=3, width=40):
    return [0.3 * rng.standard_normal((networks, width, width)) for _ in range(layers)]


@pytest.mark.parametrize("which", sorted(NAMES))
def test_every_layer_of_every_network_leaves_variance_one(backend, which):
    rng = np.random.default_rng(1)
    weights, x = network(rng), rng.standard_normal((3, 200, 40))
    scaled = lsuv([backend.put(w) for w in weights], backend.put(x), which, 1e-6)
    f, z = activation(which), x
    for index, layer in enumerate(scaled.weights):
        z = (z if index == 0 else f(z)) @ backend.back(layer).swapaxes(1, 2)
        np.testing.assert_allclose(z.var(axis=(1, 2)), 1, atol=2e-6)
        np.testing.assert_allclose(scaled.variances[index], z.var(axis=(1, 2)), rtol=1e-9)
        # The layer's output is linear in its weights, so one rescaling does it.
        assert scaled.rounds[index] == 1
        ratio = backend.back(layer) / weights[index]
        np.testing.assert_allclose(ratio, ratio[:, :1, :1] * np.ones_like(ratio), rtol=1e-12)


def test_what_has_variance_one_is_left_alone():
    rng = np.random.default_rng(2)
    first = lsuv(network(rng), rng.standard_normal((3, 100, 40)), "tanh", 1e-9)
    rng = np.random.default_rng(2)
    network(rng)
    again = lsuv(first.weights, rng.standard_normal((3, 100, 40)), "tanh", 1e-6)
    assert again.rounds.tolist() == [0] * 8


def test_bad_input(unchecked):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((3, 10, 40))
    with pytest.raises(ValueError, match=r"`weights\[0\]` must be such that outputs vary"):
        lsuv([np.zeros((3, 40, 40))], x)
    with pytest.raises(ValueError, match="`tolerance` must be positive; got 0"):
        lsuv(network(rng), x, tolerance=0)
    with pytest.raises(ValueError, match="`most` must be enough for layer 0 to settle"):
        lsuv(network(rng), x, most=0)

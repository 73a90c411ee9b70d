import numpy as np

from workbench.base.array import generator
from workbench.inits.weights import sources
from workbench.inits.weights.digits_mlp import trained_digits


def test_a_network_is_trained_once_for_each_seed(monkeypatch):
    monkeypatch.setattr(sources, "packaged", lambda: "")
    assert not sources.is_stored("")
    assert sources.is_stored("w.npz")
    sources._trained_here.cache_clear()
    one, again, other = (sources.loaded(seed=seed) for seed in (3, 3, 4))
    assert sources._trained_here.cache_info().misses == 2
    assert one is again
    weights = list(trained_digits(generator(3))[0]["last"].values())
    for (name, matrix), alone in zip(sources.matrices(one), weights, strict=True):
        np.testing.assert_array_equal(matrix, alone)
        assert not np.array_equal(matrix, dict(sources.matrices(other))[name])

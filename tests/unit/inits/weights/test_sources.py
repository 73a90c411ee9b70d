import numpy as np

from workbench.base.array import generator
from workbench.inits.weights import sources
from workbench.inits.weights.sources import matrices


def test_a_network_is_trained_once_and_its_weights_are_those_of_a_fresh_one(monkeypatch):
    monkeypatch.setattr(sources, "packaged", lambda: "")
    assert not sources.is_stored("")
    assert sources.is_stored("w.npz")
    sources._trained_here.cache_clear()
    (one, first), (two, second) = (sources.loaded(3) for _ in range(2))
    assert sources._trained_here.cache_info().misses == 1
    fresh = generator(3)
    alone = sources.trained(fresh)
    assert first.source == second.source == alone.source
    for a, b, c in zip(*(matrices(t.survey) for t in (first, second, alone)), strict=True):
        np.testing.assert_array_equal(a[1], c[1])
        np.testing.assert_array_equal(b[1], c[1])
    assert one.random() == two.random() == fresh.random()

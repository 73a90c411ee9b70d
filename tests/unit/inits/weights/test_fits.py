import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.schemes.generalized_gaussian import variates
from workbench.inits.weights.fits import all_fits
from workbench.inits.weights.sources import loaded


@pytest.fixture
def file(tmp_path):
    """A path with arrays written to it."""

    def write(**arrays):
        np.savez(tmp_path / "w.npz", **arrays)
        return str(tmp_path / "w.npz")

    return write


def of_shape(shape):
    rng = generator(1)
    return {f"w{i}": variates(rng, (100, 80), shape) for i in range(5)}


@pytest.mark.parametrize(("shape", "best"), [(0.6, "generalised gaussian"), (2.0, "gaussian")])
def test_known_tails_are_recognised(file, shape, best):
    rows = all_fits(generator(0), loaded(file(**of_shape(shape))), 5000).rows
    assert [row.name for row in rows] == [f"w{i}" for i in range(5)]
    for row in rows:
        assert abs(row.shape - shape) < 5 * row.error
        assert row.losses[row.best] == 0
        # A family with one parameter more may come closer by less than that parameter costs.
        assert min(row.losses.values()) > -1 / 5000
        # Ten nats over the whole sample are beyond what chance gives a family that is wider.
        assert row.losses[best] < 10 / 5000
        assert row.losses["laplace"] > 10 / 5000


def test_the_pooled_density_is_the_weights(file):
    edges, seen = all_fits(generator(0), loaded(file(**of_shape(1.0))), 5000).pooled
    middles = (edges[1:] + edges[:-1]) / 2
    assert (seen * np.diff(edges)).sum() == pytest.approx(1, abs=0.01)
    expected = np.exp(-np.sqrt(2) * np.abs(middles)) / np.sqrt(2)
    share = expected * np.diff(edges)
    assert (np.abs(seen - expected) < 5 * np.sqrt(share / 25_000) / np.diff(edges) + 0.02).all()


def test_matrices_without_a_fit_end_no_survey(file):
    rng = np.random.default_rng(1)
    spoiled = rng.standard_normal((30, 20))
    spoiled[3, 4] = np.nan
    parts = {"a": rng.standard_normal((30, 20)), "nan": spoiled, "zero": np.zeros((30, 20))}
    # Of the sparse one only zeros are chosen.
    sparse = np.zeros((900, 900))
    sparse[5, 5] = 1
    parts |= {"one": np.ones((9, 9)), "tiny": np.ones((1, 2)), "sparse": sparse}
    assert [r.name for r in all_fits(generator(0), loaded(file(**parts)), 5000).rows] == ["a"]


def test_a_file_without_a_matrix_is_refused(file):
    with pytest.raises(ValueError, match=r"`weights_file` must be one with a matrix; got 'w.npz'"):
        all_fits(generator(0), loaded(file(bias=np.zeros(3))), 5000)

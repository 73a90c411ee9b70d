import numpy as np
import pytest

from workbench.experiments.inits import generalized_gaussian as gg
from workbench.inits.generalized_gaussian import variates

SMALL = {"width": 64, "depth": 3, "networks": 64, "sample": 5000}


@pytest.fixture
def files(tmp_path):
    """Weights of a known tail, by shape."""

    def made(shape):
        rng = np.random.default_rng(1)
        path = tmp_path / f"{shape}.npz"
        np.savez(path, **{f"w{i}": variates(rng, (100, 80), shape) for i in range(5)})
        return str(path)

    return made


@pytest.mark.parametrize(("shape", "best"), [(0.6, "generalised gaussian"), (2.0, "gaussian")])
def test_known_tails_are_told(files, shape, best):
    params = gg.Params(weights_file=files(shape), **SMALL)
    result = gg.run(params)
    for row in result.rows:
        assert abs(row.shape - shape) < 5 * row.error
        assert row.losses[row.best] == 0
        # A family with one parameter more may come closer by less than that parameter costs.
        assert min(row.losses.values()) > -1 / 5000
        # Ten nats over the whole sample are beyond what chance gives a family that is wider.
        assert row.losses[best] < 10 / 5000
        assert row.losses["laplace"] > 10 / 5000
    verdicts = [c.verdict for c in gg.claims(params, result)]
    told = "reproduced" if shape < 2 else "not reproduced"
    assert verdicts[:2] == [told, told]


def test_the_pooled_density_is_the_weights(files):
    params = gg.Params(weights_file=files(1.0), **SMALL)
    edges, seen = gg.run(params).pooled
    middles = (edges[1:] + edges[:-1]) / 2
    assert (seen * np.diff(edges)).sum() == pytest.approx(1, abs=0.01)
    expected = np.exp(-np.sqrt(2) * np.abs(middles)) / np.sqrt(2)
    share = expected * np.diff(edges)
    assert (np.abs(seen - expected) < 5 * np.sqrt(share / 25_000) / np.diff(edges) + 0.02).all()


def test_kurtosis_costs_scatter_in_depth(files):
    params = gg.Params(weights_file=files(2.0), width=32, depth=2, networks=512, sample=1000)
    result = gg.run(params)
    assert result.scatter[-1] > 1.5 * result.scatter[0]
    # Deviations of 512 heavy-tailed ratios are known to a few tenths.
    assert result.scatter[0] == pytest.approx(result.scatter_law[0], rel=0.35)
    assert result.scatter_law[-1] > result.scatter_law[0]


def test_default_run_has_its_verdicts():
    params = gg.Params()
    result = gg.run(params)
    verdicts = [c.verdict for c in gg.claims(params, result)]
    assert verdicts[2:] == ["reproduced", "not reproduced", "reproduced"]
    assert "line at the Gaussian's 2" in gg.told_of_shapes(result)
    assert "of shape 0.5" in gg.told(params, result)
    assert len(gg.summary(params, result)) == 11


def test_a_wrong_signal_is_caught(files):
    params = gg.Params(weights_file=files(2.0), **SMALL)
    result = gg.run(params)
    wrong = result._replace(signal=(3.0, (2.5, 3.5)))
    assert gg.claims(params, wrong)[2].verdict == "not reproduced"

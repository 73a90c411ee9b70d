import os

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.experiments.inits import generalized_gaussian as gg
from workbench.inits.schemes.generalized_gaussian import variates
from workbench.inits.weights import cache, fits
from workbench.inits.weights import sources as trained_weights
from workbench.inits.weights.sources import matrices

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


def middle(pooled):
    """The share of pooled weights within one deviation."""
    inside = np.abs((pooled.edges[1:] + pooled.edges[:-1]) / 2) < 1
    return (pooled.density * np.diff(pooled.edges))[inside].sum()


@pytest.mark.parametrize("is_read", [False, True])
def test_a_first_look_agrees_with_the_full_run(files, is_read):
    path = files(0.7)
    if is_read:
        gg.run(gg.Params(weights_file=path, **{**SMALL, "sample": 3000}))
    params = gg.Params(weights_file=path, **SMALL)
    look, full = gg.first_look(params), gg.run(params)
    assert look.source == full.source
    assert [r.name for r in look.rows] == [r.name for r in full.rows]
    for few, all_of_it in zip(look.rows, full.rows, strict=True):
        error = 5 * np.hypot(few.error, all_of_it.error)
        assert 0 < abs(few.shape - all_of_it.shape) < error
        # A shape wrong by as much as Laplace's would be seen.
        assert abs(1.0 - all_of_it.shape) > error
    share = middle(full.pooled)
    error = 5 * np.sqrt(share * (1 - share) * 2 / (5 * SMALL["sample"]))
    assert abs(middle(look.pooled) - share) < error
    assert abs(0.6827 - share) > error


def test_the_knobs_reach_a_first_look(files):
    def shapes(**knobs):
        return [r.shape for r in gg.first_look(gg.Params(**{**SMALL, **knobs})).rows]

    one, other = files(0.7), files(2.0)
    assert shapes(weights_file=one) == shapes(weights_file=one)
    assert shapes(weights_file=one) != shapes(weights_file=one, seed=1)
    assert shapes(weights_file=one) != shapes(weights_file=one, sample=1000)
    assert min(shapes(weights_file=other)) > 1.5 > max(shapes(weights_file=one))


def test_a_first_look_fits_few_weights_and_runs_no_network(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    path = tmp_path / "weights.npz"
    np.savez(path, **{f"w{i}": variates(rng, (100, 100), 1.0) for i in range(30)})
    knobs = {"weights_file": str(path), "width": 16, "depth": 2, "networks": 8}
    fitted, fit = [], gg.law.fit

    def counted(values):
        fitted.append(values.size)
        return fit(values)

    gg.run(gg.Params(sample=1000, **knobs))
    for module, name in ((fits, "candidates"), (fits, "_row"), (gg, "propagate")):
        monkeypatch.setattr(module, name, None)
    monkeypatch.setattr(fits.law, "fit", counted)
    # What an earlier run kept is enough: no file is read.
    monkeypatch.setattr(fits, "weights", None)
    look = gg.first_look(gg.Params(sample=9000, **knobs))
    assert len(look.rows) == len(fitted) == fits.FEW_MATRICES
    assert [look.rows[0].name, look.rows[-1].name] == ["w0", "w29"]
    assert sum(fitted) <= fits.FEW < 30 * 9000 / 10


def test_what_leaves_the_weights_alone_draws_no_fit_anew(files, monkeypatch):
    params = gg.Params(weights_file=files(0.7), **SMALL)
    full = gg.run(params)
    monkeypatch.setattr(fits, "law", None)
    look = gg.first_look(gg.Params(weights_file=params.weights_file, **{**SMALL, "width": 16}))
    assert look.rows is full.rows


def test_what_leaves_the_networks_alone_draws_none_anew(files, monkeypatch):
    params = gg.Params(weights_file=files(0.7), **SMALL)
    full = gg.run(params)
    monkeypatch.setattr(gg, "propagate", None)
    other = gg.run(gg.Params(weights_file=params.weights_file, **{**SMALL, "sample": 1000}))
    np.testing.assert_array_equal(other.scatter, full.scatter)
    assert other.rows != full.rows
    with pytest.raises(TypeError):
        gg.run(gg.Params(weights_file=params.weights_file, **{**SMALL, "seed": 1}))


def test_fits_that_are_kept_are_few_and_of_the_file_as_it_is(files):
    path = files(0.7)
    for seed in range(fits.KEPT + 2):
        gg.first_look(gg.Params(weights_file=path, **SMALL))
        fits.all_fits(path, 1000, seed)
    assert len(fits._KNOWN) == fits.KEPT
    params = gg.Params(weights_file=path, **SMALL)
    os.utime(files(0.7), ns=(1, 1))
    np.savez(path, other=np.random.default_rng(2).standard_normal((30, 20)))
    assert [r.name for r in gg.first_look(params).rows] == ["other"]
    assert [r.name for r in gg.run(params).rows] == ["other"]


def test_a_network_is_trained_once_and_its_weights_are_those_of_a_fresh_one(monkeypatch):
    for module in (cache, trained_weights):
        monkeypatch.setattr(module, "packaged", lambda: "")
    cache._trained_here.cache_clear()
    where = cache.origin("", 3)
    (one, first), (two, second) = (cache.weights(where, 3) for _ in range(2))
    assert cache._trained_here.cache_info().misses == 1
    fresh = generator(3)
    alone = trained_weights.trained(fresh)
    assert first.source == second.source == alone.source
    for a, b, c in zip(*(matrices(t.survey) for t in (first, second, alone)), strict=True):
        np.testing.assert_array_equal(a[1], c[1])
        np.testing.assert_array_equal(b[1], c[1])
    assert one.random() == two.random() == fresh.random()


def test_a_first_look_refuses_what_the_run_refuses(tmp_path):
    path = tmp_path / "none.npz"
    np.savez(path, bias=np.zeros(3))
    for work in (gg.run, gg.first_look):
        with pytest.raises(ValueError, match=r"`weights_file` must be one with a matrix; got '/"):
            work(gg.Params(weights_file=str(path)))


def test_matrices_without_a_fit_end_no_survey(tmp_path):
    rng = np.random.default_rng(1)
    spoiled = rng.standard_normal((30, 20))
    spoiled[3, 4] = np.nan
    parts = {"a": rng.standard_normal((30, 20)), "nan": spoiled, "zero": np.zeros((30, 20))}
    sparse = np.zeros((900, 900))
    sparse[5, 5] = 1
    parts |= {"one": np.ones((9, 9)), "tiny": np.ones((1, 2)), "sparse": sparse}
    np.savez(tmp_path / "w.npz", **parts)
    params = gg.Params(weights_file=str(tmp_path / "w.npz"), **SMALL)
    assert [r.name for r in gg.first_look(params).rows] == ["a"]
    assert [r.name for r in gg.run(params).rows] == ["a"]

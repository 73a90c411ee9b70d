"""What the audit adds to the report of a file: activations, the matrix drawn, and errors."""

import json
import os

import numpy as np
import pytest

from workbench.experiment.claims import decide, summary
from workbench.experiments.inits import audit, generalized_gaussian
from workbench.inits.schemes.variance_scaling import he, lecun
from workbench.inits.weights import file_report


@pytest.fixture
def save(tmp_path):
    """A path with arrays written to it."""

    def write(**arrays):
        np.savez(tmp_path / "weights.npz", **arrays)
        return str(tmp_path / "weights.npz")

    return write


def test_activations_by_name(save, tmp_path):
    rng, csv = np.random.default_rng(3), tmp_path / "activations.csv"
    path = save(fc1=he(rng, (60, 80)), fc2=0.1 * lecun(rng, (60, 60)), fc3=3 * he(rng, (90, 60)))
    csv.write_text("pattern,activation\n*1,relu\nfc2, linear\n")
    params = audit.Params(weights_file=path, activations_file=str(csv))
    result = audit.run(params)
    assert [r.activation for r in result["rows"]] == ["relu", "linear", "gelu"]
    assert [r.target for r in result["rows"]] == pytest.approx([2, 1, 2.351715614073])
    assert [r.flags[-1] for r in result["rows"]][1:] == ["vanishes", "explodes"]
    assert (result["vanish"], result["explode"]) == (1, 1)
    csv.write_text("*,relu\n")
    assert {r.activation for r in audit.run(params)["rows"]} == {"relu"}
    for text, says in (
        ("*1,relu\nfc2,swich", "known activations in line 2"),
        ("*1,relu,3", "a pattern and an activation in line 1"),
        ("relu", "a pattern and an activation in line 1"),
    ):
        csv.write_text(text)
        with pytest.raises(ValueError, match=says):
            audit.run(params)


def test_the_matrix_that_is_drawn(save):
    rng = np.random.default_rng(1)
    low = np.outer(rng.standard_normal(80), rng.standard_normal(90))
    path = save(fresh=he(rng, (300, 200)), low=low, zero=np.zeros((3, 4)))
    params = [audit.Params(weights_file=path, matrix=place) for place in range(5)]
    result = audit.run(params[0])
    assert result["spans"] == {"matrix": (0, 3)}
    titles = [audit.drawn(p, result).title for p in params[:4]]
    assert titles[0] == titles[2]
    assert titles[1] == "1. fresh: 300 × 200 (initial distribution: He normal)"
    assert titles[3] == "3. zero: 3 × 4 (zero)"
    with pytest.raises(ValueError, match=r"`matrix` must be in \[0, matrices=3\]; got 4"):
        audit.drawn(params[4], result)


def test_a_file_of_nothing_but_zeros_has_its_page(save):
    params = audit.Params(weights_file=save(zero=np.zeros((30, 20))))
    result = audit.run(params)
    assert {claim.verdict for claim in decide(audit, params, result)} == {"not measured"}
    assert summary(result)["without numbers"] == 1
    assert np.isnan(audit.drawn(params, result).spectrum.trained).all()


@pytest.mark.parametrize("module", [audit, generalized_gaussian])
def test_files_that_change_are_read_again(module, save, tmp_path, monkeypatch):
    def names(path):
        params = module.Params(weights_file=str(path), sample=1000)
        found = module.preview(params) if module is generalized_gaussian else module.run(params)
        return [row.name for row in found["rows"]]

    rng = np.random.default_rng(2)
    path = save(one=rng.standard_normal((30, 20)))
    index = tmp_path / "w.index.json"
    index.write_text(json.dumps({"weight_map": {"one": "weights.npz"}}))
    assert names(path) == names(index) == ["one"]
    monkeypatch.setattr("workbench.inits.weights.sources.contents", None)
    assert names(path) == names(index) == ["one"]
    monkeypatch.undo()
    save(other=rng.standard_normal((30, 20)))
    os.utime(path, ns=(1, 1))
    assert names(path) == ["other"]
    os.utime(path, ns=(10**18, 10**19))
    assert names(index) == ["other"]
    with pytest.raises(ValueError, match="`weights_file` must be a file that exists; got"):
        names(tmp_path / "none.npz")


def test_another_sample_or_seed_is_fitted_and_nothing_decomposed(save, monkeypatch):
    path = save(one=np.random.default_rng(3).standard_normal((100, 90)))
    before = audit.run(audit.Params(weights_file=path, sample=5000))["rows"][0]
    monkeypatch.setattr(file_report, "spectrum", None)
    for changed in ({"sample": 2000}, {"sample": 5000, "seed": 1}):
        after = audit.run(audit.Params(weights_file=path, **changed))["rows"][0]
        assert 0 < abs(after.tail - before.tail) < 5 * np.hypot(after.tail_error, before.tail_error)

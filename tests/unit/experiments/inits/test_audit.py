"""What an audit of a file with nothing to measure says, and when files are read again."""

import os

import numpy as np
import pytest

from workbench.experiment.claims import decide, summary
from workbench.experiments.inits import audit, generalized_gaussian
from workbench.inits.weights import file_report


def test_a_file_of_nothing_but_zeros_has_its_page(tmp_path):
    np.savez(tmp_path / "w.npz", zero=np.zeros((30, 20)))
    params = audit.Params(weights_file=str(tmp_path / "w.npz"))
    result = audit.run(params)
    assert {claim.verdict for claim in decide(audit, params, result)} == {"not measured"}
    assert summary(result)["without numbers"] == 1
    assert "median tail shape" not in summary(result)


@pytest.mark.parametrize("measure", [audit.report, generalized_gaussian.fits])
def test_a_file_is_read_again_once_it_changes(measure, tmp_path, monkeypatch):
    path, rng = tmp_path / "w.npz", np.random.default_rng(2)
    module = audit if measure is audit.report else generalized_gaussian
    params = module.Params(weights_file=str(path))
    np.savez(path, one=rng.standard_normal((30, 20)))
    names = [[row.name for row in measure(params).rows]]
    with monkeypatch.context() as patched:
        patched.setattr("workbench.inits.weights.sources.contents", None)
        names.append([row.name for row in measure(params).rows])
    np.savez(path, two=rng.standard_normal((30, 20)))
    os.utime(path, ns=(1, 1))
    names.append([row.name for row in measure(params).rows])
    assert names == [["one"], ["one"], ["two"]]


def test_another_sample_or_seed_is_fitted_and_nothing_decomposed(tmp_path, monkeypatch):
    np.savez(tmp_path / "w.npz", one=np.random.default_rng(3).standard_normal((100, 90)))
    knobs = {"weights_file": str(tmp_path / "w.npz"), "sample": 5000}
    before = audit.run(audit.Params(**knobs))["rows"][0]
    monkeypatch.setattr(file_report, "spectrum", None)
    for changed in ({"sample": 2000}, {"seed": 1}):
        after = audit.run(audit.Params(**{**knobs, **changed}))["rows"][0]
        assert 0 < abs(after.tail - before.tail) < 5 * np.hypot(after.tail_error, before.tail_error)

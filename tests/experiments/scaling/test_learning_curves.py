import numpy as np
import pytest
from scaling.chinchilla_points import shared

from workbench.claims import MARKS, declared
from workbench.experiments.scaling import learning_curves
from workbench.experiments.scaling.learning_curves import Params


@pytest.fixture(scope="module")
def default():
    return learning_curves.run(Params())


def test_the_default_run_has_its_verdicts(default):
    found = learning_curves.claims(Params(), default)
    assert {c.statement for c in found} == {s.text for s in declared(learning_curves)}
    assert all(c.verdict in MARKS for c in found)
    assert len(default.found.names) + len(default.found.skipped) == 120
    assert sum(default.found.wins.values()) == len(default.found.names)
    assert "medians" in learning_curves.alternative(default)


def test_errors_are_a_distribution(default):
    for law in default.found.scores:
        held, share = learning_curves.errors(default, law)
        assert (np.diff(held) >= 0).all()
        assert share[-1] == 1.0


def test_a_law_that_never_wins_is_caught(default):
    scores = default.found.scores
    broken = scores["bnsl1"]
    worse = {**scores, "bnsl1": type(broken)(broken.law, broken.parameters, broken.train,
                                             broken.held * 1e6, broken.converged)}  # fmt: skip
    wrong = default._replace(
        found=type(default.found)(default.found.names, worse, default.found.skipped)
    )
    found = learning_curves.claims(Params(), wrong)
    assert found[0].verdict == "not reproduced"


def test_on_the_paper_s_curves_the_broken_law_wins():
    params = Params(curves_file=str(shared("revisiting_vision.csv")), curves=300)
    result = learning_curves.run(params)
    assert len(result.found.names) == 72
    assert learning_curves.claims(params, result)[0].verdict == "reproduced"
    assert result.found.wins["bnsl1"] >= 54


def test_bad_files_and_knobs_are_refused(tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="`curves_file` must be a table with columns Domain"):
        learning_curves.run(Params(curves_file=str(wrong)))
    with pytest.raises(ValueError, match="`held` must be"):
        Params(held=0.9)

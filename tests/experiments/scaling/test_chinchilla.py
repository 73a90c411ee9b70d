import pytest
from scaling.chinchilla_points import shared

from workbench.claims import declared
from workbench.experiments.scaling import chinchilla
from workbench.experiments.scaling.chinchilla import Params


def verdicts(params):
    result = chinchilla.run(params)
    return {c.statement: c.verdict for c in chinchilla.claims(params, result)}, result


def test_without_points_the_fit_s_claims_are_out_of_range():
    found, result = verdicts(Params())
    assert set(found) == {s.text for s in declared(chinchilla)}
    assert list(found.values()).count("outside this run's range") == 5
    assert found[chinchilla.RATIO.text] == "not reproduced"
    assert found[chinchilla.ROUNDING.text] == "not reproduced"
    assert found[chinchilla.REPLICA.text] == "reproduced"
    assert chinchilla.alternative(result)
    assert chinchilla.fitted_band(result) is None


@pytest.fixture(scope="module")
def given():
    return Params(points_file=str(shared("chinchilla_svg_extracted.csv")))


def test_with_points_every_claim_has_its_verdict(given):
    found, result = verdicts(given)
    right = ("REPLICA", "ABSOLUTE", "OPTIMUM")
    wrong = ("RATIO", "ROUNDING", "HUBER", "COST", "OUTLIERS")
    assert {found[getattr(chinchilla, n).text] for n in right} == {"reproduced"}
    assert {found[getattr(chinchilla, n).text] for n in wrong} == {"not reproduced"}
    m = result.measured
    assert m.huber.objective == pytest.approx(0.0010182740178006, rel=1e-9)
    assert m.printed == pytest.approx(0.0041210091362803725, rel=1e-9)
    assert m.unrounded == pytest.approx(0.0012311626025793463, rel=1e-7)
    assert m.with_outliers.parameters["beta"] - m.huber.parameters["beta"] == pytest.approx(
        0.086, abs=5e-4
    )
    told = chinchilla.summary(given, result)
    assert told["optimal parameters"] == pytest.approx(7.32e10, rel=1e-3)
    low, middle, high = chinchilla.fitted_band(result)
    assert (low < middle).all()
    assert (middle < high).all()


def test_another_delta_reaches_another_minimum(given):
    wide = chinchilla.run(Params(**{**given.values(), "delta": 1e-2, "resamples": 100}))
    assert wide.measured.huber.parameters["beta"] == pytest.approx(0.38153752, rel=1e-5)


def test_bad_files_are_refused(tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="`points_file` must be a table with columns Model Size"):
        chinchilla.run(Params(points_file=str(wrong)))
    with pytest.raises(ValueError, match="`resamples` must be"):
        Params(resamples=10)

from pathlib import Path

import numpy as np
import pytest
from chinchilla_points import shared
from hypothesis import HealthCheck, given, settings
from scipy.optimize import minimize_scalar
from strategies import params

from workbench.experiment.claims import declared
from workbench.experiment.decisions import MARKS
from workbench.experiments.scaling import chinchilla
from workbench.experiments.scaling.chinchilla import Params

BY_CONSTANTS = ("RATIO", "EXPONENT", "ROUNDING", "REPLICA", "TWENTY")
BY_POINTS = ("HUBER", "ABSOLUTE", "COST", "OUTLIERS", "OPTIMUM")


def verdicts(params):
    result = chinchilla.run(params)
    return {c.statement: c.verdict for c in chinchilla.claims(params, result)}, result


def named(*names):
    return [getattr(chinchilla, n).text for n in names]


def test_the_statements_are_those_of_the_constants_and_those_of_the_points():
    assert {s.text for s in declared(chinchilla)} == set(named(*BY_CONSTANTS, *BY_POINTS))


def test_without_points_every_claim_made_is_decided():
    found, result = verdicts(Params())
    assert list(found) == named(*BY_CONSTANTS)
    right = named("REPLICA", "TWENTY")
    assert {found[t] for t in right} == {"reproduced"}
    assert {v for t, v in found.items() if t not in right} == {"not reproduced"}
    assert result.measured is None
    assert chinchilla.band(result, "printed") is None
    assert "5.76e+23" in chinchilla.valley(Params(), result)


@pytest.mark.parametrize("name", chinchilla.SETS)
def test_the_valley_and_its_floor_are_those_of_a_numeric_search(name):
    """The loss written out by hand, minimised by SciPy over the split of the budget."""
    p, compute = chinchilla.SETS[name], 576e21
    result = chinchilla.run(Params())

    def loss(log_ratio):
        n = np.sqrt(compute / 6 / np.exp(log_ratio))
        d = compute / 6 / n
        return p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]

    found = minimize_scalar(loss, bounds=(0, 7), method="bounded", options={"xatol": 1e-9})
    assert result.best[name].ratio == pytest.approx(np.exp(found.x), rel=1e-5)
    expected = loss(np.log(result.ratios)) - found.fun
    assert result.excess[name] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert result.excess[name].min() >= 0


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(params(Params))
def test_every_admitted_setting_ends_in_decided_verdicts(values):
    chosen = Params(**values)
    result = chinchilla.run(chosen)
    decided = {c.verdict for c in chinchilla.claims(chosen, result)}
    assert decided <= set(MARKS) - {"undecided"}
    assert all(np.isfinite(v).all() for v in result.excess.values())


@pytest.fixture(scope="module")
def points_given():
    return Params(points_file=str(shared("chinchilla_svg_extracted.csv")))


def test_with_points_every_claim_has_its_verdict(points_given):
    found, result = verdicts(points_given)
    right = named("REPLICA", "TWENTY", "ABSOLUTE", "OPTIMUM")
    assert list(found) == named(*BY_CONSTANTS, *BY_POINTS)
    assert {found[t] for t in right} == {"reproduced"}
    assert {v for t, v in found.items() if t not in right} == {"not reproduced"}
    m = result.measured
    assert m.huber.objective == pytest.approx(0.0010182740178006, rel=1e-9)
    assert m.printed == pytest.approx(0.0041210091362803725, rel=1e-9)
    assert m.unrounded == pytest.approx(0.0012311626025793463, rel=1e-7)
    change = m.with_outliers.parameters["beta"] - m.huber.parameters["beta"]
    assert change == pytest.approx(0.086, abs=5e-4)
    told = chinchilla.summary(points_given, result)
    assert told["optimal parameters"] == pytest.approx(7.32e10, rel=1e-3)
    low, high = chinchilla.band(result, "fit of the points")
    best = result.optima["fit of the points"].ratio
    assert (low < best).all()
    assert (best < high).all()
    assert chinchilla.band(result, "printed") is None
    assert chinchilla.alternative(result).endswith("with its 95 % band.")


def test_the_knobs_move_the_fit_and_not_the_claims(points_given):
    moved = Params(**{**points_given.values(), "delta": 1e-2, "dropped": 0, "resamples": 100})
    found, result = verdicts(moved)
    five = chinchilla.fit("chinchilla", chinchilla.points(moved.points_file), delta=1e-2)
    assert result.measured.fitted.parameters == five.parameters
    assert result.measured.huber.parameters["beta"] == pytest.approx(0.36717243, rel=1e-5)
    same, _ = verdicts(points_given)
    assert {t: v for t, v in found.items() if t != named("OUTLIERS")[0]} == {
        t: v for t, v in same.items() if t != named("OUTLIERS")[0]
    }


def test_bad_files_and_knobs_are_refused(tmp_path, points_given):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(
        ValueError, match="`points_file` must name a column of parameters.*there is a, b"
    ):
        chinchilla.run(Params(points_file=str(wrong)))
    few = tmp_path / "few.csv"
    lines = Path(points_given.points_file).read_text().splitlines()
    few.write_text("\n".join(lines[:30]))
    with pytest.raises(ValueError, match="`dropped` must be at most 24, with this file; got 50"):
        chinchilla.run(Params(points_file=str(few), dropped=50))
    with pytest.raises(ValueError, match="`resamples` must be"):
        Params(resamples=10)

import os
from dataclasses import replace

import numpy as np
import pytest
from chinchilla_points import shared
from hypothesis import HealthCheck, given, settings
from scipy.optimize import least_squares
from strategies import params

from workbench.experiment.claims import declared
from workbench.experiment.decisions import MARKS
from workbench.experiments.scaling import learning_curves
from workbench.experiments.scaling.learning_curves import Params
from workbench.scaling import learning_curves as curves


@pytest.fixture(scope="module")
def default():
    return learning_curves.run(Params())


def test_the_default_run_has_its_verdicts(default):
    found = learning_curves.claims(Params(), default)
    assert {c.statement for c in found} == {s.text for s in declared(learning_curves)}
    assert {c.verdict for c in found} == {"reproduced"}
    assert len(default.found.names) + len(default.found.skipped) == 100
    assert sum(default.found.wins.values()) >= len(default.found.names)
    assert "medians" in learning_curves.alternative(default)


def test_rows_beyond_the_reach_are_held_out(default):
    for name in default.found.names[:20]:
        mine = default.curve == name
        size, fitted = default.size[mine], default.fitted[mine]
        assert (size[fitted] * 2 <= size.max() * (1 + 1e-9)).all()
        assert (size[~fitted] * 2 > size.max()).all()
        assert (~fitted).any()


def test_a_sketch_has_the_scores_of_its_curves(default, monkeypatch):
    fits, real = [], curves.minima

    def counted(problem, at):
        fits.append(len(at))
        return real(problem, at)

    monkeypatch.setattr(curves, "minima", counted)
    learning_curves._plain.cache_clear()
    sketch = learning_curves.first_look(Params())
    assert len(fits) == 2
    # More curves leave those drawn first as they are.
    assert learning_curves.first_look(Params(curves=300)).found.names == sketch.found.names
    assert len(fits) == 2
    # The broken law alone has twelve starts on each of a hundred curves.
    assert sum(fits) < 100
    few, whole = sketch.found, default.found
    assert len(few.names) == learning_curves.FEW
    places = [whole.names.index(name) for name in few.names]
    for law in ("power", "power_constant"):
        assert (few.scores[law].held == whole.scores[law].held[places]).all()
    assert len(learning_curves.errors(sketch, "bnsl1")[0]) == 0
    assert "bnsl1 not fitted yet" in learning_curves.alternative(sketch)


def test_a_sketch_follows_its_knobs():
    def held(**knobs):
        found = learning_curves.first_look(Params(**knobs)).found
        return found.names, found.scores["power"].held.tolist()

    usual = held()
    assert held(reach=4.0)[1] != usual[1]
    assert held(seed=1)[0] != usual[0]
    assert len(held(curves=4)[0]) == 4


def test_a_sketch_reads_a_file_that_has_changed(tmp_path):
    file = tmp_path / "curves.csv"
    for exponent in (0.3, 0.6):
        rows = ["Domain,Task,Model,Seen Examples,Loss,Training"]
        for task in "abcde":
            rows += [f"d,{task},m,{2**k},{2 ** (-exponent * k)},{int(k < 10)}" for k in range(14)]
        file.write_text("\n".join(rows))
        os.utime(file, ns=(0, round(1e9 * exponent)))
        look = learning_curves.first_look(Params(curves_file=str(file)))
        score = look.found.scores["power"]
        at = score.law.parameters.index("alpha")
        assert score.parameters[:, at] == pytest.approx([exponent] * learning_curves.FEW)


def test_a_sketch_takes_the_curves_that_are_long_enough():
    params = Params(reach=64.0, curves=20)
    sketch, run = learning_curves.first_look(params), learning_curves.run(params)
    assert run.found.skipped
    assert sketch.found.skipped == ()
    assert set(sketch.found.names) <= set(run.found.names)


def test_a_plain_law_s_scores_are_those_of_a_straight_line(default):
    """The power law by NumPy's line through the logarithms of the fitted rows."""
    score = default.found.scores["power"]
    for i, name in enumerate(default.found.names[:20]):
        mine = default.curve == name
        x, y = np.log(default.size[mine]), np.log(default.loss[mine])
        fitted = default.fitted[mine]
        slope, start = np.polyfit(x[fitted], y[fitted], 1)
        error = (start + slope * x - y)[~fitted]
        assert score.held[i] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)


def test_the_example_s_constant_is_scipy_s_least_squares(default):
    shown = learning_curves.example(default)
    x, y = shown.size[shown.fitted], np.log(shown.loss[shown.fitted])

    def residuals(t):
        return np.logaddexp(t[0] - t[2] * np.log(x), t[1]) - y

    ends = [least_squares(residuals, [0.0, e, a], xtol=1e-14, ftol=1e-14, gtol=1e-14)
            for e in (-1.0, -3.0, -6.0) for a in (0.2, 0.6, 1.2)]  # fmt: skip
    best = min(ends, key=lambda e: e.cost)
    a, e, alpha = best.x
    expected = np.logaddexp(a - alpha * np.log(shown.grid), e)
    assert np.log(shown.laws["power_constant"]) == pytest.approx(expected, abs=1e-4)
    assert shown.name in learning_curves.told(shown)


def test_errors_are_a_distribution(default):
    for law in default.found.scores:
        held, share = learning_curves.errors(default, law)
        assert (np.diff(held) >= 0).all()
        assert share[-1] == 1.0


def test_a_law_that_never_wins_is_caught(default):
    scores = default.found.scores
    broken = scores["bnsl1"]
    worse = {**scores, "bnsl1": replace(broken, held=broken.held * 1e6)}
    wrong = default._replace(found=replace(default.found, scores=worse))
    found = learning_curves.claims(Params(), wrong)
    assert found[0].verdict == "not reproduced"


def test_laws_that_coincide_both_win(default):
    """Were the broken law the constant one on every curve, neither would be ahead."""
    scores = default.found.scores
    same = {**scores, "bnsl1": replace(scores["bnsl1"], held=scores["power_constant"].held)}
    even = default._replace(found=replace(default.found, scores=same))
    assert even.found.wins["bnsl1"] == even.found.wins["power_constant"]
    assert learning_curves.claims(Params(), even)[0].verdict == "undecided"


def test_one_data_set_s_curves_are_not_many_trials(default):
    """If one data set's curves were all that is won, the interval would reach far."""
    names = np.array([n.split(" / ")[0] for n in default.found.names])
    first = names == names[0]
    wins, losses = first, ~first
    low, high = learning_curves._interval(default, wins, losses)
    narrow = learning_curves.binomial_interval(int(wins.sum()), len(wins), 2.0)
    assert low == 0.0
    assert high > narrow[1]


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(params(Params))
def test_every_admitted_setting_ends_in_verdicts(values):
    chosen = Params(**{**values, "curves": min(values["curves"], 20)})
    result = learning_curves.run(chosen)
    assert all(c.verdict in MARKS for c in learning_curves.claims(chosen, result))
    assert learning_curves.summary(chosen, result)


def test_on_the_paper_s_curves_the_broken_law_wins():
    params = Params(curves_file=str(shared("revisiting_vision.csv")), curves=300)
    result = learning_curves.run(params)
    assert len(result.found.names) == 72
    assert learning_curves.claims(params, result)[0].verdict == "reproduced"
    assert result.found.wins["bnsl1"] >= 54


def test_bad_files_and_knobs_are_refused(tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(
        ValueError, match="`curves_file` must name a column of sizes.*there is a, b"
    ):
        learning_curves.run(Params(curves_file=str(wrong)))
    with pytest.raises(ValueError, match="`reach` must be"):
        Params(reach=1.0)

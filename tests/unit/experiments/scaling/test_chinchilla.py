"""What the default run does not reach: the fits of given points."""

import numpy as np
import pytest
from chinchilla_points import shared
from planted import planted

from workbench.experiment.claims import decide, summary
from workbench.experiments.scaling import chinchilla
from workbench.experiments.scaling.chinchilla import Params
from workbench.scaling.laws import catalogue


def given(folder, table, **knobs):
    path = folder / "points.csv"
    rows = np.stack(list(table.values()), axis=1)
    np.savetxt(path, rows, "%.17g", ",", header=",".join(table), comments="")
    return Params(points_file=str(path), resamples=100, **knobs)


def verdicts(params):
    return [c.verdict for c in decide(chinchilla, params, chinchilla.run(params))]


def test_with_the_extracted_points_every_claim_has_its_finding_on_file():
    params = Params(points_file=str(shared("chinchilla_svg_extracted.csv")))
    assert verdicts(params) == [c.finding for c in chinchilla.CLAIMS]
    numbers = summary(chinchilla.run(params))
    assert numbers["objective"] == pytest.approx(0.0010182740178006, rel=1e-9)
    assert numbers["objective, printed constants"] == pytest.approx(0.00412100913628, rel=1e-9)
    assert numbers["optimal parameters"] == pytest.approx(7.32e10, rel=1e-3)


def test_the_knobs_move_the_fit_and_not_the_claims(tmp_path):
    table = planted(catalogue.chinchilla, rows=60, noise=0.01)[0]
    usual = chinchilla.run(given(tmp_path, table))
    moved = chinchilla.run(given(tmp_path, table, delta=0.1, dropped=0))
    assert moved["beta"] != pytest.approx(usual["beta"], rel=1e-6)
    claimed = ("Huber's beta", "absolute A", "cost", "outliers", "optimum")
    assert [moved[k] for k in claimed] == [usual[k] for k in claimed]
    low, high = usual["band"]
    line = usual["optima"]["fit of the points"].ratio
    assert (low <= line).all()
    assert (line <= high).all()


@pytest.mark.parametrize(("rows", "noise"), [(9, 0.01), (60, 0.0)], ids=["few", "on the law"])
def test_points_that_cannot_be_the_published_ones_decide_nothing_about_them(tmp_path, rows, noise):
    table = planted(catalogue.chinchilla, rows=rows, noise=noise)[0]
    assert verdicts(given(tmp_path, table, dropped=0))[5:] == ["not measured"] * 5


def test_points_that_do_not_determine_the_law_leave_claims_undecided(tmp_path):
    """Four settings, however often they were run, do not determine five parameters."""
    n, d = np.tile([1e7, 1e9, 1e7, 1e9], 6), np.tile([1e9, 1e9, 1e11, 1e11], 6)
    loss = 1.8 + 480 / n**0.35 + 2000 / d**0.37 + 0.01 * np.random.default_rng(0).random(24)
    params = given(tmp_path, {"parameters": n, "tokens": d, "loss": loss})
    assert verdicts(params)[-2:] == ["undecided"] * 2
    assert chinchilla.run(params)["band"] is None


def test_the_points_of_highest_loss_are_dropped(tmp_path):
    k = np.arange(1.0, 10.0)
    params = given(tmp_path, {"N": k, "D": k, "loss": 2.0 + (k == 3)})
    points = chinchilla.points(params.points_file, 2)
    assert points["parameters"].tolist() == [1, 2, 4, 5, 6, 7, 8]
    with pytest.raises(ValueError, match="`dropped` must be at most 4, with this file; got 5"):
        chinchilla.run(params)
    four = given(tmp_path, {"N": k[:4], "D": k[:4], "loss": k[:4]})
    with pytest.raises(ValueError, match="`points_file` must be at least 5 points; got 4"):
        chinchilla.run(four)


def test_points_whose_losses_rise_with_tokens_are_refused(tmp_path):
    n, d = np.repeat(np.geomspace(1e7, 1e9, 5), 5), np.tile(np.geomspace(1e8, 1e12, 5), 5)
    table = {"parameters": n, "tokens": d, "loss": 1.7 + 400 / n**0.34 + 1e-4 * d**0.15}
    with pytest.raises(ValueError, match=r"losses fall as tokens grow .* got points\.csv, whose"):
        chinchilla.run(given(tmp_path, table, dropped=0))

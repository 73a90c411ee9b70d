"""What the default run does not reach: the fits of given points."""

import numpy as np
import pytest
from chinchilla_points import shared

from workbench.experiment.claims import decide, summary
from workbench.experiments.scaling import chinchilla
from workbench.experiments.scaling.chinchilla import Params
from workbench.scaling.laws import catalogue

ABOUT_CONSTANTS = 5


def verdicts(params):
    result = chinchilla.run(params)
    return [c.verdict for c in decide(chinchilla, params, result)], result


def table(path, rows, noise, grid=None):
    rng = np.random.default_rng(0)
    n, d = (10 ** rng.uniform(low, low + 3, rows) for low in (7, 9))
    if grid is not None:
        n, d = (10.0 ** (low + 2 * (np.arange(rows) // step % 2)) for low, step in grid)
    exact = catalogue.chinchilla.value(chinchilla.REPLICATED, {"parameters": n, "tokens": d})
    losses = exact * np.exp(noise * rng.standard_normal(rows))
    lines = [f"{a:.17g},{b:.17g},{c:.17g}" for a, b, c in zip(n, d, losses, strict=True)]
    path.write_text("\n".join(["parameters,tokens,loss", *lines]))
    return Params(points_file=str(path), resamples=100)


def test_with_the_extracted_points_every_claim_has_its_finding_on_file():
    params = Params(points_file=str(shared("chinchilla_svg_extracted.csv")))
    found, result = verdicts(params)
    assert found == [c.finding for c in chinchilla.CLAIMS]
    numbers = summary(result)
    assert numbers["objective"] == pytest.approx(0.0010182740178006, rel=1e-9)
    assert numbers["objective, printed constants"] == pytest.approx(0.00412100913628, rel=1e-9)
    assert numbers["optimal parameters"] == pytest.approx(7.32e10, rel=1e-3)


def test_the_knobs_move_the_fit_and_not_the_claims(tmp_path):
    params = table(tmp_path / "points.csv", 60, 0.01)
    usual, moved = (chinchilla.run(params.model_copy(update=knobs))
                    for knobs in ({}, {"delta": 0.1, "dropped": 0}))  # fmt: skip
    assert moved["beta"] != pytest.approx(usual["beta"], rel=1e-6)
    assert {k: moved[k] for k in chinchilla.PUBLISHED} == {
        k: usual[k] for k in chinchilla.PUBLISHED
    }
    low, high = usual["band"]
    assert (low <= usual["optima"]["fit of the points"].ratio).all()
    assert (usual["optima"]["fit of the points"].ratio <= high).all()


@pytest.mark.parametrize(("rows", "noise"), [(9, 0.01), (60, 0.0)], ids=["few", "on the law"])
def test_points_that_cannot_be_the_published_ones_decide_nothing_about_them(tmp_path, rows, noise):
    params = table(tmp_path / "points.csv", rows, noise).model_copy(update={"dropped": 0})
    found, _ = verdicts(params)
    assert found[ABOUT_CONSTANTS:] == ["not measured"] * 5


def test_points_that_do_not_determine_the_law_leave_claims_undecided(tmp_path):
    """Four settings, however often they were run, do not determine five parameters."""
    params = table(tmp_path / "points.csv", 24, 0.01, grid=((7, 1), (9, 2)))
    found, result = verdicts(params)
    assert found[-2:] == ["undecided"] * 2
    assert result["band"] is None


@pytest.mark.parametrize(
    ("law", "says"),
    [
        (lambda n, d: 1.7 + 400 / n**0.34 + 1e-4 * d**0.15, r"as tokens grow .* beta = -0\.15$"),
        (lambda n, d: 1.7 + 1e-3 * n**0.25 + 410 / d**0.28, r"as sizes grow .* alpha = -0\.25$"),
        (lambda n, d: 1.7 + 400 / n**0.34 + 0 * d, r"as tokens grow "),
    ],
)
def test_losses_that_do_not_fall_are_named_as_such(tmp_path, law, says):
    n, d = np.repeat(np.geomspace(1e7, 1e9, 5), 5), np.tile(np.geomspace(1e8, 1e12, 5), 5)
    lines = [f"{a:g},{b:g},{c:.6f}" for a, b, c in zip(n, d, law(n, d), strict=True)]
    path = tmp_path / "points.csv"
    path.write_text("\n".join(["parameters,tokens,loss", *lines]))
    says = rf"^`points_file` must hold points whose losses fall {says}"
    with pytest.raises(ValueError, match=says):
        chinchilla.run(Params(points_file=str(path), dropped=0, resamples=100))


def test_as_many_points_are_dropped_as_the_knob_says(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("N,D,loss\n" + "".join(f"{k},{k},{2 + (k == 3)}\n" for k in range(1, 10)))
    assert chinchilla.points(str(path), 2)["parameters"].tolist() == [1, 2, 4, 5, 6, 7, 8]
    path.write_text("N,D,loss\n1,2,3\n")
    with pytest.raises(ValueError, match="`points_file` must be at least 5 points; got 1"):
        chinchilla.points(str(path))


def test_more_points_than_the_law_needs_must_be_left(tmp_path):
    params = table(tmp_path / "points.csv", 9, 0.01)
    with pytest.raises(ValueError, match="`dropped` must be at most 4, with this file; got 5"):
        chinchilla.run(params)
    with pytest.raises(ValueError, match="`points_file` must"):
        chinchilla.run(Params(points_file=str(tmp_path / "none.csv")))

import numpy as np
import pytest

from workbench.scaling.datasets.run_tables import runs_of
from workbench.scaling.fit.fit import fit
from workbench.scaling.inference.rival_laws import judged, predictions, rivals_of

LEAST_SQUARES = {"loss": "squared", "columns": {"size": "size", "loss": "loss"}}


def curve(folder, rows, noise=0.0):
    size = np.geomspace(1e6, 1e9, rows)
    loss = (1.7 + 30 * size**-0.2) * np.exp(noise * np.random.default_rng(0).standard_normal(rows))
    path = folder / "runs.csv"
    np.savetxt(path, np.stack([size, loss], axis=1), "%.17g", ",", header="size,loss", comments="")
    return runs_of(str(path), "", {"size": "", "loss": ""})


def test_predictions_are_those_of_a_line_through_the_rows_up_to_the_cut(tmp_path):
    """The power law by NumPy's line through logarithms."""
    runs = curve(tmp_path, 30, 0.02)
    unseen = predictions(runs, 0.4, LEAST_SQUARES, {})
    size, loss = runs.table["size"], runs.table["loss"]
    used = size <= unseen.cut
    assert (~used).sum() == 12
    slope, start = np.polyfit(np.log(size[used]), np.log(loss[used]), 1)
    ratio = np.exp(start + slope * np.log(size)) / loss
    assert unseen.column == "size"
    assert unseen.size == pytest.approx(size)
    assert unseen.ratios["power"] == pytest.approx(ratio, rel=1e-6)
    scored, _ = judged([fit("power", runs.table, **LEAST_SQUARES)], "size", 0.4)
    held_out = np.sqrt((np.log(ratio[~used]) ** 2).mean())
    assert scored.extrapolations["power"].rmsle == pytest.approx(held_out, rel=1e-6)
    assert scored.holdout == "size"


def test_a_fixed_parameter_is_not_fitted_before_the_cut(tmp_path):
    runs = curve(tmp_path, 30, 0.02)
    fixed = {"power_constant": {"E": 1.7, "alpha": 0.2}}
    ratio = predictions(runs, 0.4, LEAST_SQUARES, fixed).ratios["power_constant"]
    size, loss = runs.table["size"], runs.table["loss"]
    scale = (ratio * loss - 1.7) * size**0.2
    assert scale == pytest.approx(np.full(30, scale[0]))


def test_a_law_that_a_short_curve_cannot_carry_is_named(tmp_path):
    runs = curve(tmp_path, 4)
    own = fit("power_constant", runs.table, **LEAST_SQUARES)
    fits, reasons = rivals_of(own, LEAST_SQUARES)
    assert [f.law.name for f in fits] == ["power", "power_constant"]
    assert fits[1] is own
    assert len(reasons) == 1
    assert reasons[0].startswith("bnsl1 is not compared: `table` must")
    unseen = predictions(runs, 0.3, LEAST_SQUARES, {})
    assert np.isnan(unseen.ratios["bnsl1"]).all()
    assert np.isfinite(unseen.ratios["power"]).all()


def test_sizes_that_tie_do_not_break_the_cut(tmp_path):
    size, tokens = np.repeat([1e7, 1e8, 1e9], 4), np.tile([1e9, 4e9, 2e10, 1e11], 3)
    loss = 1.7 + 400 * size**-0.34 + 410 * tokens**-0.28
    path = tmp_path / "runs.csv"
    rows = np.stack([size, tokens, loss], axis=1)
    np.savetxt(path, rows, "%.17g", ",", header="N,D,loss", comments="")
    runs = runs_of(str(path), "", {"parameters": "", "tokens": "", "loss": ""})
    how = {"columns": {"parameters": "N", "tokens": "D"}}
    assert 1e8 <= predictions(runs, 0.3, how, {}).cut < 1e9
    fits, unfitted = rivals_of(fit("chinchilla", runs.table, **how), how)
    scored, unscored = judged(fits, "N", 0.3)
    assert (unfitted, unscored) == ([], [])
    assert {e.rows for e in scored.extrapolations.values()} == {4}


def test_sizes_that_never_change_are_refused(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("N,D,loss\n1e7,1e9,3\n1e7,1e10,2\n")
    runs = runs_of(str(path), "", {"parameters": "", "tokens": "", "loss": ""})
    with pytest.raises(ValueError, match="`N` must be a column of more than one value; got 1"):
        predictions(runs, 0.3, {}, {})

import numpy as np
import pytest
from chinchilla_points import rows, shared

from workbench.experiment.claims import decide
from workbench.experiments.scaling import fit
from workbench.experiments.scaling.fit import Params


def test_the_default_run_fits_the_shipped_curve():
    """facts/scaling.md 2, least squares: error = 2.71 n^-0.491 + 0.0195."""
    params = Params(loss="squared")
    result = fit.run(params)
    found = result
    assert found["A"] == pytest.approx(2.71, rel=5e-3)
    assert found["alpha"] == pytest.approx(0.491, rel=2e-3)
    assert found["E"] == pytest.approx(0.0195, rel=5e-3)
    assert result["rows left out"] > 5000
    assert [c.verdict for c in decide(fit, params, result)] == [c.finding for c in fit.CLAIMS]
    shown = result["picture"]
    assert shown.line == pytest.approx(found["E"] + found["A"] * shown.grid ** -found["alpha"])
    low, high = shown.band
    assert (low <= shown.line).all()
    assert (shown.line <= high).all()
    assert shown.grid[-1] == pytest.approx(10 * shown.x.max())
    inside = np.interp(shown.x, shown.grid, low), np.interp(shown.x, shown.grid, high)
    assert ((inside[0] <= shown.y) & (shown.y <= inside[1])).mean() > 0.8
    assert result["checklist"]["errors"]["resamples"] == 1000


def test_what_is_foreseen_is_the_fit_of_the_kept_rows():
    """The power law by NumPy's line through the logarithms of the rows up to the cut."""
    result = fit.run(Params(loss="squared", law="power", held=0.4, resamples=100))
    shown, unseen = result["picture"], result["predictions"]
    order = np.argsort(shown.x)
    size, loss = shown.x[order], shown.y[order]
    kept = size <= unseen["cut"]
    assert (~kept).sum() == round(0.4 * len(size))
    slope, start = np.polyfit(np.log(size[kept]), np.log(loss[kept]), 1)
    ratio = np.exp(start + slope * np.log(size)) / loss
    assert unseen["size"] == pytest.approx(size)
    assert unseen["ratios"]["power"] == pytest.approx(ratio, rel=1e-6)
    held = result["comparison"].extrapolations["power"].rmsle
    assert held == pytest.approx(np.sqrt((np.log(ratio[~kept]) ** 2).mean()), rel=1e-6)


TABLES = {
    "gadre_overtraining_104.csv": ("params", "tokens", "loss_c4_val", "chinchilla"),
    "misfitting_final_261.csv": ("N", "D", "loss", "chinchilla"),
    "datablations_contour.csv": ("num_params", "token_num", "loss", "chinchilla"),
    "porian_isoflop.csv": ("n_params", "tokens", "loss", "tied"),
    "openathena_isoflops.csv": ("params", "tokens", "loss", "chinchilla"),
    "routed_lm_final.csv": ("total_parameter_count", "", "loss_validation", "power_constant"),
    "routed_lm_dense_curves.csv": ("step", "", "loss_validation", "power_constant"),
    "porian_optimal_pairs.csv": ("flops", "", "loss", "power_constant"),
    "lcdb_subset_error.csv": ("size_train", "", "test_error_std", "power"),
}


# Rows whose loss is an empty cell.
EMPTY = {"porian_optimal_pairs.csv": 2, "routed_lm_dense_curves.csv": 1}


@pytest.mark.parametrize("name", TABLES)
def test_every_shared_table_has_a_fit_and_its_verdicts(name):
    size, tokens, loss, law = TABLES[name]
    params = Params(table_file=str(shared(name)), size_column=size, tokens_column=tokens or "x",
                    loss_column=loss, law=law, resamples=100)  # fmt: skip
    if name.startswith("lcdb"):
        with pytest.raises(
            ValueError, match=r"`test_error_std` must be positive .*got 0 on line 771 "
        ):
            fit.run(params)
        return
    if EMPTY.get(name):
        with pytest.raises(
            ValueError, match=f"`{loss}` must be a number on every row; got an empty"
        ):
            fit.run(params)
        params = Params(**{**params.values(), "empty_cells": "leave out"})
    result = fit.run(params)
    assert fit.fits(params)[0].converged
    assert result["rows left out"] == EMPTY.get(name, 0)
    assert len(decide(fit, params, result)) == len(fit.CLAIMS)
    assert set(result["predictions"]["ratios"]) == set(result["comparison"].extrapolations)
    for n, e in result["comparison"].extrapolations.items():
        assert np.isfinite(e.rmsle)
        # A break that the fitted rows do not show leaves every band open.
        assert 0 <= e.coverage <= 1 or (n == "bnsl1" and np.isnan(e.coverage))
    shown, report = result["picture"], result["checklist"]
    assert len(shown.x) == len(shown.y) == len(result["predictions"]["size"])
    assert report["rival laws"]["held out by"] == size
    if law == "chinchilla":
        split = report["optimal split"][0]
        assert split["decades beyond the table"] == pytest.approx(1.0)
        assert 6 * split["parameters"] * split["tokens"] == pytest.approx(split["compute"])


def test_one_curve_of_a_table_of_curves_is_picked_by_its_names():
    params = Params(table_file=str(shared("revisiting_lang.csv")), size_column="Seen Examples",
                    loss_column="Loss", only="LM / upstream / 1.07e+9", resamples=100)  # fmt: skip
    with pytest.raises(ValueError, match="combination of the table's text columns"):
        fit.run(Params(**{**params.values(), "only": "LM"}))
    names = sorted({" / ".join((r["Domain"], r["Task"], r["Model"]))
                    for r in rows("revisiting_lang.csv")})  # fmt: skip
    params = Params(**{**params.values(), "only": names[0]})
    assert fit.run(params)["rows left out"] > 0
    assert fit.fits(params)[0].converged


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"size_column": "size"}, "`size` must be a column of the table"),
        ({"only": "mnist_784 / RandomForest"}, "did you mean `mnist_784 / RandomForestClassifier`"),
        (
            {"law": "chinchilla"},
            "`law` must be of one variable where `table_file` is empty; got 'chi",
        ),
        ({"delta": 0.0}, "`delta` must be"),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(values, says):
    with pytest.raises(ValueError, match=says):
        fit.run(Params(**values))


def test_a_file_s_empty_cell_is_named(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("size,loss\n1,3\n10,2\n100,\n1000,1\n")
    says = "`loss` must be a number on every row; got an empty cell on line 4 of runs.csv"
    with pytest.raises(ValueError, match=says):
        fit.run(Params(table_file=str(path)))

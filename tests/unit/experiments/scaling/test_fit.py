import json

import numba
import numpy as np
import pytest
from chinchilla_points import rows, shared

from workbench.experiment.claims import declared
from workbench.experiments.scaling import fit
from workbench.experiments.scaling.fit import Params
from workbench.scaling.fit import fit as fitting


def test_the_default_run_fits_the_shipped_curve():
    """facts/scaling.md 2, least squares: error = 2.71 n^-0.491 + 0.0195."""
    params = Params(loss="squared")
    result = fit.run(params)
    found = result.fitted.parameters
    assert found["A"] == pytest.approx(2.71, rel=5e-3)
    assert found["alpha"] == pytest.approx(0.491, rel=2e-3)
    assert found["E"] == pytest.approx(0.0195, rel=5e-3)
    assert result.left_out > 5000
    told = fit.claims(params, result)
    assert {c.statement for c in told} == {s.text for s in declared(fit)}
    assert [c.verdict for c in told] == ["reproduced", "not reproduced", "reproduced"]
    shown = result.picture
    assert shown.line == pytest.approx(found["E"] + found["A"] * shown.grid ** -found["alpha"])
    assert (shown.low <= shown.line).all()
    assert (shown.line <= shown.high).all()
    assert shown.grid[-1] == pytest.approx(10 * shown.x.max())
    inside = np.interp(shown.x, shown.grid, shown.low), np.interp(shown.x, shown.grid, shown.high)
    assert ((inside[0] <= shown.y) & (shown.y <= inside[1])).mean() > 0.8
    assert json.loads(fit.report(result))["errors"]["resamples"] == 1000
    assert "power_constant" in fit.alternative(result)
    assert "24 runs" in fit.pictured(result)


def test_what_is_foreseen_is_the_fit_of_the_kept_rows():
    """The power law by NumPy's line through the logarithms of the rows up to the cut."""
    result = fit.run(Params(loss="squared", law="power", held=0.4, resamples=100))
    order = np.argsort(result.picture.x)
    size, loss = result.picture.x[order], result.picture.y[order]
    kept = size <= result.cut
    assert (~kept).sum() == round(0.4 * len(size))
    slope, start = np.polyfit(np.log(size[kept]), np.log(loss[kept]), 1)
    ratio = np.exp(start + slope * np.log(size)) / loss
    assert result.size == pytest.approx(size)
    assert result.foreseen["power"] == pytest.approx(ratio, rel=1e-6)
    held = result.comparison.extrapolations["power"].rmsle
    assert held == pytest.approx(np.sqrt((np.log(ratio[~kept]) ** 2).mean()), rel=1e-6)


def test_a_sketch_polishes_few_nodes_and_finds_the_same_fits(monkeypatch):
    params = Params(loss="squared", resamples=100)
    fits, real, threads = [], fitting.minima, numba.get_num_threads()

    def counted(problem, at, **how):
        fits.append(len(at))
        return real(problem, at, **how)

    monkeypatch.setattr(fitting, "minima", counted)
    fit._near.cache_clear()
    sketch = fit.first_look(params)
    assert len(fits) == 6
    assert sum(fits) <= 3 * fit.FEW + 3
    few = sum(fits)
    # The next one goes on from there.
    for knobs in ({"delta": 0.1}, {"seed": 1}, {"resamples": 200}):
        fits.clear()
        fit.first_look(params.model_copy(update=knobs))
        assert fits == [1, 1, 1]
    fits[:] = [few]
    assert numba.get_num_threads() == threads
    full = fit.run(params)
    assert sum(fits) - few > 10 * few
    for name, ratio in full.foreseen.items():
        assert sketch.foreseen[name] == pytest.approx(ratio, rel=1e-6)
    # Another share held out is told apart.
    other = fit.first_look(Params(loss="squared", held=0.5))
    assert other.foreseen["power"] != pytest.approx(full.foreseen["power"], rel=1e-3)
    assert other.cut < sketch.cut


def test_a_sketch_refuses_the_table_that_the_run_refuses():
    for bad in ({"only": "no such learner"}, {"loss_column": "lost"}):
        said = []
        for how in (fit.run, fit.first_look):
            with pytest.raises(ValueError, match="`") as refused:
                how(Params(resamples=100, **bad))
            said.append(str(refused.value))
        assert said[0] == said[1]


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
    assert result.fitted.converged
    assert result.left_out == EMPTY.get(name, 0)
    assert {c.statement for c in fit.claims(params, result)} == {s.text for s in declared(fit)}
    assert set(result.foreseen) == set(result.comparison.extrapolations)
    for n, e in result.comparison.extrapolations.items():
        assert np.isfinite(e.rmsle)
        # A break that the fitted rows do not show leaves every band open.
        assert 0 <= e.coverage <= 1 or (n == "bnsl1" and np.isnan(e.coverage))
    assert len(result.picture.x) == len(result.picture.y) == len(result.size)
    assert (result.picture.low <= result.picture.high).all()
    report = json.loads(fit.report(result))
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
    result = fit.run(Params(**{**params.values(), "only": names[0]}))
    assert result.fitted.converged
    assert result.left_out > 0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"size_column": "size"}, "`size` must be a column of the table"),
        ({"only": "mnist_784 / RandomForest"}, "did you mean `mnist_784 / RandomForestClassifier`"),
        ({"law": "chinchilla"}, "`tokens_column` must name the column of tokens.*there is dataset"),
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

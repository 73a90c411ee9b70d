import numpy as np
import pytest
from scaling.chinchilla_points import shared

from workbench.claims import declared
from workbench.experiments.scaling import fit
from workbench.experiments.scaling.fit import Params


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
    assert (result.low <= result.predicted).all()
    assert (result.predicted <= result.high).all()
    assert "refits" in fit.alternative(result)


TABLES = {
    "gadre_overtraining_104.csv": ("params", "tokens", "loss_c4_val", "chinchilla"),
    "misfitting_final_261.csv": ("N", "D", "loss", "chinchilla"),
    "datablations_contour.csv": ("num_params", "token_num", "loss", "chinchilla"),
    "porian_isoflop.csv": ("n_params", "tokens", "loss", "tied"),
    "openathena_isoflops.csv": ("params", "tokens", "loss", "chinchilla"),
    "routed_lm_final.csv": ("total_parameter_count", "", "loss_validation", "power_constant"),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_shared_table_has_a_fit_and_its_verdicts(name):
    size, tokens, loss, law = TABLES[name]
    params = Params(table_file=str(shared(name)), size_column=size, tokens_column=tokens or "x",
                    loss_column=loss, law=law, only="", resamples=100)  # fmt: skip
    result = fit.run(params)
    assert result.fitted.converged
    assert result.left_out == 0
    assert len(fit.claims(params, result)) == 3
    assert np.isfinite(list(result.comparison.extrapolations["tied" if law != "power_constant"
                                                             else "power"])).all()  # fmt: skip


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"size_column": "size"}, "`size` must be a column of the table"),
        ({"only": "mnist_784 / RandomForest"}, "did you mean `mnist_784 / RandomForestClassifier`"),
        ({"law": "chinchilla"}, "`tokens` must be a column of the table"),
        ({"delta": 0.0}, "`delta` must be"),
    ],
)
def test_bad_knobs_are_refused_in_one_sentence(values, says):
    with pytest.raises(ValueError, match=says):
        fit.run(Params(**values))


def test_a_file_s_empty_cell_is_named(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text("size,loss\n1,3\n10,2\n100,\n1000,1\n")
    params = {"table_file": str(path), "size_column": "size", "loss_column": "loss", "only": ""}
    with pytest.raises(ValueError, match="`loss` must be finite on every row; got nan on row 2"):
        fit.run(Params(**params))

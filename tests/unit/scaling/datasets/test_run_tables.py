"""Which rows and columns of a table a fit reads, and small tables that get their page."""

import json

import numpy as np
import pytest

from workbench.experiment.claims import decide, summary
from workbench.experiments.scaling import chinchilla, fit, isoflop, learning_curves
from workbench.experiments.scaling.fit import Params
from workbench.scaling.datasets.run_tables import runs_of
from workbench.scaling.fit.fit import fit as fitted_by
from workbench.scaling.fit.request import Request
from workbench.scaling.inference.bootstrap import bootstrap

SIZE = {"size": "", "loss": ""}
SIZES = np.geomspace(1e6, 1e9, 10)


def curve(rows=10, noise=0.0):
    rng = np.random.default_rng(0)
    y = (1.7 + 30 * SIZES**-0.2) * np.exp(noise * rng.standard_normal(10))
    return "size,loss\n" + "".join(
        f"{a:.6g},{b:.6g}\n" for a, b in zip(SIZES[:rows], y[:rows], strict=True)
    )


def grid(sizes=(1e7, 1e8, 1e9), tokens=(1e9, 1e10, 1e11), extra=lambda i: ""):
    points = [(n, d, 1.7 + 400 * n**-0.34 + 410 * d**-0.28) for n in sizes for d in tokens]
    return "".join(f"{n},{d},{y:.6g}{extra(i)}\n" for i, (n, d, y) in enumerate(points))


@pytest.fixture
def table(tmp_path):
    def write(content, name="runs.csv"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


TEXTS = "run,dataset,N,loss\nr0,pile,1,4\nr1,c4,2,3\nr2,pile,4,2\nr3,c4,8,1\n"


@pytest.mark.parametrize(
    ("only", "lines"),
    [
        ("", [2, 3, 4, 5]),
        ("dataset == 'pile'", [2, 4]),
        ("dataset != 'pile' and N > 2", [5]),
        ("loss < 3", [4, 5]),
        ("r1 / c4", [3]),
    ],
)
def test_rows_are_chosen_by_any_column(table, only, lines):
    runs = runs_of(table(TEXTS), only, SIZE)
    assert runs.table.lines.tolist() == lines
    assert runs.columns == ("N", "loss")
    assert runs.left_out == 4 - len(lines)


@pytest.mark.parametrize(
    ("only", "says"),
    [
        ("dataset == 'pil'", r"some of the 4 rows of runs.csv fulfil \(dataset is pile, c4\)"),
        ("datset == 'pile'", "`datset` must be a column of the table; did you mean `dataset`"),
        ("r1 / c5", "did you mean `r1 / c4`"),
        ("N >", "`only` must be a condition"),
    ],
)
def test_a_condition_that_chooses_nothing_is_refused(table, only, says):
    with pytest.raises(ValueError, match=says):
        runs_of(table(TEXTS), only, SIZE)


def test_a_condition_on_names_that_sql_confuses_is_refused(table):
    path = table("N,n,loss\n1,8,3\n2,4,2\n")
    assert runs_of(path, "loss < 9", SIZE).columns == ("N", "loss")
    with pytest.raises(ValueError, match="differ by more than capitals; got 'n > 5, with N'"):
        runs_of(path, "n > 5", SIZE)


def test_a_condition_can_leave_out_the_row_with_a_wrong_cell(table):
    path = table("ok,N,loss\nyes,1,3\nno,2,oops\nyes,4,2\n")
    with pytest.raises(ValueError, match="`loss` must be a number .*got 'oops' on line 3 of"):
        runs_of(path, "", SIZE)
    assert runs_of(path, "ok = 'yes'", SIZE).table["loss"].tolist() == [3, 2]


def test_a_guess_is_reported_and_a_name_is_not(table):
    said = runs_of(table(TEXTS), "", SIZE).notes
    assert said == (
        "size_column is taken to be `N`, by its name",
        "loss_column is taken to be `loss`, by its name",
    )
    assert runs_of(table(TEXTS), "", {"size": "N", "loss": "loss"}).notes == ()
    with pytest.raises(
        ValueError, match="`NN` must be a column .*did you mean `N`, of run, dataset"
    ):
        runs_of(table(TEXTS), "", {"size": "NN", "loss": ""})


REPEATED = "N,D,lr,loss\n1,1,1,5\n1,1,2,4\n1,1,3,3\n1,2,1,2.5\n2,1,1,2\n2,1,2,1\n"
PAIRS = {"parameters": "", "tokens": "", "loss": ""}


@pytest.mark.parametrize(
    ("how", "losses", "lr"),
    [
        ("all", [5, 4, 3, 2.5, 2, 1], [1, 2, 3, 1, 1, 2]),
        ("best", [3, 2.5, 1], [3, 1, 2]),
        ("mean", [4, 2.5, 1.5], [3, 1, 2]),
    ],
)
def test_runs_of_one_setting_are_recognised(table, how, losses, lr):
    runs = runs_of(table(REPEATED), "", PAIRS, repeats=how)
    assert runs.table["loss"].tolist() == losses
    assert runs.table["lr"].tolist() == lr
    assert runs.merged == 6 - len(losses)
    assert "6 rows are runs of 3 settings of N and D, up to 3 runs of one" in runs.notes[-1]
    # Rows of different settings are no repeats.
    assert len(runs_of(table(grid_text()), "", PAIRS, repeats=how).notes) == 3


def grid_text():
    return "N,D,loss\n" + grid()


def test_a_mean_takes_weights_and_needs_one_group(table):
    text = REPEATED.replace("lr", "w").replace("N,D", "N,D")
    runs = runs_of(table(text), "", PAIRS, repeats="mean", weights="w")
    assert runs.table["loss"].tolist() == pytest.approx([(5 + 8 + 9) / 6, 2.5, 4 / 3])
    assert runs.table["w"].tolist() == [6, 1, 3]
    with pytest.raises(ValueError, match="`w` must be the same on all runs of one setting"):
        runs_of(table(text), "", PAIRS, repeats="mean", beside=["w"])


def test_the_best_of_each_setting_has_another_exponent_than_all(table):
    """Runs at wrong learning rates lose most where the model is small: all of them mislead."""
    rows = [(n, (2 + 1e3 * n**-0.5) * (1 + 0.3 * k * (1e6 / n) ** 0.5))
            for n in SIZES for k in range(5)]  # fmt: skip
    path = table("N,loss\n" + "".join(f"{n:.10g},{y:.10g}\n" for n, y in rows))
    alpha, merged = {}, {}
    for how in ("all", "best"):
        params = Params(table_file=path, repeats=how)
        runs = Request(*(getattr(params, k) for k in Request._fields)).runs
        found = fitted_by("power_constant", runs.table, loss="squared", columns={"size": "N"})
        alpha[how], merged[how] = found.parameters["alpha"], runs.merged
    assert alpha["best"] == pytest.approx(0.5, rel=1e-5)
    assert abs(alpha["all"] - 0.5) > 0.02
    assert merged == {"all": 0, "best": 40}


@pytest.mark.parametrize("rows", [3, 6])
def test_a_short_curve_gets_its_page(table, rows):
    params = Params(table_file=table(curve(rows)), resamples=100)
    result = fit.run(params)
    assert result["alpha"] == pytest.approx(0.2, rel=1e-2)
    assert len(decide(fit, params, result)) == 3
    assert summary(result)["rows"] == rows
    json.dumps(result["checklist"], allow_nan=False)
    assert set(result["predictions"]["ratios"]) == {"power", "power_constant", "bnsl1"}
    if rows < 6:
        assert any(
            r.startswith("bnsl1 is not compared: `table` must") for r in result["laws left out"]
        )
    assert "bnsl1" not in result["comparison"].extrapolations


def test_sizes_that_tie_do_not_break_the_cut(table):
    text = "N,D,loss\n" + grid(tokens=(1e9, 4e9, 2e10, 1e11))
    params = Params(table_file=table(text), law="chinchilla", resamples=100)
    result = fit.run(params)
    assert result["laws left out"] == ()
    assert 1e8 * (1 - 1e-9) <= result["predictions"]["cut"] < 1e9
    for found in result["comparison"].extrapolations.values():
        assert found.rows == 4
    assert decide(fit, params, result)[0].verdict == "reproduced"
    assert result["beta"] == pytest.approx(0.28, rel=1e-3)


def test_a_fit_takes_what_the_library_has(table):
    text = "N,D,loss,w,family\n" + grid(extra=lambda i: f",{i + 1},f{i % 3}")
    base = {"table_file": table(text), "law": "chinchilla", "resamples": 100}
    read = {k: np.array(v) for k, v in runs_of(base["table_file"], "", PAIRS).table.items()}
    how = {"columns": {"parameters": "N", "tokens": "D"}, "delta": 0.01}

    more = {"weights_column": "w", "loss": "asymmetric", "penalty": 3.0, "groups_column": "family"}
    params = Params(**base, **more, fixed="E: 1.5, alpha=0.3")
    result = fit.run(params)
    expected = fitted_by("chinchilla", read, **how, weights="w", loss="asymmetric", shape=3.0,
                         fixed={"E": 1.5, "alpha": 0.3})  # fmt: skip
    own, (drawn, _, _) = fit.fits(params)[0], fit.resampled(params)
    assert own.parameters == pytest.approx(expected.parameters, rel=1e-6)
    assert own.free == ("A", "B", "beta")
    assert drawn.kind == "block"
    assert drawn.draws == pytest.approx(
        bootstrap(expected, 100, rng=0, kind="block", block="family").draws, rel=1e-5
    )
    # An exponent that is fixed is no measurement.
    assert [c.verdict for c in decide(fit, params, result)][:2] == ["not measured"] * 2


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"fixed": "alpa: 1"}, "`alpa` must be a parameter of the law chinchilla; did you mean"),
        ({"fixed": "alpha"}, "`fixed` must be parameters and their values"),
        ({"fixed": "alpha: x"}, "`fixed` must be parameters and their values"),
        (
            {"weights_column": "family"},
            "`family` must be a number on every row; got 'f0' on line 2",
        ),
        ({"groups_column": "familly"}, "did you mean `family`"),
        ({"groups_column": "one"}, "`groups_column` must be a column of at least two groups"),
        ({"tokens_column": "N"}, "`size_column` must .*which|another column than those of tokens"),
        ({"size_column": "loss"}, "`size_column` must be another column"),
    ],
)
def test_knobs_that_do_not_fit_the_table_are_refused(table, knobs, says):
    text = "N,D,loss,one,family\n" + grid(extra=lambda i: f",1,f{i % 3}")
    knobs = {"loss_column": "loss", **knobs}
    with pytest.raises(ValueError, match=says):
        fit.run(Params(table_file=table(text), law="chinchilla", resamples=100, **knobs))


def test_the_other_experiments_read_the_same_tables(table):
    semicolons = ("N;D;loss\n" + grid(tokens=(1e9, 4e9, 2e10, 1e11)).replace(",", ";")).replace(
        ".", ","
    )
    path = table(semicolons)
    params = chinchilla.Params(points_file=path, resamples=100, dropped=0)
    result = chinchilla.run(params)
    assert result["alpha"] == pytest.approx(0.34, rel=1e-3)
    points = chinchilla.points(
        table("Model Size,Training FLOP,loss\n" + 5 * "1e8,6e18,3\n", "c.csv")
    )
    assert points["tokens"].tolist() == 5 * [1e10]
    result = isoflop.run(isoflop.Params(runs_file=path))
    assert "at least two budgets" in result["left out"]
    params = learning_curves.Params(curves_file=table(curve(), "runs.txt"))
    result = learning_curves.run(params)
    assert result["laws"].names == ("runs.txt",)
    # One exact curve: the constant law and the broken one coincide, the plain one loses.
    assert [c.verdict for c in decide(learning_curves, params, result)][0] == "undecided"


def test_a_reading_that_is_not_determined_is_said(table):
    rows = [(c, n, 1.7 + 400 * n**-0.34 + 410 * (c / 6 / n) ** -0.28)
            for c in (1e18, 1e19) for n in (1e7, 1e8, 1e9)]  # fmt: skip
    text = "budget,params,loss,experiment\n"
    text += "".join(f"{c},{n},{y:.6g},two\n" for c, n, y in rows)
    text += "".join(f"{c},{n},{y:.6g},one\n" for c, n, y in rows[:3])
    params = isoflop.Params(runs_file=table(text))
    result = isoflop.run(params)
    rows = isoflop.table(result)
    assert rows["two: its standard error"] == "not determined"
    assert rows["left out"].startswith("one: `compute` must be at more than one budget")
    assert "exponent, two" in summary(result)

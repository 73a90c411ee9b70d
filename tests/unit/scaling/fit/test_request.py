"""A fit as text and numbers: which rows, columns and options the library gets."""

import numpy as np
import pytest
from chinchilla_points import rows, shared

from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.request import Request
from workbench.scaling.inference.bootstrap import bootstrap

PLAIN = {
    "table_file": "", "law": "power_constant", "loss": "huber", "delta": 0.01, "penalty": 10.0,
    "size_column": "", "tokens_column": "", "loss_column": "", "weights_column": "",
    "groups_column": "", "only": "", "empty_cells": "refuse", "repeats": "all", "fixed": "",
}  # fmt: skip


def request(**values):
    return Request(**{**PLAIN, **values})


def grid(sizes=(1e7, 1e8, 1e9), tokens=(1e9, 1e10, 1e11)):
    """Runs on a grid, with a weight, a constant column and one of three families."""
    points = [(n, d, 1.7 + 400 * n**-0.34 + 410 * d**-0.28) for n in sizes for d in tokens]
    lines = (f"{n},{d},{y:.6g},{i + 1},1,f{i % 3}" for i, (n, d, y) in enumerate(points))
    return "\n".join(["N,D,loss,w,one,family", *lines])


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "runs.csv"
        path.write_text(content)
        return str(path)

    return write


def test_without_a_table_the_shipped_curve_is_fitted():
    """facts/scaling.md 2, least squares: error = 2.71 n^-0.491 + 0.0195."""
    one = request(loss="squared")
    assert one.runs.left_out > 5000
    assert one.runs.notes == ()
    parameters = one.fitted().parameters
    assert parameters["A"] == pytest.approx(2.71, rel=5e-3)
    assert parameters["alpha"] == pytest.approx(0.491, rel=2e-3)
    assert parameters["E"] == pytest.approx(0.0195, rel=5e-3)


def test_a_fit_takes_what_the_library_has(table):
    more = {"weights_column": "w", "loss": "asymmetric", "penalty": 3.0, "groups_column": "family"}
    one = request(table_file=table(grid()), law="chinchilla", fixed="E: 1.5, alpha=0.3", **more)
    columns = {k: np.array(one.runs.table[k]) for k in ("N", "D", "loss", "w", "family")}
    expected = fit(
        "chinchilla", columns, columns={"parameters": "N", "tokens": "D"}, delta=0.01,
        weights="w", loss="asymmetric", shape=3.0, fixed={"E": 1.5, "alpha": 0.3},
    )  # fmt: skip
    own = one.fitted()
    assert own.parameters == expected.parameters
    assert own.free == ("A", "B", "beta")
    drawn = bootstrap(own, 100, rng=0, **one.resampling)
    by_family = bootstrap(expected, 100, rng=0, kind="block", block="family")
    np.testing.assert_array_equal(drawn.draws, by_family.draws)


@pytest.mark.parametrize(
    ("values", "says"),
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
        ({"size_column": "size"}, "`size` must be a column of the table"),
        ({"only": "N > 1e12"}, "`only` must be a condition that some of the 9 rows"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(table, values, says):
    with pytest.raises(ValueError, match=says):
        request(table_file=table(grid()), law="chinchilla", **{"loss_column": "loss", **values}
                ).check()  # fmt: skip


def test_a_file_s_empty_cell_is_named(table):
    path = table("size,loss\n1,3\n10,2\n100,\n1000,1\n")
    says = "`loss` must be a number on every row; got an empty cell on line 4 of runs.csv"
    with pytest.raises(ValueError, match=says):
        request(table_file=path).check()
    assert request(table_file=path, empty_cells="leave out").runs.left_out == 1


def test_the_best_of_each_setting_has_another_exponent_than_all(table):
    """Runs at wrong learning rates lose most where the model is small: all of them mislead."""
    sizes = np.geomspace(1e6, 1e9, 10)
    points = [(n, (2 + 1e3 * n**-0.5) * (1 + 0.3 * k * (1e6 / n) ** 0.5))
              for n in sizes for k in range(5)]  # fmt: skip
    path = table("N,loss\n" + "".join(f"{n:.10g},{y:.10g}\n" for n, y in points))
    best, every = (request(table_file=path, loss="squared", repeats=r) for r in ("best", "all"))
    assert best.fitted().parameters["alpha"] == pytest.approx(0.5, rel=1e-5)
    assert abs(every.fitted().parameters["alpha"] - 0.5) > 0.02
    assert (best.runs.merged, every.runs.merged) == (40, 0)


TABLES = {
    "gadre_overtraining_104.csv": ("params", "tokens", "loss_c4_val", "chinchilla", 0),
    "misfitting_final_261.csv": ("N", "D", "loss", "chinchilla", 0),
    "datablations_contour.csv": ("num_params", "token_num", "loss", "chinchilla", 0),
    "porian_isoflop.csv": ("n_params", "tokens", "loss", "tied", 0),
    "openathena_isoflops.csv": ("params", "tokens", "loss", "chinchilla", 0),
    "routed_lm_final.csv": ("total_parameter_count", "", "loss_validation", "power_constant", 0),
    "routed_lm_dense_curves.csv": ("step", "", "loss_validation", "power_constant", 1),
    "porian_optimal_pairs.csv": ("flops", "", "loss", "power_constant", 2),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_shared_table_has_a_fit(name):
    """The last number is that of rows whose loss is an empty cell."""
    size, tokens, loss, law, empty = TABLES[name]
    columns = {"size_column": size, "tokens_column": tokens, "loss_column": loss}
    one = request(table_file=str(shared(name)), law=law, **columns)
    if empty:
        with pytest.raises(ValueError, match=f"`{loss}` must be a number on every row; got an em"):
            one.check()
        one = one._replace(empty_cells="leave out")
    assert one.runs.left_out == empty
    assert one.fitted().converged


def test_a_loss_of_zero_is_refused_with_its_line():
    columns = {"size_column": "size_train", "loss_column": "test_error_std"}
    one = request(table_file=str(shared("lcdb_subset_error.csv")), law="power", **columns)
    with pytest.raises(ValueError, match=r"`test_error_std` must be positive .*got 0 on line 771 "):
        one.check()


def test_one_curve_of_a_table_of_curves_is_picked_by_its_names():
    columns = {"size_column": "Seen Examples", "loss_column": "Loss"}
    table = {"table_file": str(shared("revisiting_lang.csv")), **columns}
    with pytest.raises(ValueError, match="combination of the table's text columns"):
        request(**table, only="LM").check()
    name = min(
        " / ".join((r["Domain"], r["Task"], r["Model"])) for r in rows("revisiting_lang.csv")
    )
    one = request(**table, only=name)
    assert one.runs.left_out > 0
    assert one.fitted().converged

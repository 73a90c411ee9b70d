"""Every table that cannot be fitted is refused in one sentence before any work."""

import numpy as np
import pytest
from planted import planted

from workbench.scaling.fit.fit import fit
from workbench.scaling.laws import catalogue
from workbench.scaling.report import report


@pytest.fixture
def table():
    return planted(catalogue.chinchilla, rows=30, noise=0.01)[0]


def changed(table, **columns):
    return {**table, **columns}


@pytest.mark.parametrize("name", ["parameters", "tokens", "loss"])
@pytest.mark.parametrize(("value", "says"), [(0.0, "positive"), (-1.0, "positive"),
                                             (np.nan, "finite"), (np.inf, "finite")])  # fmt: skip
def test_bad_numbers_are_refused_with_their_row(table, name, value, says):
    bad = table[name].copy()
    bad[[7, 9]] = value
    with pytest.raises(ValueError, match=rf"`{name}` must be {says} on every row; got .* on row 7"):
        fit("chinchilla", changed(table, **{name: bad}))


def test_fewer_rows_than_parameters(table):
    few = {k: v[:4] for k, v in table.items()}
    with pytest.raises(ValueError, match="at least 5 rows for A, B, E, alpha, beta; got 4"):
        fit("chinchilla", few)
    with pytest.raises(ValueError, match="at least one row"):
        fit("chinchilla", {k: v[:0] for k, v in table.items()})


def test_constant_columns(table):
    same = np.full(30, 1e9)
    with pytest.raises(ValueError, match="`parameters` must take more than one value"):
        fit("chinchilla", changed(table, parameters=same))


def test_one_budget(table):
    with pytest.raises(ValueError, match="more than one compute budget"):
        fit("chinchilla", changed(table, tokens=1e20 / table["parameters"]))


def test_less_than_a_decade_is_fitted_with_a_warning(table):
    near = np.geomspace(1e9, 4e9, 30)
    with pytest.warns(UserWarning, match=r"`parameters` spans 0\.60 decades.*guess"):
        found = fit("chinchilla", changed(table, parameters=near))
    assert any("less than a decade" in w for w in report(found)["warnings"])


@pytest.mark.parametrize(("wrong", "right"), [("token", "tokens"), ("Loss", "loss"),
                                              ("params", "parameters")])  # fmt: skip
def test_a_misnamed_column_gets_the_nearest_name(table, wrong, right):
    renamed = {(wrong if k == right else k): v for k, v in table.items()}
    with pytest.raises(ValueError, match=rf"`{right}` must be a column .*`{wrong}`"):
        fit("chinchilla", renamed)
    found = fit("chinchilla", renamed, **({} if wrong == "Loss" else {"columns": {right: wrong}})) \
        if wrong != "Loss" else fit("chinchilla", renamed, columns={"loss": "Loss"})  # fmt: skip
    assert found.converged


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"loss": "hubber"}, ValueError, "`loss` must be one of"),
        ({"delta": 0.0}, ValueError, "`delta` must be a positive number"),
        ({"preset": "fast"}, ValueError, "`preset` must be"),
        ({"space": "linear"}, ValueError, "`space` must be"),
        ({"weights": -np.ones(30)}, ValueError, "`weights` must be none negative"),
        ({"weights": np.ones(3)}, ValueError, "one number for each of 30 rows"),
        ({"weights": np.zeros(30)}, ValueError, "some positive"),
        ({"bounds": {"alpha": (1.0, 0.0)}}, ValueError, "ordered for alpha"),
        ({"bounds": {"alpah": (0.0, 1.0)}}, ValueError, "did you mean `alpha`"),
        ({"fixed": {"A": -1.0}}, ValueError, "`A` must be"),
        ({"starts": []}, ValueError, "at least one point"),
        ({"starts": [{"A": 1.0}]}, ValueError, "complete"),
        ({"columns": {"sizes": "x"}}, ValueError, "column of the law"),
    ],
)
def test_bad_options_are_refused(table, options, kind, says):
    with pytest.raises(kind, match=says):
        fit("chinchilla", table, **options)


def test_bad_kinds_are_refused(table, unchecked):
    with pytest.raises(ValueError, match="did you mean `chinchilla`"):
        fit("chinchila", table)
    with pytest.raises(TypeError, match="`table` must be a mapping"):
        fit("chinchilla", [1, 2, 3])
    with pytest.raises(TypeError, match="`loss` must be a column of numbers"):
        fit("chinchilla", changed(table, loss=np.array(["a"] * 30)))
    with pytest.raises(ValueError, match="columns of one length"):
        fit("chinchilla", changed(table, loss=table["loss"][:5]))
    with pytest.raises(ValueError, match="converged for this law"):
        fit("tied", table, preset="as_published")


def test_data_frames_are_tables(table):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame(table)
    assert fit("chinchilla", frame).objective == fit("chinchilla", table).objective


def test_nothing_is_dropped(table):
    found = fit("chinchilla", table)
    assert found.residuals.shape == (30,)
    assert report(found)["data"]["rows"] == 30
    assert report(found)["data"]["dropped"] == 0

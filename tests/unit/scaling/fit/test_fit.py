"""Fits against known truths, SciPy, published numbers and the plain solver."""

import numpy as np
import pytest
import reference_solver
from chinchilla_points import extracted
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import planted
from scipy.optimize import least_squares

from workbench.base.cancellation import Cancelled, CancelToken, cancel_scope
from workbench.scaling.fit import losses, result, starts
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.solvers import minimise
from workbench.scaling.inference.bootstrap import bootstrap
from workbench.scaling.laws import catalogue
from workbench.scaling.laws import law as law_module
from workbench.scaling.report import report

RECOVERED = [n for n in catalogue.NAMED if n not in ("bnsl2", "bnsl3", "post_training", "m4")]


def scipy_least_squares(law, table, truth):
    """SciPy's own minimum of the log residuals, from the truth."""
    logged = np.array([p in law.positive for p in law.parameters])

    def residuals(theta):
        natural = np.where(logged, np.exp(np.where(logged, theta, 0)), theta)
        parameters = dict(zip(law.parameters, natural, strict=True))
        return law.log_value(parameters, table) - np.log(table["loss"])

    start = [np.log(truth[p]) if p in law.positive else truth[p] for p in law.parameters]
    found = least_squares(residuals, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac")
    return found.cost


@pytest.mark.parametrize("name", RECOVERED)
@pytest.mark.filterwarnings("ignore:.*decades")
def test_the_truth_is_recovered_without_noise(name):
    law = catalogue.NAMED[name]
    table, truth = planted(law)
    found = fit(law, table, loss="squared")
    assert found.objective < 1e-18
    assert found.predict(table) == pytest.approx(table["loss"], rel=1e-8)
    for p, v in truth.items():
        assert found.parameters[p] == pytest.approx(v, rel=2e-3), p


@pytest.mark.parametrize("name", ["power_constant", "chinchilla", "outer", "bnsl1", "repeated"])
def test_least_squares_is_no_worse_than_scipy_from_the_truth(name):
    law = catalogue.NAMED[name]
    table, truth = planted(law, noise=0.01, seed=1)
    found = fit(law, table, loss="squared")
    assert found.converged
    assert found.objective <= scipy_least_squares(law, table, truth) * (1 + 1e-9)
    assert np.abs(found.gradient).max() < 1e-6 * np.sqrt(found.objective)


# Least absolute deviations end on a corner, where the plain version may stop a little early.
@pytest.mark.filterwarnings("ignore:the fit of chinchilla did not converge")
@pytest.mark.parametrize("space", ["log", "raw"])
@pytest.mark.parametrize("loss", losses.NAMES)
def test_the_compiled_solver_and_the_plain_one_agree(loss, space):
    table, _ = planted(catalogue.chinchilla, rows=60, noise=0.02, seed=2)
    found = fit("chinchilla", table, loss=loss, delta=1e-2, space=space)
    at = starts.profile(found.law, found.columns, found.problem)[:32]
    theta, objectives = reference_solver.minima(found.problem, at)
    best = int(np.argmin(objectives))
    corner = loss == "absolute"
    assert found.converged or corner
    assert found.objective == pytest.approx(objectives[best], rel=1e-3 if corner else 1e-9)
    if not corner:
        natural = found.law.program.outside(theta[best])
        assert list(found.parameters.values()) == pytest.approx(natural, rel=1e-5)


@pytest.mark.filterwarnings("ignore:.*decades")
@pytest.mark.parametrize("name", ["chinchilla", "tied", "outer", "kaplan_constant", "precision"])
def test_no_point_nearby_is_lower(name):
    """A random walk around the minimum, scored by the loss written out by hand."""
    law = catalogue.NAMED[name]
    table, _ = planted(law, rows=80, noise=0.02, seed=3)
    found = fit(law, table, loss="huber", delta=1e-2)

    def huber(parameters):
        r = abs(law.log_value(parameters, table) - np.log(table["loss"]))
        return np.where(r <= 1e-2, r**2 / 2, 1e-2 * (r - 5e-3)).sum()

    least = huber(found.parameters)
    assert least == pytest.approx(found.objective, rel=1e-12)
    rng = np.random.default_rng(0)
    for size in (1e-5, 1e-3, 1e-1):
        for _ in range(50):
            moved = {p: v * np.exp(size * rng.standard_normal())
                     for p, v in found.parameters.items()}  # fmt: skip
            assert huber(moved) > least * (1 - 1e-12)


PUBLISHED = {
    "huber": (1e-3, (477.82587, 2143.4174, 1.8172181, 0.3473105, 0.36717243)),
    "wide": (1e-2, (538.75188, 2905.5999, 1.8380786, 0.3544155, 0.38153752)),
    "absolute": (1e-3, (482.00572, 2085.43420, 1.81686, 0.34781303, 0.36585412)),
    "squared": (1.0, (593.322, 4875.638, 1.864550, 0.360253, 0.405883)),
}


@pytest.mark.parametrize("estimator", PUBLISHED)
def test_the_extracted_points_have_their_known_minima(estimator):
    """From SciPy runs of many starts; Besiroglu et al. (2024) for absolute."""
    delta, expected = PUBLISHED[estimator]
    loss = {"wide": "huber"}.get(estimator, estimator)
    found = fit("chinchilla", extracted(), loss=loss, delta=delta)
    assert found.converged
    assert found.agreement > 0.9
    for name, value in zip(["A", "B", "E", "alpha", "beta"], expected, strict=True):
        # The published absolute fit was itself stopped some digits short of its corner.
        room = 1e-4 if name == "B" or estimator == "absolute" else 1e-5
        assert found.parameters[name] == pytest.approx(value, rel=room), name


def test_the_objective_is_the_least_there_is():
    found = fit("chinchilla", extracted())
    assert found.objective == pytest.approx(0.0010182740178006, rel=1e-11)
    plain = reference_solver.minima(found.problem, found.theta[None] + 1e-3)[1]
    assert plain == pytest.approx(found.objective, rel=1e-12)
    points = fit("chinchilla", extracted(outliers=True))
    assert points.objective == pytest.approx(1.8260e-3, rel=1e-4)
    assert points.parameters["beta"] == pytest.approx(0.45305, rel=1e-4)


def test_the_published_grid_has_4500_starts_and_reaches_the_minimum():
    table = extracted()
    found = fit("chinchilla", table, preset="as_published")
    assert found.starts == 4500
    assert found.objective == pytest.approx(0.0010182740178006, rel=1e-9)
    assert 0.3 < found.agreement < 0.9
    assert len(np.unique(starts.published(catalogue.chinchilla), axis=0)) == 4500


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units_change_coefficients_only(n_unit, d_unit):
    table, _ = planted(catalogue.chinchilla, rows=50, noise=0.01, seed=4)
    other = {
        **table,
        "parameters": table["parameters"] * n_unit,
        "tokens": table["tokens"] * d_unit,
    }
    a, b = fit("chinchilla", table).parameters, fit("chinchilla", other).parameters
    for p in ("E", "alpha", "beta"):
        assert a[p] == pytest.approx(b[p], rel=1e-5)
    assert b["A"] == pytest.approx(a["A"] * n_unit ** a["alpha"], rel=1e-3)


def test_integer_weights_count_rows():
    table, _ = planted(catalogue.chinchilla, rows=40, noise=0.01, seed=5)
    weights = np.random.default_rng(0).integers(0, 3, 40)
    repeated = {k: np.repeat(v, weights) for k, v in table.items()}
    a = fit("chinchilla", table, weights=weights)
    b = fit("chinchilla", repeated)
    assert a.objective == pytest.approx(b.objective, rel=1e-9)
    assert fit("chinchilla", {**table, "w": weights}, weights="w").objective == a.objective


def test_bounds_and_fixed_values_hold():
    table = extracted()
    held = fit("chinchilla", table, fixed={"E": 0.0}, loss="squared")
    assert held.parameters["E"] == 0.0
    assert held.free == ("A", "B", "alpha", "beta")
    box = fit("chinchilla", table, bounds={"alpha": (0.36, None), "E": (None, 1.8)})
    assert box.parameters["alpha"] >= 0.36
    assert box.parameters["E"] <= 1.8 * (1 + 1e-12)
    assert box.at_bounds
    assert box.objective > fit("chinchilla", table).objective
    line = fit("chinchilla", table, fixed={"alpha": 0.34, "beta": 0.28})
    assert line.free == ("A", "B", "E")


def test_the_asymmetric_loss_lies_below_the_runs():
    table, _ = planted(catalogue.power_constant, rows=80, noise=0.05, seed=6)
    even = fit("power_constant", table, delta=1e-2)
    low = fit("power_constant", table, loss="asymmetric", delta=1e-2, shape=20.0)
    assert (low.residuals > 0).mean() > 0.85
    assert 0.3 < (even.residuals > 0).mean() < 0.7


def test_a_curve_without_a_floor_says_so():
    x = np.geomspace(1e2, 1e7, 30)
    found = fit("power_constant", {"size": x, "loss": 3 * x**-0.3})
    assert found.absent == ("E",)
    assert any("no constant" in w for w in report(found)["warnings"])


def test_a_fit_cut_short_says_so_and_keeps_its_point(monkeypatch):
    monkeypatch.setattr(
        minimise, "solver_settings", lambda near: (1e-3, 4.0, 10.0, 1e14, 1e-14, 1e-4, 0.0, 1.0)
    )
    table, _ = planted(catalogue.chinchilla, noise=0.05, seed=7)
    with pytest.warns(result.FitWarning, match="did not converge"):
        found = fit("chinchilla", table, starts=[{"A": 9, "B": 9, "E": 1, "alpha": 1, "beta": 1}])
    assert not found.converged
    assert np.isfinite(found.objective)
    assert set(found.parameters) == set(["A", "B", "E"]) | {"alpha", "beta"}


def test_the_users_own_law_is_fitted_like_a_named_one():
    table = extracted()
    mine = law_module.law("E + A / parameters**alpha + B / tokens**beta", ("parameters", "tokens"))
    assert fit(mine, table).objective == pytest.approx(0.0010182740178006, rel=1e-11)
    wide = law_module.law("L0 + g * (parameters * tokens)**(-s)", ("parameters", "tokens"))
    assert fit(wide, table).converged


@pytest.mark.parametrize("name", ["chinchilla", "outer", "repeated", "kaplan_constant", "bnsl1"])
def test_a_table_s_own_column_names_change_nothing(name):
    """Names that are no words, as spreadsheets have them."""
    law = catalogue.NAMED[name]
    table, _ = planted(law, rows=60, noise=0.01, seed=8)
    own = {c: f"{c} (own unit)" for c in (*law.columns, "loss")}
    found = fit(law, {own[c]: v for c, v in table.items()}, columns=own)
    assert found.objective == fit(law, table).objective
    assert f"`{law.columns[0]} (own unit)`" in found.law.formula
    again = found.law.on(**{own[c]: c for c in law.columns})
    assert again.formula == law.formula
    assert again.expression == law.expression


def test_watched_fits_come_in_parts_and_give_the_same_digits():
    size = np.geomspace(1e2, 1e6, 12)
    table = {"size": size, "loss": 3 * size**-0.3 * (1 + 0.02 * np.sin(np.arange(12)))}
    fitted = fit("power", table)
    before, part = bootstrap(fitted, 40, rng=0), minimise.PART
    token = CancelToken()
    try:
        minimise.PART = 7
        with cancel_scope(token):
            again = bootstrap(fitted, 40, rng=0)
        token.cancel()
        with pytest.raises(Cancelled), cancel_scope(token):
            bootstrap(fitted, 40, rng=0)
    finally:
        minimise.PART = part
    np.testing.assert_array_equal(before.draws, again.draws)
    assert token.progress == 1

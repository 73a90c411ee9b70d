"""Errors of fits that the rows do not determine, on bounds, in logarithms, and of no scatter."""

import json
import warnings

import numpy as np
import pytest
from scipy import stats

from workbench.scaling.allocation.optimum import bands
from workbench.scaling.fit.fit import fit
from workbench.scaling.inference.bootstrap import bootstrap, determined
from workbench.scaling.inference.comparison import compare
from workbench.scaling.inference.curvature import covariance as curvature
from workbench.scaling.inference.curvature import unseen
from workbench.scaling.inference.estimates import estimated
from workbench.scaling.inference.prediction import prediction
from workbench.scaling.inference.profile import profile
from workbench.scaling.inference.standard_errors import standard_errors
from workbench.scaling.laws import law
from workbench.scaling.report import report

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def curve(sizes, noise=0.01, seed=0, floor=1.5):
    size = np.asarray(sizes, float)
    scatter = np.exp(noise * np.random.default_rng(seed).standard_normal(len(size)))
    return {"size": size, "loss": (floor + 90 * size**-0.3) * scatter}


THREE = curve(np.geomspace(1e6, 1e8, 3))
COPIES = {k: np.tile(v, 4) for k, v in THREE.items()}
WEIGHED = {**curve(np.geomspace(1e6, 1e9, 10)), "w": np.array([1.0] * 3 + [0.0] * 7)}


@pytest.mark.parametrize(
    ("table", "weights"), [(THREE, None), (COPIES, None), (WEIGHED, "w")],
    ids=["as many rows as parameters", "copies of them", "no weight on the others"],
)  # fmt: skip
@pytest.mark.parametrize("loss", ["squared", "huber", "absolute", "student"])
def test_no_more_rows_than_parameters_determine_no_error(table, weights, loss):
    found = fit("power_constant", table, loss=loss, weights=weights)
    drawn = bootstrap(found, 100)
    errors = standard_errors(found, drawn)
    for route in (errors.curvature, errors.profile, errors.bootstrap):
        assert set(route.values()) == {np.inf}
    for p in found.free:
        low, high = drawn.interval(p)
        assert (low, high) == ((0.0, np.inf) if p in found.law.positive else (-np.inf, np.inf))
        assert errors.estimates.is_open(p)
        assert errors.estimates.remarks[p].startswith("not determined: ")
    band = prediction(found, drawn, {"size": np.array([1e7, 1e10])})
    assert (band.low == 0).all()
    assert np.isinf(band.high).all()
    text = json.loads(json.dumps(report(found, drawn), allow_nan=False))
    assert text["errors"]["standard errors by bootstrap"]["alpha"] == "infinite"
    assert any("no error can be estimated" in w for w in text["warnings"])


def test_a_row_more_than_parameters_has_wide_finite_errors():
    """Negative control of the above: by Student's t with one degree of freedom."""
    table = curve(np.geomspace(1e6, 1e9, 3))
    found = fit("power", table, loss="squared")
    assert found.freedom == 1
    x, y = np.log(table["size"]), np.log(table["loss"])
    reach = stats.linregress(x, y).stderr * stats.t.ppf(0.975, 1)
    alpha = found.parameters["alpha"]
    assert profile(found, "alpha").interval == pytest.approx(
        (alpha - reach, alpha + reach), rel=2e-2
    )
    assert profile(found, "alpha").interval[1] - alpha > 5 * np.sqrt(curvature(found)[1, 1])


def test_resamples_of_too_few_different_rows_count_on_both_ends():
    """Every resample against a count by hand."""
    found = fit("power", curve([1e6, 1e6, 1e7, 1e8, 1e9]), loss="squared")
    weights = np.array([[5, 0, 0, 0, 0], [3, 2, 0, 0, 0], [0, 1, 4, 0, 0], [1, 1, 1, 1, 1]])
    assert determined(found, weights).tolist() == [False, False, True, True]
    drawn = bootstrap(found, 4000)
    some = drawn.slots[drawn.determined, 1]
    # Rows 0 and 1 share a size: 2⁵ + 3 draws of 5⁵ see one size alone.
    share = (2**5 + 3) / 5**5
    assert drawn.undetermined / 4000 == pytest.approx(share, abs=5 * np.sqrt(share / 4000))
    lost = drawn.undetermined
    low, high = drawn.interval("alpha")
    full = np.sort(np.concatenate([some, np.full(lost, np.inf)]))
    assert high == pytest.approx(np.percentile(full, 97.5), rel=1e-12)
    assert low < np.percentile(some, 2.5)
    assert drawn.interval("alpha", 1 - lost / 4000) == (-np.inf, np.inf)


def test_two_sizes_leave_three_parameters_open_but_bounded_as_they_must():
    """With sizes 1e6 and 1e8 a floor of 0 gives the least exponent, log(3.6 / 2.45) / log 100."""
    table = curve(np.tile([1e6, 1e8], 12))
    found = fit("power_constant", table, loss="squared")
    errors = standard_errors(found, bootstrap(found, 100))
    assert set(errors.curvature.values()) == set(errors.bootstrap.values()) == {np.inf}
    mean = np.exp(np.log(table["loss"]).reshape(-1, 2).mean(axis=0))
    low, high = profile(found, "alpha").interval
    assert low == pytest.approx(np.log(mean[0] / mean[1]) / np.log(100), rel=0.05)
    assert high == np.inf
    assert estimated(found, bootstrap(found, 100)).remarks["alpha"].startswith("open: at least")
    new = {"size": np.array([1e8, 1e10])}
    assert unseen(found, found.law.program.bound(new)).tolist() == [False, True]
    assert np.isinf(prediction(found, bootstrap(found, 200, "residual"), new).high).tolist() == [
        False,
        True,
    ]


def test_a_law_through_every_row_has_no_scatter_and_no_error():
    table = curve(np.geomspace(1e6, 1e9, 10), noise=0.0)
    found = fit("power_constant", table)
    assert found.is_exact
    assert not fit("power_constant", curve(np.geomspace(1e6, 1e9, 10), noise=1e-10)).is_exact
    errors = standard_errors(found, bootstrap(found, 100))
    for route in (errors.curvature, errors.profile, errors.bootstrap):
        assert set(route.values()) == {0.0}
    assert errors.estimates.intervals["alpha"] == (found.parameters["alpha"],) * 2
    assert errors.estimates.remarks["alpha"] == "exact: no row leaves the law"
    criteria = compare([found]).criteria["power_constant"]
    assert np.isnan([list(c) for c in criteria.values()]).all()


def test_a_constant_loss_determines_the_constant_alone():
    found = fit("power_constant", {"size": np.geomspace(1e6, 1e9, 10), "loss": np.full(10, 2.0)})
    remarks = standard_errors(found, bootstrap(found, 100)).estimates.remarks
    assert remarks == {"A": "not determined", "E": "exact: no row leaves the law",
                       "alpha": "not determined"}  # fmt: skip


@pytest.fixture(scope="module")
def floorless():
    """Rows of a power law, whose fitted constant vanishes."""
    table = curve(np.geomspace(1e6, 1e9, 12), noise=0.02, seed=0, floor=0.0)
    found = fit("power_constant", table, loss="squared")
    assert found.absent == ("E",)
    return found


def test_a_constant_that_vanished_is_on_its_bound_and_leaves_the_line_s_errors(floorless):
    """The other errors are those of the power law alone, by the textbook."""
    errors = standard_errors(floorless, bootstrap(floorless, 500))
    x, y = np.log(floorless.columns["size"]), np.log(floorless.columns["loss"])
    line = stats.linregress(x, y)
    unit = np.sqrt(10 / 9)
    assert errors.curvature["alpha"] == pytest.approx(line.stderr * unit, rel=1e-6)
    assert errors.curvature["A"] == pytest.approx(line.intercept_stderr * unit, rel=1e-6)
    assert np.isnan([errors.curvature["E"], errors.profile["E"], errors.bootstrap["E"]]).all()
    low, high = errors.estimates.intervals["E"]
    assert low == 0
    assert 0 < high < floorless.columns["loss"].min()
    assert errors.estimates.remarks["E"] == "on its bound 0: the data show no constant"
    told = str(errors.estimates.rows)
    assert "on its bound 0" in told
    assert "e-1" not in told
    assert "nan" not in str(errors.rows)


def test_a_parameter_on_a_bound_of_the_user_s_is_marked():
    found = fit("power_constant", curve(np.geomspace(1e6, 1e9, 12)), bounds={"alpha": (0.35, 0.5)})
    errors = standard_errors(found, bootstrap(found, 100))
    assert errors.estimates.remarks["alpha"] == "on its bound 0.35"
    assert errors.estimates.intervals["alpha"][0] == 0.35
    fixed = fit("power_constant", curve(np.geomspace(1e6, 1e9, 12)), fixed={"alpha": 0.3})
    told = standard_errors(fixed, bootstrap(fixed, 100)).estimates
    assert told.remarks["alpha"] == "fixed"
    assert [row[0] for row in told.rows] == ["A", "E", "alpha"]


def test_intervals_of_coefficients_are_taken_in_the_logarithm():
    """Where A wanders over decades its interval is that of log A, and no error is 1e97."""
    flat = {"size": np.geomspace(1e6, 1e9, 24), "loss": curve(np.ones(24), 0.02)["loss"]}
    found = fit("power_constant", flat)
    drawn = bootstrap(found, 400)
    logs = drawn.slots[:, 0]
    low, high = drawn.interval("A")
    assert (np.log(low), np.log(high)) == pytest.approx(np.percentile(logs, [2.5, 97.5]), rel=1e-9)
    errors = standard_errors(found, drawn)
    sigma = 100 * stats.norm.cdf([-1, 1])
    assert errors.bootstrap["A"] == pytest.approx(np.ptp(np.percentile(logs, sigma)) / 2)
    assert errors.bootstrap["alpha"] < 10 < drawn["alpha"].std()


def test_profiles_of_small_tables_cover_the_truth_and_percentiles_do_not():
    """400 tables of 7 rows; five standard errors, and the percentiles as the negative control."""
    size, held, percentiles = np.geomspace(1e6, 1e9, 7), 0, 0
    for seed in range(400):
        found = fit("power", curve(size, 0.05, seed, floor=0.0), loss="squared")
        drawn = bootstrap(found, 100)
        low, high = estimated(found, drawn).intervals["alpha"]
        held += low <= 0.3 <= high
        low, high = drawn.interval("alpha")
        percentiles += low <= 0.3 <= high
    margin = 5 * np.sqrt(0.95 * 0.05 / 400)
    assert held / 400 == pytest.approx(0.95, abs=margin)
    assert percentiles / 400 < 0.95 - margin


def test_weights_are_relative():
    table = {**curve(np.geomspace(1e6, 1e9, 12)), "w": np.linspace(0.1, 1, 12)}
    table["v"] = 1000 * table["w"]
    for loss in ("squared", "huber"):
        light, heavy = (fit("power_constant", table, loss=loss, weights=w) for w in "wv")
        assert heavy.objective == pytest.approx(1000 * light.objective, rel=1e-9)
        a, b = (profile(f, "alpha").interval for f in (light, heavy))
        assert a == pytest.approx(b, rel=1e-6)
        assert curvature(light) == pytest.approx(curvature(heavy), rel=1e-6)
        a, b = (compare([f]).criteria["power_constant"] for f in (light, heavy))
        for kind in a:
            assert a[kind].aic == pytest.approx(b[kind].aic, rel=1e-6)


def test_criteria_of_too_few_rows_are_not_determined():
    five = curve(np.geomspace(1e6, 1e9, 5))
    found = compare([fit(n, five) for n in ("power", "power_constant")])
    assert np.isfinite(found.criteria["power"]["gaussian"].aicc)
    assert np.isnan(list(found.criteria["power_constant"]["gaussian"])).all()
    assert found.best["AIC gaussian"] == "not determined"
    assert "nan" not in str(found.fitted)
    assert "inf" not in str(found.fitted)


def test_a_cut_that_leaves_too_few_rows_scores_that_law_alone_as_not_determined():
    table = curve(np.geomspace(1e6, 1e9, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = compare([fit(n, table) for n in ("power", "power_constant")], "size", 0.5)
    assert np.isfinite(found.extrapolations["power"].rmsle)
    # Both are left with three rows, of which a power law's pairs hold one alone too often.
    assert np.isnan(found.extrapolations["power"].coverage)
    two = compare([fit(n, table) for n in ("power", "power_constant")], "size", 0.6)
    assert np.isnan(two.extrapolations["power_constant"].rmsle)
    assert two.best["held out"] == "not determined"


def test_resamples_without_an_optimum_count_on_both_ends_of_its_bands():
    rng = np.random.default_rng(0)
    n, d = (g.ravel() for g in np.meshgrid(np.geomspace(1e7, 1e8, 4), np.geomspace(1e9, 1e10, 4)))
    loss = (1.7 + 400 * n**-0.34 + 900 * d**-0.29) * np.exp(0.2 * rng.standard_normal(16))
    drawn = bootstrap(fit("chinchilla", {"parameters": n, "tokens": d, "loss": loss}), 300)
    without = ((drawn.draws[:, [0, 1, 3, 4]] <= 0).any(axis=1)).mean()
    assert without > 0.025
    band = bands(drawn, 1e24)["ratio"]
    assert (band.low[0], band.high[0]) == (0.0, np.inf)


YEARS = np.arange(1987.0, 2020.0)


@pytest.mark.parametrize("space", ["log", "raw"])
@pytest.mark.parametrize(("a", "b", "c"), [(5.0, -80.0, 3.0), (5.0, 80.0, 3.0), (2.0, 60.0, 1.0)])
def test_years_are_fitted_as_scipy_fits_them_from_many_starts(a, b, c, space):
    """a (x / g)^b + c by SciPy's least squares with x in units of its geometric mean."""
    from scipy.optimize import least_squares

    scatter = np.exp(0.01 * np.random.default_rng(0).standard_normal(len(YEARS)))
    loss = (a * (YEARS / 2000) ** b + c) * scatter
    unit = np.exp(np.log(YEARS).mean())
    scale = np.log if space == "log" else np.asarray

    def residual(t):
        return scale(t[0] + np.exp(t[1] + t[2] * np.log(YEARS / unit))) - scale(loss)

    starts = [(0.5 * loss.min(), 0.0, s) for s in (-150, -50, -10, 10, 50, 150)]
    box = ([1e-9, -50, -2000], [np.inf, 50, 2000])
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15, "x_scale": (1, 0.1, 10)}
    best = min((least_squares(residual, s, bounds=box, **tight) for s in starts),
               key=lambda r: r.cost)  # fmt: skip
    own = law.law("c + a*x**b", ("x",))
    found = fit(own, {"x": YEARS, "loss": loss}, loss="squared", space=space)
    assert found.objective == pytest.approx(best.cost, rel=1e-8)
    assert found.parameters["c"] == pytest.approx(best.x[0], rel=1e-4)
    assert found.parameters["b"] == pytest.approx(best.x[2], rel=1e-4)
    at_unit = np.log(found.parameters["a"]) + found.parameters["b"] * np.log(unit)
    assert at_unit == pytest.approx(best.x[1], rel=1e-3)
    assert found.agreement > 0.3
    assert not found.bounded


def test_an_exponent_that_makes_the_coefficient_too_large_for_a_number_is_fitted():
    """Halving every two years is an exponent of some 700, and A = 2000^700."""
    rng = np.random.default_rng(0)
    loss = np.exp(-0.35 * (YEARS - 1987) + 0.1 * rng.standard_normal(33))
    table = {"size": YEARS, "loss": loss}
    found = fit("power", table, loss="squared")
    line = stats.linregress(np.log(YEARS), np.log(loss))
    assert found.parameters["alpha"] == pytest.approx(-line.slope, rel=1e-8)
    assert found.predict(table) == pytest.approx(
        np.exp(line.intercept + line.slope * np.log(YEARS)), rel=1e-6
    )
    told = standard_errors(found, bootstrap(found, 200))
    assert told.curvature["alpha"] == pytest.approx(line.stderr, rel=1e-6)
    assert told.estimates.remarks["A"].startswith("too large for a number: its logarithm is 5")
    assert told.estimates.is_closed("alpha")

"""Bootstraps, profiles, curvature and comparisons against closed forms, SciPy and print."""

import json

import numpy as np
import pytest
from chinchilla_points import extracted
from planted import planted
from scipy import stats
from scipy.optimize import curve_fit

from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.result import FitWarning
from workbench.scaling.inference.bootstrap import bootstrap, pair_counts
from workbench.scaling.inference.comparison import compare
from workbench.scaling.inference.holdout import cut, cuts
from workbench.scaling.inference.prediction import prediction
from workbench.scaling.inference.profile import profile
from workbench.scaling.inference.standard_errors import standard_errors
from workbench.scaling.laws import catalogue
from workbench.scaling.report import report


@pytest.fixture(scope="module")
def line():
    """A power law with Gaussian noise: a straight line in logarithms, known in closed form."""
    rng = np.random.default_rng(0)
    x = np.geomspace(1e2, 1e6, 50)
    y = np.exp(np.log(7) - 0.3 * np.log(x) + 0.05 * rng.standard_normal(50))
    return fit("power", {"size": x, "loss": y}, loss="squared")


def linear_errors(fitted):
    """The textbook standard errors of intercept and slope."""
    x, y = np.log(fitted.columns["size"]), np.log(fitted.columns["loss"])
    found = stats.linregress(x, y)
    return found.intercept_stderr, found.stderr


def test_curvature_is_the_textbook_s(line):
    errors = standard_errors(line, resamples=200)
    intercept, slope = linear_errors(line)
    assert errors.curvature["alpha"] == pytest.approx(slope, rel=1e-9)
    assert errors.curvature["A"] == pytest.approx(intercept, rel=1e-9)
    assert [row[0] for row in errors.rows] == ["log A", "alpha"]
    assert max(errors.disagreement.values()) < 1.5


def test_curvature_is_scipy_s_on_a_curved_law():
    table, truth = planted(catalogue.power_constant, rows=80, noise=0.01, seed=1)
    found = fit("power_constant", table, loss="squared")

    def log_loss(x, a, e, alpha):
        return np.log(np.exp(e) + np.exp(a) / x**alpha)

    start = np.log(truth["A"]), np.log(truth["E"]), truth["alpha"]
    _, matrix = curve_fit(log_loss, table["size"], np.log(table["loss"]), start)
    ours = standard_errors(found, resamples=200).curvature
    for i, p in enumerate(("A", "E", "alpha")):
        assert ours[p] == pytest.approx(np.sqrt(matrix[i, i]), rel=1e-3)


def test_the_profile_of_a_line_is_its_likelihood_ratio(line):
    """n log(S/Ŝ) at t standard errors is n log(1 + t²/(n - 2)), exactly.

    The interval is then the textbook's, by Student's t.
    """
    found = profile(line, "alpha")
    slope = linear_errors(line)[1]
    t = (found.values - line.parameters["alpha"]) / slope
    assert found.deviances == pytest.approx(50 * np.log1p(t**2 / 48), rel=1e-6, abs=1e-9)
    reach = slope * stats.t.ppf(0.975, 48)
    assert found.interval[1] - line.parameters["alpha"] == pytest.approx(reach, rel=1e-3)


def test_an_open_profile_is_infinite_on_that_side():
    x = np.geomspace(1e2, 1e4, 12)
    y = 3 * x**-0.3 * np.exp(0.02 * np.random.default_rng(1).standard_normal(12))
    found = fit(
        "power_constant", {"size": x, "loss": y}, loss="squared", bounds={"E": (1e-3, None)}
    )
    assert profile(found, "E").interval[0] == 0.0


@pytest.mark.parametrize("kind", ["pairs", "residual", "wild"])
def test_bootstraps_of_a_line_have_its_error(line, kind):
    """A standard deviation from B draws has a relative error of 1/√(2B); plus the 1/√n of kinds."""
    drawn = bootstrap(line, 4000, kind)
    slope = linear_errors(line)[1]
    assert drawn.converged == 1.0
    assert drawn.errors["alpha"] == pytest.approx(slope, rel=0.25)
    middle = drawn["alpha"].mean()
    assert abs(middle - line.parameters["alpha"]) < 5 * slope / np.sqrt(4000) + 0.1 * slope
    low, high = drawn.interval("alpha")
    assert low < line.parameters["alpha"] < high


def test_the_wild_bootstrap_has_white_s_errors_and_the_residual_one_the_textbook_s():
    """Noise that grows towards both ends: the sandwich of White (1980) exceeds σ²(XᵀX)⁻¹."""
    rng = np.random.default_rng(3)
    x = np.geomspace(1e2, 1e6, 60)
    middle = np.abs(np.log(x) - np.log(x).mean())
    y = np.exp(np.log(7) - 0.3 * np.log(x) + 0.02 * middle * rng.standard_normal(60))
    fitted = fit("power", {"size": x, "loss": y}, loss="squared")
    design = np.column_stack([np.ones(60), -np.log(x)])
    inverse, residuals = np.linalg.inv(design.T @ design), fitted.residuals
    white = inverse @ (design.T * residuals**2) @ design @ inverse
    plain = inverse * (residuals**2).mean()
    errors = {"wild": np.sqrt(white[1, 1]), "residual": np.sqrt(plain[1, 1])}
    assert errors["wild"] > 1.3 * errors["residual"]
    for kind, error in errors.items():
        # The deviation of 4,000 draws has a relative error of 1/√8000.
        got = bootstrap(fitted, 4000, kind).errors["alpha"]
        assert got == pytest.approx(error, rel=5 / np.sqrt(8000))


def test_a_block_bootstrap_sees_that_copies_are_no_new_runs(line):
    copies = {k: np.tile(v, 4) for k, v in line.columns.items()}
    copies["run"] = np.tile(np.arange(50), 4)
    found = fit("power", copies, loss="squared")
    block = bootstrap(found, 2000, "block", block="run").errors["alpha"]
    pairs = bootstrap(found, 2000, "pairs").errors["alpha"]
    assert block == pytest.approx(2 * pairs, rel=0.15)
    assert block == pytest.approx(bootstrap(line, 2000).errors["alpha"], rel=0.15)


def test_each_resample_is_the_fit_of_its_own_rows():
    table = planted(catalogue.chinchilla, rows=60, noise=0.02, seed=2)[0]
    found = fit("chinchilla", table)
    drawn = bootstrap(found, 5, rng=3)
    counts = pair_counts(np.random.default_rng(3), 5, 60)
    assert (counts.sum(axis=1) == 60).all()
    for row, objective in zip(counts, drawn.objectives, strict=True):
        own = fit("chinchilla", {k: np.repeat(v, row) for k, v in table.items()})
        assert objective == pytest.approx(own.objective, rel=1e-9)


def test_every_resample_of_the_extracted_points_is_at_its_minimum():
    found = fit("chinchilla", extracted())
    one = bootstrap(found, rng=np.random.RandomState(42))
    assert one.converged == 1.0
    # One of these resamples has two minima, with B at 8,489 and at 17,777.
    assert one["B"].max() == pytest.approx(17776.6, rel=1e-4)
    more = bootstrap(found, 1000, starts=4)
    assert bootstrap(found, 1000).objectives == pytest.approx(more.objectives, rel=1e-9)


def test_pairs_of_a_fit_from_the_published_starts_are_refused():
    found = fit("chinchilla", extracted(), preset="as_published")
    with pytest.raises(ValueError, match="`fit` must be of the preset 'converged'"):
        bootstrap(found, 10)


def test_the_converged_standard_errors_differ_from_the_published_ones():
    drawn = bootstrap(fit("chinchilla", extracted()), rng=np.random.RandomState(42))
    expected = {"A": 124.475, "B": 1312.118, "E": 0.025677, "alpha": 0.015396, "beta": 0.020629}
    for p, v in expected.items():
        assert drawn.errors[p] == pytest.approx(v, rel=1e-4), p


def test_heavy_tails_make_the_three_disagree_and_say_so():
    found = fit("chinchilla", extracted())
    with pytest.warns(FitWarning, match="curvature, profile and bootstrap disagree"):
        errors = standard_errors(found, resamples=500)
    assert errors.disagreement["beta"] > 1.5
    assert np.diag(errors.correlation) == pytest.approx(np.ones(5))
    assert errors.correlation[0, 3] > 0.99


def test_criteria_are_those_of_the_textbook(line):
    s2, n, k = (line.residuals**2).mean(), 50, 3
    found = compare([line]).criteria["power"]
    extra = 2 * k * (k + 1) / (n - k - 1)
    value = stats.norm.logpdf(line.residuals, scale=np.sqrt(s2)).sum()
    assert found["gaussian"].log_likelihood == pytest.approx(value, rel=1e-9)
    assert found["gaussian"].aic == pytest.approx(2 * k - 2 * value)
    assert found["gaussian"].aicc == pytest.approx(2 * k - 2 * value + extra)
    assert found["gaussian"].bic == pytest.approx(k * np.log(n) - 2 * value)
    free = {}
    for kind, pdf in (("laplace", stats.laplace), ("student", stats.t(4))):
        from scipy.optimize import minimize

        x, y = np.log(line.columns["size"]), np.log(line.columns["loss"])

        def loss(t, pdf=pdf, x=x, y=y):
            z = (y - t[0] + t[1] * x) / np.exp(t[2])
            return -(pdf.logpdf(z) - t[2]).sum()

        tight = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 20000}
        free[kind] = -minimize(loss, [1.9, 0.3, -3], method="Nelder-Mead", options=tight).fun
    assert found["student"].log_likelihood == pytest.approx(free["student"], rel=1e-6)
    assert found["laplace"].log_likelihood == pytest.approx(free["laplace"], rel=1e-5)


def test_the_outer_exponent_wins_on_aic_and_loses_on_extrapolation():
    """facts/scaling.md 4.4: AIC Gauss and Laplace by law; held-out error for Huber fits."""
    names = ("outer", "chinchilla", "tied", "kaplan_constant", "kaplan")
    found = compare([fit(n, extracted()) for n in names], "compute")
    gauss = [-1738.9, -1694.8, -1686.4, -1409.9, -1297.0]
    held = [0.01199, 0.01274, 0.01047, 0.00989, 0.02671]
    for n, g, h in zip(names, gauss, held, strict=True):
        assert found.criteria[n]["gaussian"].aic == pytest.approx(g, abs=0.06)
        assert found.extrapolations[n].rmsle == pytest.approx(h, abs=6e-6)
    assert found.best["AIC laplace"] == "outer"
    assert found.best["held out"] == "kaplan_constant"
    assert found.fitted.names == ("law", "likelihood", "AIC", "AICc", "BIC")
    assert found.held_out_errors[-1][0] == "kaplan"
    # Runs of large compute scatter more than the kept ones: bands of 95 % hold fewer.
    assert found.extrapolations["chinchilla"].coverage < 0.8
    none = compare([fit("chinchilla", extracted())], "compute", resamples=0)
    assert np.isnan(none.extrapolations["chinchilla"].coverage)
    assert none.held_out_errors[0][3] == "not determined"


def test_a_cut_where_sizes_tie_holds_out_the_largest():
    """The quantile alone would hold out none where more than that share ties at the largest."""
    size = np.repeat([1.0, 2.0, 4.0], 4)
    for share, rows in ((0.05, 4), (0.2, 4), (0.35, 4), (0.7, 8)):
        assert (size > cut(size, share)).sum() == rows
    assert (np.arange(10.0) > cut(np.arange(10.0), 0.3)).sum() == 3
    assert cut(np.array([1.0, 1.0, 1.0, 2.0]), 0.9) == 1.0


def test_cuts_by_column_by_family_and_rollout():
    table, _ = planted(catalogue.chinchilla, rows=60, noise=0.01, seed=4)
    table["family"] = np.array(["a", "b", "c"] * 20)
    fits = [fit("chinchilla", table), fit("tied", table)]
    assert compare(fits, "family").extrapolations["tied"].rows == 60
    assert compare(fits, "tokens", share=0.5).extrapolations["tied"].rows == 30
    assert compare(fits, "rollout").extrapolations["chinchilla"].rows == 60
    for held in ("family", "tokens", "rollout"):
        assert 0.008 < compare(fits, held).extrapolations["chinchilla"].rmsle < 0.02
    with pytest.raises(ValueError, match="did you mean `tokens`"):
        compare(fits, "token")
    with pytest.raises(ValueError, match="keeps at least 4 rows"):
        compare(fits, "tokens", share=0.95)
    with pytest.raises(ValueError, match="the same rows"):
        compare([fits[0], fit("tied", {k: v[:50] for k, v in table.items()})])


def test_rollout_fits_what_is_smaller_and_scores_the_next_two_tenths():
    """Five cuts, after 40, 50, 60, 70 and 80 % of the runs by compute."""
    table, _ = planted(catalogue.chinchilla, rows=60, noise=0.01, seed=4)
    rank = np.argsort(np.argsort(table["parameters"] * table["tokens"]))
    found = cuts(fit("chinchilla", table), "rollout", 0.2)
    for (chosen, scored), tenths in zip(found, (4, 5, 6, 7, 8), strict=True):
        np.testing.assert_array_equal(chosen, rank < 6 * tenths)
        np.testing.assert_array_equal(scored, (rank >= 6 * tenths) & (rank < 6 * (tenths + 2)))


def test_bad_requests_are_refused(line):
    for call, says in (
        (lambda: bootstrap(line, 1), "`resamples` must be at least 2"),
        (lambda: bootstrap(line, kind="pair"), "`kind` must be one of"),
        (lambda: bootstrap(line, kind="block"), "`block` must be"),
        (lambda: bootstrap(line, kind="block", block="sise"), "`sise` must be a column"),
        (lambda: profile(line, "alhpa"), "did you mean `alpha`"),
        (lambda: compare([]), "`fits` must be"),
        (lambda: compare([line], share=1.0), "`share` must be"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_the_checklist_is_json_and_names_its_gaps(line):
    text = json.loads(json.dumps(report(line)))
    assert text["parameters"] == line.parameters
    assert text["optimisation"]["converged"] is True
    assert text["data"]["columns"]["size"]["decades"] == pytest.approx(4.0)
    assert "learning rate" in text["to be said by the author"]


def test_a_report_with_everything_at_hand_is_strict_json():
    table, _ = planted(catalogue.chinchilla, rows=60, noise=0.01, seed=5)
    found = fit("chinchilla", table)
    drawn = bootstrap(found, 200)
    both = compare([found, fit("tied", table)], "compute")
    text = json.loads(json.dumps(report(found, drawn, both, [1e24, 1e25]), allow_nan=False))
    errors = text["errors"]
    told = errors["standard errors by bootstrap"]
    sigma = 100 * stats.norm.cdf([-1, 1])
    assert told["alpha"] == pytest.approx(np.ptp(np.percentile(drawn["alpha"], sigma)) / 2)
    assert told["log A"] == pytest.approx(np.ptp(np.percentile(np.log(drawn["A"]), sigma)) / 2)
    low, high = errors["95 % intervals"]["beta"]
    assert low < found.parameters["beta"] < high
    assert errors["exponents whose interval holds zero"] == []
    assert text["rival laws"]["criteria"]["tied"]["laplace"]["bic"] == pytest.approx(
        both.criteria["tied"]["laplace"].bic
    )
    split = text["optimal split"][0]
    spent = (6 * table["parameters"] * table["tokens"]).max()
    assert split["decades beyond the table"] == pytest.approx(np.log10(1e24 / spent))
    assert 6 * split["parameters"] * split["tokens"] == pytest.approx(1e24)
    assert split["ratio, 95 % band"][0] < split["ratio"] < split["ratio, 95 % band"][1]
    bare = json.dumps(report(found), allow_nan=False)
    assert "hand a bootstrap" in bare
    assert "hand a comparison" in bare


def test_a_slope_that_may_be_zero_is_named_in_the_report():
    rng = np.random.default_rng(3)
    flat = {"size": np.geomspace(10, 1e5, 30), "loss": np.exp(0.1 * rng.standard_normal(30))}
    found = fit("power", flat, loss="squared")
    text = report(found, bootstrap(found, 500))
    assert text["errors"]["exponents whose interval holds zero"] == ["alpha"]


def test_the_band_of_the_law_is_the_textbook_s(line):
    """A line's mean response: s √(1/n + (x - x̄)² / Sxx), by the normal quantile."""
    x, r = np.log(line.columns["size"]), line.residuals
    at = np.array([1e3, 1e6, 1e8])
    s = np.sqrt((r**2).sum() / 48)
    width = s * np.sqrt(1 / 50 + (np.log(at) - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    band = prediction(line, bootstrap(line, 4000, "residual"), {"size": at}, of="law")
    half = (np.log(band.high) - np.log(band.low)) / 2
    # The residual bootstrap's variance is short by the factor (n - k)/n.
    assert half == pytest.approx(1.96 * width * np.sqrt(48 / 50), rel=5 / np.sqrt(2 * 4000) * 2)
    assert band.middle == pytest.approx(line.predict({"size": at}))


def test_the_band_of_a_run_holds_new_runs_as_often_as_it_says():
    """300 tables, one new run each at ten times the sizes fitted; five standard errors."""
    rng = np.random.default_rng(6)
    size, new = np.geomspace(1e2, 1e6, 40), {"size": np.array([1e7])}
    held = {"run": 0, "law": 0}
    for _ in range(300):
        loss = 7 * size**-0.3 * np.exp(0.05 * rng.standard_normal(40))
        found = fit("power", {"size": size, "loss": loss}, loss="squared")
        drawn, run = bootstrap(found, 200), 7 * 1e7**-0.3 * np.exp(0.05 * rng.standard_normal())
        for of in held:
            band = prediction(found, drawn, new, of=of)
            held[of] += bool(band.low[0] <= run <= band.high[0])
    assert held["run"] / 300 == pytest.approx(0.95, abs=5 * np.sqrt(0.95 * 0.05 / 300))
    assert held["law"] / 300 < 0.8


def test_bad_predictions_are_refused(line):
    drawn = bootstrap(line, 10)
    with pytest.raises(ValueError, match="`level` must be between 0 and 1; got 1"):
        prediction(line, drawn, line.columns, 1.0)
    with pytest.raises(ValueError, match="`of` must be 'law' or 'run'"):
        prediction(line, drawn, line.columns, of="runs")
    with pytest.raises(ValueError, match="`size` must be a column"):
        prediction(line, drawn, {"sizes": np.ones(3)})

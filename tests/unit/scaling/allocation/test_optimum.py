"""Splits of compute, isoFLOP vertices, and their bias, against numeric minima."""

import numpy as np
import pytest
from chinchilla_points import column, extracted, rows
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from workbench.scaling.allocation.isoflop import bias, isoflop
from workbench.scaling.allocation.optimum import (
    bands,
    optimal_split,
    require_optimum,
    serving_split,
    size_exponent,
    split_loss,
)
from workbench.scaling.fit.fit import fit
from workbench.scaling.inference.bootstrap import bootstrap

HOFFMANN = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
EPOCH = {"A": 482.01, "B": 2085.43, "E": 1.8172, "alpha": 0.3478, "beta": 0.3658}


def loss(p, n, d):
    return p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]


@settings(max_examples=40)
@given(st.floats(0.15, 0.8), st.floats(0.15, 0.8), st.floats(18, 26))
def test_the_split_is_the_numeric_minimum(alpha, beta, log_c):
    p = {**HOFFMANN, "alpha": alpha, "beta": beta}
    c = 10**log_c
    # Without the constant, beside which the rest of a large run's loss is lost to rounding.
    rest = {**p, "E": 0.0}
    found = minimize_scalar(
        lambda u: loss(rest, np.exp(u), c / 6 / np.exp(u)), bounds=(0, 60), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    split = optimal_split(p, c)
    assert split.loss <= (p["E"] + found.fun) * (1 + 1e-14)
    assert np.log(split.parameters) == pytest.approx(found.x, abs=1e-5)
    assert 6 * split.parameters * split.tokens == pytest.approx(c, rel=1e-10)


def test_the_printed_allocations():
    """Closed forms at 5.76e23 FLOP, ../shared/reference/scaling.csv."""
    assert optimal_split(HOFFMANN, 5.76e23).parameters == pytest.approx(32189859151.368168, 1e-10)
    assert optimal_split(HOFFMANN, 5.76e23).ratio == pytest.approx(92.6473667573052, 1e-10)
    assert optimal_split(EPOCH, 5.76e23).tokens == pytest.approx(1328743585388.151, 1e-10)
    assert optimal_split(EPOCH, 5.76e23).loss == pytest.approx(1.974441108397412, 1e-12)


def test_the_size_exponent_and_the_loss_of_any_split():
    """a = 0.28 / 0.62; at the optimal ratio the loss of the split is the optimum's."""
    assert size_exponent(HOFFMANN) == pytest.approx(0.28 / 0.62)
    best = optimal_split(HOFFMANN, 1e21)
    ratios = best.ratio * np.array([0.5, 1.0, 2.0])
    n = np.sqrt(1e21 / 6 / ratios)
    assert split_loss(HOFFMANN, 1e21, ratios) == pytest.approx(loss(HOFFMANN, n, ratios * n))
    assert np.argmin(split_loss(HOFFMANN, 1e21, ratios)) == 1
    assert split_loss(HOFFMANN, 1e21, ratios)[1] == pytest.approx(best.loss, rel=1e-14)


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"beta": -0.15}, r"as tokens grow .* runs.csv, whose fit has B = 411 and beta = -0\.15$"),
        ({"alpha": -0.25}, r"as sizes grow .* whose fit has A = 406 and alpha = -0\.25$"),
        ({"B": 0.0}, "as tokens grow "),
    ],
)
def test_losses_that_do_not_fall_are_named_as_such(parameters, says):
    with pytest.raises(ValueError, match=f"^`points` must hold points whose losses fall {says}"):
        require_optimum({**HOFFMANN, **parameters}, "points", "runs.csv")
    require_optimum(HOFFMANN, "points", "runs.csv")


def test_the_optimum_of_the_extracted_points_with_bands():
    """facts/scaling.md 4.3: N 7.32e10 [5.2e10, 1.12e11], ratio 80 % [9.9, 29.0]."""
    found = fit("chinchilla", extracted())
    split = optimal_split(found.parameters, 5.76e23)
    assert split.parameters == pytest.approx(7.32e10, rel=1e-3)
    assert split.ratio == pytest.approx(17.9, abs=0.05)
    drawn = bootstrap(found)
    low, middle, high = bands(drawn, 5.76e23)["parameters"]
    assert low[0] == pytest.approx(5.2e10, rel=0.03)
    assert high[0] == pytest.approx(1.12e11, rel=0.03)
    assert low[0] < middle[0] < high[0]
    narrow = bands(drawn, 5.76e23, 0.8)["ratio"]
    assert narrow.low[0] == pytest.approx(9.9, rel=0.04)
    assert narrow.high[0] == pytest.approx(29.0, rel=0.04)


@given(st.floats(0, 1e14))
def test_serving_shrinks_the_model(served):
    split = serving_split(EPOCH, 2.0, served)
    assert loss(EPOCH, split.parameters, split.tokens) == pytest.approx(2.0, rel=1e-10)

    def total(log_n):
        gap = 2.0 - EPOCH["E"] - EPOCH["A"] * np.exp(-EPOCH["alpha"] * log_n)
        if gap <= 0:
            return np.inf
        d = (EPOCH["B"] / gap) ** (1 / EPOCH["beta"])
        return 6 * np.exp(log_n) * d + 2 * np.exp(log_n) * served

    for moved in (-0.3, -0.01, 0.01, 0.3):
        assert total(np.log(split.parameters) + moved) >= split.compute * (1 - 1e-12)
    if served == 0:
        best = optimal_split(EPOCH, split.compute)
        assert split.parameters == pytest.approx(best.parameters, rel=1e-6)


BUDGETS = np.logspace(17, 21, 5)


@pytest.mark.parametrize(
    ("alpha", "beta", "expected"),
    [(0.34, 0.28, -0.05100244551711519), (0.31, 0.31, 0.0), (0.465, 0.155, -0.231163)],
)
def test_parabolas_are_biased_without_noise(alpha, beta, expected):
    """Czech et al. (2026): -5.10 % and -23.1 %; none where the exponents are equal."""
    law = {**HOFFMANN, "alpha": alpha, "beta": beta}
    assert bias(law, BUDGETS, 1e24) == pytest.approx(expected, abs=1e-6)


def test_narrow_grids_are_less_biased_and_akima_hardly_at_all():
    wide, narrow = bias(HOFFMANN, BUDGETS, 1e24), bias(HOFFMANN, BUDGETS, 1e24, width=2)
    assert abs(narrow) < abs(wide) / 10
    assert abs(bias(HOFFMANN, BUDGETS, 1e24, method="akima", points=61)) < abs(wide) / 10
    even = {**HOFFMANN, "alpha": 0.31, "beta": 0.31}
    assert abs(bias(even, BUDGETS, 1e24, offset=3.0)) > 1e-3


def planted(noise=0.0, seed=0, points=11):
    """Runs around the optimum of equal exponents, where parabolas are right."""
    law = {**HOFFMANN, "alpha": 0.3, "beta": 0.3}
    rng = np.random.default_rng(seed)
    best = optimal_split(law, BUDGETS).parameters
    n = (best[:, None] * np.geomspace(1 / 4, 4, points)).ravel()
    c = np.repeat(BUDGETS, points)
    y = loss(law, n, c / 6 / n) + noise * rng.standard_normal(len(n))
    return {"compute": c, "parameters": n, "loss": y}, best, law


@pytest.mark.parametrize("method", ["parabola", "akima"])
def test_centred_vertices_of_equal_exponents_are_exact(method):
    table, best, law = planted()
    found = isoflop(table, method, law=law)
    assert found.parameters == pytest.approx(best, rel=1e-3)
    assert found.exponent == pytest.approx(0.5, abs=1e-4)
    assert abs(found.bias) < 1e-2
    assert found.outside == ()


def test_vertex_errors_cover_the_truth():
    """The spread of vertices over 300 noisy tables is the error they state, to 5 s.e. of a s.d."""
    tables = [planted(1e-3, seed) for seed in range(300)]
    found = [isoflop(t) for t, _, _ in tables]
    spread = np.std([np.log(f.parameters) for f in found], axis=0)
    stated = np.mean([f.errors for f in found], axis=0)
    assert spread == pytest.approx(stated, rel=5 / np.sqrt(2 * 300))


@pytest.mark.parametrize(("method", "known"), [("parabola", True), ("akima", True),
                                               ("akima", False)])  # fmt: skip
def test_errors_of_vertices_are_the_spread_over_tables(method, known):
    """100 noisy tables; 5 standard errors of a standard deviation, and a fifth for Akima's kinks.

    Noise so small is no test of the parabola's own residuals, most of which are its misfit.
    """
    noise = 1e-4
    tables = [planted(0.0, 0)[0] for _ in range(100)]
    rng = np.random.default_rng(1)
    for t in tables:
        t["loss"] = t["loss"] * np.exp(noise * rng.standard_normal(len(t["loss"])))
    found = [isoflop(t, method, noise=noise if known else None) for t in tables]
    spread = np.std([np.log(f.parameters) for f in found], axis=0)
    stated = np.sqrt(np.mean([f.errors**2 for f in found], axis=0))
    room = 5 / np.sqrt(2 * 100) + (0.2 if method == "akima" else 0.0)
    assert stated == pytest.approx(spread, rel=room)


def test_noise_that_could_move_a_minimum_to_its_end_leaves_the_error_open():
    table = planted()[0]
    assert np.isinf(isoflop(table, "akima", noise=1.0).errors).all()
    assert (isoflop(table, "akima", noise=0.0).errors == 0).all()
    three = planted(points=3)[0]
    assert np.isnan(isoflop(three).errors).all()
    with pytest.raises(ValueError, match="`noise` must be a number of at least 0"):
        isoflop(table, noise=-1.0)


def test_porian_s_exponents_by_akima():
    """Porian et al. (2024), RefinedWeb, stored results: the exponent at each of five stages."""
    table = rows("porian_isoflop.csv")
    stages = [("kaplan", "kaplan", "long", 0.834), ("standard", "kaplan", "long", 0.701),
              ("standard", "kaplan", "short", 0.603), ("standard", "chinchilla", "short", 0.571),
              ("standard", "const", "short", 0.497)]  # fmt: skip
    for count, decay, warmup, expected in stages:
        mine = [r for r in table if (r["dataset"], r["param_count"], r["decay"], r["warmup"])
                == ("rw", count, decay, warmup)]  # fmt: skip
        runs = {"compute": column(mine, "flops"), "parameters": column(mine, "n_params"),
                "loss": column(mine, "loss")}  # fmt: skip
        assert isoflop(runs, "akima").exponent == pytest.approx(expected, abs=0.004)


def test_every_isoflop_table_is_read_and_its_open_budgets_are_named():
    table = rows("openathena_isoflops.csv")
    kept = [r for r in table if r["outlier"] == "False"]
    for name in dict.fromkeys(r["experiment"] for r in kept):
        mine = [r for r in kept if r["experiment"] == name]
        runs = {"compute": column(mine, "budget"), "parameters": column(mine, "params"),
                "loss": column(mine, "loss")}  # fmt: skip
        found = isoflop(runs)
        budgets = len(np.unique(np.round(np.log(runs["compute"]), 2)))
        assert len(found.budgets) + len(found.outside) == budgets
        assert 0.3 < found.exponent < 0.75, name


def test_bad_tables_and_requests_are_refused():
    table, _, law = planted()
    one = {k: v[:11] for k, v in table.items()}
    for call, says in (
        (lambda: isoflop(one), "`compute` must be at more than one budget"),
        (lambda: isoflop({**table, "loss": -table["loss"]}), "`loss` must be positive"),
        (lambda: isoflop(table, "cubic"), "`method` must be"),
        (lambda: isoflop({**table, "loss": 9 - table["loss"]}), "at least two budgets"),
        (lambda: optimal_split({"A": 1.0}, 1e20), "`parameters` must be"),
        (lambda: optimal_split(law, -1.0), "`compute` must be positive"),
        (lambda: optimal_split({**law, "beta": 0.0}, 1e20), "`beta` must be positive"),
        (lambda: serving_split(law, 1.0, 0.0), "`loss` must be above E"),
        (lambda: bias(law, BUDGETS, 1e24, width=1.0), "`width` must be above 1"),
        (lambda: bias(law, BUDGETS, 1e24, points=2), "`points` must be"),
    ):
        with pytest.raises(ValueError, match=says):
            call()

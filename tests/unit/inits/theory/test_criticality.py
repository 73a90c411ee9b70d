import math

import numpy as np
import pytest
from reference_values import rows, value

from workbench.inits.functions.activations import NAMES
from workbench.inits.theory.criticality import (
    attracting_sides,
    critical,
    edge_of_chaos,
    fixed_point,
)
from workbench.inits.theory.moments import chi, moments, variance_map

FIELDS = {
    "critical_K_star": "variance",
    "critical_C_b": "bias_variance",
    "critical_C_W": "weight_variance",
}


@pytest.mark.parametrize(("name", "which", "exact"), rows(*FIELDS))
def test_critical_pairs_agree_with_thirty_digits(name, which, exact):
    assert getattr(critical(which), FIELDS[name]) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("which", "kind", "attracts", "runs_away"),
    [
        ("linear", "scale-invariant", "neither, every variance stays", False),
        ("leaky_relu(0.3)", "scale-invariant", "neither, every variance stays", False),
        ("tanh", "zero", "above", False),
        ("sin", "zero", "above", False),
        ("elu", "zero", "above", False),
        ("selu", "zero", "above", False),
        ("gelu", "half-stable", "above", False),
        ("silu", "half-stable", "below", False),
        ("mish", "half-stable", "below", True),
        ("sigmoid", "none", "none", False),
        ("softplus", "none", "none", False),
    ],
)
def test_classes_and_sides(which, kind, attracts, runs_away):
    found = critical(which)
    assert (found.kind, found.attracts, found.runs_away) == (kind, attracts, runs_away)


@pytest.mark.parametrize("which", ["gelu", "silu", "mish", "gelu_tanh"])
def test_both_slopes_are_one_and_the_point_is_fixed(which):
    c = critical(which)
    assert chi(which, c.variance, c.weight_variance) == pytest.approx((1, 1), abs=1e-12)
    kept = variance_map(which, c.variance, c.weight_variance, c.bias_variance)
    assert kept == pytest.approx(c.variance, rel=1e-14)


@pytest.mark.parametrize("which", ["gelu", "silu", "mish"])
def test_half_stable_points_attract_from_one_side(which, monkeypatch):
    assert attracting_sides(which) == 1
    pair = critical(which)
    for factor, sides in ((0.98, 2), (1.02, 0)):
        # The slope is below one with smaller weights, whose bias preserves the same variance.
        weight = factor * pair.weight_variance
        bias = pair.variance - variance_map(which, pair.variance, weight)
        moved = pair._replace(weight_variance=weight, bias_variance=bias)
        monkeypatch.setattr("workbench.inits.theory.criticality.critical", lambda _, m=moved: m)
        assert attracting_sides(which) == sides


@pytest.mark.parametrize("which", ["gelu", "silu", "mish"])
def test_iterating_the_map_goes_where_the_side_says(which):
    c = critical(which)
    toward, away = (1.5, 0.99) if c.attracts == "above" else (0.6, 1.01)
    for start, nearer in ((toward, True), (away, False)):
        k = start * c.variance
        for _ in range(200):
            k = variance_map(which, k, c.weight_variance, c.bias_variance)
        assert (abs(k / c.variance - 1) < abs(start - 1)) == nearer


def test_mish_runs_away():
    c = critical("mish")
    k = 1.5 * c.variance
    for _ in range(2000):
        k = variance_map("mish", k, c.weight_variance, c.bias_variance)
    assert k > 1e5


def test_a_callable_is_classed_like_its_name():
    mine = critical(lambda x: x / (1 + np.exp(-x)))
    assert mine[:3] == pytest.approx(critical("silu")[:3], rel=1e-8)
    assert critical(lambda x: np.maximum(x, 0)).kind == "scale-invariant"
    assert critical(lambda x: np.tanh(2 * x)).weight_variance == pytest.approx(0.25, rel=1e-9)


@pytest.mark.parametrize(("name", "args", "limit"), rows("K_times_depth_limit"))
def test_a_zero_point_is_approached_as_one_over_depth(name, args, limit):
    k = 1.0
    for _ in range(1000):
        k = variance_map("tanh", k, 1.0)
    assert k * 1000 == pytest.approx(limit, rel=5e-3)


@pytest.mark.parametrize(("name", "args", "exact"), rows("eoc_sigma_w2", "eoc_q_star"))
def test_edges_of_chaos_agree_with_thirty_digits(name, args, exact):
    which, bias = args.split(" sigma_b2=")
    edge = edge_of_chaos(which, float(bias))
    got = edge.weight_variance if name == "eoc_sigma_w2" else edge.variance
    assert got == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("which", ["tanh", "erf", "sin"])
def test_the_edge_tends_to_the_critical_point(which):
    weights = [edge_of_chaos(which, b).weight_variance for b in (1e-1, 1e-3, 1e-5)]
    limit = critical(which).weight_variance
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] == pytest.approx(limit, rel=0.05)


def test_the_library_s_tanh_gain_settles():
    exact = value("q_star", "tanh gain 5/3 sigma_b=0")
    found = fixed_point("tanh", 25 / 9)
    assert found.variance == pytest.approx(exact, rel=1e-12)
    perpendicular = value("chi_perp", "tanh gain 5/3 sigma_b=0")
    assert found.slopes.perpendicular == pytest.approx(perpendicular, rel=1e-12)


@pytest.mark.parametrize("which", sorted(NAMES))
def test_fixed_points_are_what_iteration_finds(which):
    weight = 0.8 / moments(which).second
    try:
        found = fixed_point(which, weight, 0.1)
    except ValueError:
        found = None
    k = 1.0
    for _ in range(3000):
        k = min(variance_map(which, k, weight, 0.1), 1e8)
    assert k == pytest.approx(1e8 if found is None else found.variance, rel=1e-9)


def test_siren_s_fixed_point():
    # SIREN's hidden layers draw with Var·fan_in = 2 over w0², and feed sin(w0 z).
    exact = value("siren_hidden_preact_var", "w0 any, U(+-sqrt(6/n)/w0)")
    assert fixed_point("sin", 2.0).variance == pytest.approx(exact, rel=1e-12)


def test_what_shrinks_settles_at_zero():
    found = fixed_point("relu", 1.9)
    assert found.variance == 0
    assert found.slopes == pytest.approx((0.95, 0.95))


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`weight_variance` must be small enough for relu"):
        fixed_point("relu", 2.1)
    with pytest.raises(ValueError, match="`bias_variance` must be positive; at zero ask"):
        edge_of_chaos("tanh", 0.0)
    with pytest.raises(ValueError, match="at which relu has a stable edge of chaos; got 0.1"):
        edge_of_chaos("relu", 0.1)
    with pytest.raises(ValueError, match=r"`bias_variance` must be in \[0, inf\]; got nan"):
        edge_of_chaos("tanh", math.nan)

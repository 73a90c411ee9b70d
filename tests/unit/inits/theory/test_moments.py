import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference_values import rows

from workbench.inits.functions.activations import NAMES
from workbench.inits.theory.moments import (
    chi,
    correlation_map,
    depth_scale,
    expectation,
    gain,
    moments,
    variance_map,
)

KINDS = {"gain_fwd": "forward", "gain_bwd": "backward", "gain_std": "std"}
names = st.sampled_from(sorted(NAMES))
variances = st.floats(0.01, 100)


@pytest.mark.parametrize(("name", "which", "exact"), rows(*KINDS))
def test_gains_agree_with_thirty_digits(name, which, exact):
    assert gain(which, KINDS[name]) == pytest.approx(exact, rel=2e-15)


@pytest.mark.parametrize(("name", "which", "exact"), rows("chi_perp_q1", "chi_par_q1"))
def test_slopes_agree_with_thirty_digits(name, which, exact):
    parallel, perpendicular = chi(which, 1.0, 1 / moments(which).second)
    assert (parallel if "par" in name else perpendicular) == pytest.approx(exact, rel=5e-15)


CLOSED = {
    "relu": (1 / math.sqrt(2 * math.pi), 1 / 2, 1 / 2),
    "leaky_relu(0.2)": (0.8 / math.sqrt(2 * math.pi), 1.04 / 2, 1.04 / 2),
    "linear": (0, 1, 1),
    "sin": (0, (1 - math.exp(-2)) / 2, (1 + math.exp(-2)) / 2),
    "erf": (0, 2 / math.pi * math.asin(2 / 3), 4 / (math.pi * math.sqrt(5))),
    "gelu": (1 / (2 * math.sqrt(math.pi)), 1 / 3 + 1 / (2 * math.sqrt(3) * math.pi), None),
}


@pytest.mark.parametrize("which", CLOSED)
def test_closed_forms(which):
    for got, exact in zip(moments(which), CLOSED[which], strict=True):
        assert exact is None or abs(got - exact) < 1e-14


@pytest.mark.parametrize("variance", [1e-3, 0.1, 1.0, 3.7, 14.3, 256.0, 1000.0])
@pytest.mark.parametrize("which", ["tanh", "mish", "selu", "relu", "sin", "softplus"])
def test_moments_agree_with_mpmath(which, variance):
    mpmath = pytest.importorskip("mpmath")
    m, root = mpmath.mp, mpmath.sqrt(variance)
    alpha, scale = mpmath.mpf("1.6732632423543772848"), mpmath.mpf("1.0507009873554804934")
    exact = {
        "tanh": m.tanh,
        "mish": lambda x: x * m.tanh(m.log1p(m.exp(x))),
        "selu": lambda x: scale * (x if x > 0 else alpha * m.expm1(x)),
        "relu": lambda x: max(x, 0),
        "sin": m.sin,
        "softplus": lambda x: m.log1p(m.exp(x)),
    }[which]
    steps = [s / root for s in range(-12, 13)] if variance > 1 else list(range(-12, 13))
    ends = sorted({-12, 12, *steps})
    with m.workdps(25):
        value = m.quad(lambda z: exact(root * z) ** 2 * m.npdf(z), ends)
    assert moments(which, variance).second == pytest.approx(float(value), rel=1e-14)


def test_a_callable_s_moments_need_no_derivative():
    known = moments("selu", 2.0)
    lam, alpha = 1.0507009873554805, 1.6732632423543772
    mine = moments(lambda x: lam * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), 2.0)
    assert mine[:2] == pytest.approx(known[:2], rel=1e-14)
    assert mine.slope == pytest.approx(known.slope, rel=1e-9)


def test_gauss_hermite_would_fail_where_panels_hold():
    """The negative control: eighty Hermite nodes miss selu's slope by a percent."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    lam, alpha = 1.0507009873554805, 1.6732632423543772
    slopes = np.where(nodes > 0, lam, lam * alpha * np.exp(nodes)) ** 2
    assert abs(slopes @ weights / math.sqrt(2 * math.pi) - moments("selu").slope) > 1e-3


@given(names, variances)
@settings(max_examples=60, deadline=None)
def test_parallel_slope_is_the_map_s(which, variance):
    step = 1e-4 * variance
    up, down = (variance_map(which, variance + s, 1.3, 0.2) for s in (step, -step))
    slope = (up - down) / (2 * step)
    assert chi(which, variance, 1.3).parallel == pytest.approx(slope, abs=1e-8 + 1e-7 * abs(slope))


@given(names, st.lists(variances, min_size=1, max_size=4))
@settings(max_examples=30, deadline=None)
def test_many_variances_are_each_alone(which, many):
    together = moments(which, np.array(many))
    for i, one in enumerate(many):
        assert [m[i] for m in together] == pytest.approx(list(moments(which, one)), rel=1e-12)


@given(variances)
@settings(deadline=None)
def test_hermite_polynomials_differentiate_by_the_variance(variance):
    # E z⁴ = 3K², so ∂E/∂K = 6K and ∂²E/∂K² = 6.
    assert expectation(lambda z: z**4, variance, 2) == pytest.approx(12 * variance**2, rel=1e-12)
    assert expectation(lambda z: z**4, variance, 4) == pytest.approx(24 * variance**2, rel=1e-11)


def cho_saul(c):
    """The relu's correlation map in closed form (Cho & Saul 2009)."""
    return (math.sqrt(1 - c * c) + (math.pi - math.acos(c)) * c) / math.pi


@given(st.floats(-1, 1), variances)
@example(-0.9921875, 1.0)
@settings(max_examples=40, deadline=None)
def test_relu_s_correlations_are_cho_and_saul_s(c, variance):
    assert correlation_map("relu", c, variance) == pytest.approx(cho_saul(c), abs=1e-14)


@given(st.floats(-1, 1), variances, st.floats(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_bias_adds_to_weights_that_keep_the_variance_at_one(c, variance, bias):
    """The default weight variance is 1/E f²: the weights bring a layer a variance of one."""
    exact = (bias + cho_saul(c)) / (bias + 1)
    found = correlation_map("relu", c, variance, bias_variance=bias)
    assert found == pytest.approx(exact, abs=1e-14)


@given(st.floats(-1, 1))
@settings(max_examples=40, deadline=None)
def test_erf_s_correlations_are_williams_s(c):
    # E erf(u) erf(v) = (2/π) asin(2cK / (1 + 2K)) at K = 1 (Williams 1997).
    exact = math.asin(2 * c / 3) / math.asin(2 / 3)
    assert correlation_map("erf", c) == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("which", sorted(NAMES))
def test_equal_inputs_stay_equal(which):
    assert correlation_map(which, 1.0, 1.7, 1.1, 0.3) == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("which", ["tanh", "gelu", "selu", "mish"])
def test_perpendicular_slope_is_the_correlation_map_s(which):
    variance = 1.5
    weight = 1 / moments(which, variance).second * 1.0
    ends = [correlation_map(which, 1 - e, variance, weight) for e in (1e-4, 2e-4)]
    slope = (ends[0] - ends[1]) / 1e-4
    # The map's slope at one is C_W E f'² in units where the kernel keeps its size, K = C_W E f².
    exact = variance * moments(which, variance).slope / moments(which, variance).second
    assert slope == pytest.approx(exact, rel=2e-3)


def test_depth_scales():
    assert depth_scale(math.exp(-1 / 7)) == pytest.approx(7)
    assert depth_scale(math.exp(1 / 7)) == pytest.approx(7)
    assert depth_scale(1.0) == math.inf


def test_bad_input(unchecked):
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="`variance` must be positive and finite; got"):
            moments("relu", bad)
    with pytest.raises(ValueError, match="`kind` must be 'forward', 'backward' or 'std'; got 'up'"):
        gain("relu", "up")
    with pytest.raises(ValueError, match="moment above zero"):
        gain(lambda x: 0 * x)
    with pytest.raises(ValueError, match=r"`correlation` must be in \[-1, 1\]; got 1.1"):
        correlation_map("relu", 1.1)
    with pytest.raises(ValueError, match="`slope` must be positive; got 0"):
        depth_scale(0)
    with pytest.raises(ValueError, match="`activation` must be finite within 12 standard dev"):
        moments(lambda x: np.where(np.abs(x) > 13, np.nan, x), 4.0)

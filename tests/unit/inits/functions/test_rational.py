"""Rational activations: integrals by mpmath, derivatives, fits, and bad input."""

import numpy as np
import pytest

from workbench.inits.functions.activations import activation
from workbench.inits.functions.rational import (
    STORED,
    TARGETS,
    Coefficients,
    fitted,
    largest_error,
    rational,
    sign_changes,
)
from workbench.inits.theory.moments import chi, expectation, moments

DENOMINATORS = ["sum of absolutes", "absolute of sum"]
# 1/E F² of the stored coefficients, by mpmath with 34 digits, split at the denominator's kinks.
SQUARED_GAINS = {
    ("tanh", "sum of absolutes"): 2.53618432513403637,
    ("gelu", "absolute of sum"): 2.349446921127013531,
    ("swish", "sum of absolutes"): 2.8107634187293522705,
}


def plain(coefficients, denominator, x):
    """P/Q by the definition, power by power."""
    a, b = coefficients
    above = sum(c * x**i for i, c in enumerate(a))
    if denominator == "sum of absolutes":
        return above / (1 + sum(abs(c) * abs(x) ** i for i, c in enumerate(b, 1)))
    return above / (1 + abs(sum(c * x**i for i, c in enumerate(b, 1))))


@pytest.mark.parametrize("denominator", DENOMINATORS)
@pytest.mark.parametrize("name", STORED)
def test_the_quotient_is_the_definition_s(backend, name, denominator):
    coefficients = Coefficients(*STORED[name])
    f = rational(coefficients, denominator)
    x = np.linspace(-6.05, 6.0, 101)
    got = backend.back(f(backend.put(x)))
    assert np.allclose(
        got, [plain(coefficients, denominator, t) for t in x], rtol=1e-13, atol=1e-13
    )
    slope = (f.function(x + 1e-6) - f.function(x - 1e-6)) / 2e-6
    assert np.allclose(backend.back(f.derivative(backend.put(x))), slope, atol=1e-8)


@pytest.mark.parametrize(("name", "denominator"), SQUARED_GAINS)
def test_squared_gains_agree_with_mpmath(name, denominator):
    f = rational(Coefficients(*STORED[name]), denominator)
    assert 1 / moments(f).second == pytest.approx(SQUARED_GAINS[name, denominator], rel=1e-13)


def test_what_the_kernels_compute_for_gelu_has_another_gain():
    f = rational(Coefficients(*STORED["gelu"]), "sum of absolutes")
    assert 1 / moments(f).second == pytest.approx(3.192581844889, rel=1e-12)


def test_integrals_are_cut_at_kinks():
    # A hat with its kink at 0.7: E max(z - 0.7, 0)² in closed form, at several variances.
    from math import erfc, exp, pi, sqrt

    for variance in (0.3, 1.0, 5.0):
        k = 0.7 / sqrt(variance)
        density, tail = exp(-k * k / 2) / sqrt(2 * pi), 0.5 * erfc(k / sqrt(2))
        exact = variance * ((1 + k * k) * tail - k * density)

        def hat(z):
            return np.maximum(z - 0.7, 0.0) ** 2

        assert expectation(hat, variance, kinks=(0.7,)) == pytest.approx(exact, rel=1e-13)
    both = expectation(hat, np.array([1.0, 5.0]), kinks=(0.7,))
    assert both == pytest.approx([expectation(hat, v, kinks=(0.7,)) for v in (1.0, 5.0)])


def test_the_slope_of_the_map_is_that_of_differences():
    f = rational(Coefficients(*STORED["gelu_old"]), "absolute of sum")
    assert f.kinks
    step = 1e-5
    second = [moments(f, 1 + s).second for s in (step, -step)]
    slope = chi(f, 1.0, 1.0).parallel
    assert slope == pytest.approx((second[0] - second[1]) / (2 * step), rel=1e-8)


@pytest.mark.parametrize("denominator", DENOMINATORS)
@pytest.mark.parametrize("name", sorted(set(TARGETS.values())))
def test_fits_follow_their_function(name, denominator):
    coefficients = fitted(name, denominator)
    f = rational(coefficients, denominator)
    assert largest_error(f, name) < 0.002
    assert Coefficients.read(str(coefficients)).numerator == pytest.approx(coefficients.numerator)
    # No coefficient can be moved without a larger sum of squares.
    x = 3 * np.cos(np.pi * (np.arange(400) + 0.5) / 400)
    target = activation(name).function(x)

    def cost(b):
        moved = rational(Coefficients(coefficients.numerator, tuple(b)), denominator)
        return float(((moved.function(x) - target) ** 2).sum())

    least = cost(coefficients.denominator)
    for place in range(4):
        for step in (1e-3, -1e-3):
            b = np.array(coefficients.denominator)
            b[place] += step
            assert cost(b) > least or b[place] < 0


def test_sign_changes_are_the_real_roots():
    # x (x - 1)(x + 2) = -2x + x² + x³, and a pair of complex roots adds none.
    assert sign_changes((-2.0, 1.0, 1.0)) == pytest.approx([-2.0, 1.0])
    assert sign_changes((1.0, 0.0, 1.0)) == []
    assert sign_changes((0.0, 0.0)) == []
    assert sign_changes((2.0, 0.0, 0.0)) == []


@pytest.mark.parametrize(
    "text", ["", "1", "1 2", "1 2 /", "/ 1", "1 2 / a", "1 2 / nan", "1 2/3/4"]
)
def test_coefficients_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="`coefficients` must be two lists"):
        Coefficients.read(text)


def test_coefficients_are_read_as_people_write_them():
    assert Coefficients.read("[0, 1, .5] / (1e-3 2)") == ((0.0, 1.0, 0.5), (0.001, 2.0))
    with pytest.raises(ValueError, match="`denominator` must be"):
        rational(Coefficients((0.0, 1.0), (1.0,)), "absolute")

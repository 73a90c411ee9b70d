import functools
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_values import value

from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes import variance_scaling
from workbench.inits.theory.preservation import relu_scatter, scatter, spread, verdict

NETWORKS = 16


def measured(gain_error, which="relu", width=512, depth=20):
    scheme = functools.partial(variance_scaling.variance_scaling, scale=2 * gain_error**2)
    rng = np.random.default_rng(1)
    return propagate(rng, [width] * (depth + 1), which, scheme, networks=NETWORKS, inputs=16)


def test_he_preserves_and_a_gain_wrong_by_five_percent_is_caught():
    for error, decision in ((1.0, "preserved"), (1.05, "grows"), (0.95, "vanishes")):
        found = measured(error)
        for ratios in (found.signal_ratio, found.gradient_ratio):
            assert verdict(ratios, 512, 20).decision == decision


def test_he_on_gelu_vanishes():
    assert verdict(measured(1.0, "gelu").signal_ratio, 512, 20).decision == "vanishes"


def test_too_narrow_networks_cannot_tell():
    found = measured(1.0, width=16, depth=40)
    assert verdict(found.signal_ratio, 16, 40).decision in ("undecided", "vanishes")
    assert verdict(np.ones(NETWORKS), 16, 40).decision == "undecided"


@pytest.mark.parametrize(("which", "c"), [("relu", 5), ("linear", 2), ("leaky_relu(1)", 2)])
def test_scatters_in_closed_form(which, c):
    assert scatter(which) == pytest.approx(c, rel=1e-13)
    assert scatter(which, 3.0, "backward") == pytest.approx(c, rel=1e-13)


def test_the_table_s_fluctuation():
    exact = value("relu_kernel_fluctuation", "n=64 L=16")
    assert 1 + spread(64, 16) ** 2 == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize(
    ("which", "scheme"), [("relu", variance_scaling.he), ("linear", variance_scaling.lecun)]
)
def test_networks_of_one_input_scatter_as_the_law_says(which, scheme):
    """The kernel's mean square over 4000 networks, by ten batches for its error."""
    width, depth = 64, 4
    found = propagate(
        np.random.default_rng(2), [width] * (depth + 1), which, scheme, networks=4000, inputs=1
    )
    # The output is normal given the kernel below it: its own mean square adds 1 + 2/n, and the
    # input's the same.
    own = 1 + 2 / width
    squares = (found.before[-1] ** 2).reshape(10, -1).mean(axis=1) / own
    first = scatter(which)
    law = (1 + first / width) ** depth
    error = squares.std(ddof=1) / math.sqrt(10)
    assert abs(squares.mean() - law) < 5 * error
    assert error < 0.05 * law


def test_the_scatter_of_a_relu_layer_under_heavy_tailed_weights():
    """Brute force over weights of three values for a few signals, and the signals' limit."""

    def scatter_of(signals, kurtosis):
        share = (signals**4).sum() / (signals**2).sum() ** 2
        return 5 + 2 * (kurtosis - 3) * share

    rng, chance = np.random.default_rng(3), 0.2
    few = np.maximum(rng.standard_normal(6), 0) + 0.1
    draws = np.array(list(itertools.product((-1, 0, 1), repeat=6)))
    weight = np.where(draws == 0, 1 - chance, chance / 2).prod(axis=1)
    after = np.maximum(draws @ few, 0)
    exact = (weight @ after**4) / (weight @ after**2) ** 2 - 1
    assert scatter_of(few, 1 / chance) == pytest.approx(exact, rel=1e-12)
    width = 10**6
    many = np.maximum(rng.standard_normal(width), 0)
    added = scatter_of(many, 9.0) - 5
    assert relu_scatter(width, 9.0) - 5 == pytest.approx(added, rel=0.02)
    assert relu_scatter(width) == pytest.approx(scatter("relu"), rel=1e-13)


@given(st.integers(1, 10**4), st.integers(1, 100), st.floats(0.1, 9))
def test_the_spread_grows_with_depth_and_falls_with_width(width, depth, c):
    assert spread(width, depth + 1, c) > spread(width, depth, c)
    assert spread(2 * width, depth, c) < spread(width, depth, c)


def test_bad_input(unchecked):
    for bad in ([], [[1.0]], [-1.0], [math.nan]):
        with pytest.raises(ValueError, match="`ratios` must be one number of at least 0 for each"):
            verdict(np.array(bad), 4, 4)
    with pytest.raises(ValueError, match="`width, depth, scatter` must be positive"):
        verdict(np.ones(3), 0, 4)
    with pytest.raises(ValueError, match="`kind` must be 'forward' or 'backward'; got 'up'"):
        scatter("relu", 1.0, "up")

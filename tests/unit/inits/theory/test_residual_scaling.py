import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_values import value

from workbench.inits.theory.residual_scaling import deepnorm, depth_scaled, fixup, t_fixup

counts = st.integers(1, 1000)


def test_the_table_s_constants():
    encoder, none = deepnorm(encoder=12)
    assert none is None
    assert encoder.alpha == pytest.approx(value("deepnorm_alpha", "encoder-only N=12"), rel=1e-14)
    assert encoder.beta == pytest.approx(value("deepnorm_beta", "encoder-only N=12"), rel=1e-14)
    assert fixup(16) == value("fixup_scale", "L=16 branches m=2 layers")
    assert t_fixup(decoder=6) == (None, pytest.approx(value("tfixup_scale", "decoder N=6")))


def test_t_fixup_s_parts():
    """0.67 N^(-1/4) and (9 M)^(-1/4), at fourth powers."""
    assert t_fixup(encoder=16) == (pytest.approx(0.67 / 2), None)
    assert t_fixup(encoder=81, decoder=9) == (pytest.approx(0.67 / 3), pytest.approx(1 / 3))


@given(counts)
def test_the_sum_over_branches_keeps_its_bound(blocks):
    # Independent branches of unit variance: one plus the sum of the squared factors is two.
    assert 2 * blocks * depth_scaled(blocks) ** 2 == pytest.approx(1)
    # Branches that each pass x on multiply: (1 + 1/2L)^2L stays below e.
    assert (1 + depth_scaled(blocks) ** 2) ** (2 * blocks) < math.e


@given(counts, st.integers(2, 9))
def test_fixup_s_update_does_not_depend_on_depth(branches, layers):
    # Each branch's update goes with its factors' square over all but the last weights.
    assert branches * fixup(branches, layers) ** (2 * (layers - 1)) == pytest.approx(1)


@given(counts, counts)
def test_deepnorm_s_parts(encoder, decoder):
    joint, below = deepnorm(encoder, decoder)
    assert joint.alpha * joint.beta == pytest.approx(0.81 * 0.87)
    assert below.alpha * below.beta == pytest.approx((3 / 12) ** 0.25)
    alone, _ = deepnorm(encoder=encoder)
    assert deepnorm(decoder=encoder) == (None, alone)
    # 2 N (β/α)² = √2·√8... the bound does not depend on the depth.
    assert encoder * alone.beta**2 / alone.alpha**2 == pytest.approx(1 / 4)


def test_a_residual_sum_measured():
    rng, blocks, width = np.random.default_rng(1), 24, 256
    x = rng.standard_normal((width, 400))
    for _ in range(blocks):
        w = rng.standard_normal((width, width)) * depth_scaled(blocks, 1) / math.sqrt(width)
        x = x + w @ x
    expected = (1 + 1 / blocks) ** blocks
    # Relative deviation of a linear sum's second moment, 2/width a layer on the branch's share.
    assert (x**2).mean() / expected == pytest.approx(1, abs=5 * math.sqrt(2 / width / blocks))


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`layers` must be a whole number of at least 2; got 1"):
        fixup(4, 1)
    with pytest.raises(ValueError, match="`blocks` must be a whole number of at least 1; got 0"):
        depth_scaled(0)
    for both in (deepnorm, t_fixup):
        with pytest.raises(ValueError, match="`encoder, decoder` must be at least one layer"):
            both()

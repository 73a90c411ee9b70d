import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.inits.weights import effective_rank as rank

FOUR = [rank.participation, rank.entropy_rank, rank.nuclear_rank, rank.stable_rank]
spectra = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30)


@given(st.integers(1, 20), st.floats(0.01, 100))
def test_equal_values_count(n, size):
    for one in FOUR:
        assert one(np.full(n, size)) == pytest.approx(n)


@given(spectra, st.floats(0.01, 100))
def test_order_scale_and_bounds(values, factor):
    s = np.array(values)
    for one in FOUR:
        assert one(factor * s[::-1]) == pytest.approx(one(s))
        assert 1 - 1e-9 <= one(s) <= len(s) + 1e-9
    assert rank.stable_rank(s) <= rank.participation(s) * (1 + 1e-9)
    assert rank.participation(s) <= rank.nuclear_rank(s) * (1 + 1e-9)


def test_normal_matrices_have_their_known_ranks():
    x = np.random.default_rng(1).standard_normal((300, 300))
    found = [one(rank.singular(x)) for one in FOUR]
    assert found == pytest.approx([149, 241, 216, 76], rel=0.03)


@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (9000, 3)])
def test_singular_values_are_lapack_s(shape):
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    exact = np.linalg.svd(x.astype(float), compute_uv=False)
    np.testing.assert_allclose(rank.singular(x), exact, rtol=1e-9)


def test_a_large_matrix_is_not_copied_whole():
    x = np.random.default_rng(3).standard_normal((400_000, 8), dtype=np.float32)
    rank.singular(x[:100])
    tracemalloc.start()
    rank.singular(x)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < x.nbytes / 10


def test_bad_input(unchecked):
    for bad in (np.zeros(3), np.array([1.0, -1.0]), np.array([np.nan])):
        with pytest.raises(ValueError, match="`values` must be singular values, at least 0"):
            rank.participation(bad)

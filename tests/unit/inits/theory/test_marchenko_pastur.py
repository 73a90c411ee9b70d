import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.inits.theory.marchenko_pastur import largest_random, random_singular_values

sizes = st.integers(1, 300)


@pytest.mark.parametrize("shape", [(600, 600), (800, 300), (100, 900)])
@pytest.mark.parametrize("kind", ["normal", "signs"])
def test_random_matrices_have_these_values(shape, kind):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape) if kind == "normal" else rng.choice([-1.0, 1.0], shape)
    got = np.linalg.svd(0.3 * x, compute_uv=False)
    law = random_singular_values(*shape, 0.3)
    # Singular values repel: at these sizes all stay within three hundredths of the largest.
    assert np.abs(got - law).max() < 0.03 * law[0]
    assert np.abs(1.05 * got - law).max() > 0.03 * law[0]
    assert got[0] == pytest.approx(largest_random(*shape, 0.3), rel=0.03)


@given(sizes, sizes, st.floats(0.01, 100))
def test_the_values_are_ordered_below_the_edge_and_carry_the_variance(rows, columns, deviation):
    law = random_singular_values(rows, columns, deviation)
    assert len(law) == min(rows, columns)
    assert (np.diff(law) <= 0).all()
    assert law[0] <= largest_random(rows, columns, deviation) * (1 + 1e-12)
    np.testing.assert_allclose(law, random_singular_values(columns, rows, deviation))
    np.testing.assert_allclose(law, deviation * random_singular_values(rows, columns))


@pytest.mark.parametrize("shape", [(2000, 2000), (5000, 100)])
def test_the_squares_add_up_to_all_entries(shape):
    law = random_singular_values(*shape)
    assert (law**2).sum() == pytest.approx(shape[0] * shape[1], rel=1e-3)


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`rows, columns` must be at least 1; got"):
        random_singular_values(0, 3)
    with pytest.raises(ValueError, match="`deviation` must be positive and finite; got 0"):
        largest_random(3, 3, 0.0)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.inits.schemes.orthogonal import delta_orthogonal, identity, orthogonal

sizes = st.integers(1, 12)


@given(sizes, sizes, st.floats(0.1, 3), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_all_singular_values_are_the_gain(rows, columns, gain, seed):
    q = orthogonal(np.random.default_rng(seed), (rows, columns), gain, dtype="float64")
    np.testing.assert_allclose(np.linalg.svd(q, compute_uv=False), gain, rtol=1e-12)


def test_layouts_and_batches(backend):
    shape = (5, 3, 3, 4, 7)
    drawn = orthogonal(backend.rng(1), shape, in_axis=3, out_axis=4, batch_axis=0, dtype="float64")
    weights = backend.back(drawn)
    assert weights.shape == shape
    matrices = np.moveaxis(weights, (0, 4), (0, 1)).reshape(5, 7, -1)
    np.testing.assert_allclose(np.linalg.svd(matrices, compute_uv=False), 1, rtol=1e-12)
    assert not np.allclose(matrices[0], matrices[1])


def test_single_precision_is_made_in_double(backend):
    weights = backend.back(orthogonal(backend.rng(2), (64, 64)))
    assert weights.dtype == np.float32
    np.testing.assert_allclose(np.linalg.svd(weights, compute_uv=False), 1, atol=1e-6)


def test_orthogonal_is_uniform_over_the_group():
    """Without the signs of R, LAPACK's Q has a diagonal of one sign; the trace tells."""
    q = orthogonal(np.random.default_rng(3), (40_000, 3, 3), in_axis=2, out_axis=1, batch_axis=0)
    # One entry of a uniform 3 × 3 orthogonal matrix is uniform on [-1, 1] (Archimedes).
    for row, column in ((0, 0), (1, 2), (2, 2)):
        entry = q[:, row, column].astype(float)
        assert stats.kstest(entry, stats.uniform(-1, 2).cdf).pvalue > 5.7e-7


def test_torch_s_orthogonal_has_our_distribution():
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    theirs = [
        torch.nn.init.orthogonal_(torch.empty(3, 2), generator=generator).numpy()
        for _ in range(3000)
    ]
    ours = orthogonal(np.random.default_rng(4), (3000, 3, 2), in_axis=2, out_axis=1, batch_axis=0)
    for place in ((0, 0), (2, 1)):
        pair = ours[(slice(None), *place)], np.array(theirs)[(slice(None), *place)]
        assert stats.ks_2samp(*pair).pvalue > 1e-6


def convolved(weights, x):
    """Circular convolution, tap by tap."""
    _, _, *field = weights.shape
    y = np.zeros((weights.shape[0], *x.shape[1:]))
    for tap in np.ndindex(*field):
        shift = [(n - 1) // 2 - t for n, t in zip(field, tap, strict=True)]
        rolled = np.roll(x, shift, axis=tuple(range(1, x.ndim)))
        y += np.einsum("oi,i...->o...", weights[(slice(None), slice(None), *tap)], rolled)
    return y


@pytest.mark.parametrize("field", [(3,), (4,), (3, 3), (3, 2, 1)])
def test_delta_orthogonal_keeps_lengths(backend, field):
    drawn = delta_orthogonal(backend.rng(5), (6, 4, *field), 1.5, dtype="float64")
    weights = backend.back(drawn)
    x = np.random.default_rng(6).standard_normal((4, *(8 for _ in field)))
    assert np.linalg.norm(convolved(weights, x)) == pytest.approx(1.5 * np.linalg.norm(x))
    assert (weights != 0).sum() == 24


def test_jax_s_delta_orthogonal_is_ours_in_form():
    jax = pytest.importorskip("jax")
    theirs = jax.nn.initializers.delta_orthogonal()(jax.random.PRNGKey(0), (3, 3, 4, 6))
    theirs = np.transpose(np.asarray(theirs), (3, 2, 0, 1))
    ours = delta_orthogonal(np.random.default_rng(0), (6, 4, 3, 3))
    np.testing.assert_array_equal(theirs != 0, ours != 0)


def test_identity_passes_inputs_on(backend):
    x = np.random.default_rng(7).standard_normal((4, 9))
    weights = backend.back(identity(backend.rng(8), (4, 4, 3), 2.0, dtype="float64"))
    np.testing.assert_array_equal(convolved(weights, x), 2 * x)
    assert backend.back(identity(backend.rng(8), (2, 3))).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(("shape", "groups"), [((6, 3, 3), 2), ((4, 4, 5, 5), 1), ((3, 5, 3), 1)])
def test_torch_s_dirac_is_our_identity(shape, groups):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.init.dirac_(torch.empty(shape), groups).numpy()
    ours = identity(np.random.default_rng(0), shape, groups=groups)
    np.testing.assert_array_equal(ours, theirs)


def test_bad_input(unchecked):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="`shape` must be one of at most outputs=3 inputs; got"):
        delta_orthogonal(rng, (3, 4, 3))
    with pytest.raises(ValueError, match="`shape` must be of rank 3 or more"):
        delta_orthogonal(rng, (4, 3))
    with pytest.raises(ValueError, match="`shape` must be of rank 2 or more"):
        orthogonal(rng, (4,))
    with pytest.raises(ValueError, match="`groups` must be a divisor of the 4 channels"):
        identity(rng, (4, 4), groups=3)

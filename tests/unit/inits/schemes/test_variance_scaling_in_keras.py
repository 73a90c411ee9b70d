import math

import numpy as np
import pytest
from scipy import stats
from standard_errors import variance_is

from workbench.inits.schemes.fans import fans
from workbench.inits.schemes.orthogonal import identity, orthogonal
from workbench.inits.schemes.sampling import truncated_normals
from workbench.inits.schemes.variance_scaling import glorot, he, lecun, variance_scaling

# Keras's layout, (*field, inputs, outputs).
LAYOUT = {"in_axis": -2, "out_axis": -1}
THEIR_NAME = {"normal": "untruncated_normal"}


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        pytest.importorskip("jax")
        # On torch Keras lets one number in 200,000 stand beyond the bounds of its truncation.
        patch.setenv("KERAS_BACKEND", "jax")
        # Its import writes a file of settings at home.
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        return pytest.importorskip("keras")


def alike(ours, theirs):
    """Kolmogorov and Smirnov's test, which must also refuse ours with a gain wrong by 5 %."""
    theirs = np.ravel(np.asarray(theirs))
    same = stats.ks_2samp(np.ravel(ours), theirs).pvalue
    return same > 1e-6 > stats.ks_2samp(1.05 * np.ravel(ours), theirs).pvalue


@pytest.mark.parametrize("distribution", ["normal", "truncated_normal", "uniform"])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_variance_scaling(keras, mode, distribution):
    shape, theirs = (3, 40, 90, 90), THEIR_NAME.get(distribution, distribution)
    made = keras.initializers.VarianceScaling(1.3, mode, theirs, seed=0)(shape)
    ours = variance_scaling(np.random.default_rng(1), shape, 1.3, mode, distribution, **LAYOUT)
    assert alike(ours, made)


@pytest.mark.parametrize(
    ("theirs", "ours", "distribution"),
    [
        ("GlorotNormal", glorot, "truncated_normal"),
        ("GlorotUniform", glorot, "uniform"),
        ("HeNormal", he, "truncated_normal"),
        ("HeUniform", he, "uniform"),
        ("LecunNormal", lecun, "truncated_normal"),
        ("LecunUniform", lecun, "uniform"),
    ],
)
def test_names(keras, theirs, ours, distribution):
    made = getattr(keras.initializers, theirs)(seed=0)((600, 900))
    drawn = ours(np.random.default_rng(2), (600, 900), distribution=distribution, **LAYOUT)
    assert alike(drawn, made)


def test_a_dense_layer_starts_as_glorot_s_uniform(keras):
    layer = keras.layers.Dense(900, kernel_initializer=keras.initializers.GlorotUniform(seed=0))
    default = keras.layers.Dense(900)
    assert default.get_config()["kernel_initializer"]["class_name"] == "GlorotUniform"
    layer.build((None, 600))
    ours = glorot(np.random.default_rng(3), (600, 900), distribution="uniform", **LAYOUT)
    assert alike(ours, layer.kernel)
    assert not np.asarray(layer.bias).any()


def test_the_truncated_normal_by_its_own_name_is_not_corrected(keras):
    made = np.asarray(keras.initializers.TruncatedNormal(0.0, 1.0, seed=0)((600, 900)))
    assert alike(truncated_normals(np.random.default_rng(4), (600, 900)), made)
    assert np.abs(made).max() <= 2
    assert not variance_is(made, 1.0)


def test_orthogonal_has_our_distribution(keras):
    start = keras.initializers.Orthogonal
    theirs = np.array([np.asarray(start(seed=seed)((3, 2))) for seed in range(500)])
    shape = (3000, 3, 2)
    ours = orthogonal(np.random.default_rng(5), shape, in_axis=1, out_axis=2, batch_axis=0)
    for place in ((0, 0), (2, 1)):
        pair = ours[(slice(None), *place)], theirs[(slice(None), *place)]
        assert stats.ks_2samp(*pair).pvalue > 1e-6
    np.testing.assert_allclose(np.swapaxes(theirs, 1, 2) @ theirs, [np.eye(2)] * 500, atol=1e-5)


def test_identity_is_ours(keras):
    theirs = np.asarray(keras.initializers.Identity(1.5)((4, 4)))
    np.testing.assert_array_equal(theirs, identity(np.random.default_rng(0), (4, 4), 1.5))


def test_the_fans_of_a_depthwise_kernel_are_not_ours(keras):
    """Keras reads 16 channels into the fan-in of outputs that meet one: a quarter of the signal."""
    shape = (3, 3, 16, 4)
    assert fans(shape, groups=16, spans="in", **LAYOUT) == (9, 36)
    made = [keras.initializers.HeNormal(seed=seed)(shape) for seed in range(50)]
    kurtosis = 3 + float(stats.truncnorm(-2, 2).stats("k"))
    assert variance_is(made, 2 / (9 * 16), kurtosis)
    ours = he(np.random.default_rng(6), (3, 3, 1600, 4), groups=1600, spans="in", **LAYOUT)
    assert variance_is(ours, 2 / 9)
    assert math.isclose(np.std(ours) / np.std(made), 4, rel_tol=0.05)

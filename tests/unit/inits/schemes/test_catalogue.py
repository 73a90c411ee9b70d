import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes.batching import on_a_ring
from workbench.inits.schemes.catalogue import TORCH_TANH, named
from workbench.inits.schemes.external import libraries
from workbench.inits.schemes.sampling import truncated_deviation
from workbench.inits.theory.moments import gain

AXES = {"in_axis": 2, "out_axis": 1, "batch_axis": 0, "dtype": "float64"}


def test_each_scheme_draws_the_variance_of_its_name():
    forward, backward = (gain("gelu", kind) ** 2 for kind in ("forward", "backward"))
    variances = {
        "LeCun": 1.0,
        "Glorot": 1.0,
        "He": 2.0,
        "forward gain": forward,
        "backward gain": backward,
        "orthogonal, forward gain": forward,
        "He, cut at two deviations, uncorrected": 2 * truncated_deviation() ** 2,
        "torch's default": 1 / 3,
        "torch's tanh gain": TORCH_TANH**2,
    }
    schemes = named("gelu")
    for name, variance in variances.items():
        square = schemes[name](generator(1), (4, 128, 128), **AXES) ** 2
        error = 5 * square.std() / np.sqrt(square.size)
        assert abs(square.mean() * 128 - variance) < 128 * error, name
        assert abs(square.mean() * 128 - 1.05**2 * variance) > 128 * error, name


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *((name, 0.2, 5.0) for name in ("He", "forward gain", "orthogonal, forward gain")),
        *((name, 0.0, 1e-2) for name in ("LeCun", "Glorot", "torch's default")),
        ("torch's tanh gain", 10.0, np.inf),
    ],
)
def test_schemes_do_to_relu_what_their_names_say(name, low, high):
    scheme = named("relu")[name]
    found = propagate(generator(0), [64] * 13, "relu", scheme, networks=64, inputs=4)
    assert low < found.signal_ratio.mean() < high


def test_matrices_are_drawn_for_each_network():
    drawn = named("relu")["sparse, forward gain"](generator(0), (3, 40, 40), **AXES)
    assert ((drawn != 0).sum(axis=2) == 4).all()
    assert not np.array_equal(drawn[0], drawn[1])


def test_a_convolution_on_a_ring_is_one():
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((3, 3, 3))  # (outputs, inputs, places)
    matrix = on_a_ring(lambda *_, **__: kernel, rng, (24, 24), dtype="float64")
    x = rng.standard_normal((8, 3))
    direct = np.array(
        [sum(kernel[:, :, k] @ x[(p + k - 1) % 8] for k in range(3)) for p in range(8)]
    )
    np.testing.assert_allclose(matrix @ x.ravel(), direct.ravel(), rtol=1e-12)
    assert on_a_ring(lambda _, shape, **__: np.ones(shape), rng, (9, 9), dtype="d").shape == (9, 9)


def test_torch_and_jax_are_measured():
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    found = libraries(1)
    expected = {
        "workbench variance_scaling": 1,
        "torch.nn.Linear": 1 / 3,
        "torch trunc_normal_": 1,
        "jax variance_scaling": 1,
        "jax truncated_normal": 0.7737,
    }
    assert list(found) == list(expected)
    for name, value in expected.items():
        low, high = found[name].interval
        assert low < value < high
        assert high - low < 0.05 * value

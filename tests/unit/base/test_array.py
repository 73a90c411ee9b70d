import array_api_strict
import numpy as np
import pytest

from workbench.base.array import device_name, generator, has_gpu, host, like, namespace
from workbench.base.checks import real, refuse, whole


def test_namespace_of_numbers_is_numpy():
    assert namespace(3, [1, 2]).asarray is not None
    assert isinstance(namespace(3).asarray([1]), np.ndarray)


def test_namespace_refuses_two_libraries():
    with pytest.raises(TypeError, match="one library"):
        namespace(np.zeros(2), array_api_strict.zeros(2))


def test_host_and_like_are_inverse(backend):
    x = backend.put(np.arange(6.0))
    np.testing.assert_array_equal(host(x), np.arange(6.0))
    np.testing.assert_array_equal(backend.back(like(host(x) * 2, x)), 2 * np.arange(6.0))


def test_generator_is_seeded_and_refuses_the_unknown():
    np.testing.assert_array_equal(generator(7).random(4), generator(7).random(4))
    with pytest.raises(ValueError, match="`backend` must be 'numpy' or 'cupy'; got 'torch'"):
        generator(0, "torch")


@pytest.mark.skipif(has_gpu(), reason="needs a machine without a GPU")
def test_cupy_without_a_gpu_is_one_sentence():
    for call in (lambda: generator(0, "cupy"), lambda: device_name("cupy")):
        with pytest.raises(ValueError, match="`backend` must be 'numpy' where .*; got 'cupy'"):
            call()


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.float32(3), [3.0, 3], np.uint64(3)])
def test_whole_accepts_whole_numbers(value):
    got = whole("cells", value, 1, 9)
    assert got.dtype == np.int64
    assert (got == 3).all()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, TypeError),
        ("3", TypeError),
        (None, TypeError),
        (3j, TypeError),
        ([1, "a"], TypeError),
        (2.5, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (0, ValueError),
        (10, ValueError),
        ([3, -1], ValueError),
        (2**70, ValueError),
        (-(2**70), ValueError),
    ],
)
def test_whole_refuses_with_the_name_and_the_value(value, kind):
    with pytest.raises(kind, match="^`cells` must be a whole number.*; got "):
        whole("cells", value, 1, 9)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1, [0.5, 2.0]])
def test_real_refuses_outside_its_span(value):
    with pytest.raises(ValueError, match=r"`sparsity` must be in \[0, 1\]; got "):
        real("sparsity", value, 0, 1)


def test_refusals_are_short():
    with pytest.raises(ValueError, match=r"\.\.\.$"):
        refuse("text", "short", "x" * 1000)

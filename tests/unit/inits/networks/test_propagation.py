import functools

import numpy as np
import pytest

from workbench.inits.functions.activations import activation
from workbench.inits.functions.batched_linalg import product
from workbench.inits.networks import propagation
from workbench.inits.networks.propagation import propagate
from workbench.inits.schemes import variance_scaling
from workbench.inits.schemes.orthogonal import orthogonal
from workbench.inits.theory.moments import moments, variance_map


def recorded(weights):
    """A scheme that hands out the given weights in turn."""
    parts = iter(weights)
    return lambda rng, shape, **options: next(parts)


class Fixed:
    """A generator of numbers chosen before."""

    def __init__(self, backend, draws):
        self.parts = iter([backend.put(d) for d in draws])

    def standard_normal(self, shape, dtype):
        return next(self.parts)


@pytest.mark.parametrize("which", ["tanh", "gelu", "leaky_relu"])
def test_a_plain_loop_over_networks_agrees(backend, which):
    rng = np.random.default_rng(1)
    widths, networks, inputs = [5, 7, 4, 6], 3, 2
    weights = [rng.standard_normal((networks, b, a)) for a, b in zip(widths, widths[1:])]  # noqa: B905
    x, *biases = [rng.standard_normal((networks, inputs, 5))] + [
        rng.standard_normal((networks, 1, n)) for n in widths[1:]
    ]
    cotangent = rng.standard_normal((networks, inputs, 6))
    found = propagate(
        Fixed(backend, [x, *biases, cotangent]),
        widths,
        which,
        recorded([backend.put(w) for w in weights]),
        networks=networks,
        inputs=inputs,
        bias_variance=1.0,
        jacobian=networks,
        dtype="float64",
    )
    f = activation(which)
    for one in range(networks):
        zs, jacobian = [x[one]], np.eye(5)
        for w, b in zip(weights, biases, strict=True):
            zs.append(f(zs[-1]) @ w[one].T + b[one])
            jacobian = w[one] @ (f.derivative(zs[-2][0])[:, None] * jacobian)
        np.testing.assert_allclose(found.before[:, one], [(z**2).mean() for z in zs])
        np.testing.assert_allclose(found.after[:, one], [(f(z) ** 2).mean() for z in zs])
        np.testing.assert_allclose(found.mean[:, one], [f(z).mean() for z in zs])
        np.testing.assert_allclose(found.singular[one], np.linalg.svd(jacobian)[1], atol=1e-12)
        gradient = [cotangent[one]]
        for w, z in zip(weights[::-1], zs[-2::-1], strict=True):
            gradient.append((gradient[-1] @ w[one]) * f.derivative(z))
        exact = [(g**2).mean() for g in gradient[::-1]]
        np.testing.assert_allclose(found.gradient[:, one], exact)


def test_torch_s_autograd_agrees():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    weights = [rng.standard_normal((1, 6, 6)) / 2 for _ in range(4)]
    x, cotangent = rng.standard_normal((2, 1, 3, 6))
    found = propagate(
        _Host([x, cotangent]),
        [6] * 5,
        "gelu",
        recorded(weights),
        networks=1,
        inputs=3,
        dtype="float64",
    )
    leaf = torch.tensor(x[0], requires_grad=True)
    z = leaf
    for w in weights:
        z = torch.nn.functional.gelu(z) @ torch.tensor(w[0]).T
    z.backward(torch.tensor(cotangent[0]))
    assert found.gradient[0, 0] == pytest.approx((leaf.grad**2).mean().item(), rel=1e-12)


class _Host(Fixed):
    def __init__(self, draws):
        self.parts = iter(draws)


@pytest.mark.parametrize("which", ["tanh", "silu", "sigmoid"])
def test_wide_networks_follow_the_variance_map(backend, which):
    networks, layers, width = 240, 3, 128
    scheme = functools.partial(variance_scaling.variance_scaling, scale=1.8)
    found = propagate(
        backend.rng(3), [width] * (layers + 1), which, scheme, networks=networks, bias_variance=0.1
    )
    k = 1.0
    for layer in range(1, layers + 1):
        k = variance_map(which, k, 1.8, 0.1)
        # The scatter between networks gives the mean's error.
        error = found.before[layer].std(ddof=1) / np.sqrt(networks)
        assert abs(found.before[layer].mean() - k) < 5 * error
        assert abs(1.05**2 * found.before[layer].mean() - k) > 5 * error
        assert found.mean[layer].mean() == pytest.approx(moments(which, k).mean, abs=0.05)


def test_orthogonal_linear_networks_are_isometries():
    rng = np.random.default_rng(4)
    found = propagate(rng, [48] * 21, "linear", orthogonal, networks=3, jacobian=3, dtype="float64")
    np.testing.assert_allclose(found.singular, 1, rtol=1e-12)
    np.testing.assert_allclose(found.signal_ratio, 1, rtol=1e-12)
    np.testing.assert_allclose(found.gradient_ratio, 1, rtol=1e-12)
    gaussian = propagate(rng, [48] * 21, "linear", variance_scaling.lecun, networks=3, jacobian=3)
    assert (gaussian.singular[:, 0] / gaussian.singular[:, -1]).min() > 1e4


def test_networks_that_do_not_fit_run_in_parts(monkeypatch):
    monkeypatch.setattr(propagation, "MEMORY", 3 * 2 * 64 * 64 * 4)
    found = propagate(
        np.random.default_rng(5), [64, 64, 64], "relu", variance_scaling.he, networks=8, jacobian=8
    )
    assert found.before.shape == found.gradient.shape == (3, 8)
    assert found.singular.shape == (8, 64)
    assert len(set(found.before[2])) == 8


def test_product_is_matmul_s(backend):
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((5, 3, 4)), rng.standard_normal((5, 6, 4)).swapaxes(1, 2)
    got = backend.back(product(backend.put(x), backend.put(y)))
    np.testing.assert_allclose(got, x @ y, rtol=1e-14)


def test_product_says_what_does_not_fit():
    with pytest.raises(ValueError, match="matmul"):
        product(np.zeros((4, 2, 3)), np.zeros((4, 2, 3)))


def test_bad_input(unchecked):
    rng = np.random.default_rng(0)

    def call(widths=(4, 4), scheme=variance_scaling.he, **options):
        propagate(rng, widths, "relu", scheme, **options)

    with pytest.raises(ValueError, match="`widths` must be of at least two layers"):
        call([4])
    with pytest.raises(ValueError, match="`widths` must be a whole number of at least 1; got 0"):
        call([4, 0])
    with pytest.raises(ValueError, match="`networks` must be a whole number of at least 1; got 0"):
        call(networks=0)
    with pytest.raises(ValueError, match="`input_variance` must be positive and finite; got 0"):
        call(input_variance=0)
    with pytest.raises(ValueError, match="`bias_variance` must be at least 0 and finite; got -1"):
        call(bias_variance=-1)
    with pytest.raises(ValueError, match=r"`scheme` must be one that returns weights of shape"):
        call(scheme=lambda rng, shape, **options: np.zeros((4, 4)))

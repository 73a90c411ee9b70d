import functools
import math

import numpy as np
import pytest

from workbench.base.array import generator
from workbench.inits.functions.activations import activation
from workbench.inits.networks.propagation import propagate
from workbench.inits.networks.single_input import one_input
from workbench.inits.schemes import variance_scaling
from workbench.inits.schemes.orthogonal import orthogonal
from workbench.inits.theory.preservation import spread


class Fixed:
    """A generator of numbers chosen before."""

    def __init__(self, backend, draws):
        self.parts = iter([backend.put(d) for d in draws])

    def standard_normal(self, shape, dtype):
        return next(self.parts)


def test_a_plain_loop_agrees(backend):
    rng = np.random.default_rng(1)
    draws = [rng.standard_normal((2, 3, 5)).astype(np.float32) for _ in range(4)]
    put = [d.copy() for d in draws]
    squares = one_input(
        Fixed(backend, put),
        *(5, 3, "gelu", np.array([1.7, 0.8])),
        bias_variance=np.array([0.3, 0.0]),
        input_variance=np.array([1.0, 2.0]),
        is_orthogonal=np.array([False, True]),
        networks=3,
    )
    f = activation("gelu")
    found, after = squares
    assert found.shape == (2, 4, 3)
    for network in range(3):
        z = draws[0][0, network].astype(float)
        for layer, x in enumerate(draws[1:], 1):
            z = math.sqrt(1.7 * (f(z) ** 2).mean() + 0.3) * x[0, network]
            assert found[0, layer, network] == pytest.approx((z**2).mean(), rel=1e-5)
            assert after[0, layer, network] == pytest.approx((f(z) ** 2).mean(), rel=1e-5)
        z = math.sqrt(2) * draws[0][1, network].astype(float)
        for layer, x in enumerate(draws[1:], 1):
            unit = x[1, network] / np.linalg.norm(x[1, network])
            z = math.sqrt(0.8) * np.linalg.norm(f(z)) * unit
            assert found[1, layer, network] == pytest.approx((z**2).mean(), rel=1e-5)


def compared(one, other):
    """Gaps of the means and of the variances of two samples' roots, in standard errors."""
    a, b = np.sqrt(one), np.sqrt(other)
    middle = (a.mean() - b.mean()) / np.sqrt(a.var() / a.size + b.var() / b.size)
    fourths = [((x - x.mean()) ** 4).mean() / x.size - x.var() ** 2 / x.size for x in (a, b)]
    return abs(middle), abs(a.var() - b.var()) / np.sqrt(sum(fourths))


@pytest.mark.parametrize(
    ("which", "bias", "scheme"),
    [
        ("relu", 0.0, functools.partial(variance_scaling.variance_scaling, scale=2.0)),
        ("gelu", 0.2, functools.partial(variance_scaling.variance_scaling, scale=2.0)),
        ("tanh", 0.0, functools.partial(orthogonal, gain=math.sqrt(2.0))),
    ],
)
def test_networks_whose_weights_are_drawn_are_alike(which, bias, scheme):
    full = propagate(
        *(generator(0), [16] * 5, which, scheme),
        networks=4000,
        inputs=1,
        bias_variance=bias,
        input_variance=1.5,
    )
    is_orthogonal = scheme.func is orthogonal
    right, wrong = (
        one_input(
            *(generator(1), 16, 4, which, c),
            bias_variance=bias,
            input_variance=1.5,
            is_orthogonal=is_orthogonal,
            networks=4000,
        )
        for c in (2.0, 2.0 * 1.05**2)
    )
    for layer in range(5):
        pairs = [(right.before[0, layer], full.before[layer])]
        # What the last layer's activation would make of it, a network does not compute.
        pairs += [(right.after[0, layer], full.after[layer])] if layer < 4 else []
        for one, other in pairs:
            assert max(compared(one, other)) < 5
    assert compared(wrong.before[0, 4], full.before[4])[0] > 5
    # Taken for the other kind of weights, the scatter is another.
    if bias == 0:
        other = one_input(
            *(generator(1), 16, 4, which, 2.0),
            input_variance=1.5,
            is_orthogonal=not is_orthogonal,
            networks=4000,
        ).before[0]
        assert compared(other[4], full.before[4])[1] > 5


def test_relu_scatters_as_its_law_says():
    found = one_input(generator(2), 32, 6, "relu", 2.0, networks=40_000).before[0]
    ratio = found[-1] / found[0]
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / 200)
    square = (ratio - 1) ** 2
    error = square.std() / 200
    assert square.mean() == pytest.approx(spread(32, 6) ** 2, abs=5 * error)
    assert abs(square.mean() - spread(32, 6, 2.0) ** 2) > 5 * error


def test_orthogonal_linear_networks_keep_every_length():
    found = one_input(generator(0), 20, 9, "linear", 1.0, is_orthogonal=True, networks=7)
    found = found.before[0]
    np.testing.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=1e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"width": 0}, "`width` must be a whole number"),
        ({"depth": 0}, "`depth` must be a whole number"),
        ({"networks": 0}, "`networks` must be a whole number"),
        ({"which": "swish"}, "`activation` must be one of"),
        (
            {"weight_variance": np.array([1.0, -1.0])},
            "`weight_variance` must be finite and positive",
        ),
        ({"weight_variance": math.nan}, "`weight_variance` must be finite and positive"),
        ({"input_variance": 0.0}, "`input_variance` must be finite and positive"),
        ({"bias_variance": -0.1}, "`bias_variance` must be finite and at least 0"),
        (
            {"bias_variance": 0.1, "is_orthogonal": True},
            "`bias_variance` must be 0 where weights are orthogonal; got 0.1",
        ),
    ],
)
def test_bad_input_is_refused(knobs, message):
    good = {"width": 8, "depth": 2, "which": "relu", "weight_variance": 2.0}
    with pytest.raises(ValueError, match=message):
        one_input(generator(0), **{**good, **knobs})

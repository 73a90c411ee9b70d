import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from workbench.inits.functions.activations import NAMES, Activation, activation, differences
from workbench.inits.functions.erf import erf, standard_erf

NUMBERS = np.concatenate([np.linspace(-12, 12, 4001), [0.0, 1e-8, -1e-8]])

# Written another way than the code, by SciPy's words and plain conditions.
EXACT = {
    "linear": lambda x: x,
    "relu": lambda x: np.where(x < 0, 0, x),
    "leaky_relu": lambda x: np.where(x < 0, 0.01 * x, x),
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "gelu": lambda x: x * special.ndtr(x),
    "gelu_tanh": lambda x: x * special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)),
    "silu": lambda x: x * special.expit(x),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1))
    ),
    "elu": lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1),
    "softplus": lambda x: np.logaddexp(0, x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "sin": np.sin,
    "erf": special.erf,
}

each = pytest.mark.parametrize("name", NAMES)


def test_every_name_has_a_reference():
    assert set(EXACT) == set(NAMES)


@each
def test_functions_are_what_their_names_say(name):
    np.testing.assert_allclose(activation(name)(NUMBERS), EXACT[name](NUMBERS), atol=5e-15)


@each
def test_derivatives_are_slopes(name):
    x = NUMBERS[np.abs(NUMBERS) > 1e-3]
    slope = (EXACT[name](x + 1e-6) - EXACT[name](x - 1e-6)) / 2e-6
    np.testing.assert_allclose(activation(name).derivative(x), slope, atol=2e-9)


@each
def test_differences_stand_in_for_a_derivative(name):
    f = activation(name)
    x = NUMBERS[np.abs(NUMBERS) > 1e-3]
    np.testing.assert_allclose(differences(f.function)(x), f.derivative(x), atol=1e-9)


@each
def test_activations_run_where_their_argument_lives(name, backend):
    f, x = activation(name), backend.put(NUMBERS)
    for part in (f.function, f.derivative):
        got = backend.back(part(x))
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, part(NUMBERS), atol=3e-15, rtol=1e-13)


@each
def test_single_precision_stays_single(name, backend):
    x = backend.put(NUMBERS.astype(np.float32))
    for part in (activation(name).function, activation(name).derivative):
        assert backend.back(part(x)).dtype == np.float32


@given(st.floats(-30, 30))
def test_the_standard_error_function_is_scipy_s(x):
    assert abs(standard_erf(np.array([x]))[0] - special.erf(x)) < 2e-15
    assert standard_erf(np.array([-x]))[0] == -standard_erf(np.array([x]))[0]


def test_error_function_lives_on_devices(backend):
    np.testing.assert_allclose(
        backend.back(erf(backend.put(NUMBERS))), special.erf(NUMBERS), atol=2e-15
    )


def test_a_number_in_brackets_sets_the_slope():
    assert activation("leaky_relu(0.2)")(np.array([-1.0])).tolist() == [-0.2]
    assert activation("elu(2)")(np.array([-50.0])).tolist() == [-2.0]


def test_an_activation_comes_back_as_it_is():
    mine = Activation("mine", np.tanh, np.cos)
    assert activation(mine) is mine


@pytest.mark.parametrize("text", ["rulu", "relu(0.1)", "leaky_relu()", ""])
def test_unknown_names_are_refused(text):
    with pytest.raises(ValueError, match=r"`activation` must be one of linear, relu, .*; got"):
        activation(text)


def test_bad_callables_are_refused(unchecked):
    with pytest.raises(ValueError, match=r"`activation` must be a function that keeps the shape"):
        activation(lambda x: x.sum())
    with pytest.raises(ValueError, match=r"`activation` must be real and finite on \[-12, 12\]"):
        activation(np.log)
    with pytest.raises(ValueError, match=r"`derivative` must be real and finite"):
        activation(np.tanh, lambda x: x * np.nan)
    with pytest.raises(TypeError, match=r"`activation` must be a name or a callable; got 3"):
        activation(3)

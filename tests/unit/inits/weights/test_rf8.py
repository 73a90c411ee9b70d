import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.inits.schemes.generalized_gaussian import variates
from workbench.inits.weights.rf8 import decode, encode, entropy, ordinary, signal_to_noise

values = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40)


def two_powers(w):
    """The authors' rule for one number, in Python's own arithmetic."""
    if w == 0:
        return 0.0
    e1 = round(float(np.log2(abs(w))))
    rest = abs(w) - 2.0**e1
    out = 2.0**e1
    if rest and e1 - (e2 := round(float(np.log2(abs(rest))))) <= 4:
        out += np.sign(rest) * 2.0**e2
    return float(np.sign(w) * out)


def coded(x):
    return decode(*encode(np.asarray(x, dtype=float)))


@given(values)
def test_decoding_gives_the_authors_sum_of_two_powers(x):
    codes, top = encode(np.array(x))
    for w, got in zip(x, decode(codes, top), strict=True):
        assert got == (two_powers(w) if got or w == 0 else 0.0)
        # Only what lies fifteen powers below the largest is dropped.
        assert got != 0 or abs(w) <= 2.0 ** (top - 14.4)


@given(st.floats(-1e6, 1e6, allow_subnormal=False))
def test_coding_twice_changes_nothing(w):
    # One number at a time: the largest of several may round up, and so drop the smallest.
    once = coded([w])
    np.testing.assert_array_equal(coded(once), once)


def test_eight_mantissas_an_octave_and_the_worst_error():
    x = np.geomspace(1.0, 1024.0, 400_001)
    got = coded(x)
    octave = np.unique(got[(got >= 16 * 0.75) & (got <= 24)]) / 16
    assert octave.tolist() == [0.75, 0.875, 0.9375, 1.0, 1.0625, 1.125, 1.25, 1.5]
    error = got / x - 1
    assert np.abs(error).max() == pytest.approx(0.1082, abs=2e-4)
    assert np.sqrt((error**2).mean()) == pytest.approx(0.0397, abs=2e-4)


def test_an_ordinary_float_of_eight_bits_errs_less():
    x = variates(np.random.default_rng(1), (100_000,), 0.5, dtype="float64")
    assert signal_to_noise(x, coded(x)) == pytest.approx(28.0, abs=0.3)
    assert signal_to_noise(x, ordinary(x)) == pytest.approx(31.5, abs=0.3)


def test_ordinary_rounds_as_float16_does_with_its_bits():
    x = np.random.default_rng(2).uniform(0.1, 8, 1000)
    np.testing.assert_array_equal(ordinary(x, 10), x.astype(np.float16).astype(float))


def test_entropy():
    assert entropy(np.zeros(9, dtype=np.uint8)) == 0
    assert entropy(np.arange(256, dtype=np.uint8)) == 8
    codes = np.repeat(np.array([0, 1, 2], dtype=np.uint8), [2, 1, 1])
    assert entropy(codes) == 1.5


def test_zeros_and_nothing():
    codes, top = encode(np.zeros(3))
    assert decode(codes, top).tolist() == [0, 0, 0]
    assert signal_to_noise(np.ones(3), np.ones(3)) == np.inf


def test_bad_input(unchecked):
    with pytest.raises(ValueError, match="`values` must be finite"):
        encode(np.array([1.0, np.inf]))

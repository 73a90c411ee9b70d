import numpy as np
import pytest

from workbench.dendrites.codes.encoders import random_projection
from workbench.dendrites.codes.patterns import overlaps


def test_the_code_is_that_of_the_formula(backend):
    inputs = np.random.default_rng(1).standard_normal((6, 5))
    result = backend.back(random_projection(backend.rng(2), inputs, 40, 7))
    weights = backend.back(backend.rng(2).standard_normal((5, 40)))
    scores = (inputs - inputs.mean(axis=0)) @ weights
    expected = [sorted(np.argsort(-row, kind="stable")[:7]) for row in scores]
    np.testing.assert_array_equal(result, expected)


def test_closer_inputs_share_more_winners():
    rng = np.random.default_rng(3)
    base = rng.standard_normal((200, 30))
    shared = []
    for distance in (0.1, 0.5, 2.0):
        moved = base + distance * rng.standard_normal(base.shape)
        code = random_projection(np.random.default_rng(4), np.concatenate([base, moved]), 1024, 40)
        shared.append(overlaps(code[:200], code[200:]).mean())
    assert shared[0] > shared[1] + 2 > shared[2] + 4


@pytest.mark.parametrize("bad", [np.array([1.0, 2.0]), np.array([[1.0, np.nan]])])
def test_bad_inputs_are_refused(unchecked, bad):
    with pytest.raises(ValueError, match="^`inputs` must be "):
        random_projection(np.random.default_rng(0), bad, 10, 2)


def test_some_inputs_about_the_mean_of_all_have_their_codes():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(50, 6)) + 4
    whole = random_projection(np.random.default_rng(1), inputs, 80, 8)
    mean = inputs.mean(axis=0)
    some = random_projection(np.random.default_rng(1), inputs[30:], 80, 8, mean)
    np.testing.assert_array_equal(some, whole[30:])
    alone = random_projection(np.random.default_rng(1), inputs[30:], 80, 8)
    assert (alone != some).any()

import numpy as np
import pytest
from sklearn.datasets import load_digits

from workbench.dendrites.codes.digits import of_digits, of_file
from workbench.dendrites.codes.files import PatternFile

CELLS, ACTIVE = 256, 12


def drawn(training=1200, most=None, seed=3):
    return of_digits(np.random.default_rng(0), CELLS, ACTIVE, training, seed, most)


def test_every_digit_is_stored_or_shown_with_its_own_pattern():
    result = drawn()
    assert (len(result.stored), len(result.shown)) == (1200, 597)
    images, labels = load_digits(return_X_y=True)
    # The same weights, and the best cells by an argument sort.
    weights = np.random.default_rng(0).standard_normal((64, CELLS))
    scores = (images - images.mean(axis=0)) @ weights
    winners = np.sort(np.argsort(scores, axis=1)[:, -ACTIVE:], axis=1)
    expected = sorted((*row, label) for row, label in zip(winners.tolist(), labels, strict=True))
    rows = np.concatenate([np.sort(result.stored, axis=1), np.sort(result.shown, axis=1)])
    kinds = np.concatenate([result.stored_labels, result.shown_labels])
    assert sorted((*row, k) for row, k in zip(rows.tolist(), kinds, strict=True)) == expected


def test_another_seed_stores_other_digits():
    assert (drawn(seed=3).stored_labels != drawn(seed=4).stored_labels).any()


@pytest.mark.parametrize("most", [1, 40, 700])
def test_few_are_the_first_of_all_with_the_same_patterns(most):
    for few, every in zip(drawn(most=most), drawn(), strict=True):
        np.testing.assert_array_equal(few, every[:most])


def file_of(labels):
    return PatternFile(np.arange(60).reshape(30, 2), labels, 2)


def test_of_a_file_with_classes_two_thirds_are_stored():
    labels = np.arange(30) % 7
    result = of_file(np.random.default_rng(0), file_of(labels), seed=1)
    assert (len(result.stored), len(result.shown)) == (20, 10)
    np.testing.assert_array_equal(result.stored_labels, labels[result.stored[:, 0] // 2])
    np.testing.assert_array_equal(result.shown_labels, labels[result.shown[:, 0] // 2])
    assert {*result.stored[:, 0], *result.shown[:, 0]} == set(range(0, 60, 2))
    few = of_file(np.random.default_rng(0), file_of(labels), seed=1, most=4)
    for part, whole in zip(few, result, strict=True):
        np.testing.assert_array_equal(part, whole[:4])


def test_without_classes_each_pattern_is_stored_and_shown_again():
    result = of_file(np.random.default_rng(0), file_of(None), seed=1, most=9)
    np.testing.assert_array_equal(result.stored, np.arange(18).reshape(9, 2))
    np.testing.assert_array_equal(result.shown, result.stored)
    np.testing.assert_array_equal(result.stored_labels, np.arange(9))
    np.testing.assert_array_equal(result.shown_labels, np.arange(9))

import math

import numpy as np
import pytest

from workbench.inits.schemes.variance_scaling import he
from workbench.inits.weights.matrix_report import DRAWN, fault, fitted_tail, spectrum, with_target
from workbench.inits.weights.untrained import initial_laws


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.mark.parametrize("shape", [(90, 400), (400, 90)])
def test_an_untrained_matrix_is_random(rng, shape):
    weights = he(rng, shape)
    (row, seen), tail = spectrum("w", weights), fitted_tail(rng, weights)
    assert (row.name, row.outputs, row.inputs) == ("w", *shape)
    error = 5 * math.sqrt(2 / math.prod(shape))
    assert row.fan_in_variance == pytest.approx(2, rel=error)
    assert row.deviation == pytest.approx(math.sqrt(2 / shape[1]), rel=error)
    assert math.isnan(row.tail)
    assert abs(tail.shape - 2) < 5 * tail.error
    assert (seen.place[0], seen.place[-1]) == (1, 90)
    assert np.abs(seen.trained - seen.random).max() < 0.05 * seen.random[0]


def test_a_tail_is_fitted_on_a_sample_that_the_generator_chooses(rng):
    weights = he(rng, (300, 300))
    few, again, other, whole = (
        fitted_tail(np.random.default_rng(s), weights, n)
        for s, n in ((1, 2000), (1, 2000), (2, 2000), (1, 90_000))
    )
    assert few == again != other
    assert few.error == pytest.approx(math.sqrt(45) * whole.error, rel=0.1)


def test_what_is_added_of_low_rank_is_counted(rng):
    spike = 0.3 * np.linalg.qr(rng.standard_normal((300, 4)))[0]
    weights = he(rng, (300, 300)) + 100 * spike @ spike.T
    row, seen = spectrum("w", weights)
    assert row.beyond == 4
    assert row.largest == pytest.approx(np.linalg.norm(weights, 2))
    assert 50 < len(seen.trained) <= DRAWN
    assert (seen.place[:5] == [1, 2, 3, 4, 5]).all()
    assert seen.trained[0] == row.largest


def test_the_factor_and_its_flag(rng):
    row, _ = spectrum("w", he(rng, (200, 100)))
    for target, flag in ((2.0, ""), (5.0, "vanishes"), (0.8, "explodes")):
        beside = with_target(row, target)
        assert beside.factor == pytest.approx(row.fan_in_variance / target)
        assert beside.flag == flag
    assert with_target(row, 2.0, "relu").activation == "relu"
    # A name decides nothing: what is looked up has been flagged so before.
    assert with_target(row._replace(name="word_embeddings"), 9.0).flag == "vanishes"
    table = with_target(row._replace(flag="lookup"), 9.0)
    assert (table.flag, math.isnan(table.factor)) == ("lookup", True)
    assert with_target(row._replace(flag="rank one"), 5.0).flags == ["rank one", "vanishes"]


def test_the_deviation_is_about_the_mean(rng):
    weights = (0.5 + 0.1 * rng.standard_normal((90, 400))).astype(np.float32)
    row, _ = spectrum("w", weights)
    assert row.mean == pytest.approx(0.5, abs=5 * 0.1 / math.sqrt(36000))
    assert row.deviation == pytest.approx(0.1, rel=5 / math.sqrt(72000))
    assert row.fan_in_variance == pytest.approx(400 * (row.mean**2 + row.deviation**2))
    assert row.beyond == 1  # the mean's own direction
    tail = fitted_tail(rng, weights)
    assert abs(tail.shape - 2) < 5 * tail.error
    # So far from zero that its square hides the deviation.
    far, _ = spectrum("w", 1e6 + 1e-3 * rng.standard_normal((90, 400)))
    assert far.deviation == pytest.approx(1e-3, rel=5 / math.sqrt(72000))


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.zeros((0, 5)), "empty"),
        (np.array([[1.0, np.nan, np.inf], [0, 1, 2]]), "2 of 6 not finite"),
        (np.zeros((30, 20), np.float16), "zero"),
        (np.ones((30, 20)), "constant"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), "too small to fit"),
        (np.full((9, 9), 1e-200) * np.arange(9), "too small to fit"),
        (np.full((9, 9), 1e200) * np.arange(9), "too large to fit"),
        (np.full((9, 9), 1e-44, np.float32) * np.arange(9), ""),
        (np.full((9, 9), 1e37, np.float32) * np.arange(9), ""),
        (np.arange(8.0).reshape(1, 8), ""),
    ],
)
def test_what_has_no_numbers_is_named(matrix, words):
    assert fault(matrix) == words
    if not words:
        row, _ = spectrum("w", matrix)
        assert np.isfinite([row.deviation, row.largest, row.stable, row.fan_in_variance]).all()


def test_an_outer_product_is_of_rank_one(rng):
    product = np.outer(rng.standard_normal(40), rng.standard_normal(60))
    noise = 1e-2 * rng.standard_normal((40, 60))
    assert spectrum("w", product.astype(np.float16))[0].flags == ["rank one"]
    assert spectrum("w", product + noise)[0].flags == []
    assert spectrum("w", rng.standard_normal((1, 60)))[0].flags == []


def test_a_fresh_matrix_is_flagged_by_its_law(rng):
    laws = initial_laws("w", (60, 200), "torch")
    assert spectrum("w", he(rng, (60, 200)), laws)[0].flags == ["initial distribution: He normal"]
    assert spectrum("w", 1.1 * he(rng, (60, 200)), laws)[0].flags == []

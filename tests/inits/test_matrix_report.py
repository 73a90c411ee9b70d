import math

import numpy as np
import pytest

from workbench.inits.matrix_report import DRAWN, fitted_tail, spectrum, wanting
from workbench.inits.schemes import he


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
    for wanted, flag in ((2.0, ""), (5.0, "vanishes"), (0.8, "explodes")):
        beside = wanting(row, wanted)
        assert beside.factor == pytest.approx(row.fan_in_variance / wanted)
        assert beside.flag == flag
    assert wanting(row._replace(name="word_embeddings"), 9.0).flag == "lookup"

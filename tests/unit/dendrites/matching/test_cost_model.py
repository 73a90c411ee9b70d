"""The parts of the cost model, by sums and by hand."""

from math import comb, sqrt

import pytest

from workbench.dendrites.matching import cost_model
from workbench.dendrites.matching.cost_model import Problem, Rates, passing, plans

RATES = Rates(((1.0, 2.0, 4.0),) * 4, 1.0, 1.0, 1.0, 5.0, 1.0, 1.0, 1000.0)


@pytest.mark.parametrize("share", [0.0, 1e-9, 0.3, 1.0])
@pytest.mark.parametrize("tested", [0, 1, 7, 40])
def test_the_chance_to_pass_is_a_sum_of_binomial_terms(tested, share):
    for bound in range(-2, tested + 4):
        active = range(max(bound, 0), tested + 1)
        terms = [comb(tested, k) * share**k * (1 - share) ** (tested - k) for k in active]
        assert passing(tested, share, bound) == pytest.approx(sum(terms), rel=1e-12, abs=1e-300)


def test_a_row_costs_as_measured_and_linearly_in_the_logarithm_between():
    costs = RATES.row[0]
    between = [cost_model._between(costs, n) for n in (1, *cost_model.CELLS, 2 * 65_535)]
    assert between == pytest.approx([1, 1, 2, 4, 8])
    middle = round(sqrt(1024 * 8192))
    assert cost_model._between(costs, middle) == pytest.approx(1.5, rel=1e-4)


def test_plans_are_ordered_by_their_expected_time():
    ordered = plans(Problem(2048, 40, 20, 12, 100_000, 512), RATES)
    assert sorted(p.method for p in ordered) == ["gather", "index", "pairs"]
    seconds = [p.seconds for p in ordered]
    assert {type(s) for s in seconds} == {float}
    assert 0 < seconds[0] <= seconds[1] <= seconds[2]
    assert str(ordered[0]).count(" ms") == 3

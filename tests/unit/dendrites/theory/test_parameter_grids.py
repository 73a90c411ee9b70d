"""The law over ranges, against the paper's printed table and the laws' own limits."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from workbench.dendrites.theory.parameter_grids import error_map, figure_6_medians, growth

# Ahmad & Hawkins (2016), Fig. 6: threshold and the median the authors' table prints.
PRINTED = {3: 1.8157e-2, 8: 4.83e-8, 9: 2.0406e-9, 10: 7.400e-11, 12: 7.63e-14, 15: 1.033e-18}
PRINTED |= {20: 4.11e-28, 24: 2.60e-36}


def test_the_medians_are_the_table_s():
    thresholds = np.array(list(PRINTED))
    result = figure_6_medians(thresholds)
    np.testing.assert_allclose(result, list(PRINTED.values()), rtol=1.5e-3)


def test_growth_rises_to_its_limit_and_falls_like_a_power():
    size = growth()
    assert (np.diff(size.fixed_share) > 0).all()
    assert (size.fixed_share < size.limit).all()
    # What the draw without replacement withholds shrinks like one over the population.
    gap = 1 - size.fixed_share / size.limit
    assert gap[-1] / gap[-2] == pytest.approx(0.5, abs=0.02)
    slope = np.log(size.fixed_number[-1] / size.fixed_number[-2]) / np.log(2)
    assert slope == pytest.approx(-12, abs=0.1)


def test_the_map_is_the_law():
    area = error_map(256, 8)
    assert area.exponent.shape == (len(area.threshold), len(area.share))
    row, column = 3, 5
    active, threshold = round(area.share[column] * 256), int(area.threshold[row])
    ways = sum(comb(8, b) * comb(248, active - b) for b in range(threshold, 9))
    exact = Fraction(ways, comb(256, active))
    assert area.exponent[row, column] == pytest.approx(np.log10(float(exact)), abs=1e-12)
    assert (np.diff(area.exponent, axis=0) < 0).all()
    assert (np.diff(area.exponent, axis=1) > 0).all()

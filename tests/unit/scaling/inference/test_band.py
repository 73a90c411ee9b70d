import numpy as np
import pytest

from workbench.scaling.inference.prediction import Band

LINE = np.array([1.0, 2.0, 3.0])


def test_a_band_for_a_figure_holds_its_line():
    low, high = Band(LINE * [0.5, 1.1, 0.9], LINE, LINE * [1.5, 1.2, 0.95]).around(LINE)
    assert low.tolist() == [0.5, 2.0, 2.7]
    assert high.tolist() == [1.5, 2.4, 3.0]


@pytest.mark.parametrize(("low", "high"), [(0.0, 2.0), (0.5, np.inf), (0.0, np.inf)])
def test_a_band_with_a_missing_end_is_none(low, high):
    ends = LINE * [0.9, 0.9, low], LINE * [1.1, 1.1, high]
    assert Band(ends[0], LINE, ends[1]).around(LINE) is None

import numpy as np
import pytest

from workbench.inits.theory.criticality import edge_of_chaos, fixed_point
from workbench.inits.theory.phase_diagram import phases

WEIGHTS = np.linspace(0.5, 3.5, 31)


@pytest.mark.parametrize("bias", [0.01, 0.05, 0.3])
def test_the_edge_is_the_edge_of_chaos(bias):
    shown = phases("tanh", np.array([bias]), WEIGHTS)
    crossing = np.interp(1.0, shown.perpendicular[0], WEIGHTS)
    assert crossing == pytest.approx(edge_of_chaos("tanh", bias).weight_variance, abs=0.01)
    assert shown.depth_scale[0].argmax() in np.abs(WEIGHTS - crossing).argsort()[:2]


@pytest.mark.parametrize("which", ["tanh", "gelu", "relu"])
def test_every_cell_is_its_fixed_point_s_slope(which):
    shown = phases(which, np.array([0.1, 0.4]), np.array([0.6, 1.2]), layers=400)
    for row, bias in enumerate((0.1, 0.4)):
        for column, weight in enumerate((0.6, 1.2)):
            slope = fixed_point(which, weight, bias).slopes.perpendicular
            assert shown.perpendicular[row, column] == pytest.approx(slope, rel=1e-6)
            depth = 1 / abs(np.log(slope))
            assert shown.depth_scale[row, column] == pytest.approx(depth, rel=1e-4)


def test_what_runs_away_is_blank():
    shown = phases("relu", np.array([0.1]), np.array([1.0, 3.0]))
    assert np.isnan(shown.perpendicular).tolist() == [[False, True]]

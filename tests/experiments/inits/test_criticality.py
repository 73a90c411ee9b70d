import numpy as np
import pytest

from workbench.experiments.inits import criticality
from workbench.inits.activations import NAMES
from workbench.inits.criticality import edge_of_chaos

SMALL = {"width": 32, "depth": 6, "networks": 8, "many": 400}


@pytest.fixture(scope="module")
def default():
    params = criticality.Params()
    return params, criticality.run(params)


def test_default_run_has_its_verdicts(default):
    verdicts = [c.verdict for c in criticality.claims(*default)]
    yes, no = "reproduced", "not reproduced"
    assert verdicts == [yes, yes, yes, no, no, yes, yes]


def test_one_gain_runs_away_and_relu_s_collapses(default):
    paths = default[1].trajectories
    assert paths["GELU, relu's gain"].measured[-1] < 1e-5
    assert paths["SiLU, gain of its own"].measured[-1] > 2
    kept = paths["gelu, critical pair"]
    assert 0.4 < kept.typical[0] / kept.law[0] < 2


def test_shallow_layers_follow_the_law(default):
    for path in default[1].trajectories.values():
        for layer in (1, 2, 3):
            gap = abs(path.measured[layer] - path.law[layer])
            assert gap < 5 * path.error[layer] + 1e-3 * path.law[layer]


def test_the_map_s_edge_is_the_edge_of_chaos():
    shown = criticality._map("tanh")
    row = int(np.argmin(np.abs(shown.bias_variance - 0.05)))
    crossing = np.interp(1.0, shown.perpendicular[row], shown.weight_variance)
    edge = edge_of_chaos("tanh", float(shown.bias_variance[row])).weight_variance
    assert crossing == pytest.approx(edge, abs=0.01)


def test_a_wrong_law_of_scatter_is_caught(default):
    params, result = default
    law, measured, error = result.scatter["relu"]
    wrong = {**result.scatter, "relu": (law, 1.3 * measured, error)}
    verdicts = criticality.claims(params, result._replace(scatter=wrong))
    assert verdicts[5].verdict == "not reproduced"


@pytest.mark.parametrize("which", ["mish", "tanh", "relu"])
def test_every_class_runs(which):
    params = criticality.Params(activation=which, **SMALL)
    result = criticality.run(params)
    assert which in NAMES
    assert len(criticality.summary(params, result)) >= 6
    assert f"{which}, critical pair from" in criticality.told(result)


def test_the_seed_decides():
    params = criticality.Params(**SMALL)
    one, again = (criticality.run(params).scatter["relu"] for _ in range(2))
    assert one == again
    assert criticality.run(criticality.Params(seed=1, **SMALL)).scatter["relu"] != one


def test_unknown_activations_are_refused():
    with pytest.raises(ValueError, match="`activation` must be one of 'gelu', 'silu'"):
        criticality.Params(activation="swish")

import numpy as np
import pytest

from workbench.experiments.inits import criticality
from workbench.inits.activations import NAMES

SMALL = {"width": 32, "depth": 6, "networks": 8, "many": 400}


@pytest.fixture(scope="module")
def default():
    params = criticality.Params()
    return params, criticality.run(params)


def test_default_run_has_its_verdicts(default):
    verdicts = [c.verdict for c in criticality.claims(*default)]
    yes, no = "reproduced", "not reproduced"
    assert verdicts == [yes, yes, yes, yes, no, no, yes, yes, yes, yes]


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


def test_a_mistuned_pair_leaves_the_law_s_start(default):
    params, result = default
    for error, low, high in ((-0.1, 0.0, 0.3), (0.1, 3.0, np.inf)):
        path = criticality.retuned(result, criticality.Params(mistuned=error)).trajectories
        assert path["SiLU, gain of its own"] is result.trajectories["SiLU, gain of its own"]
        moved = path["gelu, critical pair"]
        assert low < moved.typical[0] / moved.law[0] < high
        assert moved.law[1] / moved.law[0] == pytest.approx(
            1 + error * (1 - result.pair.bias_variance / result.pair.variance), rel=1e-9
        )


def test_a_wrong_law_of_scatter_is_caught(default):
    params, result = default
    seen = result.scatter["relu", params.narrow]
    wrong = {("relu", params.narrow): seen._replace(moment=1.5 * seen.moment)}
    made = criticality.claims(params, result._replace(scatter={**result.scatter, **wrong}))
    assert made[7].verdict == "not reproduced"


def test_a_scatter_that_goes_with_depth_alone_is_caught(default):
    params, result = default
    wide = result.scatter["relu", 2 * params.narrow]
    wrong = {("relu", 2 * params.narrow): wide._replace(logarithm=2 * wide.logarithm)}
    made = criticality.claims(params, result._replace(scatter={**result.scatter, **wrong}))
    assert made[9].verdict == "not reproduced"


def test_a_wrong_depth_scale_is_caught(default):
    params, result = default
    law, found, (low, high) = result.scale
    assert low < law < high
    assert high - low < 0.3 * law
    wrong = result._replace(scale=(1.3 * law, found, (low, high)))
    assert criticality.claims(params, wrong)[6].verdict == "not reproduced"


@pytest.mark.parametrize("which", ["mish", "tanh", "relu"])
def test_every_class_runs(which):
    params = criticality.Params(activation=which, **SMALL)
    result = criticality.run(params)
    assert which in NAMES
    assert len(criticality.summary(params, result)) >= 6
    assert f"{which}, critical pair from" in criticality.told(result)


def test_the_seed_decides():
    params = criticality.Params(**SMALL)
    other = criticality.Params(seed=1, **SMALL)
    one, again, new = (
        criticality.run(p).scatter["relu", 64].moment for p in (params, params, other)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, new)


def test_unknown_activations_are_refused():
    with pytest.raises(ValueError, match="`activation` must be one of 'gelu', 'silu'"):
        criticality.Params(activation="swish")

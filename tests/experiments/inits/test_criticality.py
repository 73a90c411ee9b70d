import numpy as np
import pytest
from counted import counted

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
    seen = []
    for p in (params, params, other):
        criticality._untuned.cache_clear()
        seen.append(criticality.run(p).scatter["relu", 64].moment)
    one, again, new = seen
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, new)


def test_unknown_activations_are_refused():
    with pytest.raises(ValueError, match="`activation` must be one of 'gelu', 'silu'"):
        criticality.Params(activation="swish")


@pytest.mark.parametrize("which", ["gelu", "tanh", "relu"])
def test_a_first_look_agrees_with_the_full_run(which):
    params = criticality.Params(activation=which, mistuned=0.02, depth=10, networks=64, many=400)
    look, full = criticality.first_look(params), criticality.run(params)
    assert look.pair == full.pair
    assert list(look.trajectories) == list(full.trajectories)
    for name, few in look.trajectories.items():
        path = full.trajectories[name]
        np.testing.assert_array_equal(few.law, path.law)
        # Layers share their networks; the first and the last are far apart.
        for layer in (0, 3, -1):
            error = 5 * np.hypot(few.error[layer], path.error[layer])
            assert 0 < abs(few.measured[layer] - path.measured[layer]) < error
            assert abs(1.05**20 * few.measured[layer] - path.measured[layer]) > error


def test_a_first_look_s_bars_are_honest():
    """They hold the law of a relu's critical pair, which is exact at every width, and no other."""
    params = criticality.Params(activation="relu", width=64, depth=4, networks=64)
    looks = [criticality.first_look(params.model_copy(update={"seed": s})) for s in range(200)]
    found = np.array([look.trajectories["relu, critical pair"].measured[-1] for look in looks])
    told = np.array([look.trajectories["relu, critical pair"].error[-1] for look in looks])
    error = found.std(ddof=1) / np.sqrt(len(looks))
    assert abs(found.mean() - 1) < 5 * error < abs(found.mean() - 1.05)
    # The deviation of 200 is known to 5 %; five errors of that.
    assert np.sqrt((told**2).mean()) == pytest.approx(found.std(ddof=1), rel=0.25)


def test_the_knobs_reach_a_first_look():
    def ends(**knobs):
        look = criticality.first_look(criticality.Params(**{**SMALL, **knobs}))
        return [t.measured[-1] for t in look.trajectories.values()]

    assert ends() == ends()
    for knobs in ({"seed": 1}, {"width": 33}, {"depth": 7}, {"networks": 16}):
        assert all(a != b for a, b in zip(ends(), ends(**knobs), strict=True))
    for knobs in ({"mistuned": 0.01}, {"activation": "tanh"}):
        assert ends()[:2] == ends(**knobs)[:2]
        assert ends()[2] != ends(**knobs)[2]


def test_a_first_look_draws_few_numbers_and_no_weights(monkeypatch):
    drawn = counted(monkeypatch, criticality)
    for name in ("trajectory", "fluctuations", "phases", "propagate"):
        monkeypatch.setattr(criticality, name, None)
    for knobs in ({}, {"width": 1024}, {"depth": 100}, {"networks": 256}):
        criticality._glimpsed.cache_clear()
        drawn.clear()
        params = criticality.Params(seed=7, **knobs)
        criticality.first_look(params)
        # Two networks are the fewest that have a standard error.
        size = (params.depth + 1) * params.width
        assert sum(drawn) <= 3 * max(2 * size, 1.1 * criticality.NUMBERS)
        assert sum(drawn) < params.networks * params.width * size / 50
    # Another error of the weights moves one trajectory of the three.
    drawn.clear()
    criticality.first_look(criticality.Params(seed=7, mistuned=0.1, networks=256))
    assert 0 < sum(drawn) < 1.1 * criticality.NUMBERS


def test_a_pair_and_a_map_are_computed_once_for_all_errors(monkeypatch):
    params = criticality.Params(**SMALL)
    full = criticality.run(params)
    for name in ("critical", "phases", "fluctuations"):
        monkeypatch.setattr(criticality, name, None)
    other = criticality.run(criticality.Params(mistuned=0.1, **SMALL))
    assert other.map is full.map
    paths = full.trajectories["gelu, critical pair"], other.trajectories["gelu, critical pair"]
    assert not np.array_equal(paths[0].law, paths[1].law)
    # What another seed changes is not taken from there.
    with pytest.raises(TypeError):
        criticality.run(criticality.Params(seed=1, **SMALL))


def test_a_law_that_is_made_longer_is_the_same():
    def laws(depth):
        look = criticality.first_look(criticality.Params(depth=depth, networks=4, width=16))
        return [t.law for t in look.trajectories.values()]

    short, long, again = laws(5), laws(9), laws(5)
    for a, b, c in zip(short, long, again, strict=True):
        assert (len(a), len(b)) == (6, 10)
        np.testing.assert_array_equal(a, b[:6])
        np.testing.assert_array_equal(a, c)


def test_a_signal_that_is_too_small_for_float32_is_a_small_one():
    params = criticality.Params(depth=200, width=16, networks=4, many=400)
    for result in (criticality.run(params), criticality.first_look(params)):
        middle, (low, high) = result.trajectories["GELU, relu's gain"].typical
        assert 0 < low <= middle <= high < 1e-38
    verdicts = [c.verdict for c in criticality.claims(params, criticality.run(params))]
    assert verdicts[5] == "not reproduced"


def test_a_first_look_refuses_what_the_run_refuses():
    for work in (criticality.run, criticality.first_look):
        with pytest.raises(ValueError, match="`backend` must be 'numpy' or 'cupy'; got 'jax'"):
            work(criticality.Params().model_copy(update={"backend": "jax"}))

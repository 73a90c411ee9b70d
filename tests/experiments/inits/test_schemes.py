import numpy as np
import pytest
from counted import counted

from workbench.array import generator
from workbench.experiments.inits import schemes
from workbench.experiments.inits._single_matrices import on_a_ring

SMALL = {"width": 64, "depth": 8, "networks": 32}


@pytest.fixture(scope="module")
def default():
    params = schemes.Params()
    return params, schemes.run(params)


def test_default_run_has_its_verdicts(default):
    verdicts = [c.verdict for c in schemes.claims(*default)]
    assert verdicts[:5] == ["reproduced"] * 4 + ["not reproduced"]
    assert set(verdicts[5:7]) <= {"reproduced", "undecided"}
    assert verdicts[7:] == ["reproduced"] * 3


def test_schemes_do_to_relu_what_their_names_say(default):
    rows = default[1].rows
    for name in (
        *("He", "forward gain", "backward gain", "orthogonal, forward gain"),
        *("delta-orthogonal, forward gain", "sparse, forward gain"),
    ):
        assert rows[name].forward.decision == "preserved", name
        assert rows[name].backward.decision == "preserved", name
    for name in ("LeCun", "Glorot", "torch's default", "He, cut at two deviations, uncorrected"):
        assert rows[name].forward.decision == "vanishes", name
    assert rows["torch's tanh gain"].forward.decision == "grows"
    assert rows["torch's default"].forward.ratio == pytest.approx(6**-20, rel=0.9)


def test_a_wrong_ratio_is_caught(default):
    params, result = default
    ratio = result.checked["He forward"]
    wrong = {**result.checked, "He forward": ratio._replace(value=1.05**40 * ratio.value)}
    assert schemes.claims(params, result._replace(checked=wrong))[0].verdict == "not reproduced"


def test_a_convolution_on_a_ring_is_one():
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((3, 3, 3))  # (outputs, inputs, places)
    matrix = on_a_ring(lambda *_, **__: kernel, rng, (24, 24), dtype="float64")
    x = rng.standard_normal((8, 3))
    direct = np.array(
        [sum(kernel[:, :, k] @ x[(p + k - 1) % 8] for k in range(3)) for p in range(8)]
    )
    np.testing.assert_allclose(matrix @ x.ravel(), direct.ravel(), rtol=1e-12)
    assert on_a_ring(lambda _, shape, **__: np.ones(shape), rng, (9, 9), dtype="d").shape == (9, 9)


def test_matrices_are_drawn_for_each_network():
    drawn = schemes.named("relu")["sparse, forward gain"](
        generator(0), (3, 40, 40), in_axis=2, out_axis=1, batch_axis=0, dtype="float64"
    )
    assert ((drawn != 0).sum(axis=2) == 4).all()
    assert not np.array_equal(drawn[0], drawn[1])


def test_wrong_streams_are_caught(default):
    params, result = default
    wrong = dict(result.streams)
    one = wrong["unscaled"]
    wrong["unscaled"] = one._replace(
        growth=1.3**20 * one.growth, interval=tuple(1.3**20 * x for x in one.interval)
    )
    wrong["rezero"] = wrong["rezero"]._replace(moments=np.array([1.0, 1.0 + 1e-7]))
    made = schemes.claims(params, result._replace(streams=wrong))
    assert [c.verdict for c in made[7:]] == ["not reproduced", "reproduced", "not reproduced"]
    assert "rezero 1" in schemes.streams_told(result)


def test_a_sketch_is_of_other_knobs(default):
    params, result = default
    assert schemes.sketched(params, result, params) is result
    other = schemes.sketched(params, result, schemes.Params(activation="tanh"))
    assert list(other.rows) == list(result.rows)
    assert other.rows["He"].signal[-1] > 0.5 > other.rows["Glorot"].signal[-1] > 0.01
    assert other.rows["forward gain"].forward.ratio == pytest.approx(1, abs=0.2)


def test_a_gain_wrong_by_five_per_cent_changes_every_verdict():
    for error, decision in ((0.05, "grows"), (-0.05, "vanishes")):
        rows = schemes.run(schemes.Params(mistuned=error)).rows
        assert rows["He"].forward.decision == rows["He"].backward.decision == decision
        assert rows["orthogonal, forward gain"].forward.decision == decision
    exact = schemes.Params(width=32, depth=3, networks=4)
    off = schemes.Params(width=32, depth=3, networks=4, mistuned=0.25)
    one, other = (schemes.run(p).rows["He"].signal[-1] for p in (exact, off))
    assert other == pytest.approx(1.25**6 * one, rel=1e-5)


@pytest.mark.parametrize("which", ["tanh", "gelu", "sigmoid", "sin"])
def test_other_activations_run(which):
    params = schemes.Params(activation=which, **SMALL)
    result = schemes.run(params)
    assert result.rows["forward gain"].forward.decision in ("preserved", "undecided")
    assert len(schemes.summary(params, result)) >= 27
    assert "torch's default vanishes" in schemes.told(result)


def test_libraries_that_are_missing_are_said_to_be(default):
    params, result = default
    made = schemes.claims(params, result._replace(libraries={}))
    assert [c.verdict for c in made[5:]] == ["undecided"] * 2 + ["reproduced"] * 3
    assert made[5].note == "torch.nn.Linear is not installed here"


def test_torch_and_jax_are_measured():
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    found = schemes.libraries(1)
    expected = {
        "workbench variance_scaling": 1,
        "torch.nn.Linear": 1 / 3,
        "torch trunc_normal_": 1,
        "jax variance_scaling": 1,
        "jax truncated_normal": 0.7737,
    }
    assert list(found) == list(expected)
    for name, value in expected.items():
        low, high = found[name].interval
        assert low < value < high
        assert high - low < 0.05 * value


def test_bad_knobs_are_refused():
    with pytest.raises(ValueError, match=r"`depth` must be a whole number in \[2, 100\]; got 1"):
        schemes.Params(depth=1)


def test_the_variances_are_those_that_the_schemes_draw():
    known, drawn = schemes.variances("gelu"), schemes.named("gelu")
    assert set(known) == set(drawn) - set(schemes.TOLD)
    axes = {"in_axis": 2, "out_axis": 1, "batch_axis": 0, "dtype": "float64"}
    for name, variance in known.items():
        square = drawn[name](generator(1), (4, 128, 128), **axes) ** 2
        error = 5 * square.std() / np.sqrt(square.size)
        assert abs(square.mean() * 128 - variance) < 128 * error
        assert abs(square.mean() * 128 - 1.05**2 * variance) > 128 * error


@pytest.mark.parametrize("knobs", [{}, {"activation": "tanh", "mistuned": 0.05}])
def test_a_first_look_agrees_with_the_full_run(knobs):
    # Enough networks that a gain wrong by five per cent would be seen.
    params = schemes.Params(**{**SMALL, "networks": 100, **knobs})
    look = schemes.first_look(params.model_copy(update={"networks": 256}))
    full = schemes.run(params)
    assert list(look.rows) == list(schemes.drawn(full))
    for name, row in look.rows.items():
        other = full.rows[name]
        assert row.signal.shape == other.signal.shape
        # Both tolerances are of five errors of a ratio whose start is one.
        tolerance = np.hypot(row.forward.tolerance, other.forward.tolerance)
        gap = row.signal[-1] / other.signal[-1] - 1
        assert abs(gap) < tolerance, name
        assert abs(1.05**16 * (gap + 1) - 1) > tolerance, name


def test_the_knobs_reach_a_first_look():
    def ends(**knobs):
        look = schemes.first_look(schemes.Params(**{**SMALL, **knobs}))
        return np.array([row.signal[-1] for row in look.rows.values()])

    np.testing.assert_array_equal(ends(), ends())
    for other in ({"seed": 1}, {"width": 65}, {"networks": 16}, {"activation": "tanh"}):
        assert (ends() != ends(**other)).all()
    np.testing.assert_allclose(ends(mistuned=0.1), 1.1**16 * ends(), rtol=1e-4)
    assert len(schemes.first_look(schemes.Params(depth=9)).rows["He"].signal) == 10


def test_a_first_look_draws_few_numbers_and_no_weights(monkeypatch):
    drawn = counted(monkeypatch, schemes)
    for name in ("propagate", "libraries", "_residual_streams"):
        monkeypatch.setattr(schemes, name, None)
    for knobs in ({}, {"width": 1024}, {"depth": 100}, {"networks": 256}):
        drawn.clear()
        params = schemes.Params(**knobs)
        schemes.first_look(params)
        # Two networks are the fewest that a mean is taken over.
        size = 9 * (params.depth + 1) * params.width
        assert sum(drawn) <= max(2 * size, 1.1 * schemes.NUMBERS)
        assert sum(drawn) < params.networks * params.width * size / 100


def test_a_first_look_refuses_what_the_run_refuses():
    for work in (schemes.run, schemes.first_look):
        with pytest.raises(ValueError, match="`backend` must be 'numpy' or 'cupy'; got 'jax'"):
            work(schemes.Params().model_copy(update={"backend": "jax"}))

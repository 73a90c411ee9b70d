import numpy as np
import pytest

from workbench.base.array import generator, host
from workbench.inits.networks.residual_stream import factors, growth, residual_stream
from workbench.inits.schemes.variance_scaling import variance_scaling


@pytest.mark.parametrize(("factor", "skip"), [(1.0, 1.0), (0.3, 1.0), (0.5, 0.8), (-1.0, 0.5)])
def test_the_second_moment_grows_by_the_law(factor, skip):
    blocks, networks = 6, 400
    moments = residual_stream(
        generator(1), 24, blocks, factor, skip=skip, networks=networks, inputs=8
    )
    assert moments.shape == (blocks + 1, networks)
    for block in (1, blocks):
        ratio = moments[block] / moments[0].mean()
        error = ratio.std(ddof=1) / np.sqrt(networks)
        assert abs(ratio.mean() - growth(block, factor, skip)) < 5 * error
    wrong = growth(blocks, 1.2 * factor, skip)
    assert abs((moments[-1] / moments[0].mean()).mean() - wrong) > 5 * error


def test_one_block_is_the_formula_by_hand():
    options = {"skip": 0.9, "networks": 1, "inputs": 2, "dtype": "float64"}
    moments = residual_stream(generator(5), 3, 1, 0.7, **options)
    again = generator(5)
    x = again.standard_normal((1, 2, 3))[0]
    layer = {"in_axis": 2, "out_axis": 1, "batch_axis": 0, "dtype": "float64"}
    one, two = (variance_scaling(again, (1, 3, 3), s, **layer)[0] for s in (1.0, 2.0))
    y = 0.9 * x + 0.7 * np.maximum(x @ one.T, 0) @ two.T
    assert moments[0, 0] == pytest.approx((x**2).mean(), rel=1e-13)
    assert moments[1, 0] == pytest.approx((y**2).mean(), rel=1e-13)


def test_normalised_streams_stay_at_one():
    moments = residual_stream(
        generator(2), 16, 4, 0.5, skip=2.0, normalised=True, networks=3, dtype="float64"
    )
    np.testing.assert_allclose(moments[1:], 1, rtol=1e-12)


def test_every_residual_scheme_keeps_its_promise():
    found = factors(30)
    assert list(found) == ["unscaled", "depth_scaled", "t_fixup", "deepnorm", "fixup", "rezero"]
    assert growth(30, **found["unscaled"]) == 2**30
    assert growth(30, **found["depth_scaled"]) == pytest.approx((1 + 1 / 30) ** 30)
    assert growth(30, **found["t_fixup"]) == pytest.approx((1 + 0.67**4 / 30) ** 30)
    for name in ("fixup", "rezero"):
        moments = residual_stream(generator(3), 8, 5, **found[name])
        np.testing.assert_array_equal(moments, np.broadcast_to(moments[:1], moments.shape))
    deep = found["deepnorm"]
    assert deep["skip"] == pytest.approx(60**0.25)
    assert deep["factor"] == pytest.approx(240**-0.5)


def test_growth_beyond_doubles_is_infinite():
    assert growth(2000, 1.0) == np.inf


def test_on_both_backends(backend):
    rng = backend.rng(4)
    assert np.isfinite(host(residual_stream(rng, 6, 2, 0.5, networks=2, inputs=3))).all()


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"width": 0}, r"`width` must be .*at least 1.*; got 0"),
        ({"blocks": 0}, r"`blocks` must be"),
        ({"factor": float("nan")}, r"`factor` must be"),
        ({"skip": 11.0}, r"`skip` must be"),
        ({"width": 1, "normalised": True}, r"`width` must be at least 2 where sums are normalised"),
    ],
)
def test_bad_numbers_are_refused(changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        residual_stream(generator(0), **{"width": 4, "blocks": 2, "factor": 1.0, **changed})

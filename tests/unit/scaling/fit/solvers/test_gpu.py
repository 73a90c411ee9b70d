"""What the CUDA kernel finds, without a GPU: its own text runs on a warp of g++'s."""

from dataclasses import replace

import numpy as np
import pytest
from chinchilla_points import extracted
from emulated_gpu import on_device
from planted import planted

from workbench.base.array import has_gpu
from workbench.scaling.fit import losses, starts
from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.solvers import gpu as solver_cuda
from workbench.scaling.fit.solvers import minimise
from workbench.scaling.inference.bootstrap import bootstrap, pair_counts
from workbench.scaling.inference.profile import profile
from workbench.scaling.laws import catalogue
from workbench.scaling.learning_curves import learning_curves

CHINCHILLA = solver_cuda.source(catalogue.chinchilla.program, True)


def both(table, law="chinchilla", **told):
    """The fit on the processor and the fit where the columns say they live."""
    there = {k: on_device(v) for k, v in table.items()}
    return fit(law, table, **told), fit(law, there, **told)


def agree(here, there, room=1e-6):
    assert there.converged == here.converged
    assert there.objective == pytest.approx(here.objective, rel=1e-12, abs=0)
    np.testing.assert_allclose(there.theta, here.theta, rtol=0, atol=room)


@pytest.mark.parametrize("space", ["log", "raw"])
@pytest.mark.parametrize("loss", losses.NAMES)
def test_the_extracted_points_have_the_same_minima(gpu, loss, space):
    """The objective is flat to 1e-14 of itself where it ends, so that θ is known to 1e-8 or so."""
    here, there = both(extracted(), loss=loss, space=space)
    agree(here, there, room=1e-7 if space == "raw" else 1e-8)
    ((text, kernel),) = gpu.items()
    assert kernel.fits == [here.starts]
    assert ("\n#define LAW Chinchilla\n" in text) == (space == "log")


# Only what it predicts is known to many digits: some breaks lie where no point is.
@pytest.mark.filterwarnings("ignore:.*decades")
@pytest.mark.parametrize("name", ["power_constant", "tied", "outer", "repeated", "bnsl1"])
def test_other_laws_end_where_they_do_on_the_processor(gpu, name):
    table, _ = planted(catalogue.NAMED[name], rows=70, noise=0.02, seed=2)
    here, there = both(table, name, delta=1e-2)
    assert there.objective == pytest.approx(here.objective, rel=1e-11)
    assert there.predict(table) == pytest.approx(here.predict(table), rel=1e-6)
    assert sum(k.fits[0] for k in gpu.values()) == here.starts


@pytest.mark.filterwarnings("ignore:.*decades")
def test_an_implicit_law_ends_where_it_does_on_the_processor(gpu):
    table, truth = planted(catalogue.NAMED["m4"], rows=40, noise=0.01, seed=3)
    near = [truth, {**truth, "alpha": 1.3 * truth["alpha"]}]
    agree(*both(table, "m4", starts=near, fixed={"eps_0": truth["eps_0"]}, loss="squared"))


@pytest.mark.parametrize("kind", ["pairs", "residual", "wild", "block"])
def test_resamples_have_the_same_minima(gpu, kind):
    table, _ = planted(catalogue.chinchilla, rows=100, noise=0.02, seed=4)
    table["run"] = np.repeat(np.arange(20.0), 5)
    found = fit("chinchilla", table)
    sent = replace(found, problem=found.problem._replace(home=on_device(table["loss"])))
    how = {"kind": kind, "rng": 5, "block": "run" if kind == "block" else None}
    a, b = bootstrap(found, 24, **how), bootstrap(sent, 24, **how)
    assert (a.converged, b.converged) == (1.0, 1.0)
    np.testing.assert_allclose(b.objectives, a.objectives, rtol=1e-12)
    np.testing.assert_allclose(b.draws, a.draws, rtol=1e-5)
    assert gpu[CHINCHILLA].fits == [24]


def test_all_starts_of_all_resamples_end_as_on_the_processor(gpu):
    """From 40 of the published starts, most of them far off: the same walks, not only ends."""
    found = fit("chinchilla", {k: on_device(v) for k, v in extracted().items()})
    some = starts.published(catalogue.chinchilla)[::113]
    counts = pair_counts(np.random.default_rng(0), 3, 240)
    problem = found.problem.resampled(counts, len(some))
    begin = np.tile(some, (3, 1))
    there = minimise.minima(problem, begin, levels=1)
    here = minimise.minima(problem, begin, levels=1, method="numba")
    np.testing.assert_allclose(there.objective, here.objective, rtol=1e-9)
    assert (there.converged == here.converged).all()
    # Rounding makes a step more or less at the end; another rule for steps makes many.
    assert there.iterations.mean() == pytest.approx(here.iterations.mean(), rel=0.02)
    assert gpu[CHINCHILLA].fits[-1] == 3 * len(some)
    assert len(np.unique(np.round(here.objective, 9))) > 3


@pytest.mark.parametrize(
    "told",
    [
        {"fixed": {"E": 0.0}},
        {"fixed": {"alpha": 0.34}},
        {"bounds": {"alpha": (0.36, None), "E": (None, 1.8)}},
        {"bounds": {"A": (None, 300.0)}},
    ],
)
def test_bounds_and_fixed_values_hold(gpu, told):
    here, there = both(extracted(), loss="squared", **told)
    agree(here, there)
    assert there.at_bounds == here.at_bounds


def test_learning_curves_are_fitted_at_once(gpu):
    size = np.tile(np.geomspace(1e2, 1e5, 16), 3)
    scale = np.repeat([2.0, 3.0, 4.0], 16)
    loss = 0.1 + scale * size**-0.4 * np.exp(0.01 * np.random.default_rng(1).standard_normal(48))
    table = {"size": size, "loss": loss, "run": np.repeat(np.arange(3.0), 16)}
    told = {"curve": "run", "laws": ("power", "power_constant")}
    here = learning_curves(table, **told)
    there = learning_curves({k: on_device(v) for k, v in table.items()}, **told)
    for name, scores in here.scores.items():
        np.testing.assert_allclose(there.scores[name].parameters, scores.parameters, rtol=1e-6)
        np.testing.assert_allclose(there.scores[name].held_out, scores.held_out, rtol=1e-6)
    assert len(gpu) == 2


class TestEdges:
    """Single fits through the kernel and through Numba's solver, far from where fits go well."""

    @pytest.fixture
    def problem(self, gpu):
        table, _ = planted(catalogue.chinchilla, rows=45, noise=0.02, seed=6)
        return fit("chinchilla", table).problem._replace(home=on_device(table["loss"]))

    def ends(self, problem, theta, **told):
        theta = np.array(theta, float)
        return [minimise.minima(problem, theta, method=m, **told) for m in ("numba", "cuda")]

    def test_points_without_weight_are_not_read(self, problem):
        weights = np.zeros((3, 45))
        weights[0, ::2], weights[1, :33] = 1.0, 2.5
        bad = problem.target.copy()
        bad[1::2] = np.nan
        at = [[6.0, 7.0, 0.5, 0.3, 0.3]]
        here, there = self.ends(problem._replace(target=bad).resampled(weights[:1]), at)
        assert np.isfinite(here.objective).all()
        np.testing.assert_allclose(there.objective, here.objective, rtol=1e-12)
        here, there = self.ends(problem.resampled(weights[::-1]), at * 3)
        np.testing.assert_allclose(there.objective, here.objective, rtol=1e-12)
        assert there.objective[0] == here.objective[0] == 0
        np.testing.assert_allclose(there.theta[0], here.theta[0], rtol=1e-14)

    def test_a_start_without_value_is_refused(self, problem):
        theta = [
            [np.nan, 7.0, 0.5, 0.3, 0.3],
            [6.0, 7.0, 0.5, -1e9, 0.3],
            [6.0, 7.0, 0.5, 0.3, 0.3],
        ]
        # A cost that grows without end: its square is infinite.
        far = problem._replace(cost=losses.cost("squared", 1.0), target=problem.target * 1e200)
        for tried in (problem, far):
            here, there = self.ends(tried.every(3), theta)
            np.testing.assert_array_equal(there.objective[:1], [np.inf])
            np.testing.assert_array_equal(np.isfinite(there.objective), np.isfinite(here.objective))
            np.testing.assert_array_equal(there.converged, here.converged)
            assert not there.converged[0]
        assert np.isinf(there.objective).all()

    @pytest.mark.parametrize("near", [False, True])
    def test_a_singular_matrix_is_damped(self, problem, near):
        """One point thrice, two points, and a start whose terms are nothing: flat directions."""
        weights = np.zeros((3, 45))
        weights[0, 7], weights[1, [3, 40]], weights[2] = 3.0, 1.0, 1.0
        theta = [
            [6.0, 7.0, 0.5, 0.3, 0.3],
            [6.0, 7.0, 0.5, 0.3, 0.3],
            [-400.0, -400.0, 0.5, 0.3, 0.3],
        ]
        here, there = self.ends(problem.resampled(weights), theta, near=near)
        np.testing.assert_allclose(there.objective, here.objective, rtol=1e-9, atol=1e-18)
        np.testing.assert_array_equal(there.converged, here.converged)
        assert np.isfinite(there.theta).all()

    @pytest.mark.parametrize("count", [1, 31, 32, 33, 45])
    def test_any_number_of_points_is_shared_out(self, problem, count):
        weights = np.zeros((1, 45))
        weights[0, :count] = 1.0
        theta = [[6.0, 7.0, 0.5, 0.3, 0.3]]
        # The first objective, before any step, is a sum over all points.
        one = problem._replace(low=np.array(theta[0]), high=np.array(theta[0]))
        here, there = self.ends(one.resampled(weights), theta)
        assert here.objective[0] > 0
        np.testing.assert_allclose(there.objective, here.objective, rtol=1e-13)


def test_one_fit_stays_on_the_processor(gpu):
    table, _ = planted(catalogue.chinchilla, rows=50, noise=0.02, seed=7)
    found = fit("chinchilla", {k: on_device(v) for k, v in table.items()})
    profile(found, "alpha")
    assert gpu[CHINCHILLA].fits == [found.starts]


def test_a_host_table_is_not_sent_to_a_gpu(gpu):
    table, _ = planted(catalogue.chinchilla, rows=50, noise=0.02, seed=7)
    with pytest.raises(ValueError, match="`method` must be another than 'cuda' for a table that"):
        fit("chinchilla", table, method="cuda")
    there = {k: on_device(v) for k, v in table.items()}
    fit("chinchilla", there, method="numba")
    assert not gpu
    fit("chinchilla", there, method="cuda")
    assert gpu


def test_a_fit_in_pieces_is_the_same(gpu, monkeypatch):
    table, _ = planted(catalogue.chinchilla, rows=50, noise=0.02, seed=8)
    there = {k: on_device(v) for k, v in table.items()}
    whole = bootstrap(fit("chinchilla", there), 11, rng=0)
    monkeypatch.setattr(solver_cuda, "FITS_AT_ONCE", 4)
    cut = bootstrap(fit("chinchilla", there), 11, rng=0)
    np.testing.assert_array_equal(cut.draws, whole.draws)
    assert gpu[CHINCHILLA].fits[-3:] == [4, 4, 3]


@pytest.mark.skipif(not has_gpu(), reason="needs a GPU")
@pytest.mark.parametrize("loss", losses.NAMES)
@pytest.mark.parametrize("law", ["chinchilla", "tied"])
def test_a_gpu_finds_the_same_minima(law, loss):
    import cupy

    table, _ = planted(catalogue.NAMED[law], rows=240, noise=0.02, seed=11)
    there = {k: cupy.asarray(v) for k, v in table.items()}
    a, b = fit(law, table, loss=loss), fit(law, there, loss=loss)
    agree(a, b)
    resampled = [bootstrap(f, 500, rng=0) for f in (a, b)]
    # On a corner some resamples stop before their minimum, each solver at its own place.
    room = 1e-6 if loss == "absolute" else 1e-9
    np.testing.assert_allclose(resampled[1].objectives, resampled[0].objectives, rtol=room)

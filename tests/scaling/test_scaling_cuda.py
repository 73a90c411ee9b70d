"""The CUDA kernel without a GPU: its text runs on a warp of g++'s and compiles through NVRTC."""

import re
from dataclasses import replace

import numpy as np
import pytest
from nvrtc import Compiler
from scaling.chinchilla_points import extracted
from scaling.emulated import compiled, folder, gpu, on_device
from scaling.planted import planted

from workbench.array import has_gpu
from workbench.scaling import laws, losses, rules, solver, solver_cuda, starts
from workbench.scaling.curves import learning_curves
from workbench.scaling.fitting import bootstrap, fit, profile
from workbench.scaling.resampling import pair_counts

__all__ = ["folder", "gpu"]
CHINCHILLA = solver_cuda.source(laws.chinchilla.program, True)
EVERY_RULE = laws.law(
    "E + minimum(A / size**alpha, B * exp(-size / c)) + log(1 + G / size)", ("size",)
)


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


# Only what it predicts is known to many digits: some breaks lie where no point is. A line in
# log time has one start, which stays on the processor.
@pytest.mark.filterwarnings("ignore:.*decades")
@pytest.mark.parametrize("name", [n for n in laws.NAMED if n not in ("m4", "bnsl3", "log_time")])
def test_every_law_ends_where_it_does_on_the_processor(gpu, name):
    table, _ = planted(laws.NAMED[name], rows=70, noise=0.02, seed=2)
    here, there = both(table, name, delta=1e-2)
    assert there.objective == pytest.approx(here.objective, rel=1e-11)
    assert there.predict(table) == pytest.approx(here.predict(table), rel=1e-6)
    assert sum(k.fits[0] for k in gpu.values()) == here.starts


def test_every_operation_ends_where_it_does_on_the_processor(gpu):
    assert {rules.MINIMUM, rules.EXP, rules.LOG, rules.DIV} < set(EVERY_RULE.program.code)
    size = np.geomspace(3, 3e4, 60)
    truth = {"E": 1.0, "A": 9.0, "alpha": 0.4, "B": 4.0, "c": 300.0, "G": 5.0}
    noise = np.exp(0.01 * np.random.default_rng(0).standard_normal(60))
    table = {"size": size, "loss": EVERY_RULE.value(truth, {"size": size}) * noise}
    here, there = both(table, EVERY_RULE, starts=[truth, {**truth, "alpha": 0.5}])
    agree(here, there)


@pytest.mark.filterwarnings("ignore:.*decades")
def test_an_implicit_law_ends_where_it_does_on_the_processor(gpu):
    table, truth = planted(laws.NAMED["m4"], rows=40, noise=0.01, seed=3)
    near = [truth, {**truth, "alpha": 1.3 * truth["alpha"]}]
    agree(*both(table, "m4", starts=near, fixed={"eps_0": truth["eps_0"]}, loss="squared"))


@pytest.mark.parametrize("kind", ["pairs", "residual", "wild", "block"])
def test_resamples_have_the_same_minima(gpu, kind):
    table, _ = planted(laws.chinchilla, rows=100, noise=0.02, seed=4)
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
    some = starts.published(laws.chinchilla)[::113]
    counts = pair_counts(np.random.default_rng(0), 3, 240)
    problem = found.problem.resampled(counts, len(some))
    begin = np.tile(some, (3, 1))
    there = solver.minima(problem, begin, levels=1)
    here = solver.minima(problem, begin, levels=1, method="numba")
    np.testing.assert_allclose(there.objective, here.objective, rtol=1e-9)
    assert (there.converged == here.converged).all()
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
        np.testing.assert_allclose(there.scores[name].held, scores.held, rtol=1e-6)
    assert len(gpu) == 2


class TestEdges:
    """Single fits through the kernel and through Numba's solver, far from where fits go well."""

    @pytest.fixture
    def problem(self, gpu):
        table, _ = planted(laws.chinchilla, rows=45, noise=0.02, seed=6)
        return fit("chinchilla", {k: on_device(v) for k, v in table.items()}).problem

    def ends(self, problem, theta, **told):
        theta = np.array(theta, float)
        return [solver.minima(problem, theta, method=m, **told) for m in ("numba", "cuda")]

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
    table, _ = planted(laws.chinchilla, rows=50, noise=0.02, seed=7)
    found = fit("chinchilla", {k: on_device(v) for k, v in table.items()})
    profile(found, "alpha", points=4)
    assert gpu[CHINCHILLA].fits == [found.starts]


def test_a_host_table_is_not_sent_to_a_gpu(gpu):
    table, _ = planted(laws.chinchilla, rows=50, noise=0.02, seed=7)
    with pytest.raises(ValueError, match="`method` must be another than 'cuda' for a table that"):
        fit("chinchilla", table, method="cuda")
    there = {k: on_device(v) for k, v in table.items()}
    fit("chinchilla", there, method="numba")
    assert not gpu
    fit("chinchilla", there, method="cuda")
    assert gpu


def test_more_parameters_than_bits_are_refused():
    wide = laws.law("E + " + " + ".join(f"A{i} / size**{i + 1}" for i in range(32)), ("size",))
    with pytest.raises(ValueError, match="`law` must be of at most 32 parameters on a GPU; got 33"):
        solver_cuda.source(wide.program, False)


def test_pieces_cover_all_fits_once(monkeypatch):
    monkeypatch.setattr(solver_cuda, "POINTS_AT_ONCE", 25)
    monkeypatch.setattr(solver_cuda, "FITS_AT_ONCE", 4)
    places = np.array([[0, 10, r] for r in (0, 0, 0, 0, 0, 0, 1, 2, 3, 3)])
    found = [range(10)[s] for s in solver_cuda.pieces(places)]
    assert [i for r in found for i in r] == list(range(10))
    assert max(map(len, found)) <= 4
    assert len(found) == 4
    assert list(solver_cuda.pieces(places[:0])) == []


def test_a_fit_in_pieces_is_the_same(gpu, monkeypatch):
    table, _ = planted(laws.chinchilla, rows=50, noise=0.02, seed=8)
    there = {k: on_device(v) for k, v in table.items()}
    whole = bootstrap(fit("chinchilla", there), 11, rng=0)
    monkeypatch.setattr(solver_cuda, "FITS_AT_ONCE", 4)
    cut = bootstrap(fit("chinchilla", there), 11, rng=0)
    np.testing.assert_array_equal(cut.draws, whole.draws)
    assert gpu[CHINCHILLA].fits[-3:] == [4, 4, 3]


def test_points_are_packed_by_weight():
    table, _ = planted(laws.chinchilla, rows=6, seed=9)
    problem = fit("chinchilla", table, starts=[planted(laws.chinchilla)[1]]).problem
    weights = np.array([[0, 2, 0, 1, 0, 3.0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    places = np.array([[0, 6, 0], [0, 6, 0], [1, 4, 0], [0, 6, 2], [0, 6, 1]])
    found = solver_cuda.packed(problem._replace(weights=weights, places=places))
    assert found.weight.tolist() == [2, 1, 3, 2, 1, 1]
    assert found.places.tolist() == [[0, 3], [0, 3], [3, 2], [5, 0], [5, 1]]
    kept = [1, 3, 5, 1, 3, 0]
    np.testing.assert_array_equal(found.target, problem.target[kept])
    np.testing.assert_array_equal(found.columns, problem.data[:, kept])
    assert found.columns.flags.c_contiguous


LANES_PART = {
    "a lane leaves": ("if (fit >= fits) return;", "if (fit >= fits || warp.lane == 3) return;"),
    "a lane skips": ("for (int step = 16;", "if (lane != 9) for (int step = 16;"),
}


@pytest.mark.parametrize("fault", LANES_PART)
def test_lanes_that_part_are_found_out(folder, fault):
    """The negative control of the emulation: a kernel that would hang or err on a GPU."""
    right, wrong = LANES_PART[fault]
    assert CHINCHILLA.count(right) == 1
    table, _ = planted(laws.chinchilla, rows=40, noise=0.02, seed=10)
    problem = fit("chinchilla", table).problem.every(2)._replace(home=on_device(table["loss"]))
    kernel = compiled(folder, CHINCHILLA.replace(right, wrong))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solver_cuda, "_compiled", lambda xp, text: kernel)
        with pytest.raises(AssertionError, match="different shuffles"):
            solver_cuda.fit_all(
                True, problem, np.tile([6.0, 7.0, 0.5, 0.3, 0.3], (2, 1)),
                problem.cost.schedule(), solver.walk(False), np.zeros((2, 3)),
            )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["chinchilla", "chinchilla's tape", "power_constant", "m4", "bnsl1"]
)
def test_the_kernel_compiles_in_double_precision(name):
    program = laws.NAMED[name.removesuffix("'s tape")].program
    text = solver_cuda.source(program, name == "chinchilla")
    told = ("-std=c++17", "--gpu-architecture=compute_90")
    code = Compiler(solver_cuda.HEADERS).compiled(text, told, "PTX").decode()
    assert re.search(r"\.visible \.entry fit_all\(", code)
    assert "atom.global.add.u64" in code
    assert "shfl.sync.bfly.b32" in code
    assert "fma.rn.f64" in code
    assert not re.search(r"(add|mul|fma|div|ex2|lg2)\S*\.f32", code)


@pytest.mark.parametrize("number", [75, 80, 90, 100, 120])
def test_the_kernel_becomes_machine_code(number):
    told = ("-std=c++17", f"--gpu-architecture=sm_{number}")
    assert Compiler(solver_cuda.HEADERS).compiled(CHINCHILLA, told, "CUBIN")[:4] == b"\x7fELF"


def test_an_error_in_the_kernel_is_found():
    text = CHINCHILLA.replace("LAW Chinchilla", "LAW NoSuchLaw")
    with pytest.raises(AssertionError, match="NoSuchLaw"):
        Compiler(solver_cuda.HEADERS).compiled(text, ("-std=c++17",), "PTX")


def test_the_text_changes_with_a_header(monkeypatch, tmp_path):
    """CuPy keeps compiled kernels by their text."""
    other = tmp_path / "solver_cost.h"
    other.write_text("// another")
    monkeypatch.setattr(solver_cuda, "HEADERS", [other])
    assert solver_cuda.source(laws.chinchilla.program, True) != CHINCHILLA


@pytest.mark.skipif(not has_gpu(), reason="needs a GPU")
@pytest.mark.parametrize("loss", losses.NAMES)
@pytest.mark.parametrize("law", ["chinchilla", "tied"])
def test_a_gpu_finds_the_same_minima(law, loss):
    import cupy

    table, _ = planted(laws.NAMED[law], rows=240, noise=0.02, seed=11)
    there = {k: cupy.asarray(v) for k, v in table.items()}
    a, b = fit(law, table, loss=loss), fit(law, there, loss=loss)
    agree(a, b)
    resampled = [bootstrap(f, 500, rng=0) for f in (a, b)]
    np.testing.assert_allclose(resampled[1].objectives, resampled[0].objectives, rtol=1e-9)

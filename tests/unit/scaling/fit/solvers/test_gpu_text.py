"""The CUDA kernel's text, what it is given, and that it compiles through NVRTC."""

import re

import numpy as np
import pytest
from emulated_gpu import compiled, on_device
from nvrtc import Compiler
from planted import planted

from workbench.scaling.fit.fit import fit
from workbench.scaling.fit.solvers import gpu, minimise
from workbench.scaling.laws import catalogue, law

TEXT = gpu.source(catalogue.chinchilla.program, True)


def test_more_parameters_than_bits_are_refused():
    wide = law.law("E + " + " + ".join(f"A{i} / size**{i + 1}" for i in range(32)), ("size",))
    with pytest.raises(ValueError, match="`law` must be of at most 32 parameters on a GPU; got 33"):
        gpu.source(wide.program, False)


def test_pieces_cover_all_fits_once(monkeypatch):
    monkeypatch.setattr(gpu, "POINTS_AT_ONCE", 25)
    monkeypatch.setattr(gpu, "FITS_AT_ONCE", 4)
    places = np.array([[0, 10, r] for r in (0, 0, 0, 0, 0, 0, 1, 2, 3, 3)])
    found = [range(10)[s] for s in gpu.pieces(places)]
    assert [i for r in found for i in r] == list(range(10))
    assert max(map(len, found)) <= 4
    assert len(found) == 4
    assert list(gpu.pieces(places[:0])) == []


def test_points_are_packed_by_weight():
    table, _ = planted(catalogue.chinchilla, rows=6, seed=9)
    problem = fit("chinchilla", table, starts=[planted(catalogue.chinchilla)[1]]).problem
    weights = np.array([[0, 2, 0, 1, 0, 3.0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    places = np.array([[0, 6, 0], [0, 6, 0], [1, 4, 0], [0, 6, 2], [0, 6, 1]])
    found = gpu.packed(problem._replace(weights=weights, places=places))
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
    assert TEXT.count(right) == 1
    table, _ = planted(catalogue.chinchilla, rows=40, noise=0.02, seed=10)
    problem = fit("chinchilla", table).problem.every(2)._replace(home=on_device(table["loss"]))
    kernel = compiled(folder, TEXT.replace(right, wrong))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "_compiled", lambda xp, text: kernel)
        with pytest.raises(AssertionError, match="different shuffles"):
            gpu.fit_all(
                True, problem, np.tile([6.0, 7.0, 0.5, 0.3, 0.3], (2, 1)),
                problem.cost.schedule(), minimise.solver_settings(False), np.zeros((2, 3)),
            )  # fmt: skip


@pytest.mark.parametrize(
    "name", ["chinchilla", "chinchilla's tape", "power_constant", "m4", "bnsl1"]
)
def test_the_kernel_compiles_in_double_precision(name):
    program = catalogue.NAMED[name.removesuffix("'s tape")].program
    text = gpu.source(program, name == "chinchilla")
    told = ("-std=c++17", "--gpu-architecture=compute_90")
    code = Compiler(gpu.HEADERS).compiled(text, told, "PTX").decode()
    assert re.search(r"\.visible \.entry fit_all\(", code)
    assert "atom.global.add.u64" in code
    assert "shfl.sync.bfly.b32" in code
    assert "fma.rn.f64" in code
    assert not re.search(r"(add|mul|fma|div|ex2|lg2)\S*\.f32", code)


@pytest.mark.parametrize("number", [75, 80, 90, 100, 120])
def test_the_kernel_becomes_machine_code(number):
    told = ("-std=c++17", f"--gpu-architecture=sm_{number}")
    assert Compiler(gpu.HEADERS).compiled(TEXT, told, "CUBIN")[:4] == b"\x7fELF"


def test_an_error_in_the_kernel_is_found():
    text = TEXT.replace("LAW Chinchilla", "LAW NoSuchLaw")
    with pytest.raises(AssertionError, match="NoSuchLaw"):
        Compiler(gpu.HEADERS).compiled(text, ("-std=c++17",), "PTX")


def test_the_text_changes_with_a_header(monkeypatch, tmp_path):
    """CuPy keeps compiled kernels by their text."""
    other = tmp_path / "cost.h"
    other.write_text("// another")
    monkeypatch.setattr(gpu, "HEADERS", [other])
    assert gpu.source(catalogue.chinchilla.program, True) != TEXT

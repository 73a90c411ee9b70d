"""The GPU benchmark's small kernels, without a GPU, and the bounds that follow from their rates."""

import ctypes
import re
import shutil
import subprocess

import numpy as np
import pytest
from gpu_benchmark import SUPPORT, module
from nvrtc import Compiler

limits = module("detector_cuda_limits")
rates = module("detector_cuda_rates")
script = module("detector_cuda")

# Of a GPU with 132 multiprocessors at 1.98 GHz: results a clock of each (facts, section 3.2).
CLOCKS = 132 * 1.98e9
H200 = limits.Rates(
    popc=16 * CLOCKS,
    logic=64 * CLOCKS,
    load32=32 * CLOCKS,
    load64=16 * CLOCKS,
    load128=8 * CLOCKS,
    load32_anywhere=32 / 3.53 * CLOCKS,
    load64_anywhere=16 / 3.0 * CLOCKS,
    load128_anywhere=8 / 2.60 * CLOCKS,
    count32=4 * CLOCKS,
    count8=2 * CLOCKS,
    copy=4.8e12,
)


def test_the_bounds_are_those_reckoned_by_hand():
    case = script.Case("", 2048, 40, 20, 12, 10**6, 512)
    found = limits.limits(H200, 227 << 10, case, 0)
    told = {"shared_neighbours": 1.34e13, "shared_anywhere": 5.14e12, "logic": 1.115e13}
    told |= {"scan": 6.53e10, "memory": 4.8e12 * 512 / 40, "bound": 5.14e12}
    for name, value in told.items():
        assert found[name] == pytest.approx(value, rel=5e-3), name
    assert found["index"] == pytest.approx(2 * CLOCKS * 2048 / 800)
    assert (found["bound_by"], found["table_words"]) == ("shared_anywhere", 4)
    # So few patterns fill a row of one word, and half of another.
    few = limits.limits(H200, 227 << 10, case._replace(patterns=32), 0)
    assert few["shared_neighbours"] == pytest.approx(32 * CLOCKS * 32 / 20)
    half = limits.limits(H200, 227 << 10, case._replace(patterns=48), 0)
    assert half["shared_neighbours"] == pytest.approx(16 * CLOCKS * 48 / 20)
    assert half["logic"] == found["logic"]
    # With a fifth of the bandwidth one pattern is bound by reading the lists, 40 bytes a segment.
    narrow, alone = H200._replace(copy=1e12), case._replace(patterns=1)
    one = limits.limits(narrow, 227 << 10, alone, 0)
    assert (one["bound_by"], one["bound"]) == ("memory", 1e12 / 40)
    # A match a segment makes 8 bytes more, cells beyond 65,536 make 40.
    assert limits.limits(narrow, 227 << 10, alone, 10**6)["bound"] == pytest.approx(1e12 / 48)
    wide = limits.limits(narrow, 227 << 10, alone._replace(cells=70_000), 0)
    assert wide["memory"] == pytest.approx(1e12 / 80)
    slow = H200._replace(logic=CLOCKS)
    assert limits.limits(slow, 227 << 10, case, 0)["bound_by"] == "logic"


@pytest.mark.parametrize(
    ("cells", "words"), [(14_527, 4), (14_528, 2), (29_055, 2), (29_056, 1), (65_536, 1)]
)
def test_a_table_s_rows_are_as_wide_as_fits(cells, words):
    assert limits.words_that_fit(cells, 227 << 10, 512) == words
    assert limits.words_that_fit(cells, 227 << 10, 20) == 1
    case = script.Case("", cells, 40, 20, 12, 10**6, 512)
    found = limits.limits(H200, 227 << 10, case, 0)
    rate = getattr(H200, f"load{32 * words}_anywhere")
    assert found["shared_anywhere"] == rate * 32 * words / 20


@pytest.mark.parametrize("anywhere", [False, True])
def test_a_warp_s_rows_are_different_and_stay_neighbours_or_spread(anywhere):
    following, start = rates.rows_in_turn(anywhere, np.random.default_rng(0))
    assert np.array_equal(np.sort(following), np.arange(rates.ROWS))
    rows = start.reshape(rates.CHAINS, -1, 32)
    worst = []
    for _ in range(20):
        banks = rows % 32
        most = max(np.bincount(warp, minlength=32).max() for warp in banks.reshape(-1, 32))
        worst.append(most)
        assert (np.diff(np.sort(rows, axis=2), axis=2) > 0).all()
        rows = following[rows]
    assert (min(worst) > 3) if anywhere else worst == [1] * 20


def entries(text):
    """The PTX of each kernel by its name."""
    return dict(re.findall(r"\.entry (\w+)\((.*?)\n}", text, re.DOTALL))


def test_each_small_kernel_does_its_one_thing_eight_times_a_round():
    told = (*rates.OPTIONS, "--gpu-architecture=compute_90")
    found = entries(Compiler([]).compiled(rates.SOURCE.read_text(), told, "PTX").decode())
    what = {
        "popc": r"\bpopc\.b32",
        "logic": r"\blop3\.b32 .*0xe8",
        "load32": r"\bld\.shared\.u32",
        "load64": r"\bld\.shared\.v2\.u32",
        "load128": r"\bld\.shared\.v4\.u32",
        "count32": r"\b(atom|red)\.shared\.add\.u32",
        "count8": r"\b(atom|red)\.shared\.add\.u32",
    }
    assert set(found) == set(what)
    for name, pattern in what.items():
        count = len(re.findall(pattern, found[name]))
        assert count % rates.CHAINS == 0, (name, count)
        assert count, name
        assert ".local" not in found[name]


@pytest.mark.parametrize("number", [75, 80, 90, 100, 120])
def test_the_small_kernels_become_machine_code(number):
    told = (*rates.OPTIONS, f"--gpu-architecture=sm_{number}")
    assert Compiler([]).compiled(rates.SOURCE.read_text(), told, "CUBIN")[:4] == b"\x7fELF"


EMULATED = """
Row<4> shared[2048];
Word counts[8192];

extern "C" bool chase(unsigned threads, const Word *next, Word rows, const Word *start, int rounds,
                      Word *out) {
  return gpu::launched({2, 1}, threads, [=] { load@BITS@(next, rows, start, rounds, out); });
}
extern "C" bool count(unsigned threads, Word counters, int rounds, Word *out) {
  return gpu::launched({2, 1}, threads, [=] { count@COUNT@(counters, rounds, out); });
}
"""


@pytest.fixture(scope="module")
def emulated(tmp_path_factory):
    """The small kernels through g++, but for the two that are written in a GPU's own words."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    folder = tmp_path_factory.mktemp("rates")

    def made(bits, count):
        text = re.sub(r"asm volatile\([\s\S]*?\)\);", ";", rates.SOURCE.read_text())
        text += EMULATED.replace("@BITS@", str(bits)).replace("@COUNT@", str(count))
        source = folder / f"{bits}-{count}.cpp"
        source.write_text('#include "emulated_block.h"\n' + text)
        flags = ["-std=c++17", "-O1", "-shared", "-fPIC", f"-I{SUPPORT}"]
        library = source.with_suffix(".so")
        subprocess.run(["g++", *flags, source, "-o", library], check=True)
        return ctypes.CDLL(str(library))

    return made


def address(values):
    return ctypes.c_void_p(values.ctypes.data)


@pytest.mark.parametrize(("bits", "count"), [(32, 32), (64, 8), (128, 8)])
def test_the_small_kernels_walk_all_rows_and_count_all_ones(emulated, bits, count):
    kernels, threads, rounds = emulated(bits, count), 64, 5
    following, start = rates.rows_in_turn(True, np.random.default_rng(1))
    start = np.ascontiguousarray(start[:, :threads])
    out = np.zeros((2, threads), np.uint32)
    told = ctypes.c_uint(rates.ROWS), address(start), ctypes.c_int(rounds), address(out)
    assert kernels.chase(ctypes.c_uint(threads), address(following), *told)
    for _ in range(rounds):
        start = following[start]
    np.testing.assert_array_equal(out, np.broadcast_to(start.sum(axis=0, dtype=np.uint32), (2, 64)))

    told = ctypes.c_uint(rates.COUNTERS), ctypes.c_int(rounds), address(out)
    assert kernels.count(ctypes.c_uint(threads), *told)
    # A counter of a quarter word adds its ones at its own place.
    ones = rates.CHAINS * rounds * threads
    if count == 32:
        assert out.sum(axis=1).tolist() == [ones] * 2
    else:
        totals = out.sum(axis=1, dtype=np.int64)
        assert (ones < totals).all()
        assert (totals % 255 == ones % 255).all()

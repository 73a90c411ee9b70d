"""The GPU benchmark as far as a machine without a GPU can run it."""

import ctypes
import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import array_api_compat
import numpy as np
import pytest
from dendrites.emulated_cupy import Cupy, OnDevice
from nvrtc import Compiler

from workbench.array import has_gpu
from workbench.dendrites import detector_cuda
from workbench.dendrites.detector import Detector

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def module(name):
    """A module of the benchmarks, whose names are no others' only while it is loaded."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


events = module("gpu_events")
limits = module("detector_cuda_limits")
peers = module("detector_cuda_peers")
rates = module("detector_cuda_rates")
script = module("detector_cuda")

SMALL = script.Case("small", 130, 30, 12, 5, 300, 70)


class Watch:
    """A stopwatch without a GPU: it counts how often it was started."""

    def __init__(self):
        self.started, self.running = 0, False

    def __enter__(self):
        assert not self.running
        self.started, self.running = self.started + 1, True

    def __exit__(self, *_):
        self.running = False

    def seconds(self):
        assert not self.running
        told, self.started = self.started, 0
        return float(told)


def multiplied(left, right):
    """int8 rows with int8 rows as int32, as tensor cores would, and under their rules."""
    assert left.dtype == right.dtype == np.int8
    assert not any(size % 16 for size in (*left.shape, *right.shape))
    return left.astype(np.int32) @ right.T.astype(np.int32)


class Held(np.ndarray):
    """A host array whose address stands where CuPy has it."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


class Cublas:
    """What cuBLAS does with matrices that are stored by columns."""

    CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_POINTER_MODE_HOST = 0, 1, 0
    CUBLAS_COMPUTE_32I, CUBLAS_GEMM_DEFAULT = 72, -1

    def __init__(self):
        self.mode, self.calls = 1, 0

    def getPointerMode(self, handle):  # noqa: N802
        return self.mode

    def setPointerMode(self, handle, mode):  # noqa: N802
        self.mode = mode

    def gemmEx(  # noqa: N802
        self, handle, transa, transb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c,
        c_type, ldc, compute, algorithm,
    ):  # fmt: skip
        assert (handle, self.mode, compute, algorithm) == (5, 0, 72, -1)
        assert (a_type, b_type, c_type) == (3, 3, 10)
        # The rules of the integer tensor cores; the first matrix transposed, the second not.
        assert (transa, transb) == (1, 0)
        assert not any(value % 16 for value in (m, n, k, lda, ldb, ldc, a, b, c))
        self.calls += 1

        def by_columns(address, kind, rows, columns, stride):
            assert stride >= rows
            flat = (kind * (stride * columns)).from_address(address)
            return np.frombuffer(flat, np.dtype(kind)).reshape(columns, stride).T[:rows]

        one, zero = (
            np.frombuffer((ctypes.c_int32 * 1).from_address(x), np.int32) for x in (alpha, beta)
        )
        left = by_columns(a, ctypes.c_int8, k, m, lda).T.astype(np.int64)
        right = by_columns(b, ctypes.c_int8, k, n, ldb).astype(np.int64)
        out = by_columns(c, ctypes.c_int32, m, n, ldc)
        out[:] = one * (left @ right) + zero * out


def aligned(shape, dtype):
    """An array whose memory begins at a whole 16 bytes, as all of CuPy's do."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    flat = np.empty(size + 16, np.uint8)
    flat = flat[-flat.ctypes.data % 16 :][:size]
    return flat.view(dtype).reshape(shape).view(Held)


def test_the_product_is_cublas_s_with_its_columns_and_rules():
    rng = np.random.default_rng(0)
    left, right = aligned((32, 48), np.int8), aligned((64, 48), np.int8)
    left[:], right[:] = rng.integers(0, 2, left.shape), rng.integers(0, 2, right.shape)
    cublas = Cublas()
    cupy = SimpleNamespace(
        cuda=SimpleNamespace(
            device=SimpleNamespace(get_cublas_handle=lambda: 5),
            runtime=SimpleNamespace(CUDA_R_8I=3),
        ),
        int32=np.int32,
        empty=lambda shape, dtype: aligned(shape, dtype),
    )
    product = peers.tensor_cores(cupy, cublas)
    np.testing.assert_array_equal(np.asarray(product(left, right)), multiplied(left, right))
    np.testing.assert_array_equal(
        np.asarray(product(left[:16], right[16:48])), multiplied(left[:16], right[16:48])
    )
    assert (cublas.calls, cublas.mode) == (2, 1)


@pytest.mark.parametrize("room", [1 << 29, 1 << 14, 1])
@pytest.mark.parametrize("cells", [64, 130, 256])
def test_the_peers_find_the_detector_s_matches(monkeypatch, room, cells):
    """In one piece, in several, and in the smallest there can be."""
    monkeypatch.setattr(peers, "ROOM", room)
    case = SMALL._replace(cells=cells)
    patterns, segments = script.drawn(case)
    expected = Detector(segments, cells, 5, "plain").matches(patterns)
    assert len(expected.pattern) > 100
    for peer in (peers.Scan(np, Watch()), peers.Product(np, Watch(), multiplied)):
        peer.build(segments, case)
        for asked in (patterns, patterns[:1]):
            pattern, segment = peer.ask(asked)
            here = expected.pattern < len(asked)
            np.testing.assert_array_equal(pattern, expected.pattern[here])
            np.testing.assert_array_equal(segment, expected.segment[here])
        assert peer.watch.started
        assert peer.rows.nbytes == peer.index_bytes(case)


def test_a_race_compares_first_and_times_both_clocks(monkeypatch):
    patterns, segments = script.drawn(SMALL)
    right = peers.Scan(np, Watch())
    found = script.raced(SMALL, (patterns, segments, segments), [right], 5)
    (entry,) = found["contestants"]
    assert entry["gpu"] == [1.0] * 5
    assert entry["gpu_pairs_per_s"] == 70 * 300
    assert entry["wall_s"] == np.median(entry["wall"]) > 0
    assert entry["build_s"] > 0
    expected = Detector(segments, 130, 5, "plain").matches(patterns)
    assert found["matches"] == len(expected.pattern)

    wrong = peers.Product(np, Watch(), lambda *rows: multiplied(*rows) + 1)
    with pytest.raises(SystemExit, match="int8 GEMM disagrees with Numba about the matches"):
        script.raced(SMALL, (patterns, segments, segments), [right, wrong], 5)


def test_segments_are_drawn_in_pieces_with_parts_of_patterns(monkeypatch):
    monkeypatch.setattr(script, "DRAWN_AT_ONCE", 77)
    patterns, segments = script.drawn(SMALL._replace(cells=65_536, active=1310))
    assert patterns.shape == (70, 1310)
    assert segments.dtype == np.uint16
    for rows in (patterns, segments):
        assert (np.diff(np.sort(rows.astype(int), axis=1), axis=1) > 0).all()
    active = np.zeros((70, 65_536), bool)
    np.put_along_axis(active, patterns, True, axis=1)
    most = active[:, segments].sum(axis=2).max(axis=0)
    # Drawn with repeats: 150 times one of 300 places, 118 different ones on average.
    assert 90 < (most == 12).sum() < 150
    assert (most < 12).sum() == 300 - (most == 12).sum()


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
    # One pattern is bound by reading the lists, 40 bytes a segment.
    one = limits.limits(H200, 227 << 10, case._replace(patterns=1), 0)
    assert (one["bound_by"], one["bound"]) == ("memory", 4.8e12 / 40)
    # A match a segment makes 8 bytes more.
    many = limits.limits(H200, 227 << 10, case._replace(patterns=1), 10**6)
    assert many["bound"] == pytest.approx(4.8e12 / 48)
    wide = limits.limits(H200, 227 << 10, case._replace(cells=70_000, patterns=1), 0)
    assert wide["memory"] == pytest.approx(4.8e12 / 80)
    slow = H200._replace(logic=CLOCKS)
    assert limits.limits(slow, 227 << 10, case, 0)["bound_by"] == "logic"


@pytest.mark.parametrize(
    ("cells", "words"), [(14_527, 4), (14_528, 2), (29_055, 2), (29_056, 1), (65_536, 1)]
)
def test_a_table_s_rows_are_as_wide_as_fits(cells, words):
    assert limits.words_that_fit(cells, 227 << 10) == words
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
        flags = ["-std=c++17", "-O1", "-shared", "-fPIC", f"-I{Path(__file__).parent}"]
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


class Event:
    def record(self):
        pass

    def synchronize(self):
        pass


class Library(Cupy):
    """As much of CuPy as the benchmark needs; NumPy does the work, and every event takes 2 ms."""

    def __init__(self, folder):
        super().__init__(folder)
        self.started = {}
        attributes = OnDevice.there.attributes | {"MultiProcessorCount": 3}
        self.cuda = SimpleNamespace(
            Event=Event,
            Device=lambda: SimpleNamespace(attributes=attributes, id=0),
            get_elapsed_time=lambda *pair: 2.0,
            runtime=SimpleNamespace(memGetInfo=lambda: (1 << 29, 1 << 29), CUDA_R_8I=3),
            device=SimpleNamespace(get_cublas_handle=lambda: 5),
        )

    def __getattr__(self, name):
        return getattr(np, name)

    def zeros(self, shape, dtype):
        return np.zeros(shape, dtype).view(OnDevice)

    def get_default_memory_pool(self):
        return SimpleNamespace(free_all_blocks=lambda: None)

    def RawModule(self, code, options):  # noqa: N802
        if code != rates.SOURCE.read_text():
            return super().RawModule(code, options)

        def get_function(name):
            def kernel(grid, block, arguments, shared_mem=0):
                self.started[name] = grid, block, len(arguments), shared_mem

            return kernel

        return SimpleNamespace(get_function=get_function)


@pytest.fixture
def library(monkeypatch, tmp_path):
    """A GPU for the script to believe in, with cuBLAS."""
    made = Library(tmp_path)

    def like(values, x):
        return made.asarray(values) if isinstance(x, OnDevice) else values

    detector_cuda._compiled.cache_clear()
    compiled = detector_cuda._compiled
    monkeypatch.setattr(detector_cuda, "_compiled", compiled)
    monkeypatch.setattr(array_api_compat, "is_cupy_array", lambda x: isinstance(x, OnDevice))
    monkeypatch.setattr(detector_cuda, "namespace", lambda *arrays: made)
    for name in ("detector", "detector_cuda"):
        monkeypatch.setattr(f"workbench.dendrites.{name}.like", like)
    monkeypatch.setattr(script, "device_name", lambda backend: "made up")
    libraries = SimpleNamespace(cublas=Cublas())
    monkeypatch.setitem(sys.modules, "cupy_backends.cuda.libs", libraries)
    monkeypatch.setattr(peers, "tensor_cores", lambda cupy, cublas: multiplied)
    yield made
    compiled.cache_clear()


def test_the_script_runs_from_rates_to_goal(library, monkeypatch, capsys):
    """With times that are made up; every list of matches is compared on the way."""
    small = script.Case("small", 2048, 40, 20, 12, 700, 520)
    wide = script.Case("too large", 2048, 40, 20, 12, 10**8, 520)
    monkeypatch.setattr(script, "cases", lambda most, quick: [(small, True), (wide, False)])
    report = script.measured(library, 5, 0, False)
    assert set(library.started) == {
        "popc", "logic", "load32", "load64", "load128", "count32", "count8",
    }  # fmt: skip
    assert library.started["load128"] == ((6,), (1024,), 5, 2048 * 16)
    assert library.started["count8"] == ((6,), (1024,), 3, 8192)
    done = 8 * 4096 * 6 * 1024
    assert report["rates"]["popc"] == report["rates"]["load32"] == done / 2e-3
    assert report["rates"]["copy"] == 2 * (1 << 27) / 2e-3
    (race,) = report["races"]
    names = [entry["name"] for entry in race["contestants"]]
    assert names == ["workbench cuda", "bitwise_count scan", "int8 GEMM"]
    best = 700 * 520 / 2e-3
    assert [e["gpu_pairs_per_s"] for e in race["contestants"]] == pytest.approx([best] * 3)
    ours, scan, _ = race["contestants"]
    assert ours["share_of_bound"] == pytest.approx(best / race["bounds"]["bound"])
    assert scan["share_of_bound"] == pytest.approx(best / race["bounds"]["scan"])
    assert report["goal"] == {"pairs_per_s": 1e12, "best_pairs_per_s": best, "reached": False}
    printed = capsys.readouterr().out
    assert "too large: left out, left out, needs" not in printed
    assert re.search(r"too large: needs 8\.\d+e\+09 bytes", printed)
    assert "% of its bound" in printed


@pytest.mark.skipif(has_gpu(), reason="needs a machine without a GPU")
@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ([], r"nothing was measured: this benchmark needs a GPU \(.*\)"),
        (["--rounds", "4"], "`rounds` must be at least 5; got 4"),
    ],
)
def test_the_script_refuses_in_one_sentence(told, sentence):
    command = [sys.executable, BENCHMARKS / "detector_cuda.py", *told]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert ran.returncode == 1
    assert re.fullmatch(sentence + "\n", ran.stderr)
    assert not ran.stdout


def test_the_cases_hold_the_goal_and_grow_as_asked():
    told = list(script.cases(10**8, False))
    first = told[0][0]
    assert first[1:] == (2048, 40, 20, 12, 200_000, 512)
    assert {case.segments for case, _ in told} == {200_000, 10**6, 10**7, 10**8}
    assert max(case.segments for case, _ in script.cases(10**7, False)) == 10**7
    assert [case for case, _ in script.cases(10**8, True)] == [first]
    assert {(c.cells, c.synapses, c.patterns) for c, _ in told} >= {
        (n, s, p) for n in (2048, 16_384, 65_536) for s in (10, 20, 40) for p in (32, 128, 512, 896)
    }

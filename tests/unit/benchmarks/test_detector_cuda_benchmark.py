"""The GPU benchmark's script as far as a machine without a GPU can run it."""

import re
import subprocess
import sys
from types import SimpleNamespace

import array_api_compat
import numpy as np
import pytest
from emulated_cupy import Cupy, OnDevice
from gpu_benchmark import BENCHMARKS, Watch, module, multiplied

from workbench.base.array import has_gpu
from workbench.dendrites.matching.backends import gpu
from workbench.dendrites.matching.detector import Detector

peers = module("detector_cuda_peers")
rates = module("detector_cuda_rates")
script = module("detector_cuda")

SMALL = script.Case("small", 130, 30, 12, 5, 300, 70)


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

    gpu._compiled.cache_clear()
    compiled = gpu._compiled
    monkeypatch.setattr(gpu, "_compiled", compiled)
    monkeypatch.setattr(array_api_compat, "is_cupy_array", lambda x: isinstance(x, OnDevice))
    monkeypatch.setattr(gpu, "namespace", lambda *arrays: made)
    for name in ("detector", "backends.gpu"):
        monkeypatch.setattr(f"workbench.dendrites.matching.{name}.like", like)
    monkeypatch.setattr(script, "device_name", lambda backend: "made up")
    libraries = SimpleNamespace(cublas=None)
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

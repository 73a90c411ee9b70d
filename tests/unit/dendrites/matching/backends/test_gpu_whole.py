"""The whole CUDA kernel and what starts it, without a GPU: blocks of threads under g++."""

import array_api_compat
import numpy as np
import pytest
from emulated_cupy import Cupy, OnDevice

from workbench.base.array import has_gpu
from workbench.dendrites.matching import detector
from workbench.dendrites.matching.backends import gpu
from workbench.dendrites.matching.detector import Detector


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def cupy(monkeypatch, folder):
    """What passes for CuPy, where the detector looks for it."""
    library = Cupy(folder)
    gpu._compiled.cache_clear()
    monkeypatch.setattr(array_api_compat, "is_cupy_array", lambda x: isinstance(x, OnDevice))
    monkeypatch.setattr(gpu, "namespace", lambda *arrays: library)

    def like(values, x):
        return library.asarray(values) if isinstance(x, OnDevice) else values

    for module in (detector, gpu):
        monkeypatch.setattr(module, "like", like)
    yield library
    gpu._compiled.cache_clear()


def drawn(cells, active, synapses, segments, patterns, seed=0):
    """Patterns, and segments of which every tenth is a part of one."""
    rng = np.random.default_rng(seed)

    def rows(count, each):
        return np.argpartition(rng.random((count, cells)), each - 1, axis=1)[:, :each]

    of = rows(patterns, active)
    lists = rows(segments, synapses)
    lists[::10] = of[np.arange(len(lists[::10])) % patterns, :synapses]
    return of, lists


def same(cupy, of, lists, cells, threshold, **arguments):
    here = Detector(lists, cells, threshold, "plain", **arguments).matches(of)
    there = Detector(cupy.asarray(lists), cells, threshold, "cuda", **arguments)
    result = there.matches(cupy.asarray(of))
    np.testing.assert_array_equal(result.pattern, here.pattern)
    np.testing.assert_array_equal(result.segment, here.segment)
    assert result.pattern.dtype == result.segment.dtype == np.int64
    return there, here


@pytest.mark.parametrize(
    ("segments", "patterns"), [(1, 1), (31, 129), (257, 128), (1500, 300), (3000, 33)]
)
def test_matches_are_those_of_the_plain_search(cupy, segments, patterns):
    of, lists = drawn(200, 30, 12, segments, patterns)
    _, here = same(cupy, of, lists, 200, 5)
    assert len(here.pattern) >= -(-segments // 10)


@pytest.mark.parametrize("threshold", [1, 20])
def test_the_least_and_the_greatest_threshold(cupy, threshold):
    of, lists = drawn(100, 25, 20, 400, 140)
    _, here = same(cupy, of, lists, 100, threshold)
    assert len(here.pattern)


def test_more_matches_than_room_come_in_halves(cupy, monkeypatch):
    of, lists = drawn(60, 20, 10, 150, 200)
    monkeypatch.setattr(gpu, "MATCHES_AT_ONCE", 1)
    _, here = same(cupy, of, lists, 60, 2)
    assert len(here.pattern) > 20_000
    assert len(cupy.kernels[0].launches) > 150


def test_blocks_and_patterns_in_pieces_are_the_same(cupy, monkeypatch):
    of, lists = drawn(150, 25, 10, 1000, 300)
    monkeypatch.setattr(gpu, "PATTERNS_AT_ONCE", 128)
    monkeypatch.setattr("workbench.dendrites.matching.segment_store.BLOCK", 333)
    same(cupy, of, lists, 150, 4)
    assert len(cupy.kernels[0].launches) == 3 * 4


@pytest.mark.parametrize(
    ("cells", "room"), [(3071, True), (3072, True), (14_527, True), (14_528, False)]
)
def test_shared_memory_is_asked_for_where_the_table_fits(cupy, cells, room):
    """48 KiB come unasked, 227 KiB at most: 16 bytes for each cell and for no cell."""
    of, lists = drawn(cells, 60, 9, 70, 20)
    same(cupy, of, lists, cells, 5)
    (kernel,) = cupy.kernels
    ((_, _, given),) = kernel.launches
    assert given == (16 * (cells + 1) if room else 0)


def test_short_rows_wide_cells_and_tagged_segments(cupy):
    of, lists = drawn(70_000, 80, 11, 90, 140)
    lists[::3, 7:], of[::5, 60:] = -1, -1
    numbers = np.arange(90) // 4
    _, here = same(cupy, of, lists, 70_000, 6, padding=-1, numbers=numbers)
    assert len(here.pattern) > 5


@pytest.mark.parametrize("synapses", [3, 16, 64, 130, 1030])
def test_every_number_of_planes(cupy, synapses):
    cells = 2 * synapses + 40
    of, lists = drawn(cells, synapses + 10, synapses, 66, 40)
    same(cupy, of, lists, cells, max(1, synapses // 2))


def test_columns_are_made_once(cupy, monkeypatch):
    of, lists = drawn(100, 20, 10, 50, 20)
    there = Detector(cupy.asarray(lists), 100, 4, "cuda")
    there.matches(cupy.asarray(of))
    monkeypatch.setattr(cupy, "ascontiguousarray", None)
    assert len(there.matches(cupy.asarray(of)).pattern)


FAULTS = {
    "no barrier": ("__syncthreads();", "", "not equal|mismatch"),
    "lanes part": ("(segments + 31) / 32 * 32;", "segments;", "threads that should meet did not"),
    "no place of one's own": ("+ upto - mine", "", "not equal|mismatch"),
    "the first table for all": ("tables + blockIdx.y * rows", "tables", "not equal|mismatch"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_a_gpu_would_show_are_found_here(cupy, fault):
    """The negative control of the emulation."""
    right, wrong, sentence = FAULTS[fault]

    def changed(text):
        assert text.count(right) == 1
        return text.replace(right, wrong)

    cupy.changed = changed
    of, lists = drawn(100, 30, 12, 300, 200)
    with pytest.raises(AssertionError, match=sentence):
        same(cupy, of, lists, 100, 5)


@pytest.mark.parametrize("segments", [1, 255, 1024, 1025, 200_000, 1 << 20])
@pytest.mark.parametrize("rows", [2049, 8193, 65_537])
def test_grids_have_no_idle_blocks_and_amortise_their_table(segments, rows):
    for shared in (False, True):
        across, down = gpu.grid(segments, 20, rows, 32, shared)
        assert down == 32
        each = segments / across
        assert (across - 1) * gpu.THREADS * gpu.SEGMENTS_A_THREAD < segments
        if shared and across > 1:
            assert each * 20 >= gpu.ROWS_READ_A_ROW * rows / 2


def test_rows_of_65536_synapses_and_more_have_planes():
    assert gpu.options(65_536, 4, False)[1] == "-DPLANES=25"
    assert gpu.options(1 << 24, 4, False)[1] == "-DPLANES=25"


@pytest.mark.skipif(not has_gpu(), reason="needs a GPU")
@pytest.mark.parametrize(("cells", "synapses"), [(2048, 20), (2048, 40), (16_384, 20), (70_000, 9)])
def test_a_gpu_finds_the_matches_of_the_plain_search(cells, synapses):
    import cupy

    of, lists = drawn(cells, 60, synapses, 3000, 300)
    here = Detector(lists, cells, 5, "plain").matches(of)
    result = Detector(cupy.asarray(lists), cells, 5, "cuda").matches(cupy.asarray(of))
    np.testing.assert_array_equal(result.pattern, here.pattern)
    np.testing.assert_array_equal(result.segment, here.segment)

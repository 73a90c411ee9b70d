"""The CUDA kernel without a GPU: a thread's arithmetic through g++, the whole through NVRTC."""

import ctypes
import itertools
import re
import shutil
import subprocess
import tracemalloc

import numpy as np
import pytest
from nvrtc import Compiler

from workbench.dendrites.matching.backends import gpu
from workbench.dendrites.matching.backends.gpu import PLANES, SOURCE, WORDS, options, tables

HARNESS = """
#include "bitslice.h"
extern "C" void reached(const Row<4> *table, const CELL *lists, long long segments, int synapses,
                        unsigned bound, Word *hits) {
  for (long long s = 0; s < segments; ++s) {
    Sums<PLANES> sums[4];
    overlaps<PLANES, 4>(table, lists + s, segments, synapses, sums);
    for (int w = 0; w < 4; ++w) hits[4 * s + w] = sums[w].reached(bound);
  }
}
"""


def through_gcc(folder, arguments, table, lists, bound):
    """What the threads would find, one after another."""
    library = folder / f"{abs(hash(arguments))}.so"
    if not library.exists():
        code = library.with_suffix(".cpp")
        code.write_text(HARNESS)
        flags = ["-O2", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC"]
        command = ["g++", *flags, *arguments, f"-I{SOURCE.parent}", code, "-o", library]
        subprocess.run(command, check=True)
    call = ctypes.CDLL(str(library)).reached
    hits = np.zeros((lists.shape[0], WORDS), np.uint32)
    columns = np.ascontiguousarray(lists.T)
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (table, columns, hits)]
    sizes = ctypes.c_longlong(lists.shape[0]), ctypes.c_int(lists.shape[1]), ctypes.c_uint(bound)
    call(pointers[0], pointers[1], *sizes, pointers[2])
    return hits


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("synapses", [1, 3, 4, 8, 15, 20, 31, 33, 64, 130, 300])
def test_a_thread_finds_the_patterns_that_reach_the_threshold(tmp_path, synapses, kind):
    rng = np.random.default_rng(synapses)
    cells = 2 * synapses + 5
    lists = rng.random((37, cells)).argsort(axis=1)[:, :synapses].astype(kind)
    lists[::5, -1] = cells  # a segment with one synapse fewer
    patterns = rng.random((100, cells)).argsort(axis=1)[:, : synapses + 2].astype(kind)
    overlap = (patterns[:, :, None, None] == lists[None, None]).sum(axis=(1, 3))
    arguments = options(synapses, np.dtype(kind).itemsize, False)
    for bound in sorted({1, synapses // 2 + 1, synapses}):
        hits = through_gcc(tmp_path, arguments, tables(patterns, cells)[0], lists, bound)
        bits = np.unpackbits(hits.view(np.uint8), axis=1, bitorder="little")
        np.testing.assert_array_equal(bits[:, :100], (overlap >= bound).T)
        assert not bits[:, 100:].any()


def compiled(arguments, kind):
    """The kernel's PTX or CUBIN, or a failure with the compiler's words."""
    return Compiler([SOURCE.with_suffix(".h")]).compiled(SOURCE.read_text(), arguments, kind)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("planes", "item"), list(itertools.product(PLANES, (2, 4))))
def test_the_kernel_compiles_for_every_size(planes, item, shared):
    arguments = options((1 << planes) - 1, item, shared)
    assert f"-DPLANES={planes}" in arguments
    code = compiled((*arguments, "--gpu-architecture=compute_90"), "PTX").decode()
    assert re.search(r"\.visible \.entry gather\(", code)
    assert "atom.global.add.u64" in code
    assert "shfl.sync.up" in code
    assert ("bar.sync" in code) == shared
    # A row is one load, and what a thread adds up stays in registers.
    assert f"ld.{'shared' if shared else 'global'}.v4.u32" in code
    assert "ld.shared.u32" not in code
    assert "ld.global.u32" not in code or item == 4
    assert ".local" not in code


@pytest.mark.parametrize("number", [75, 80, 90, 100, 120])
def test_the_kernel_becomes_machine_code(number):
    arguments = (*options(20, 2, True), f"--gpu-architecture=sm_{number}")
    assert compiled(arguments, "CUBIN")[:4] == b"\x7fELF"


def test_an_error_in_the_kernel_is_found():
    with pytest.raises(AssertionError, match="undefined"):
        compiled(("-DPLANES=5", "-DCELL=NoSuchCell", "-DSHARED=0"), "PTX")


def test_a_table_has_four_words_a_cell_and_none_for_no_cell():
    patterns = np.array([[0, 3], [3, 5]] * 65)
    result = tables(patterns, 5)
    assert result.shape == (2, 6, WORDS)
    bits = np.unpackbits(result.view(np.uint8), axis=2, bitorder="little")
    assert bits[0, 3].all()
    assert bits[1, 0].tolist() == [1, 0] + [0] * 126
    assert not bits[:, 5].any()
    assert gpu.PATTERNS_AT_ONCE % (32 * WORDS) == 0


def test_tables_need_the_memory_they_say():
    rng = np.random.default_rng(0)
    patterns, cells = rng.permutation(30_000)[:20_480].reshape(4096, 5), 30_000
    tracemalloc.start()
    result = tables(patterns, cells)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.nbytes == 512 * (cells + 1)
    assert peak < 660 * (cells + 1) + 100_000
    group, place = divmod(4000, 128)
    assert result[group, patterns[4000], place // 32].tolist() == [1 << place % 32] * 5

"""As much of CuPy as the detector's kernel needs, on a processor: its text goes through g++."""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

SHARED_BYTES = 227 << 10
# What a block may keep without asking for more.
UNASKED_BYTES = 48 << 10
LAUNCH = """
Row<WORDS> shared[16384];

extern "C" bool launch(
    unsigned across, unsigned down, unsigned threads, const void *tables, long long rows,
    const void *lists, long long stride, long long first, long long segments, int synapses,
    unsigned bound, unsigned long long *size, unsigned long long capacity, unsigned *pattern,
    unsigned *matched) {
  return gpu::launched({across, down}, threads, [=] {
    gather((const Row<WORDS> *)tables, rows, (const CELL *)lists, stride, first, segments, synapses,
           bound, size, capacity, pattern, matched);
  });
}
"""
SCALARS = {
    np.int32: ctypes.c_int32, np.int64: ctypes.c_int64,
    np.uint32: ctypes.c_uint32, np.uint64: ctypes.c_uint64,
}  # fmt: skip


class Device:
    """A device that must be in use when something is made or started on it."""

    def __init__(self):
        self.attributes = {"MaxSharedMemoryPerBlockOptin": SHARED_BYTES}
        self.in_use = 0

    def __enter__(self):
        self.in_use += 1

    def __exit__(self, *_):
        self.in_use -= 1


class OnDevice(np.ndarray):
    """A host array that calls itself CuPy's."""

    there = Device()

    @property
    def device(self):
        return self.there

    def get(self):
        return np.array(self)


class Kernel:
    """What a compiled kernel is to its caller; it keeps what it was started with."""

    def __init__(self, library):
        self._library = ctypes.CDLL(str(library))
        self._library.launch.restype = ctypes.c_bool
        self.max_dynamic_shared_size_bytes = UNASKED_BYTES
        self.launches = []

    def __call__(self, grid, block, arguments, shared_mem=0):
        assert OnDevice.there.in_use
        assert shared_mem <= self.max_dynamic_shared_size_bytes
        assert grid[1] <= 65_535
        passed = [ctypes.c_uint(n) for n in (*grid, *block)]
        for a in arguments:
            if isinstance(a, np.ndarray):
                assert isinstance(a, OnDevice)
                assert a.flags.c_contiguous
                passed.append(ctypes.c_void_p(a.ctypes.data))
            else:
                passed.append(SCALARS[type(a)](a))
        self.launches.append((grid, block, shared_mem))
        assert self._library.launch(*passed), "threads that should meet did not"


class Cupy:
    """The functions of CuPy's namespace that `backends.gpu` calls."""

    uint32, uint64 = np.uint32, np.uint64

    def __init__(self, folder, changed=lambda text: text):
        self.folder, self.changed, self.kernels = folder, changed, []

    def asarray(self, values):
        return np.array(values, order="C").view(OnDevice)

    def ascontiguousarray(self, values):
        return self.asarray(values)

    def zeros(self, shape, dtype):
        assert OnDevice.there.in_use
        return self.asarray(np.zeros(shape, dtype))

    def empty(self, shape, dtype):
        return self.zeros(shape, dtype)

    def RawModule(self, code, options):  # noqa: N802
        if shutil.which("g++") is None:
            pytest.skip("needs g++")
        text = '#include "emulated_block.h"\n' + self.changed(code) + LAUNCH
        name = hashlib.sha256(repr((text, options)).encode()).hexdigest()[:16]
        library = self.folder / f"{name}.so"
        if not library.exists():
            source = library.with_suffix(".cpp")
            source.write_text(text)
            # g++ assumes that it knows the address of a thread's own variables; here they move.
            flags = ["-O1", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC"]
            # As Ubuntu's g++ does by itself.
            flags += ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
            command = ["g++", *flags, *options, f"-I{Path(__file__).parent}", source]
            subprocess.run([*command, "-o", library], check=True)
        kernel = Kernel(library)
        self.kernels.append(kernel)

        class Module:
            @staticmethod
            def get_function(name):
                assert name == "gather"
                return kernel

        return Module

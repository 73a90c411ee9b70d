"""The solver's CUDA kernel on a processor: its text through g++, on arrays that pass for CuPy's."""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from workbench.scaling.fit.solvers import gpu

LAUNCH = """
extern "C" bool launch(
    unsigned blocks, unsigned threads, const double *columns, const double *target,
    const double *weight, long long stride, const long long *places, long long fits, double *theta,
    const double *low, const double *high, int loss, double shape, const double *schedule,
    int levels, const double *walk, unsigned long long *next, double *ended) {
  return gpu::launched(blocks, threads, [=] {
    fit_all(columns, target, weight, stride, places, fits, theta, low, high, loss, shape, schedule,
            levels, walk, next, ended);
  });
}

struct Alone {
  template <int Count, class Each>
  void sum(int points, double *out, const Each &each) const {
    for (int k = 0; k < Count; ++k) out[k] = 0.0;
    for (int i = 0; i < points; ++i) each(i, out);
  }
};

extern "C" void totals(const double *columns, const double *target, const double *weight, int count,
                       int loss, double delta, double shape, const double *theta, bool exact,
                       double *found) {
  const Points points = {columns, target, weight, count, count};
  const Cost cost = {loss, delta, shape};
  found[0] = objective<LAW>(Alone(), points, cost, theta);
  moments<LAW>(Alone(), points, cost, exact, theta, found + 1);
}
"""
SCALARS = {np.int32: ctypes.c_int, np.int64: ctypes.c_longlong, np.float64: ctypes.c_double}


class OnDevice(np.ndarray):
    """A host array that calls itself CuPy's."""

    def get(self):
        return np.array(self)


def on_device(values):
    return np.asarray(values, np.float64).view(OnDevice)


class Kernel:
    """What a compiled kernel is to its caller; it counts its launches and the fits in them."""

    def __init__(self, library):
        self._library = ctypes.CDLL(str(library))
        self._library.launch.restype = ctypes.c_bool
        self.fits = []

    def __call__(self, grid, block, arguments):
        passed = [ctypes.c_uint(grid[0]), ctypes.c_uint(block[0])]
        for a in arguments:
            if isinstance(a, np.ndarray):
                assert a.flags.c_contiguous
                passed.append(ctypes.c_void_p(a.ctypes.data))
            else:
                passed.append(SCALARS[type(a)](a))
        self.fits.append(int(arguments[5]))
        assert self._library.launch(*passed), "lanes of a warp met at different shuffles"

    def totals(self, problem, theta, exact=True):
        """Objective, gradient and the lower triangles of both matrices at θ, by one lane."""
        width, cost = len(theta), problem.cost
        arrays = [np.ascontiguousarray(a) for a in (problem.data, problem.target, problem.weights)]
        theta, found = np.array(theta, float), np.zeros(1 + width + width * (width + 1))
        columns, target, weight, at, out = (
            ctypes.c_void_p(a.ctypes.data) for a in (*arrays, theta, found)
        )
        price = ctypes.c_int(cost.code), ctypes.c_double(cost.delta), ctypes.c_double(cost.shape)
        points = columns, target, weight, ctypes.c_int(len(problem.target))
        self._library.totals(*points, *price, at, ctypes.c_bool(exact), out)
        matrices = np.zeros((2, width, width))
        matrices[:, *np.tril_indices(width)] = found[1 + width :].reshape(2, -1)
        return found[0], found[1 : 1 + width], *matrices


def compiled(folder, text):
    """The kernel of that text, compiled once a test run."""
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    library = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.so"
    if not library.exists():
        code = library.with_suffix(".cpp")
        code.write_text('#include "emulated_gpu.h"\n' + text + LAUNCH)
        flags = [
            "-std=c++17",
            "-O2",
            # As Ubuntu's g++ does by itself.
            "-U_FORTIFY_SOURCE",
            "-D_FORTIFY_SOURCE=2",
            "-Wall",
            "-Werror",
            "-Wno-unknown-pragmas",
            "-shared",
            "-fPIC",
        ]
        includes = [f"-I{gpu.SOURCE.parent}", f"-I{Path(__file__).parent}"]
        subprocess.run(["g++", *flags, *includes, code, "-o", library], check=True)
    return Kernel(library)

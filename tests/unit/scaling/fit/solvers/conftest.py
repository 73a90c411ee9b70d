"""A stand-in for a GPU, for what goes through the solver's CUDA kernel."""

import array_api_compat
import pytest
from emulated_gpu import OnDevice, compiled

from workbench.scaling.fit.solvers import gpu as solver_cuda


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def gpu(monkeypatch, folder):
    """A GPU for `solver_cuda`; gives the kernels that were used, by their text."""
    used = {}

    def kernel(xp, text):
        return used.setdefault(text, compiled(folder, text))

    monkeypatch.setattr(solver_cuda, "_compiled", kernel)
    monkeypatch.setattr(array_api_compat, "is_cupy_array", lambda x: isinstance(x, OnDevice))
    return used

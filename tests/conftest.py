"""What every test shares: three places for arrays to live, and bad input past the type checker."""

import os
import signal
import sys
from pathlib import Path

import array_api_strict
import numpy as np
import pytest
import toy
from hypothesis import settings
from jaxtyping import config

from workbench.base.array import generator, has_gpu

# Machines that run tests are shared; an example's time says nothing about its truth.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Whoever starts the tests in the background of a script leaves Ctrl-C ignored, and what the tests
# interrupt would inherit that and run on.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
DEVICE = array_api_strict.Device("device1")


class StrictGenerator:
    """NumPy's generator with CuPy's few methods, drawing arrays on a device NumPy cannot touch."""

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)

    def __getattr__(self, name):
        allowed = {"random", "uniform", "integers", "standard_normal", "binomial", "poisson"}
        if name not in allowed:
            raise AttributeError(f"CuPy's generator has no {name} that NumPy's shares")

        def draw(*args, **kwargs):
            drawn = np.asarray(getattr(self._rng, name)(*args, **kwargs))
            return array_api_strict.asarray(drawn, device=DEVICE)

        return draw


class Backend:
    """Where a test's arrays live: `put` sends, `back` fetches, `rng` draws there."""

    def __init__(self, name):
        self.name = name

    def put(self, values):
        values = np.asarray(values)
        if self.name == "numpy":
            return values
        if self.name == "strict":
            return array_api_strict.asarray(values, device=DEVICE)
        import cupy

        return cupy.asarray(values)

    def back(self, x):
        if self.name == "strict":
            assert x.device == DEVICE
            return np.asarray(x.to_device(array_api_strict.Device("CPU_DEVICE")))
        if self.name == "cupy":
            return x.get()
        assert isinstance(x, np.ndarray | np.generic)
        return np.asarray(x)

    def rng(self, seed):
        return StrictGenerator(seed) if self.name == "strict" else generator(seed, self.name)


@pytest.fixture(
    params=[
        "numpy",
        "strict",
        pytest.param("cupy", marks=pytest.mark.skipif(not has_gpu(), reason="needs a GPU")),
    ]
)
def backend(request):
    """NumPy; array-api-strict on its second device, which refuses what CuPy would; CuPy itself."""
    return Backend(request.param)


@pytest.fixture
def unchecked():
    """Lets bad input past the shape checks, which only tests run, to the sentence users meet."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of its own with one experiment, `toys/toy`, and its notebook."""
    return toy.house(tmp_path, monkeypatch)


@pytest.fixture
def trial(monkeypatch):
    """The experiment `trials/trial` in this process; what it puts in place is put back."""
    import workbench.experiments
    from workbench.runs import find
    from workbench.studies import executor

    monkeypatch.setattr(find, "EXPERIMENTS", find.EXPERIMENTS)
    monkeypatch.setattr(executor, "call", executor.call)
    monkeypatch.setattr(workbench.experiments, "__path__", workbench.experiments.__path__)
    monkeypatch.setenv("TRIAL_FOLDER", "")
    # Spawned workers find it by the path that they are given.
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{toy.ROOT}")
    names = ["workbench.experiments.trials", "workbench.experiments.trials.trial"]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import trial

    yield trial
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def browser():
    """The distribution's Chromium, headless."""
    from browser import chromium  # only these tests pay for the import

    with chromium() as found:
        yield found

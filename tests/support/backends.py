"""Where a test's arrays live: NumPy, array-api-strict on a second device, CuPy."""

import array_api_strict
import numpy as np

from workbench.base.array import generator

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

"""Array libraries: which one an array belongs to, random generators, and copies to the host.

The arrays decide the library: a primitive works in `namespace(x, y)`. Where no array exists yet,
the random generator decides it, and `generator` is the only place that reads a backend. This is
the only module that imports CuPy, and only for the backend "cupy".
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypeGuard

import array_api_compat
import array_api_compat.numpy
import numpy as np

Array = Any


def namespace(*arrays: Array) -> ModuleType:
    """The array library the arguments belong to; NumPy when they are plain Python numbers or lists.

    Raises:
        TypeError: if the arguments come from two libraries.
    """
    libraries = {array_api_compat.array_namespace(x) for x in arrays if is_array(x)}
    if not libraries:
        return array_api_compat.numpy
    if len(libraries) > 1:
        names = " and ".join(sorted(library.__name__ for library in libraries))
        raise TypeError(f"arrays must belong to one library; got {names}")
    return libraries.pop()


def is_array(x: object) -> TypeGuard[Array]:
    """Whether `x` is an array of any library."""
    return array_api_compat.is_array_api_obj(x)


def host(x: Array) -> np.ndarray:
    """The values of `x` as a NumPy array; the one explicit copy from a device to the host."""
    if array_api_compat.is_cupy_array(x):
        return x.get()
    if array_api_compat.is_array_api_strict_namespace(namespace(x)):
        return np.asarray(x.to_device(_strict_host(x)))
    return np.asarray(x)


def like(values: np.ndarray, x: Array) -> Array:
    """The host array `values` in the library and on the device of `x`; unchanged for a number."""
    if not is_array(x):
        return values
    return namespace(x).asarray(values, device=array_api_compat.device(x))


def generator(seed: int, backend: str = "numpy") -> Any:
    """A random generator of the backend, seeded; equal seeds differ between the two backends.

    Raises:
        ValueError: if the backend is unknown, or is "cupy" and no GPU can be used.
    """
    if backend == "numpy":
        return np.random.default_rng(seed)
    if backend == "cupy":
        return _cupy().random.default_rng(seed)
    raise ValueError(f"`backend` must be 'numpy' or 'cupy'; got {backend!r}")


def device_name(backend: str = "numpy") -> str:
    """The device of the backend: the processor's architecture, or the name of the GPU."""
    if backend == "numpy":
        import platform

        return f"CPU ({platform.machine()})"
    cupy = _cupy()
    properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    return properties["name"].decode()


def has_gpu() -> bool:
    """Whether CuPy is installed and finds a GPU it can use."""
    try:
        _cupy()
    except ValueError:
        return False
    return True


def _cupy() -> ModuleType:
    """CuPy, if it is installed and finds a GPU; its import alone succeeds without one."""
    try:
        import cupy  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError(
            "`backend` must be 'numpy' where CuPy is not installed; got 'cupy' "
            "(install the extra cuda12 or cuda13, whichever the driver supports)"
        ) from None
    if not cupy.cuda.is_available():
        raise ValueError(
            "`backend` must be 'numpy' where no GPU can be used; got 'cupy' "
            f"(CuPy {cupy.__version__} is installed but finds no device)"
        )
    return cupy


def _strict_host(x: Array) -> Any:
    """The host device of array-api-strict, which replaces a GPU in the tests."""
    return namespace(x).__array_namespace_info__().default_device()

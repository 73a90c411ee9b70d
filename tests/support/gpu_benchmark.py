"""The modules of the GPU benchmark, and what stands in for a GPU's stopwatch and tensor cores."""

import importlib
import sys
from pathlib import Path

import numpy as np

SUPPORT = Path(__file__).parent
BENCHMARKS = SUPPORT.parents[1] / "benchmarks"


def module(name):
    """A module of the benchmarks, whose names are no others' only while it is loaded."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


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

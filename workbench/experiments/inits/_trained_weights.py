"""The trained weights that an experiment looks at, and what has to be known to keep them."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workbench.array import generator
from workbench.inits.trained import Trained, trained
from workbench.inits.weight_files import packaged


class Origin(NamedTuple):
    """All that decides the weights.

    Attributes:
        path: of a file; empty for a stand-in.
        state: when the file was last changed, so that one that has changed is read again.
        seed: of the network that is trained here; -1 where weights are only read.
    """

    path: str
    state: int
    seed: int


def origin(path: str, seed: int) -> Origin:
    """What decides the weights of a path, or of the stand-in, under a seed."""
    file = Path(path or packaged() or ".")
    is_file = file.is_file()
    return Origin(path, file.stat().st_mtime_ns if is_file else 0, -1 if path or is_file else seed)


def weights(path: str, seed: int) -> tuple[Any, Trained]:
    """A generator of that seed as `trained` leaves it, and what `trained` finds.

    A network is trained once for each seed and kept; a file is read at every call.
    """
    where = origin(path, seed)
    if where.seed < 0:
        rng = generator(seed)
        return rng, trained(rng, path)
    rng, source, found, size = _made(seed)
    return copy.deepcopy(rng), Trained(source, iter(found), size)


# A network of 84,000 weights takes a second of training and less than a megabyte.
@functools.lru_cache(maxsize=4)
def _made(seed: int) -> tuple[Any, str, list[tuple[str, np.ndarray]], int]:
    rng = generator(seed)
    found = trained(rng)
    return rng, found.source, list(found.arrays), found.size

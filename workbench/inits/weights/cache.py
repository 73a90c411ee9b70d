"""The trained weights that an experiment reads, and all that decides them, for a cache's key."""

from __future__ import annotations

import copy
import functools
from typing import Any, NamedTuple

from workbench.base.array import generator
from workbench.inits.weights.reading.files import changed, packaged
from workbench.inits.weights.sources import Trained, trained


class Origin(NamedTuple):
    """All that decides the weights.

    Attributes:
        path: of a file; empty for a stand-in.
        state: when the file was last changed, so that one that has changed is read again.
        seed: of the network that is trained here; -1 where weights are only read.
        layout: of the file, or "auto".
        lookup: which arrays are tables of vectors.
    """

    path: str
    state: int
    seed: int
    layout: str = "auto"
    lookup: str = "auto"


def origin(path: str, seed: int, layout: str = "auto", lookup: str = "auto") -> Origin:
    """What decides the weights of a path, or of the stand-in, under a seed."""
    file = path or packaged()
    return Origin(path, changed(file) if file else 0, -1 if file else seed, layout, lookup)


def weights(where: Origin, seed: int) -> tuple[Any, Trained]:
    """A generator of that seed as `trained` leaves it, and what `trained` gives.

    A network is trained once for each seed and stays in memory; a file is read at every call.
    """
    if where.seed < 0:
        rng = generator(seed)
        return rng, trained(rng, where.path, where.layout, where.lookup)
    rng, network = _trained_here(seed, where.lookup)
    return copy.deepcopy(rng), network


# A network of 84,000 weights takes a second of training and less than a megabyte.
@functools.lru_cache(maxsize=4)
def _trained_here(seed: int, lookup: str) -> tuple[Any, Trained]:
    rng = generator(seed)
    network = trained(rng, lookup=lookup)
    return rng, network

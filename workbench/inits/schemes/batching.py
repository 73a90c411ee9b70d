"""Schemes of single matrices and of kernels, for many fully connected networks at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from workbench.base.array import namespace
from workbench.base.cancellation import steps

# Places of the ring on which a convolution runs.
RING = 8


def one_by_one(scheme: Callable, rng, shape: tuple[int, ...], *, dtype: str, **axes) -> Any:
    """A scheme of single matrices for (networks, outputs, inputs)."""
    drawn = [scheme(rng, shape[1:], dtype=dtype) for _ in steps(range(shape[0]))]
    return namespace(drawn[0]).stack(drawn)


def on_a_ring(scheme: Callable, rng, shape: tuple[int, int], *, dtype: str) -> Any:
    """A convolution of three places on a ring as the matrix that it is.

    The units are channels at each place; up to eight places, as many as divide the width.
    """
    places = math.gcd(shape[0], RING)
    channels = shape[0] // places
    kernel = scheme(rng, (channels, channels, 3), dtype=dtype)
    xp = namespace(kernel)
    blocks = []
    for place in range(places):
        row = [xp.zeros_like(kernel[:, :, 0]) for _ in range(places)]
        for offset in range(3):
            at = (place + offset - 1) % places
            row[at] = row[at] + kernel[:, :, offset]
        blocks.append(xp.concat(row, axis=1))
    return xp.concat(blocks, axis=0)

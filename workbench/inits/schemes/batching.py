"""Schemes of single matrices and of kernels, for many fully connected networks at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.base.array import like, namespace
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
    # A place takes from itself and its neighbours on both sides.
    shifts = [np.roll(np.eye(places), offset - 1, axis=1) for offset in range(3)]
    blocks = [
        like(shift.astype(dtype), kernel)[:, None, :, None] * kernel[None, :, None, :, offset]
        for offset, shift in enumerate(shifts)
    ]
    return xp.reshape(sum(blocks[1:], blocks[0]), shape)

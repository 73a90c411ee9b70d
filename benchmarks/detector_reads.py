"""What bounds the gather: how fast random rows are read, and how many processors one gets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from workbench.dendrites.matching.kernels import bitslice
from workbench.dendrites.matching.kernels.simd import LONG, Tile, vectors

SYNAPSES = 16


@intrinsic(prefer_literal=True)
def mixed(typing, table, tiles, tile, segment, out, words):
    """Exclusive or of the rows that SYNAPSES synapses name: a load and one operation each."""

    def generate(context, builder, signature, args):
        access = Tile(context, builder, signature, args, words.literal_value)
        total = access.row(LONG(0))
        for synapse in range(1, SYNAPSES):
            total = builder.xor(total, access.row(LONG(synapse)))
        builder.store(total, vectors(context, builder, signature.args[4], args[4]), align=8)
        return context.get_dummy_value()

    return types.none(table, tiles, tile, segment, out, words), generate


def reader(words):
    @numba.njit(nogil=True)
    def read(table, tiles, out):
        for tile in range(tiles.shape[0]):
            for first in range(0, 8, 8 // words):
                mixed(table, tiles, tile, first, out, words)

    return read


def read_rates(cells, words, segments=1 << 15):
    """Nanoseconds a row and GB/s of rows read from a table of so many cells."""
    rng = np.random.default_rng(0)
    lists = rng.integers(0, cells, (segments, SYNAPSES)).astype(np.uint16)
    tiles = bitslice.tiled(lists, cells).cells
    table = bitslice.aligned((cells + 1, words), np.uint64)
    out = bitslice.aligned((1, 8), np.uint64)
    read, times = reader(words), []
    for _ in range(9):
        start = time.perf_counter()
        read(table, tiles, out)
        times.append(time.perf_counter() - start)
    row = float(np.median(times[1:])) / lists.size
    return {"ns_a_row": 1e9 * row, "gb_per_s": 8e-9 * words / row, "table_kb": table.nbytes / 1024}


@numba.njit(nogil=True)
def busy(rounds):
    """Arithmetic that touches no memory."""
    x = np.uint64(1)
    for i in range(rounds):
        x = x * np.uint64(6364136223846793005) + np.uint64(i)
    return x


def processors(threads, rounds=30_000_000):
    """How many processors' worth of work so many threads get done now; the rest is others'."""
    times = {1: [], threads: []}
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(6):
            for count, taken in times.items():
                start = time.perf_counter()
                list(pool.map(busy, [rounds] * count))
                taken.append(time.perf_counter() - start)
    # The first round compiles.
    return threads * float(np.median(times[1][1:]) / np.median(times[threads][1:]))

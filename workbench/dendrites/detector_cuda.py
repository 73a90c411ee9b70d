"""The gather as a CUDA kernel, for segments that live on a GPU as CuPy arrays.

The kernel's text is `detector_gather.cu`, what one of its threads computes `detector_gather.h`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from workbench.array import Array, host, namespace
from workbench.dendrites.detector_plain import PlainSearch
from workbench.dendrites.detector_plan import Plan

SOURCE = Path(__file__).with_name("detector_gather.cu")
WORDS = 4
THREADS = 256
BLOCKS = 1024
PATTERNS_AT_ONCE = 32 * WORDS * 32
MATCHES_AT_ONCE = 1 << 24
PLANES = (4, 5, 6, 7, 8, 10, 16)


def options(synapses: int, item: int, shared: bool) -> tuple[str, ...]:
    """What the kernel is compiled with, for rows of so many cells of `item` bytes."""
    planes = next(k for k in PLANES if synapses < 1 << k)
    cell = "Cell16" if item == 2 else "Cell32"
    return ("-std=c++17", f"-DPLANES={planes}", f"-DCELL={cell}", f"-DSHARED={int(shared)}")


def tables(patterns: np.ndarray, cells: int) -> np.ndarray:
    """For each 128 patterns a table of four words a cell, and one for no cell: uint32."""
    groups = -(-patterns.shape[0] // (32 * WORDS))
    bits = np.zeros((groups, cells + 1, 32 * WORDS), np.bool_)
    place = np.arange(patterns.shape[0])[:, None]
    bits[place // (32 * WORDS), patterns, place % (32 * WORDS)] = True
    bits[:, cells] = False
    return np.packbits(bits, axis=2, bitorder="little").view("<u4").astype(np.uint32)


class CudaSearch(PlainSearch):
    """The kernel for matches; histograms as in the plain search.

    Memory on the GPU in bytes: 2 a synapse (4 beyond 65,536 cells) beside the lists, 512 (cells +
    1) for tables, and 8 a match that is on its way, at most 128 MB.
    """

    def plan(self, patterns: np.ndarray, threshold: int) -> Plan:
        """What `matches` does."""
        return super().plan(patterns, threshold)._replace(method="cuda", why="cuda: asked for")

    def matches(
        self, patterns: np.ndarray, threshold: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pieces of the list of matches, segments ascending within each pattern.

        Args:
            patterns: checked cell indices on the host.
            threshold: least overlap, [1, synapses].
        """
        for first in range(0, patterns.shape[0], PATTERNS_AT_ONCE):
            some = tables(patterns[first : first + PATTERNS_AT_ONCE], self._store.cells)
            for block in self._store.blocks():
                made = namespace(block.lists).asarray(some)
                for pattern, row in _all(block.lists, made, threshold):
                    order = np.lexsort((row, pattern))
                    yield pattern[order] + first, row[order] + block.first


def _all(lists: Array, made: Array, threshold: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The matches of spans of segments; a span with too many is done again in halves."""
    spans = [(0, lists.shape[0])]
    while spans:
        start, stop = spans.pop()
        found = _launch(lists[start:stop, :], made, threshold)
        if found is None:
            middle = (start + stop) // 2
            spans += [(middle, stop), (start, middle)]
        else:
            yield found[0], found[1] + start


def _launch(lists: Array, made: Array, threshold: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Patterns and rows of the matches; None if there are more than find room."""
    xp = namespace(lists)
    size = xp.zeros(1, dtype=xp.uint64)
    capacity = max(MATCHES_AT_ONCE, made.shape[0] * 32 * WORDS)
    pattern, row = (xp.empty(capacity, dtype=xp.uint32) for _ in range(2))
    kernel, room = _kernel(xp, lists, made.shape[1] * WORDS * 4)
    arguments = (
        made, np.int64(made.shape[1]), xp.ascontiguousarray(lists.T), np.int64(lists.shape[0]),
        np.int32(lists.shape[1]), np.uint32(threshold), size, np.uint64(capacity), pattern, row,
    )  # fmt: skip
    kernel((BLOCKS, made.shape[0]), (THREADS,), arguments, shared_mem=room)
    found = int(host(size)[0])
    if found > capacity:
        return None
    return host(pattern[:found]).astype(np.int64), host(row[:found]).astype(np.int64)


def _kernel(xp: Any, lists: Array, size: int) -> tuple[Any, int]:
    """The kernel, and the shared memory it needs, none where the table does not fit."""
    shared = size <= lists.device.attributes["MaxSharedMemoryPerBlockOptin"]
    kernel = _compiled(xp, options(lists.shape[1], lists.dtype.itemsize, shared))
    if shared:
        kernel.max_dynamic_shared_size_bytes = size
    return kernel, size if shared else 0


@cache
def _compiled(xp: Any, told: tuple[str, ...]) -> Any:
    # CuPy's cache knows a kernel by its text, and does not look into the header.
    header = zlib.crc32(SOURCE.with_suffix(".h").read_bytes())
    text = f"{SOURCE.read_text()}\n// header {header:08x}\n"
    module = xp.RawModule(code=text, options=(*told, f"-I{SOURCE.parent}"))
    return module.get_function("gather")

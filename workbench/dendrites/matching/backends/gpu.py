"""The gather as a CUDA kernel, for segments that live on a GPU as CuPy arrays.

The kernel's text is `bitslice.cu`, what one of its threads computes `bitslice.h`.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from workbench.base.array import Array, host, like, namespace
from workbench.dendrites.matching.backends.reference import PlainSearch
from workbench.dendrites.matching.cost_model import Plan

SOURCE = Path(__file__).with_name("bitslice.cu")
WORDS = 4
THREADS = 256
# A block copies a table once and should read many times as much of it.
ROWS_READ_A_ROW = 8
SEGMENTS_A_THREAD = 4
PATTERNS_AT_ONCE = 32 * WORDS * 32
MATCHES_AT_ONCE = 1 << 24
PLANES = (4, 5, 6, 7, 8, 10, 16, 25)


def options(synapses: int, item: int, shared: bool) -> tuple[str, ...]:
    """What the kernel is compiled with, for rows of so many cells of `item` bytes."""
    planes = next(k for k in PLANES if synapses < 1 << k)
    cell = "Cell16" if item == 2 else "Cell32"
    return ("-std=c++17", f"-DPLANES={planes}", f"-DCELL={cell}", f"-DSHARED={int(shared)}")


def tables(patterns: np.ndarray, cells: int) -> np.ndarray:
    """For each 128 patterns a table of four words a cell, and one for no cell: uint32."""
    groups = -(-patterns.shape[0] // (32 * WORDS))
    result = np.empty((groups, cells + 1, WORDS), np.uint32)
    # One group at a time: its bits take a byte each before they are packed.
    bits = np.empty((cells + 1, 32 * WORDS), np.bool_)
    for group, table in enumerate(result):
        some = patterns[32 * WORDS * group : 32 * WORDS * (group + 1)]
        bits[:] = False
        bits[some, np.arange(some.shape[0])[:, None]] = True
        bits[cells] = False
        table[:] = np.packbits(bits, axis=1, bitorder="little").view("<u4")
    return result


class CudaSearch(PlainSearch):
    """The kernel for matches; histograms as in the plain search.

    Memory on the GPU in bytes: 2 a synapse (4 beyond 65,536 cells) beside the lists, 512 (cells +
    1) for tables, and 8 a match in transit, at most 128 MiB. On the host: 660 (cells + 1).
    """

    def plan(self, patterns: np.ndarray, threshold: int) -> Plan:
        """What `matches` does."""
        return super().plan(patterns, threshold)._replace(method="cuda", why="cuda: requested")

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
                columns = block.cached("cuda", _columns)
                for pattern, row in _all(columns, like(some, columns), threshold):
                    order = np.lexsort((row, pattern))
                    yield pattern[order] + first, row[order] + block.first


def grid(segments: int, synapses: int, rows: int, groups: int, shared: bool) -> tuple[int, int]:
    """Blocks side by side, each with many segments, and one above the other, one a table."""
    most = max(SEGMENTS_A_THREAD * THREADS, shared * ROWS_READ_A_ROW * rows // max(synapses, 1))
    return max(1, -(-segments // most)), groups


def _columns(lists: Array) -> Array:
    """The lists with the same synapse of all segments side by side."""
    return namespace(lists).ascontiguousarray(lists.T)


def _all(columns: Array, tables: Array, threshold: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The matches of spans of segments; a span with too many is done again in halves."""
    spans = [(0, columns.shape[1])]
    while spans:
        start, stop = spans.pop()
        matches = _launch(columns, start, stop, tables, threshold)
        if matches is None:
            middle = (start + stop) // 2
            spans += [(middle, stop), (start, middle)]
        else:
            yield matches


def _launch(
    columns: Array, start: int, stop: int, tables: Array, threshold: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Patterns and rows of the matches of a span; None if there are more than fit."""
    xp = namespace(columns)
    synapses, segments = columns.shape
    groups, rows = tables.shape[:2]
    capacity = max(MATCHES_AT_ONCE, groups * 32 * WORDS)
    size = rows * WORDS * 4
    # A kernel runs on the current device, which may not be the segments'.
    with columns.device:
        total = xp.zeros(1, dtype=xp.uint64)
        pattern, row = (xp.empty(capacity, dtype=xp.uint32) for _ in range(2))
        shared = size <= columns.device.attributes["MaxSharedMemoryPerBlockOptin"]
        kernel = _compiled(xp, options(synapses, columns.dtype.itemsize, shared))
        if shared:
            kernel.max_dynamic_shared_size_bytes = size
        arguments = (
            tables, np.int64(rows), columns, np.int64(segments), np.int64(start),
            np.int64(stop - start), np.int32(synapses), np.uint32(threshold), total,
            np.uint64(capacity), pattern, row,
        )  # fmt: skip
        across = grid(stop - start, synapses, rows, groups, shared)
        kernel(across, (THREADS,), arguments, shared_mem=size if shared else 0)
        count = int(host(total)[0])
        if count > capacity:
            return None
        return host(pattern[:count]).astype(np.int64), host(row[:count]).astype(np.int64)


@cache
def _compiled(xp: Any, arguments: tuple[str, ...]) -> Any:
    # CuPy's cache identifies a kernel by its text and ignores headers.
    header = zlib.crc32(SOURCE.with_suffix(".h").read_bytes())
    text = f"{SOURCE.read_text()}\n// header {header:08x}\n"
    module = xp.RawModule(code=text, options=(*arguments, f"-I{SOURCE.parent}"))
    return module.get_function("gather")

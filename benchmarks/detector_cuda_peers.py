"""What else answers the detector's question on a GPU: a scan of bit rows, a product of matrices.

Both are written in functions that NumPy and CuPy share, `xp`, but for the product itself. A peer
makes an index of the segments and answers with sorted matches on the host; its stopwatch times what
the GPU does for an answer, the choice of the matches included, as our kernel does that too.
"""

import numpy as np
from detector_peers import in_order

# Bytes of whatever lies between a peer's steps.
ROOM = 1 << 29
# Tensor cores want rows of whole 16 bytes and sizes that are multiples of as many.
TILE = 16
# NVIDIA's number for 32-bit integers, which CuPy has no name for (library_types.h of CUDA 13).
CUDA_R_32I = 10


class Scan:
    """AND of bit rows and `bitwise_count`, some patterns and some segments at a time."""

    name = "bitwise_count scan"

    def __init__(self, xp, watch):
        self.xp, self.watch = xp, watch

    @staticmethod
    def index_bytes(case):
        return 8 * -(-case.cells // 64) * case.segments

    def build(self, segments, case):
        self.case = case
        self.rows = packed(self.xp, segments, case.cells)

    def ask(self, patterns):
        xp, words = self.xp, self.rows.shape[1]
        queries = packed(xp, xp.asarray(patterns), self.case.cells)
        many = max(1, min(self.rows.shape[0], ROOM // (8 * words)))
        each = max(1, ROOM // (8 * words * many))
        parts = []
        for first in range(0, self.rows.shape[0], many):
            rows = self.rows[first : first + many]
            for start in range(0, queries.shape[0], each):
                with self.watch:
                    both = queries[start : start + each, None, :] & rows[None]
                    overlap = xp.bitwise_count(both).sum(axis=2, dtype=xp.int32)
                    pairs = xp.nonzero(overlap >= self.case.threshold)
                parts.append([on_host(c) + o for c, o in zip(pairs, (start, first), strict=True)])
        return joined(parts)


class Product:
    """Ones and zeros as int8, multiplied to int32, some segments at a time."""

    name = "int8 GEMM"

    def __init__(self, xp, watch, product):
        self.xp, self.watch, self.product = xp, watch, product

    @staticmethod
    def index_bytes(case):
        return tiled(case.cells) * tiled(case.segments)

    def build(self, segments, case):
        self.case = case
        self.rows = dense(self.xp, segments, case.cells)

    def ask(self, patterns):
        xp = self.xp
        queries = dense(xp, xp.asarray(patterns), self.case.cells)
        many = max(TILE, ROOM // (4 * queries.shape[0]) // TILE * TILE)
        parts = []
        for first in range(0, self.rows.shape[0], many):
            with self.watch:
                overlap = self.product(queries, self.rows[first : first + many])
                pairs = xp.nonzero(overlap >= self.case.threshold)
            parts.append([on_host(c) + o for c, o in zip(pairs, (0, first), strict=True)])
        return joined(parts)


def tensor_cores(cupy, cublas):
    """The product of int8 rows with int8 rows as int32, by cuBLAS; all sizes multiples of 16."""
    handle = cupy.cuda.device.get_cublas_handle()
    one, zero = np.ones(1, np.int32), np.zeros(1, np.int32)

    def product(left, right):
        out = cupy.empty((left.shape[0], right.shape[0]), dtype=cupy.int32)
        (m, k), n = left.shape, right.shape[0]
        mode = cublas.getPointerMode(handle)
        cublas.setPointerMode(handle, cublas.CUBLAS_POINTER_MODE_HOST)
        try:
            # cuBLAS stores by columns: it sees both transposed, and makes the product transposed.
            cublas.gemmEx(
                handle, cublas.CUBLAS_OP_T, cublas.CUBLAS_OP_N, n, m, k,
                one.ctypes.data, right.data.ptr, cupy.cuda.runtime.CUDA_R_8I, k,
                left.data.ptr, cupy.cuda.runtime.CUDA_R_8I, k,
                zero.ctypes.data, out.data.ptr, CUDA_R_32I, n,
                cublas.CUBLAS_COMPUTE_32I, cublas.CUBLAS_GEMM_DEFAULT,
            )  # fmt: skip
        finally:
            cublas.setPointerMode(handle, mode)
        return out

    return product


def packed(xp, rows, cells):
    """Rows of bits in words of 64."""
    words = -(-cells // 64)
    rows_out = xp.empty((rows.shape[0], words), dtype=xp.uint64)
    for some, ones in pieces(xp, rows, 64 * words):
        bits = xp.packbits(ones.reshape(-1), bitorder="little")
        rows_out[some] = bits.view(xp.uint64).reshape(-1, words)
    return rows_out


def dense(xp, rows, cells):
    """Rows of int8, and rows and columns of zeros up to whole tiles."""
    rows_out = xp.zeros((tiled(rows.shape[0]), tiled(cells)), dtype=xp.int8)
    for some, ones in pieces(xp, rows, tiled(cells)):
        rows_out[some] = ones.view(xp.int8)
    return rows_out


def pieces(xp, rows, width):
    """Some rows at a time, as a slice and as bytes that are one where a cell is named."""
    many = max(1, ROOM // width)
    for first in range(0, rows.shape[0], many):
        cells = rows[first : first + many].astype(xp.int64)
        ones = xp.zeros((cells.shape[0], width), dtype=xp.uint8)
        ones[xp.arange(cells.shape[0])[:, None], cells] = 1
        yield slice(first, first + cells.shape[0]), ones


def tiled(size):
    """The next multiple of a tile."""
    return -(-size // TILE) * TILE


def on_host(values):
    return values.get() if hasattr(values, "get") else values


def joined(parts):
    """All parts as one list of matches in order."""
    return in_order(*(np.concatenate(column) for column in zip(*parts, strict=True)))

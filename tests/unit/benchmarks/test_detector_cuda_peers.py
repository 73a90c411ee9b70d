"""The GPU benchmark's peers: NumPy runs their array functions, and plays cuBLAS."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest
from gpu_benchmark import Watch, module, multiplied

from workbench.dendrites.matching.detector import Detector

peers = module("detector_cuda_peers")
script = module("detector_cuda")

SMALL = script.Case("small", 130, 30, 12, 5, 300, 70)


class Held(np.ndarray):
    """A host array whose address stands where CuPy has it."""

    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


class Cublas:
    """What cuBLAS does with matrices that are stored by columns."""

    CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_POINTER_MODE_HOST = 0, 1, 0
    CUBLAS_COMPUTE_32I, CUBLAS_GEMM_DEFAULT = 72, -1

    def __init__(self):
        self.mode, self.calls = 1, 0

    def getPointerMode(self, handle):  # noqa: N802
        return self.mode

    def setPointerMode(self, handle, mode):  # noqa: N802
        self.mode = mode

    def gemmEx(  # noqa: N802
        self, handle, transa, transb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta, c,
        c_type, ldc, compute, algorithm,
    ):  # fmt: skip
        assert (handle, self.mode, compute, algorithm) == (5, 0, 72, -1)
        assert (a_type, b_type, c_type) == (3, 3, 10)
        # The rules of the integer tensor cores; the first matrix transposed, the second not.
        assert (transa, transb) == (1, 0)
        assert not any(value % 16 for value in (m, n, k, lda, ldb, ldc, a, b, c))
        self.calls += 1

        def by_columns(address, kind, rows, columns, stride):
            assert stride >= rows
            flat = (kind * (stride * columns)).from_address(address)
            return np.frombuffer(flat, np.dtype(kind)).reshape(columns, stride).T[:rows]

        one, zero = (
            np.frombuffer((ctypes.c_int32 * 1).from_address(x), np.int32) for x in (alpha, beta)
        )
        left = by_columns(a, ctypes.c_int8, k, m, lda).T.astype(np.int64)
        right = by_columns(b, ctypes.c_int8, k, n, ldb).astype(np.int64)
        out = by_columns(c, ctypes.c_int32, m, n, ldc)
        out[:] = one * (left @ right) + zero * out


def aligned(shape, dtype):
    """An array whose memory begins at a whole 16 bytes, as all of CuPy's do."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    flat = np.empty(size + 16, np.uint8)
    flat = flat[-flat.ctypes.data % 16 :][:size]
    return flat.view(dtype).reshape(shape).view(Held)


def test_the_product_is_cublas_s_with_its_columns_and_rules():
    rng = np.random.default_rng(0)
    left, right = aligned((32, 48), np.int8), aligned((64, 48), np.int8)
    left[:], right[:] = rng.integers(0, 2, left.shape), rng.integers(0, 2, right.shape)
    cublas = Cublas()
    cupy = SimpleNamespace(
        cuda=SimpleNamespace(
            device=SimpleNamespace(get_cublas_handle=lambda: 5),
            runtime=SimpleNamespace(CUDA_R_8I=3),
        ),
        int32=np.int32,
        empty=lambda shape, dtype: aligned(shape, dtype),
    )
    product = peers.tensor_cores(cupy, cublas)
    np.testing.assert_array_equal(np.asarray(product(left, right)), multiplied(left, right))
    np.testing.assert_array_equal(
        np.asarray(product(left[:16], right[16:48])), multiplied(left[:16], right[16:48])
    )
    assert (cublas.calls, cublas.mode) == (2, 1)


@pytest.mark.parametrize("room", [1 << 29, 1 << 14, 1])
@pytest.mark.parametrize("cells", [64, 130, 256])
def test_the_peers_find_the_detector_s_matches(monkeypatch, room, cells):
    """In one piece, in several, and in the smallest there can be."""
    monkeypatch.setattr(peers, "ROOM", room)
    case = SMALL._replace(cells=cells)
    patterns, segments = script.drawn(case)
    expected = Detector(segments, cells, 5, "plain").matches(patterns)
    assert len(expected.pattern) > 100
    for peer in (peers.Scan(np, Watch()), peers.Product(np, Watch(), multiplied)):
        peer.build(segments, case)
        for asked in (patterns, patterns[:1]):
            pattern, segment = peer.ask(asked)
            here = expected.pattern < len(asked)
            np.testing.assert_array_equal(pattern, expected.pattern[here])
            np.testing.assert_array_equal(segment, expected.segment[here])
        assert peer.watch.started
        assert peer.rows.nbytes == peer.index_bytes(case)

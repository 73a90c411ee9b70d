"""The rates that bound the detector on a GPU, measured by kernels that do one thing each."""

from pathlib import Path

import numpy as np
from detector_cuda_limits import Rates
from gpu_events import Stopwatch

SOURCE = Path(__file__).with_suffix(".cu")
OPTIONS = ("-std=c++17",)
CHAINS, THREADS, BLOCKS, ROUNDS = 8, 1024, 2, 4096
ROWS, COUNTERS = 2048, 8192
COPIED = 1 << 30
TAKES = 5


def rows_in_turn(anywhere, rng):
    """For each of ROWS rows the next one, and the rows that a block's threads start at.

    A warp's 32 rows are always different ones: neighbours, or anywhere.
    """
    if anywhere:
        start = np.stack([rng.permutation(ROWS)[:THREADS] for _ in range(CHAINS)])
        return rng.permutation(ROWS).astype(np.uint32), start.astype(np.uint32)
    start = np.arange(CHAINS)[:, None] * 32 + np.arange(THREADS)
    return ((np.arange(ROWS) + 32) % ROWS).astype(np.uint32), (start % ROWS).astype(np.uint32)


def rates(cupy):
    """The medians of TAKES, after one that compiles."""
    module = cupy.RawModule(code=SOURCE.read_text(), options=OPTIONS)
    blocks = BLOCKS * int(cupy.cuda.Device().attributes["MultiProcessorCount"])
    out = cupy.empty(blocks * THREADS, dtype=cupy.uint32)
    done = float(CHAINS * ROUNDS * blocks * THREADS)
    rng, times = np.random.default_rng(0), np.int32(ROUNDS)

    def measured(name, *arguments, shared=0):
        kernel = module.get_function(name)
        return done / median(
            cupy,
            lambda: kernel((blocks,), (THREADS,), (*arguments, times, out), shared_mem=shared),
        )

    results = {name: measured(name) for name in ("popc", "logic")}
    for anywhere in (False, True):
        operands = [cupy.asarray(values) for values in rows_in_turn(anywhere, rng)]
        for bits in (32, 64, 128):
            loads = measured(
                f"load{bits}", operands[0], np.uint32(ROWS), operands[1], shared=ROWS * bits // 8
            )
            results[f"load{bits}{'_anywhere' * anywhere}"] = loads
    for bits in (32, 8):
        counts = measured(f"count{bits}", np.uint32(COUNTERS), shared=COUNTERS * bits // 8)
        results[f"count{bits}"] = counts
    return Rates(**results, copy=copied(cupy))


def copied(cupy):
    """Bytes read and written a second while one gibibyte, or what there is room for, is copied."""
    free = int(cupy.cuda.runtime.memGetInfo()[0])
    source = cupy.zeros(min(COPIED, free // 4), dtype=cupy.uint8)
    to = cupy.empty_like(source)
    return 2.0 * source.nbytes / median(cupy, lambda: cupy.copyto(to, source))


def median(cupy, started):
    """Seconds of what is started, by the GPU's events."""
    watch, each = Stopwatch(cupy), []
    for _ in range(TAKES + 1):
        with watch:
            started()
        each.append(watch.seconds())
    return float(np.median(each[1:]))

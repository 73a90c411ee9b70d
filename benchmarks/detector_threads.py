"""What bounds the gain of a second thread: the parts that one thread does, and the machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workbench.dendrites.matching.detector import Detector
from workbench.dendrites.matching.executor import in_order
from workbench.dendrites.matching.kernels import bitslice


def threads_bound(case, threads, rounds=30):
    """How much faster so many threads can be than one, by Amdahl's law with a measured machine.

    `alone_s` is what a call takes besides the gather: patterns checked, tables made, matches put in
    order. `handed_s` is what it takes to hand each thread a task without work. `gain` is how many
    times the work so many threads get done with the gather, each with all of it, so that none waits
    for another.
    """
    patterns, segments = case.draw()
    detector = Detector(segments, case.cells, case.threshold, "gather", threads=1)
    detector.matches(patterns)
    plan, rows = detector.plan(patterns), patterns.astype(np.uint16)
    tiles = bitslice.tiled(segments.astype(np.uint16), case.cells)
    tables = [
        bitslice.table(rows, first, plan.words, plan.group, case.cells)
        for first in range(0, len(rows), 64 * plan.words * plan.group)
    ]

    def search(_):
        for table in tables:
            span = 0, tiles.cells.shape[0]
            list(bitslice.matches(tiles, span, table, plan.tested, case.threshold))

    times = {"whole": [], "one": [], "many": [], "handed": []}
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(rounds + 1):
            for name, work in (
                ("whole", lambda: detector.matches(patterns)),
                ("one", lambda: list(pool.map(search, range(1)))),
                ("many", lambda: list(pool.map(search, range(threads)))),
                ("handed", lambda: list(in_order((iter([i]) for i in range(threads)), threads))),
            ):
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
    whole, one, many, handed = (float(np.median(taken[1:])) for taken in times.values())
    gain, alone = threads * one / many, max(0.0, whole - one)
    bound = whole / (alone + handed + (whole - alone) / gain)
    return {"alone_s": alone, "handed_s": handed, "gain": gain, "bound": bound}

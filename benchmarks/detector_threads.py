"""What bounds the gain of a second thread: the parts that one thread does, and the machine."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from workbench.dendrites import detector_gather, detector_linear
from workbench.dendrites.detector import Detector

ROUNDS = 15


def median(work):
    """Median seconds of some runs, after one that may compile."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def threads_bound(case, threads):
    """How much faster so many threads can be than one, by Amdahl's law with a measured machine.

    `alone_s` is what one thread does: patterns copied and checked, the tables, matches put in
    order. `gain` is how many times the work so many threads get done with the gather alone, each
    with its own copy of the work, for which none waits.
    """
    patterns, segments = case.draw()
    detector = Detector(segments, case.cells, case.threshold, "gather", threads=1)
    plan, matches = detector.plan(patterns), detector.matches(patterns)
    rows = patterns.astype(np.uint16)
    tiles = detector_gather.tiled(segments.astype(np.uint16), case.cells)
    each = 64 * plan.words * plan.group

    def tables():
        return [
            detector_gather.table(rows, first, plan.words, plan.group, case.cells)
            for first in range(0, len(rows), each)
        ]

    made = tables()
    mixed = np.random.default_rng(0).permutation(len(matches.pattern))
    mixed = matches.pattern[mixed], matches.segment[mixed], len(patterns)
    checked = patterns, rows, case.cells, case.cells - 1
    alone = (
        median(lambda: detector_linear.copied(*checked))
        + median(tables)
        + median(lambda: detector_linear.by_pattern(*mixed))
    )

    def search(_):
        for table in made:
            span = 0, tiles.cells.shape[0]
            list(detector_gather.matches(tiles, span, table, plan.tested, case.threshold))

    with ThreadPoolExecutor(threads) as pool:
        one = median(lambda: list(pool.map(search, range(1))))
        many = median(lambda: list(pool.map(search, range(threads))))
    gain = threads * one / many
    return {"alone_s": alone, "gain": gain, "bound": (alone + one) / (alone + one / gain)}

"""The time of each step of the methods on this machine, measured once and cached for the user.

The file is `detector-rates.json` in $XDG_CACHE_HOME/paper-workbench (~/.cache by default). It
names the processor and Numba; if either changes, the rates are measured again.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba
import numpy as np

from workbench.base.files.atomic import write_text
from workbench.base.files.regular_file import content
from workbench.dendrites.matching.cost_model import CELLS, WORDS, Rates, pairs
from workbench.dendrites.matching.kernels import bitslice, inverted_index, pair_index
from workbench.dendrites.matching.kernels.verify import confirmed

SEGMENTS = 1 << 14
SYNAPSES = 16
VERSION = 4


@cache
def rates() -> Rates:
    """The rates of this machine, from the file or by measuring them, which takes 0.1 s.

    The first time on a machine takes longer, since Numba compiles the methods.
    """
    machine = {"version": VERSION, "processor": _processor(), "numba": numba.__version__}
    path = _path()
    try:
        stored = json.loads(content(path, 1 << 20))
        if stored.pop("made_on") == machine:
            return _checked(Rates(**{**stored, "row": tuple(tuple(row) for row in stored["row"])}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass  # no file, or not one of ours: measure
    result = measured()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({"made_on": machine, **result._asdict()}, indent=1))
    except OSError:
        pass  # without a writable cache every process measures
    return result


def _checked(rates: Rates) -> Rates:
    """The rates, if all of them are there and are positive numbers."""
    numbers = np.array([*np.reshape(rates.row, len(WORDS) * len(CELLS)), *rates[1:]])
    if numbers.dtype.kind not in "if" or not ((numbers > 0) & (numbers < np.inf)).all():
        raise ValueError("rates must be positive")
    return rates


def measured() -> Rates:
    """The rates of this machine, each from the difference of two amounts of work."""
    rng = np.random.default_rng(0)
    row = tuple(tuple(_row(rng, words, cells) for cells in CELLS) for words in WORDS)
    visit, sweep, call = _index(rng)
    key, hit = _pairs(rng)
    return Rates(row, _recount(rng), visit, sweep, _candidate(rng), key, hit, call)


def _row(rng: np.random.Generator, words: int, cells: int) -> float:
    """One segment's row, in a first count that no lane passes."""
    lists = rng.integers(0, cells, (SEGMENTS, SYNAPSES)).astype(np.uint16)
    tiles = bitslice.tiled(lists, cells)
    patterns = np.arange(cells - 8, cells, dtype=np.uint16)[None, :]
    table = bitslice.table(patterns, 0, words, 1, cells)
    most = tiles.cells.shape[0]

    def work(last: int) -> float:
        arguments = (0, last), table, SYNAPSES, SYNAPSES
        return _least(lambda: list(bitslice.matches(tiles, *arguments)))

    return max(work(most) - work(most // 8), 1) / (lists.size * 7 / 8)


def _recount(rng: np.random.Generator) -> float:
    """One synapse of a lane that is recounted."""
    cells = 1 << 11
    lists = rng.integers(0, cells, (SEGMENTS, SYNAPSES)).astype(np.uint16)
    tiles = bitslice.tiled(lists, cells)
    span = (0, tiles.cells.shape[0])

    def work(patterns: np.ndarray) -> float:
        table = bitslice.table(patterns, 0, 1, 8, cells)
        return _least(lambda: list(bitslice.matches(tiles, span, table, SYNAPSES, SYNAPSES)))

    # A group of eight reaches what none of its patterns does: each has an eighth of the cells.
    shares = rng.permutation(cells).astype(np.uint16).reshape(8, -1)
    return max(work(shares) - work(shares[:1, :8]), 1) / lists.size


def _index(rng: np.random.Generator) -> tuple[float, float, float]:
    """One counter's visit, one segment's counter cleared and read, and a call."""
    parts, cells = 4, 1 << 11
    lists = rng.integers(0, cells, (parts * inverted_index.PART, SYNAPSES)).astype(np.uint16)
    index = (inverted_index.indexed(lists, 0, SYNAPSES, cells),)
    order = rng.permutation(cells).astype(np.uint16)

    def work(active: int, last: int) -> float:
        arguments = index, SYNAPSES, (0, last), order[None, :active], cells, SYNAPSES
        return _least(lambda: list(inverted_index.matches(lists, *arguments)))

    visit = max(work(128, parts) - work(0, parts), 1) / (128 * lists.size / cells)
    sweep = max(work(0, parts) - work(0, 1), 1) / ((parts - 1) * inverted_index.PART)
    return visit, sweep, work(0, 1)


def _candidate(rng: np.random.Generator) -> float:
    """One segment counted by itself, at random in lists larger than the caches."""
    cells, segments, counted = 1 << 11, 1 << 20, 1 << 12
    lists = np.zeros((segments, SYNAPSES), np.uint16)
    lists[:: 2048 // SYNAPSES] = 1  # each page of memory exists
    pattern = np.arange(SYNAPSES, dtype=np.uint16)[None, :]
    some = np.sort(rng.choice(segments, counted, replace=False))

    def work(size: int) -> float:
        arguments = np.zeros(size, np.int64), some[:size]
        return _least(lambda: confirmed(lists, pattern, cells, SYNAPSES, *arguments))

    return max(work(counted) - work(0), 1) / counted


def _pairs(rng: np.random.Generator) -> tuple[float, float]:
    """One pair looked up, and one entry that it leads to."""
    cells, threshold, active = 1 << 11, 10, 80
    first, step = rng.integers(0, cells, (2, SEGMENTS, 1))
    lists = (first + (step | 1) * np.arange(SYNAPSES)) * 2 % cells
    index = pair_index.paired(lists.astype(np.uint16), cells, threshold)
    cell = 2 * rng.permutation(cells // 2).astype(np.uint16)

    def work(pattern: np.ndarray) -> float:
        pattern = pattern[None, :active]
        return _least(lambda: list(pair_index.matches(lists, index, pattern, cells, threshold)))

    # Odd cells have keys, but no segment has a synapse on them.
    without = work(cell + 1)
    keys = active * (active - 1) / 2 - 1
    hits = len(lists) * pairs(SYNAPSES, threshold) * (2 * active / cells) ** 2
    return max(without - work(cell[:2] + 1), 1) / keys, max(work(cell) - without, 1) / hits


def _least(work: Callable[[], object]) -> float:
    """The shortest of five runs, in nanoseconds, after one that may compile."""
    work()
    times = []
    for _ in range(5):
        start = time.perf_counter_ns()
        work()
        times.append(time.perf_counter_ns() - start)
    return float(min(times))


def _path() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "paper-workbench" / "detector-rates.json"


def _processor() -> str:
    name = numba.core.config.CPU_NAME or ""  # pyright: ignore[reportAttributeAccessIssue]
    return f"{platform.machine()} {name} {os.cpu_count()}"

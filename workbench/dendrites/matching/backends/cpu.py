"""The methods that Numba compiles, over all blocks of segments and in several threads.

"gather" counts batches of patterns bit-sliced, "index" visits the active cells' segments, "pairs"
looks up pairs of active cells. Each method's index of a block of segments is cached with the block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil

import numpy as np

from workbench.base.cancellation import steps
from workbench.dendrites.matching.calibration import rates
from workbench.dendrites.matching.cost_model import Plan, Problem, plans
from workbench.dendrites.matching.executor import in_order
from workbench.dendrites.matching.kernels import bitslice, inverted_index, pair_index
from workbench.dendrites.matching.results import Piece
from workbench.dendrites.matching.segment_store import Block, Store

PATTERNS_AT_ONCE = 4096
# Seconds: to begin a task takes some 50 µs, and a task cannot be interrupted. Work that takes
# longer is cut into tasks, a few of them a thread, so that all end at about the same time.
SHORT, LONG = 1.5e-3, 20e-3
SPANS_A_THREAD = 4
# Nanoseconds that building an index takes, a synapse or pair; the plan needs only its order of
# size.
BUILDING = {"index": 20, "pairs": 45}


class NumbaSearch:
    """Matches by the requested method, or by the one that the plan expects to be fastest.

    The gather needs next to no preparation. An index is built once the time lost without it equals
    the time to build it, so that all calls together take at most about twice the time of the best
    choice in hindsight. Where lanes are recounted much more often than for random segments, the
    prefilter (the first count) is given up.
    """

    def __init__(self, store: Store, method: str, threads: int) -> None:
        """Reads the segments only when a method is called."""
        self._store, self._method, self._threads = store, method, threads
        self._lost: Counter[str] = Counter()
        self._prefilter_unreliable, self._split = False, 0

    def plan(self, patterns: np.ndarray, threshold: int) -> Plan:
        """What `matches` would do now."""
        return self._chosen(patterns, threshold)[0]

    def matches(self, patterns: np.ndarray, threshold: int) -> Iterator[Piece]:
        """Pieces of the list of matches, rows of the store ascending within each pattern.

        Args:
            patterns: checked cell indices.
            threshold: least overlap, [1, synapses].
        """
        for first in range(0, patterns.shape[0], PATTERNS_AT_ONCE):
            some = patterns[first : first + PATTERNS_AT_ONCE]
            plan, lost = self._chosen(some, threshold)
            self._lost.update(lost)
            work = {"gather": self._gather, "index": self._index, "pairs": self._pairs}
            threads = self._threads if plan.seconds > SHORT / 4 else 1
            for pattern, row in in_order(work[plan.method](some, threshold, plan), threads):
                yield (pattern + first if first else pattern), row

    def overlap_histogram(self, patterns: np.ndarray) -> np.ndarray:
        """How many pairs have each overlap 0 … synapses."""
        pairs = np.zeros(self._store.width + 1, np.int64)
        if self._store.width:
            for some in in_order(self._tallies(patterns), self._threads):
                pairs += some
        pairs[0] = self._store.rows * patterns.shape[0] - pairs[1:].sum()
        return pairs

    def _chosen(self, patterns: np.ndarray, threshold: int) -> tuple[Plan, dict[str, float]]:
        """The plan, and the seconds by which methods without an index yet would be faster."""
        options = self._plans(patterns, threshold)
        usable = self._at_hand if self._method == "numba" else lambda p: p.method == self._method
        place = next(i for i, plan in enumerate(options) if usable(plan))
        plan = options[place]
        if self._method != "numba":
            return plan, {}
        return plan, {p.method: plan.seconds - p.seconds for p in options[:place]}

    def _at_hand(self, plan: Plan) -> bool:
        """Whether the method's index exists, or the time lost without it exceeds its cost."""
        if plan.method == "gather":
            return True
        if self._store.mapped or (self._prefilter_unreliable and plan.method == "pairs"):
            return False
        if all(block.has(plan.method) for block in self._store.blocks()):
            return True
        cost = BUILDING[plan.method] * self._store.rows * plan.stored
        return self._lost[plan.method] > 1e-9 * cost

    def _gather(
        self, patterns: np.ndarray, threshold: int, plan: Plan
    ) -> Iterator[Iterator[Piece]]:
        unreliable, tables = self._prefilter_unreliable, {}
        for block in self._store.blocks():
            tiles = block.cached("gather", bitslice.tiled, self._store.cells)
            tables_needed = -(-len(patterns) // (64 * plan.words * plan.group))
            seconds = plan.seconds * tiles.segments / self._store.rows / tables_needed
            for span in self._spans(tiles.cells.shape[0], seconds):
                if self._prefilter_unreliable and not unreliable:
                    unreliable, tables = True, {}
                    plan = self._replanned("gather", patterns, threshold)
                for first in range(0, len(patterns), 64 * plan.words * plan.group):
                    if first not in tables:
                        tables[first] = bitslice.table(
                            patterns, first, plan.words, plan.group, self._store.cells
                        )
                    pieces = bitslice.matches(tiles, span, tables[first], plan.tested, threshold)
                    yield self._watched(pieces, block, (span[1] - span[0]) * bitslice.TILE)

    def _index(self, patterns: np.ndarray, threshold: int, plan: Plan) -> Iterator[Iterator[Piece]]:
        cells, self._split = self._store.cells, self._split or plan.tested
        for block in self._store.blocks():
            if self._prefilter_unreliable:
                plan = self._replanned("index", patterns, threshold)
            indexes = (block.cached("index", inverted_index.indexed, 0, self._split, cells),)
            if plan.tested > self._split:
                rest = self._split, self._store.width, cells
                indexes += (block.cached("rest", inverted_index.indexed, *rest),)
            seconds = plan.seconds * block.lists.shape[0] / self._store.rows
            parts = -(-block.lists.shape[0] // inverted_index.PART)
            for span in self._spans(parts, seconds):
                pieces = inverted_index.matches(
                    block.lists, indexes, plan.tested, span, patterns, cells, threshold
                )
                rows = (span[1] - span[0]) * inverted_index.PART * len(patterns)
                yield self._watched(pieces, block, rows)

    def _pairs(self, patterns: np.ndarray, threshold: int, plan: Plan) -> Iterator[Iterator[Piece]]:
        cells = self._store.cells
        for block in self._store.blocks():
            index = block.cached("pairs", pair_index.paired, cells, threshold)
            pieces = pair_index.matches(block.lists, index, patterns, cells, threshold)
            yield self._watched(pieces, block, block.lists.shape[0] * len(patterns))

    def _tallies(self, patterns: np.ndarray) -> Iterator[Iterator[np.ndarray]]:
        words = next((w for w in (1, 2, 4) if patterns.shape[0] <= 64 * w), 8)
        for first in steps(range(0, patterns.shape[0], 64 * words)):
            table = bitslice.table(patterns, first, words, 1, self._store.cells)
            for block in self._store.blocks():
                tiles = block.cached("gather", bitslice.tiled, self._store.cells)
                for span in self._spans(tiles.cells.shape[0]):
                    yield map(bitslice.tally, (tiles,), (span,), (table,))

    def _plans(self, patterns: np.ndarray, threshold: int) -> tuple[Plan, ...]:
        store = self._store
        rows, batch = max(1, store.rows), max(1, len(patterns))
        problem = Problem(store.cells, patterns.shape[1], store.width, threshold, rows, batch)
        return plans(problem, rates(), self._prefilter_unreliable, self._split)

    def _replanned(self, method: str, patterns: np.ndarray, threshold: int) -> Plan:
        """The method's plan, now that the prefilter is known to be unreliable or not."""
        return next(p for p in self._plans(patterns, threshold) if p.method == method)

    def _watched(
        self, pieces: Iterator[tuple[np.ndarray, np.ndarray, int]], block: Block, rows: int
    ) -> Iterator[Piece]:
        """The pieces with the store's row numbers; many recounts mark the prefilter unreliable."""
        recounted = 0
        for pattern, row, lanes in pieces:
            recounted += lanes
            if recounted > 1000 + rows // 4:
                self._prefilter_unreliable = True
            yield pattern, (row + block.first if block.first else row)

    def _spans(self, size: int, seconds: float = 0.0) -> Iterator[tuple[int, int]]:
        """Equal parts of the range, as many for each thread as its share of the time is worth."""
        share = seconds / self._threads
        fewest = min(SPANS_A_THREAD, int(share / SHORT)) if self._threads > 1 else 1
        parts = min(max(fewest, ceil(share / LONG), 1) * self._threads, max(size, 1))
        bounds = [size * part // parts for part in range(parts + 1)]
        yield from zip(bounds, bounds[1:], strict=False)

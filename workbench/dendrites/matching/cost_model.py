"""Which method is the fastest for a batch of patterns, from the time of each step on this machine.

    gather: batches · segments · (m · row + lanes · P(m, g) · g/8 · synapses · recount)
    index:  patterns · segments · (m · ρ · visit + sweep + P(m, 1) · candidate)
    pairs:  patterns · (active² / 2 · (key + segments · pairs / buckets · hit) + c · candidate)

with ρ = active / cells, m the synapses of the first count, g the patterns of a lane, c the
segments that two pairs lead to, and P the chance that random cells pass the first count,
P(Bin(m, 1 - (1 - ρ)^g) ≥ θ - (synapses - m)).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import comb, log
from typing import NamedTuple

import numpy as np
from scipy.special import bdtrc

WORDS = (1, 2, 4, 8)
CELLS = (1024, 8192, 65_535)
GROUPS = (1, 2, 4, 8, 16, 32)
MOST_INDEXED = 1 << 18
NEGLIGIBLE = 0.01


class Problem(NamedTuple):
    """The sizes that decide."""

    cells: int
    active: int
    synapses: int
    threshold: int
    segments: int
    patterns: int

    @property
    def share(self) -> float:
        """Share of the cells that a pattern has active."""
        return min(self.active, self.cells) / self.cells


class Rates(NamedTuple):
    """Times in nanoseconds.

    `row[w][c]`: a segment's row of WORDS[w] words from a table of CELLS[c] rows, added; `recount`:
    a synapse of a lane recounted; `visit`: a counter; `sweep`: a segment's counter cleared and
    read; `candidate`: a segment counted by itself; `key`: a pair looked up; `hit`: an entry of
    a pair, marked; `call`: a task.
    """

    row: tuple[tuple[float, ...], ...]
    recount: float
    visit: float
    sweep: float
    candidate: float
    key: float
    hit: float
    call: float


class Plan(NamedTuple):
    """What is done for a batch of patterns, and why.

    `tested` counts the synapses of a first count, or all; `words` and `group` shape the gather's
    table: 64 words lanes, each of a group of patterns. `stored` counts an index's entries a
        segment.
    """

    method: str
    tested: int
    words: int
    group: int
    stored: int
    seconds: float
    why: str

    def __str__(self) -> str:
        """The plan as a sentence."""
        return self.why


def groups(threshold: int) -> int:
    """Groups of synapses of which a match has two pairs within groups; for 2, one pair."""
    return max(1, threshold - 2)


def pairs(synapses: int, threshold: int) -> int:
    """Pairs that a segment stores: those within `groups` of nearly equal size."""
    size, larger = divmod(synapses, groups(threshold))
    return larger * size + groups(threshold) * size * (size - 1) // 2


def buckets(cells: int, entries: int) -> int:
    """Buckets for so many pairs of cells: one for each that can be, or fewer, a power of two."""
    every = cells * (cells + 1) // 2
    return (
        every if every <= max(2 * entries, 1 << 12) else 1 << min(max(entries.bit_length(), 1), 31)
    )


@lru_cache(maxsize=1024)
def plans(
    problem: Problem, rates: Rates, unreliable: bool = False, split: int = 0
) -> tuple[Plan, ...]:
    """The best plan of each method that can be used, the fastest first.

    Args:
        problem: the sizes.
        rates: what each step takes.
        unreliable: whether segments pass the prefilter, the first count, far more often than
            random ones; if so, plans do without it.
        split: synapses in the first part of an index that exists already, or 0.
    """
    best = {}
    for plan in [
        *_gathers(problem, rates, unreliable),
        *_indexes(problem, rates, unreliable, split),
    ]:
        if plan.method not in best or plan.seconds < best[plan.method].seconds:
            best[plan.method] = plan
    order = sorted(best.values(), key=lambda plan: plan.seconds)
    times = ", ".join(f"{plan.method} {1e3 * plan.seconds:.3g} ms" for plan in order)
    return tuple(plan._replace(why=f"{plan.why} (expected: {times})") for plan in order)


def passing(tested: int, share: float, bound: int) -> float:
    """Chance that at least `bound` of `tested` cells are active, each with the chance `share`."""
    return float(bdtrc(min(bound - 1, tested), tested, share))


def _gathers(problem: Problem, rates: Rates, unreliable: bool) -> Iterator[Plan]:
    every = problem.synapses + problem.synapses % 2
    low = max(2, problem.synapses - problem.threshold + 1)
    for words, costs in zip(WORDS, rates.row, strict=True):
        row = _between(costs, problem.cells)
        for group in GROUPS if not unreliable else (1,):
            batches = -(-problem.patterns // (64 * words * group))
            lanes = min(64 * words, -(-problem.patterns // group) / batches)
            for tested in range(low + low % 2, every + 1, 2) if not unreliable else (every,):
                certain = tested == every and group == 1
                recounting = 0 if certain else lanes * _passing(problem, tested, group)
                recounting *= max(1, group // 8) * problem.synapses * rates.recount
                once = problem.segments * (tested * row + recounting) + rates.call
                build = 2 * problem.active * lanes * group + problem.cells * (
                    words + lanes * group / 64
                )
                text = f"gather: lanes of {group} patterns, {64 * words} a vector"
                text += f", the first {tested} of {problem.synapses} synapses first" * (
                    tested < every
                )
                cost = 1e-9 * batches * (once + build)
                yield Plan("gather", tested, words, group, every, cost, text)
                if recounting < NEGLIGIBLE * tested * row:
                    break


def _indexes(problem: Problem, rates: Rates, unreliable: bool, split: int) -> Iterator[Plan]:
    low, every = problem.synapses - problem.threshold + 1, problem.synapses
    firsts = (split,) if split >= low else range(low, every)
    for tested in (every,) if unreliable else (*firsts, every):
        if problem.cells > MOST_INDEXED:
            break
        candidates = 0 if tested == every else rates.candidate * _passing(problem, tested, 1)
        pair = tested * problem.share * rates.visit + rates.sweep + candidates
        text = f"index: visits of the first {tested} of {every} synapses"
        cost = problem.patterns * problem.segments * pair + rates.call
        yield Plan("index", tested, 0, 1, tested, 1e-9 * cost, text)
    if problem.threshold >= 2:
        stored = pairs(every, problem.threshold)
        keys, entries = problem.active * (problem.active - 1) / 2, problem.segments * stored
        hits = keys * entries / buckets(problem.cells, entries)
        candidates = _second_hits(problem, hits)
        cost = keys * rates.key + hits * rates.hit + candidates * rates.candidate + rates.call
        text = f"pairs: {stored} a segment, {hits:.3g} entries and "
        text += f"{candidates:.3g} candidates a pattern"
        yield Plan("pairs", every, 0, 1, stored, 1e-9 * problem.patterns * cost, text)


def _second_hits(problem: Problem, hits: float) -> float:
    """Random segments that two pairs of a pattern lead to, two apart or three synapses in a group.

    For a threshold of 2, those that one pair leads to.
    """
    if problem.threshold == 2:
        return min(problem.segments, hits)
    size, larger = divmod(problem.synapses, groups(problem.threshold))
    threes = larger * comb(size + 1, 3) + (groups(problem.threshold) - larger) * comb(size, 3)
    share = hits**2 / 2 / problem.segments**2 + threes * problem.share**3
    return problem.segments * min(1.0, share)


def _passing(problem: Problem, tested: int, group: int) -> float:
    bound = problem.threshold - max(0, problem.synapses - tested)
    return passing(min(tested, problem.synapses), 1 - (1 - problem.share) ** group, bound)


def _between(costs: tuple[float, ...], cells: int) -> float:
    """The cost for a table of so many cells, linear in the logarithm between measured ones."""
    between = float(np.interp(log(cells), np.log(CELLS), costs))
    return between * max(1.0, cells / CELLS[-1])

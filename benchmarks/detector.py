"""How fast is the detector, against what else answers the same question on the same machine?

    python benchmarks/detector.py [--rounds 5] [--quick]

Contestants take turns within a round; a time is the median over rounds, of wall time and of
processor time, which a busy machine disturbs less; the least wall time is reported too. All lists
of matches are compared before any time is taken. Making an index is timed apart. It prints a table
and writes results/detector-MACHINE.json.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import NamedTuple

import numpy as np
from detector_peers import Faiss, NumpyScan, Ours, Scipy, SparseDotTopn
from detector_reads import processors, read_rates
from detector_threads import threads_bound
from machine import machine, write_results

from workbench.dendrites.matching.calibration import rates
from workbench.dendrites.matching.detector import Detector

PACKAGES = ("numpy", "scipy", "numba", "faiss-cpu", "sparse-dot-topn")


class Case(NamedTuple):
    """Sizes, and the sentence that names them."""

    title: str
    cells: int
    active: int
    synapses: int
    threshold: int
    segments: int
    patterns: int

    def draw(self, seed=0):
        """Patterns, and random segments among which are twenty parts of each pattern."""
        rng = np.random.default_rng(seed)
        patterns = rows(rng, self.patterns, self.cells, self.active)
        segments = rows(rng, self.segments, self.cells, self.synapses)
        places = rng.permutation(self.segments)[: min(20 * self.patterns, self.segments // 2)]
        source = patterns[np.arange(places.size) % self.patterns]
        segments[places] = rng.permuted(source, axis=1)[:, : self.synapses]
        return patterns, segments


def rows(rng, count, cells, each):
    """Rows of distinct cells."""
    drawn = rng.integers(0, cells, (count, each))
    while True:
        ordered = np.sort(drawn, axis=1)
        again = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not again.any():
            return drawn
        drawn[again] = rng.integers(0, cells, (int(again.sum()), each))


def race(case, contestants, rounds):
    """Seconds a pair and to make the index, of each contestant, after comparing their lists."""
    patterns, segments = case.draw()
    expected, entries = None, []
    for contestant in contestants:
        start = time.perf_counter()
        contestant.build(segments, case)
        built = time.perf_counter() - start
        some = patterns[: contestant.most]
        pattern, segment = contestant.ask(some)
        expected = (pattern, segment) if expected is None else expected
        first = expected[0] < len(some)
        if not all(map(np.array_equal, (pattern, segment), (c[first] for c in expected))):
            raise SystemExit(f"{contestant.name} disagrees about the matches")
        entries.append({"name": contestant.name, "build_s": built, "wall_s": [], "cpu_s": []})
    for _ in range(rounds):
        for contestant, entry in zip(contestants, entries, strict=True):
            some = patterns[: contestant.most]
            for _ in range(contestant.repeats):
                start, cpu = time.perf_counter(), time.process_time()
                contestant.ask(some)
                entry["wall_s"].append(time.perf_counter() - start)
                entry["cpu_s"].append(time.process_time() - cpu)
    for contestant, entry in zip(contestants, entries, strict=True):
        with_medians(entry, len(patterns[: contestant.most]) * case.segments)
    return {"case": case._asdict(), "matches": len(expected[0]), "contestants": entries}


def with_medians(entry, pairs):
    """Adds medians, of wall time and of processor time, and the least wall time to the entry."""
    for clock in ("wall", "cpu"):
        median = float(np.median(entry[f"{clock}_s"]))
        entry[f"{clock}_median_s"] = median
        entry[f"{clock}_ns_a_pair"] = 1e9 * median / pairs
    entry["least_ns_a_pair"] = 1e9 * min(entry["wall_s"]) / pairs
    entry["pairs_per_s"] = pairs / entry["wall_median_s"]
    return entry


def single(case, rounds, threads):
    """Nanoseconds a pair for one pattern at a time: median over patterns, methods in turn."""
    patterns, segments = case.draw()
    detectors = {}
    for method in ("pairs", "index"):
        start = time.perf_counter()
        detector = Detector(segments, case.cells, case.threshold, method, threads=threads)
        detector.matches(patterns[:1])
        built = time.perf_counter() - start
        entry = {"name": f"workbench {method}", "build_s": built, "wall_s": [], "cpu_s": []}
        detectors[method] = detector, entry
    for _ in range(rounds):
        for row in patterns:
            segments_matched = []
            for detector, entry in detectors.values():
                start, cpu = time.perf_counter(), time.process_time()
                matches = detector.matches(row[None, :])
                entry["wall_s"].append(time.perf_counter() - start)
                entry["cpu_s"].append(time.process_time() - cpu)
                segments_matched.append(matches.segment)
            if not np.array_equal(*segments_matched):
                raise SystemExit("methods disagree about the matches")
    entries = [with_medians(entry, case.segments) for _, entry in detectors.values()]
    return {"case": case._asdict(), "contestants": entries}


def bound(case):
    """The gather's plan, the bytes and operations it needs a pair, and what reading them takes."""
    patterns, segments = case.draw()
    plan = Detector(segments, case.cells, case.threshold, "gather", threads=1).plan(patterns)
    pairs = 64 * plan.words * plan.group
    reads = read_rates(min(case.cells, 65_535), plan.words)
    return {
        "plan": plan.why,
        "table_bytes_a_pair": plan.tested * 8 * plan.words / pairs,
        "list_bytes_a_pair": 2 * case.synapses / min(pairs, case.patterns),
        "vector_operations_a_pair": 2 * plan.tested * plan.words / 8 / pairs,
        "reads": reads,
        "pairs_per_s_if_only_reading": 1e9 * pairs / (plan.tested * reads["ns_a_row"]),
    }


def table(result, threads):
    """The race as text, with what each contestant's time is of the first's."""
    print(f"\n{result['case']['title']}, {threads} thread{'s' * (threads > 1)}")
    best = result["contestants"][0]
    for entry in result["contestants"]:
        print(
            f"  {entry['name']:22s} {entry['wall_ns_a_pair']:9.5f} ns a pair"
            f" {1e-9 * entry['pairs_per_s']:8.3f} G pairs/s"
            f" {entry['wall_ns_a_pair'] / best['wall_ns_a_pair']:8.1f} x"
            f" ({entry['cpu_ns_a_pair'] / best['cpu_ns_a_pair']:.1f} x processor time,"
            f" {entry['least_ns_a_pair'] / best['least_ns_a_pair']:.1f} x least)"
            f"  least {entry['least_ns_a_pair']:.5f} ns"
            f"  index {entry['build_s']:.3f} s"
        )


def contestants(threads, peers):
    """Ours, and with peers those that can use so many threads."""
    ours = [Ours("gather", threads), Ours("numba" if threads == 1 else "gather", 1)]
    if not peers:
        return ours
    others = [Faiss(threads), SparseDotTopn(threads)]
    return [*ours, *others, *([Scipy(), NumpyScan()] if threads == 1 else [])]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true", help="a tenth of the segments")
    options = options.parse_args()
    share = 10 if options.quick else 1
    sizes = ("synapses 20, threshold 12", 20, 12, 200_000 // share)
    main_case = Case(f"2,048 cells, 40 active, {sizes[0]}", 2048, 40, *sizes[1:], 512)
    cases = [
        (main_case, True),
        (main_case._replace(title=f"8,192 patterns: {main_case.title}", patterns=8192), False),
        (Case(f"65,536 cells, 327 active, {sizes[0]}", 65_536, 327, *sizes[1:], 512), False),
        (Case("2,048 cells, 40 active, synapses 40, threshold 20", 2048, 40, 40, 20,
              200_000 // share, 512), False),
    ]  # fmt: skip
    one = main_case._replace(
        title="one pattern at a time, a million segments", segments=1_000_000 // share, patterns=32
    )
    record = {"machine": machine(PACKAGES), "rates": rates()._asdict(), "races": []}
    for threads in sorted({1, os.cpu_count()}):
        available = processors(threads)
        print(
            f"\n{threads} threads of plain arithmetic get {available:.2f} processors here and now"
        )
        record["machine"][f"processors_got_by_{threads}_threads"] = available
        for case, peers in cases:
            result = race(case, contestants(threads, peers), options.rounds)
            record["races"].append({"threads": threads, **result, "bound": bound(case)})
            if threads > 1:
                record["races"][-1]["threads_bound"] = threads_bound(case, threads)
            table(result, threads)
            share = record["races"][-1]["bound"]
            limit = 1e-9 * share["pairs_per_s_if_only_reading"]
            print(f"  reading its rows alone would allow {limit:.1f} G pairs/s; {share['plan']}")
            if threads > 1:
                bound_by = record["races"][-1]["threads_bound"]
                print(
                    f"  one thread takes {bound_by['alone_s']:.2g} s alone, handing over"
                    f" {bound_by['handed_s']:.2g} s, and threads apart do {bound_by['gain']:.2f}"
                    f" times the work: at most {bound_by['bound']:.2f} x"
                )
        result = single(one, options.rounds, threads)
        record["races"].append({"threads": threads, **result})
        table(result, threads)
    if not options.quick:
        write_results("detector", record)


if __name__ == "__main__":
    main()

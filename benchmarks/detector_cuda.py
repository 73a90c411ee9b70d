"""How fast is the detector on a GPU, against what else runs there, and how near to its bound?

    python benchmarks/detector_cuda.py [--rounds 5] [--most 10000000] [--quick]

Lists of matches are compared first, with the peers' and with Numba's on the host. Time is reported
twice: what the GPU needs to find the matches, by its events, and what a caller waits, transfers and
order included; medians over rounds in which contestants take turns. Making an index is timed apart.
Small kernels measure in the same run what bounds it all. It prints a table and writes
results/detector-cuda-GPU.json.
"""

import argparse
import json
import re
import sys
import time

import numpy as np
from detector import Case, rows
from detector_cuda_limits import limits
from gpu_events import Stopwatch, Timed
from machine import RESULTS, machine

from workbench.base.array import device_name, generator
from workbench.dendrites.matching.backends import gpu
from workbench.dendrites.matching.detector import Detector

PACKAGES = ("numpy", "numba", "cupy-cuda12x", "cupy-cuda13x")
GOAL = 1e12
DRAWN_AT_ONCE = 1_000_000
SYNAPSES = {10: 6, 20: 12, 40: 20}  # and their thresholds
CELLS = {2048: 40, 16_384: 328, 65_536: 1310}  # and how many are active, 2 %
PATTERNS = (32, 128, 512, 896)


class Ours:
    """`Detector` by its CUDA kernel; the stopwatch times the kernel alone."""

    name = "workbench cuda"

    def __init__(self, cupy, watch):
        self.cupy, self.watch = cupy, watch

    @staticmethod
    def index_bytes(case):
        """The lists and their columns, and the tables and matches on their way."""
        item = 2 if case.cells <= 1 << 16 else 4
        return 2 * item * case.synapses * case.segments + 512 * case.cells + (1 << 28)

    def build(self, segments, case):
        self.detector = Detector(segments, case.cells, case.threshold, "cuda")
        # The first call compiles the kernel and makes the columns.
        self.ask(np.arange(case.threshold)[None])

    def ask(self, patterns):
        return tuple(self.detector.matches(self.cupy.asarray(patterns)))


def drawn(case, seed=0):
    """As `Case.draw`, in the smallest integers and piece by piece, for very many segments."""
    rng = np.random.default_rng(seed)
    # By rank, since `rows` draws again until all are distinct: 1,310 of 65,536 hardly ever are.
    patterns = np.stack([rng.permutation(case.cells)[: case.active] for _ in range(case.patterns)])
    segments = np.empty((case.segments, case.synapses), np.min_scalar_type(case.cells - 1))
    for first in range(0, case.segments, DRAWN_AT_ONCE):
        part = segments[first : first + DRAWN_AT_ONCE]
        part[:] = rows(rng, len(part), case.cells, case.synapses)
    places = np.unique(rng.integers(0, case.segments, min(20 * case.patterns, case.segments // 2)))
    source = patterns[np.arange(places.size) % case.patterns]
    segments[places] = rng.permuted(source, axis=1)[:, : case.synapses]
    return patterns, segments


def raced(case, data, contestants, rounds):
    """Seconds of each contestant, after its list of matches was seen to be the expected one.

    Args:
        case: the sizes.
        data: patterns and segments on the host, and segments where the contestants want them.
        contestants: made, but without an index.
        rounds: how often each is asked.
    """
    patterns, segments, there = data
    expected = Detector(segments, case.cells, case.threshold, "numba").matches(patterns)
    entries = []
    for contestant in contestants:
        begun = time.perf_counter()
        contestant.build(there, case)
        built = time.perf_counter() - begun
        entries.append({"name": contestant.name, "build_s": built, "wall": [], "gpu": []})
        if not all(map(np.array_equal, contestant.ask(patterns), expected)):
            raise SystemExit(f"{contestant.name} disagrees with Numba about the matches")
    for _ in range(rounds):
        for contestant, entry in zip(contestants, entries, strict=True):
            contestant.watch.seconds()
            begun = time.perf_counter()
            contestant.ask(patterns)
            entry["wall"].append(time.perf_counter() - begun)
            entry["gpu"].append(contestant.watch.seconds())
    pairs = case.patterns * case.segments
    for entry in entries:
        for name in ("wall", "gpu"):
            seconds = float(np.median(entry[name]))
            entry[f"{name}_s"] = seconds
            entry[f"{name}_pairs_per_s"] = pairs / seconds
            entry[name] = [float(s) for s in entry[name]]
    return {"case": case._asdict(), "matches": len(expected.pattern), "contestants": entries}


def with_bounds(result, case, rates, shared_bytes):
    """Adds the bounds, and the share of its own that each contestant's GPU time reaches."""
    bounds = limits(rates, shared_bytes, case, result["matches"])
    for entry in result["contestants"]:
        own = {"workbench cuda": "bound", "bitwise_count scan": "scan"}.get(entry["name"])
        if own:
            entry["share_of_bound"] = entry["gpu_pairs_per_s"] / bounds[own]
    return result | {"bounds": bounds}


def shown(result):
    """The race as text."""
    case, bounds = result["case"], result["bounds"]
    lines = [f"{case['title']}: {case['patterns']} patterns, {case['segments']:,} segments"]
    for entry in result["contestants"]:
        share = entry.get("share_of_bound")
        lines.append(
            f"  {entry['name']:20s} {entry['gpu_pairs_per_s']:9.3g} pairs/s on the GPU"
            f" {entry['wall_pairs_per_s']:9.3g} in all, index {entry['build_s']:.3g} s"
            + (f", {share:.0%} of its bound" if share is not None else "")
        )
    lines += [f"  {name}: {why}" for name, why in result.get("left_out", {}).items()]
    return "\n".join([*lines, f"  bound {bounds['bound']:.3g} pairs/s by {bounds['bound_by']}"])


def cases(most, quick):
    """Each with whether the peers race too."""
    first = Case("2,048 cells, 20 synapses", 2048, 40, 20, 12, 200_000, 512)
    yield first, True
    if quick:
        return
    for cells, active in CELLS.items():
        for synapses, threshold in SYNAPSES.items():
            for patterns in PATTERNS:
                title = f"{cells:,} cells, {synapses} synapses"
                sizes = cells, active, synapses, threshold, 1_000_000, patterns
                yield Case(title, *sizes), (synapses, patterns) == (20, 512)
    for segments in (10_000_000, 100_000_000):
        if segments <= most:
            yield first._replace(segments=segments), False


def reached(races):
    """The fastest of the races that the goal is about, 2,048 cells, 20 synapses, 512 patterns."""
    best = max(
        race["contestants"][0]["gpu_pairs_per_s"]
        for race in races
        if (race["case"]["cells"], race["case"]["synapses"]) == (2048, 20)
        and race["case"]["patterns"] >= 512
        and race["contestants"]
    )
    return {"pairs_per_s": GOAL, "best_pairs_per_s": best, "reached": best >= GOAL}


def contestants(cupy, case, peers, free):
    """Those there is room for, ours first, and why the others are left out."""
    # Only where there is a GPU have these something to import.
    from detector_cuda_peers import Product, Scan, tensor_cores

    entered, left_out = [Ours(cupy, Stopwatch(cupy))], {}
    if peers:
        entered.append(Scan(cupy, Stopwatch(cupy)))
        try:
            from cupy_backends.cuda.libs import cublas

            product = tensor_cores(cupy, cublas)
            entered.append(Product(cupy, Stopwatch(cupy), product))
        except ImportError as error:
            left_out[Product.name] = f"cuBLAS is not installed ({error.args[0][:60]})"
    room = 0.7 * free
    for one in list(entered):
        needed = one.index_bytes(case)
        if needed > room:
            left_out[one.name] = f"needs {needed:.3g} bytes and {room:.3g} are to be had"
            entered.remove(one)
        else:
            room -= needed
    return entered, left_out


def measured(cupy, rounds, most, quick):
    """Rates, races and the verdict on the goal."""
    from detector_cuda_rates import rates

    measured_rates, races = rates(cupy), []
    expected = cupy.cuda.Device().attributes
    report = {
        "gpu": device_name("cupy"),
        "multiprocessors": int(expected["MultiProcessorCount"]),
        "shared_bytes": int(expected["MaxSharedMemoryPerBlockOptin"]),
        "rates": measured_rates._asdict(),
        "machine": machine(PACKAGES),
        "races": races,
    }
    compiled = gpu._compiled
    for case, peers in cases(most, quick):
        entered, left_out = contestants(cupy, case, peers, int(cupy.cuda.runtime.memGetInfo()[0]))
        if not entered or entered[0].name != Ours.name:
            print(f"{case.title}: {left_out[Ours.name]}")
            continue
        watch = entered[0].watch
        gpu._compiled = lambda xp, text, w=watch: Timed(compiled(xp, text), w)
        patterns, segments = drawn(case)
        data = patterns, segments, cupy.asarray(segments)
        result = raced(case, data, entered, rounds) | {"left_out": left_out}
        races.append(with_bounds(result, case, measured_rates, report["shared_bytes"]))
        print(shown(races[-1]), flush=True)
        del data, entered
        cupy.get_default_memory_pool().free_all_blocks()
    gpu._compiled = compiled
    return report | {"goal": reached(races)}


def main():
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=5, help="5 or more")
    options.add_argument(
        "--most", type=int, default=10_000_000, help="segments in the largest case"
    )
    options.add_argument("--quick", action="store_true", help="the goal's case alone, no record")
    options = options.parse_args()
    if options.rounds < 5:
        sys.exit(f"`rounds` must be at least 5; got {options.rounds}")
    try:
        generator(0, "cupy")
    except ValueError as error:
        sys.exit(f"nothing was measured: this benchmark needs a GPU ({error})")
    import cupy

    report = measured(cupy, options.rounds, options.most, options.quick)
    goal = report["goal"]
    print(f"goal of {goal['pairs_per_s']:.3g} pairs/s: {goal['best_pairs_per_s']:.3g}")
    if options.quick:
        return
    name = re.sub(r"[^A-Za-z0-9]+", "-", report["gpu"])
    path = RESULTS / f"detector-cuda-{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()

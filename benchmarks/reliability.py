"""What studies survive, counted: kills, odd input, and whether numbers come out the same twice.

    python benchmarks/reliability.py [kills] [input] [twice] [table]

Each part that is named (all by default) writes its figures into `results/reliability.json`, from
which the README's table is made. The tests do the same with smaller counts. Two hundred kills take
a quarter of an hour on a quiet machine. `table` prints the README's table.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from machine import RESULTS, machine

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

PATH = RESULTS / "reliability.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--inputs", type=int, default=10_000)
    options = parser.parse_args()
    measurements = {"kills": killed, "input": fuzzed, "twice": twice}
    for part in [p for p in options.parts or measurements if p != "table"]:
        begin = time.time()
        figures = measurements[part](options)
        about = machine(("numpy", "papermill", "hypothesis"))
        keep(part, {**figures, "seconds": round(time.time() - begin), "machine": about})
    print("\n".join(table(json.loads(PATH.read_text()))))


def keep(part, figures):
    """Writes a part's figures beside those of the others."""
    record = json.loads(PATH.read_text()) if PATH.exists() else {}
    PATH.write_text(json.dumps({**record, part: figures}, indent=1) + "\n")
    print(part, json.dumps({k: v for k, v in figures.items() if k != "machine"}, indent=1))


def table(record):
    """The lines of the README's table: one for each part that was counted."""
    lines = {"kills": _kills_line, "input": _input_line, "twice": _twice_line}
    rows = [line(record[part]) for part, line in lines.items() if part in record]
    head = ["| what was done | what came of it |", "|---|---|"] if rows else []
    return [*head, *(f"| {done} | {came} |" for done, came in rows)]


def _kills_line(kills):
    counts = kills["all"]
    points = f"{counts['points done']:,} of {counts['points']:,} points done once after resuming"
    files = f"{counts['wrong records or half files']} wrong records or half files"
    what = f"kill -9 at random moments: {_list(kills['by victim'], 'kills')}"
    return what, f"{points}, {files}, {counts['orphans']} orphans"


def _input_line(odd):
    counts = odd["all"]
    sentence = f"{counts['tracebacks']} tracebacks, {counts['wrong runs']} wrong runs"
    return f"odd input: {_list(odd['by kind'], 'tried')}", sentence


def _twice_line(twice):
    counts = twice["experiments"]
    same = [n for n, one in counts.items() if one["same twice"] and one["same on 2 threads"]]
    others = [f"`{n}` is not: {one['because']}" for n, one in counts.items() if n not in same]
    sentence = "; ".join([f"{len(same)} the same bit for bit", *others])
    return f"{len(counts)} experiments run twice, and on 1 and 2 threads", sentence


def _list(counts, what):
    """`3 of this, 4 of that`."""
    return ", ".join(f"{one[what]:,} {name}" for name, one in counts.items())


def killed(options):
    """Kills of the whole sweep, of workers, and of kernels and their workers."""
    import kills

    # A kill of a sweep costs a start of everything, one of a worker a start of little.
    shares = {"sweeps": 0.15, "workers": 0.5, "kernels and their workers": 0.35}
    ways = dict(
        zip(shares, (kills.kill_sweeps, kills.kill_workers, kills.kill_kernels), strict=True)
    )
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(3) as pool:
        begun = {}
        for number, (victims, share) in enumerate(shares.items()):
            part = Path(folder) / str(number)
            part.mkdir()
            begun[victims] = pool.submit(ways[victims], part, round(share * options.kills), number)
        tallies = {victims: one.result() for victims, one in begun.items()}
    for victims, tally in tallies.items():
        print(victims, tally.counts(), tally.wrong, flush=True)
    counts = {victims: tally.counts() for victims, tally in tallies.items()}
    total = {name: sum(one[name] for one in counts.values()) for name in counts["sweeps"]}
    return {"all": total, "by victim": counts}


def fuzzed(options):
    """Random command lines, study files and records."""
    import fuzzing

    return fuzzing.fuzzed(options.inputs)


def twice(options):
    """Every experiment's function run twice, and with one thread and with two."""
    import determinism

    return {"experiments": determinism.all_experiments()}


if __name__ == "__main__":
    main()

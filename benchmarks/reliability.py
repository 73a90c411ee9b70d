"""What studies survive, counted: kills, odd input, and whether numbers come out the same twice.

    python benchmarks/reliability.py [kills] [input] [twice]

Each part that is named (all by default) writes its figures into `results/reliability.json`, from
which the README's table is made. The tests do the same with smaller counts. Two hundred kills take
a quarter of an hour on a quiet machine.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from machine import RESULTS, machine

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "runs"), str(ROOT / "tests")]

PATH = RESULTS / "reliability.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--inputs", type=int, default=10_000)
    asked = parser.parse_args()
    made = {"kills": killed, "input": fuzzed, "twice": twice}
    for part in asked.parts or made:
        begin = time.time()
        figures = made[part](asked)
        about = machine(("numpy", "papermill", "hypothesis"))
        keep(part, {**figures, "seconds": round(time.time() - begin), "machine": about})


def keep(part, figures):
    """Writes a part's figures beside those of the others."""
    record = json.loads(PATH.read_text()) if PATH.exists() else {}
    PATH.write_text(json.dumps({**record, part: figures}, indent=1) + "\n")
    print(part, json.dumps({k: v for k, v in figures.items() if k != "machine"}, indent=1))


def killed(asked):
    """Kills of the whole sweep, of workers, and of kernels and their workers."""
    import kills

    # A kill of a sweep costs a start of everything, one of a worker a start of little.
    shares = {"sweep": 0.2, "worker": 0.5, "kernel or its worker": 0.3}
    ways = dict(
        zip(shares, (kills.kill_sweeps, kills.kill_workers, kills.kill_kernels), strict=True)
    )
    found = {}
    for number, (victim, share) in enumerate(shares.items()):
        with tempfile.TemporaryDirectory() as folder:
            tally = ways[victim](Path(folder), round(share * asked.kills), seed=number)
        found[victim] = tally.told()
        print(victim, found[victim], tally.wrong, flush=True)
    total = {name: sum(one[name] for one in found.values()) for name in found["sweep"]}
    return {"all": total, "by victim": found}


def fuzzed(asked):
    """Random command lines, study files and records."""
    import fuzzing

    return fuzzing.fuzzed(asked.inputs)


def twice(asked):
    """Every experiment's function run twice, and with one thread and with two."""
    import determinism

    return {"experiments": determinism.all_experiments()}


if __name__ == "__main__":
    main()

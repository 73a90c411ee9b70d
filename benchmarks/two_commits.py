"""Is the code of one commit slower than that of another?

Runs in one command, `python benchmarks/two_commits.py OLD [NEW] [--rounds 5]`. Both commits are
checked out beside each other; each probe runs in a process of its own, the two commits in turn in
every round. Reported are the median over rounds of processor seconds a call, after a first call
that compiles and fills caches, the ratio of new to old, and whether the results agree.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import machine, write_results

ROOT = Path(__file__).parents[1]
# A probe sets `call`, a function without arguments, whose result prints as text.
DETECTOR = """
try:
    from workbench.dendrites.matching.detector import Detector
except ImportError:
    from workbench.dendrites.detector import Detector
import numpy as np
rng = np.random.default_rng(1)
def rows(count, size):
    return rng.random((count, 2048)).argpartition(size, 1)[:, :size].astype(np.int32)
segments, patterns = rows(200_000, 20), rows(512, 40)
"""
FIT = """
try:
    from workbench.scaling.fit.fit import fit
    from workbench.scaling.inference.bootstrap import bootstrap
except ImportError:
    from workbench.scaling.fitting import fit
    from workbench.scaling.resampling import bootstrap
import numpy as np
rng = np.random.default_rng(1)
N, D = 10 ** rng.uniform(7, 10, 240), 10 ** rng.uniform(9, 11, 240)
L = (1.8 + 480 / N**0.35 + 2100 / D**0.37) * np.exp(rng.normal(0, 0.01, 240))
table = {"parameters": N, "tokens": D, "loss": L}
"""
EXPERIMENT = """
import importlib
module = importlib.import_module("workbench.experiments.NAME")
def call():
    module.run(module.Params(seed=next(seeds)))
"""
# Experiments whose work did not change between the editions of the house.
NAMES = (
    "dendrites.detection",
    "inits.generalized_gaussian",
    "inits.criticality",
    "scaling.isoflop",
)
PROBES = {
    "a detector is built": DETECTOR
    + "call = lambda: Detector(segments, 2048, 12, threads=1).segments",
    "512 patterns, 200,000 segments": DETECTOR
    + "d = Detector(segments, 2048, 8, threads=1)\ncall = lambda: d.matches(patterns)[0].sum()",
    "a pattern at a time, 200,000 segments": DETECTOR
    + "d = Detector(segments, 2048, 8, threads=1)\n"
    + "call = lambda: sum(len(d.matches(p[None])[0]) for p in patterns[:64])",
    "a fit": FIT + "call = lambda: round(fit('chinchilla', table).objective, 9)",
    "1,000 resamples": FIT + "f = fit('chinchilla', table)\n"
    "call = lambda: len(bootstrap(f, 1000).objectives)",
    **{f"run of {name.replace('.', '/')}": EXPERIMENT.replace("NAME", name) for name in NAMES},
}
CLOCK = """
import itertools, json, time
seeds = itertools.count(1)
exec(PROBE)
call()
begin, calls = time.process_time(), 0
while (spent := time.process_time() - begin) < 0.3:
    result, calls = call(), calls + 1
print(json.dumps([spent / calls, str(result)]))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("old")
    parser.add_argument("new", nargs="?", default="HEAD")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="probes whose names contain this")
    options = parser.parse_args()
    probes = {name: code for name, code in PROBES.items() if options.only in name}
    record = {"machine": machine(("numpy", "scipy", "numba")), "processor seconds": {}}
    with tempfile.TemporaryDirectory() as folder:
        trees = [
            checkout(rev, Path(folder) / str(k)) for k, rev in enumerate((options.old, options.new))
        ]
        record["commits"] = [revision(tree) for tree in trees]
        for name, probe in probes.items():
            entry = record["processor seconds"][name] = compared(probe, trees, options.rounds)
            print(f"{name:40} {json.dumps(entry)}", flush=True)
        for tree in trees:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    if not options.only:
        write_results("two-commits", record)


def compared(probe: str, trees: list[Path], rounds: int) -> dict:
    """Medians of both commits' processor seconds, new over old, and whether the results agree."""
    measured = [[clocked(probe, tree) for tree in trees] for _ in range(rounds)]
    old, new = (statistics.median(pair[k][0] for pair in measured) for k in (0, 1))
    agree = all(a[1] == b[1] for a, b in measured)
    return {"old": round(old, 5), "new": round(new, 5), "ratio": round(new / old, 3), "same": agree}


def checkout(rev: str, folder: Path) -> Path:
    command = ["git", "worktree", "add", "--quiet", "--detach", folder, rev]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


def revision(tree: Path) -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(
        command, cwd=tree, check=True, capture_output=True, text=True
    ).stdout.strip()


def clocked(probe: str, tree: Path) -> list:
    """Processor seconds of a call after the first, and its result, by the code of one commit."""
    command = [sys.executable, "-c", CLOCK.replace("PROBE", repr(probe))]
    surroundings = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=surroundings, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the probe ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()

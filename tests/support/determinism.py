"""Whether an experiment's numbers come out the same twice, and with one thread and with two.

Run as a program it prints what two calls in one process give: `python determinism.py NAME`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from workbench.runs.find import experiment, experiments  # noqa: E402

# Why the numbers differ from run to run of an experiment that says `MEASURES_TIME = True`.
TIMES = "its numbers are times that a clock measured"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def all_experiments():
    """By name, what `compared` found."""
    found = {}
    for one in experiments():
        found[one.name] = compared(one.name)
        print(one.name, found[one.name], flush=True)
    return found


def compared(name):
    """Whether two calls agree bit for bit, and one thread with two; else why not."""
    one, two = (calls(name, threads) for threads in (1, 2))
    found = {"same twice": one[0] == one[1] and two[0] == two[1], "same on 2 threads": one == two}
    if not all(found.values()):
        measures_time = getattr(experiment(name).module(), "MEASURES_TIME", False)
        reason = TIMES if measures_time else "not known"
        found |= {"differ": differing(one, two), "because": reason}
    return found


def calls(name, threads):
    """What two calls give in a process with so many threads, as the texts of their records."""
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, __file__, name], env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def differing(one, two):
    """The names of the numbers that are not the same in all records."""
    records = [json.loads(text) for text in (*one, *two)]
    keys = sorted({key for record in records for key in record})
    return [k for k in keys if len({json.dumps(r.get(k)) for r in records}) > 1][:8]


def numbers(name):
    """The summary and what claims measured, flat, as a line of JSON with every digit."""
    from workbench.runs.find import Experiment
    from workbench.runs.function_run import _numbers

    made = _numbers(name, Experiment(name).module().Params().values())
    flat = {f"summary: {k}": v for k, v in made["summary"].items()}
    for claim in made["claims"]:
        flat[f"claim: {claim.pop('statement')[:60]}"] = claim
    return json.dumps(flat)


if __name__ == "__main__":
    for _ in range(2):
        print(numbers(sys.argv[1]))

"""A small experiment in a folder of its own, and a sweep over it that a test can kill.

Run as a program it sweeps: `toy_experiment.py FOLDER COUNT JOBS MILLISECONDS [function|notebook]`.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import workbench.experiments
from workbench.runs import find
from workbench.runs.function_run import call
from workbench.studies import executor, sweep
from workbench.studies.grid import sweep as points

CODE = '''"""Does a trial end?"""

import os
import signal
import time
from pathlib import Path

from workbench.experiment.claims import Claim, Paper, exactly
from workbench.experiment.params import Knobs, knob

PAPER = Paper("Somebody", 2020, "")
CLAIMS = [Claim("eq. 1", "It is so", exactly(lambda: 1, 1))]
HERE = Path(__file__).parents[2]


class Params(Knobs):
    """The knobs."""

    x: int = knob(0, "what is doubled", span=(0, 1000000))
    way: str = knob("", "how the run ends")
    milliseconds: int = knob(0, "how long it takes", span=(0, 100000))


def run(params):
    """Doubles, or ends in the given way."""
    with (HERE / "calls.txt").open("a") as file:
        file.write(f"{params.x} {os.getpid()}\\\\n")
    time.sleep(params.milliseconds / 1000)
    if params.way == "raise":
        raise ValueError("unlucky")
    if params.way == "once" and (HERE / "calls.txt").read_text().count("\\\\n") < 2:
        raise ValueError("unlucky once")
    if params.way == "exit":
        raise SystemExit(3)
    if params.way == "leave":
        os._exit(7)
    if params.way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if params.way == "hang":
        time.sleep(1000)
    if params.way == "memory":
        bytearray(200_000_000)
    if params.way == "eat":
        chunks = []
        while True:
            chunks.append(b"x" * 10_000_000)
            time.sleep(0.001)
    if params.way == "shown":
        return {"double": int(os.environ.get("CUDA_VISIBLE_DEVICES", "-1"))}
    if params.way == "nan":
        return {"double": float("nan")}
    return {"double": 2 * params.x}
'''


def settle(folder):
    """Puts the experiment `trials/trial` into this process, in place of the house's own."""
    package = Path(folder) / "experiments"
    if not package.exists():
        (package / "trials").mkdir(parents=True)
        (package / "trials" / "__init__.py").write_text("")
        (package / "trials" / "trial.py").write_text(CODE.replace("\\\\n", "\\n"))
    find.EXPERIMENTS = package
    workbench.experiments.__path__ = [str(package)]


def call_settled(task):
    """The work of a worker, which starts without the experiment."""
    settle(os.environ["TRIAL_FOLDER"])
    return call(task)


def model(folder):
    settle(folder)
    return find.Experiment("trials/trial").module().Params


def jobs(folder, values):
    made = points(model(folder), values)
    return sweep.study_jobs("trials/trial", made, function=True)


def run(folder, values, watcher=None, **limits):
    """The counts of a study's run in this process, with its records in FOLDER/study."""
    os.environ["TRIAL_FOLDER"] = str(folder)
    executor.call = call_settled
    return sweep.run_study(
        jobs(folder, values), Path(folder) / "study", executor.Limits(**limits), watcher
    )


if __name__ == "__main__":
    folder, count, slots, milliseconds = sys.argv[1], *map(int, sys.argv[2:5])
    study = {"x": list(range(count)), "milliseconds": milliseconds}
    print(run(folder, study, jobs=slots))

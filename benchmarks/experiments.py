"""What an experiment costs: processor seconds of its default run and of its contract.

Runs in one command, `python benchmarks/experiments.py [NAME ...]`. A run is `workbench run NAME`
and all that it starts; what the same command takes for a notebook that only imports what the
experiment's notebook imports is taken off. Each run is made twice, and the second counts: compiled
code is in its cache. A contract is pytest over `tests/contract` for the one experiment, less what
it takes for none. From it follows how long the contract of many experiments would take.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from machine import machine, write_results

from workbench.runs import find

ROOT = Path(__file__).parents[1]
MANY = 100
WORKBENCH = [sys.executable, "-P", "-m", "workbench", "run"]
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=sorted(e.name for e in find.experiments()))
    options = parser.parse_args()
    record = {"machine": machine(("papermill", "numpy", "scipy", "numba")), "processor seconds": {}}
    empty = seconds([*PYTEST, "-k", "no_such_experiment"], 5)
    for name in options.names:
        with tempfile.TemporaryDirectory() as folder:
            imports = only_imports(name, Path(folder))
            costs = {
                "start": second_run(str(imports), folder),
                "run": second_run(name, folder),
                "contract": seconds([*PYTEST, "-k", name.split("/")[1]]) - empty,
            }
        costs["run beyond the start"] = costs["run"] - costs["start"]
        record["processor seconds"][name] = {k: round(v, 2) for k, v in costs.items()}
        print(name, json.dumps(record["processor seconds"][name]), flush=True)
    contracts = [c["contract"] for c in record["processor seconds"].values()]
    mean = statistics.mean(contracts)
    record["contract"] = {
        "mean": round(mean, 2),
        f"{MANY} experiments on two cores, minutes": round(MANY * mean / 2 / 60, 1),
    }
    print(record["contract"])
    if options.names == parser.get_default("names"):
        write_results("experiments", record)


def only_imports(name: str, folder: Path) -> Path:
    """A notebook with the setup cell of an experiment's, its imports alone."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code" and "Params.of(" in c.source]
    lines = [x for x in cells[0].source.splitlines() if x.startswith(("from ", "import "))]
    tagged = nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    notebook.cells = [tagged, nbformat.v4.new_code_cell("\n".join(lines))]
    path = folder / "imports.ipynb"
    nbformat.write(notebook, path)
    return path


def second_run(name: str, folder: str) -> float:
    """What a run takes once compiled code is in its cache."""
    command = [*WORKBENCH, name, "--reports", folder]
    seconds(command)
    return seconds(command)


def seconds(command: list[str], *codes: int) -> float:
    """Processor seconds, user's and system's, of a command and all that it starts."""
    before = os.times()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    after = os.times()
    if done.returncode not in (0, *codes):
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
    return sum(after[2:4]) - sum(before[2:4])


if __name__ == "__main__":
    main()

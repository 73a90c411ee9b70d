"""What a run of a study costs over its own work, beside papermill, nbclient and joblib.

Runs in one command, `python benchmarks/sweep.py [--rounds 5] [--runs 6] [--cells 1000,2000]`.
`--cells` adds notebooks of so many short cells: the seconds of the processor that this process
takes for them, by nbclient, by ours without its page, and by a whole run. Notebook runs: the same
notebook with so many values of its parameter, one after the other; ours leaves a record, an
executed notebook and a page a run, the others the executed notebook. Function runs: the same
function with so many values; ours leaves a record a run, joblib the results in memory. Every
contender runs in every round, in turn; its outputs are checked to be equal first. Kept are the
medians over rounds of the wall time a run, less what its own cells or calls take. What a process
loads once is paid in a first round that is thrown away, but by papermill's command, which pays it
every time.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import datetime
from pathlib import Path

import joblib
import nbclient
import nbformat
import papermill
from machine import machine, write_results
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT), str(ROOT / "tests" / "support")]

import toy_experiment  # noqa: E402

from workbench.experiment.claims import decide, summary  # noqa: E402
from workbench.records.store import read_points  # noqa: E402
from workbench.runs.execute import execute  # noqa: E402
from workbench.runs.function_run import call  # noqa: E402
from workbench.runs.job import job  # noqa: E402
from workbench.runs.kernels.kernel import run_cells  # noqa: E402
from workbench.studies import executor, sweep  # noqa: E402
from workbench.studies.grid import sweep as points  # noqa: E402
from workbench.studies.notebook_run import NotebookTask, execute_task, prepare  # noqa: E402

GOALS = {"notebook run": 0.35, "function run": 0.002}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=6)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--cells", type=lambda text: [int(n) for n in text.split(",")], default=[])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    about = machine(("papermill", "nbclient", "joblib", "ipykernel", "jupyter-client"))
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        own = Path("own.ipynb")
        cell = new_code_cell("x = 0", metadata={"tags": ["parameters"]})
        python = {"name": "python3", "language": "python", "display_name": "Python 3"}
        executed = new_notebook(
            cells=[cell, new_code_cell("x * x")], metadata={"kernelspec": python}
        )
        nbformat.write(executed, own)
        results = {
            "notebook run": notebooks(own, options),
            "function run": functions(Path(folder), options),
        }
        processor = {count: many_cells(count, options.rounds) for count in options.cells}
    for kind, seconds in results.items():
        print(
            f"\n{kind}: seconds over its own work, medians of {options.rounds} (goal {GOALS[kind]})"
        )
        for name, spent in seconds.items():
            print(f"  {name:<28} {spent['median']:9.4f}   least {spent['least']:9.4f}")
    for count, seconds in processor.items():
        print(f"\n{count} cells: seconds of this process's processor time, medians")
        for name, spent in seconds.items():
            print(f"  {name:<28} {spent['median']:9.2f}   least {spent['least']:9.2f}")
    record = {"machine": about, "settings": vars(options), "goals": GOALS, "seconds": results}
    write_results("sweep", record | {"processor seconds by cells": processor})


def notebooks(own, options):
    """Seconds of a notebook run over those of its cells, by contender and round."""
    prepare()
    values = range(1, options.runs + 1)
    contenders = {
        "workbench": lambda: ours(own, values),
        "papermill, API": lambda: [by_papermill(own, x) for x in values],
        "nbclient": lambda: [by_nbclient(own, x) for x in values],
        "papermill, command": lambda: [by_command(own, x) for x in list(values)[:2]],
    }
    return raced(contenders, options.rounds, squares)


def squares(executed):
    """The results of the notebooks that a contender made."""
    return [int(n.cells[-1].outputs[0].data["text/plain"]) for n in executed][:2]


def ours(own, values):
    """A study, as a worker of `workbench sweep` runs it."""
    jobs = sweep.study_jobs(str(own), points(sweep.model_of(str(own))[0], {"x": list(values)}))
    shutil.rmtree("reports", ignore_errors=True)
    begin = time.perf_counter()
    for one in jobs:
        how = "reports", None, 1
        record = execute_task(NotebookTask(str(own), one.params.changed(), one.identity, *how))
        assert record["state"] == "done", record["error"]
    spent = time.perf_counter() - begin
    folders = [Path("reports") / one.name / one.run for one in jobs]
    assert all((folder / "page.html").is_file() for folder in folders)
    return [nbformat.read(folder / "notebook.ipynb", 4) for folder in folders], spent


def by_papermill(own, x):
    with contextlib.redirect_stderr(io.StringIO()):
        return papermill.execute_notebook(own, "out.ipynb", {"x": x}, progress_bar=False)


def by_command(own, x):
    words = [sys.executable, "-m", "papermill", str(own), "out.ipynb", "-p", "x", str(x)]
    subprocess.run(words, check=True, capture_output=True)
    return nbformat.read("out.ipynb", 4)


def by_nbclient(own, x):
    notebook = nbformat.read(own, 4)
    notebook.cells[0].source = f"x = {x}"
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, "out.ipynb")
    return notebook


def many_cells(count, rounds):
    """Seconds of the processor that this process takes for so many cells, by contender."""
    path = Path(f"cells-{count}.ipynb")
    first = new_code_cell("x = 0", metadata={"tags": ["parameters"]})
    notebook = new_notebook(cells=[first, *(new_code_cell(f"x + {i}") for i in range(count - 1))])
    nbformat.write(notebook, path)
    contenders = {
        "nbclient": lambda: by_nbclient(path, 1),
        "workbench, cells alone": lambda: cells_alone(path),
        "workbench, run with page": lambda: execute(job(str(path), {"x": 1}), Path("reports")),
    }
    seconds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            shutil.rmtree("reports", ignore_errors=True)
            begin = time.process_time()
            run()
            seconds[name].append(time.process_time() - begin)
    return {n: {"median": statistics.median(s), "least": min(s)} for n, s in seconds.items()}


def cells_alone(path):
    end = run_cells(job(str(path), {"x": 1}), Path("o.ipynb"), progress=False, cell_timeout=None)
    assert end.state == "done", end.error


def cells(notebook):
    """The seconds that the kernel spent in the notebook's cells."""
    total = 0.0
    for times in [c.metadata.get("execution", {}) for c in notebook.cells]:
        ends = [times.get(k) for k in ("iopub.execute_input", "shell.execute_reply")]
        if all(ends):
            begin, end = map(datetime.fromisoformat, ends)
            total += (end - begin).total_seconds()
    return total


def raced(contenders, rounds, outputs):
    """Median and least seconds a run over its cells; a round to load everything goes before."""
    seconds = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        answers = {}
        for name, run in contenders.items():
            begin = time.perf_counter()
            results = run()
            spent = time.perf_counter() - begin
            executed, spent = results if isinstance(results, tuple) else (results, spent)
            answers[name] = outputs(executed)
            if turn:
                seconds[name].append((spent - sum(map(cells, executed))) / len(executed))
        assert len({json.dumps(a) for a in answers.values()}) == 1, answers
    return {n: {"median": statistics.median(s), "least": min(s)} for n, s in seconds.items()}


def functions(folder, options):
    """Seconds of a function run over those of its call, by contender."""
    os.environ["TRIAL_FOLDER"] = str(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[-2:])
    jobs = toy_experiment.jobs(folder, {"x": list(range(options.calls))})
    tasks = [one.task for one in jobs]
    call(tasks[0])
    executor.call = toy_experiment.call_settled
    contenders = {
        "workbench, in this process": lambda: study(jobs, folder, 1, None),
        "workbench, 2 workers": lambda: study(jobs, folder, 2, None),
        "joblib, 2 workers": lambda: doubles_by_joblib(tasks),
    }
    seconds = {name: [] for name in contenders}
    own = []
    for turn in range(options.rounds + 1):
        begin = time.perf_counter()
        plain = [bare(task) for task in tasks]
        own.append((time.perf_counter() - begin) / len(tasks))
        for name, run in contenders.items():
            begin = time.perf_counter()
            results = run()
            spent = (time.perf_counter() - begin) / len(tasks)
            assert results == plain, name
            if turn:
                seconds[name].append(spent - own[-1])
    return {n: {"median": statistics.median(s), "least": min(s)} for n, s in seconds.items()}


def study(jobs, folder, slots, timeout):
    """The doubles as the records of a whole study tell them; the workers start anew each time."""
    out = folder / "study"
    if out.exists():
        # Not ours to pay: what the round before left.
        out.rename(folder / f"study-{time.monotonic_ns()}")
    counts = sweep.run_study(jobs, out, executor.Limits(slots, timeout))
    assert counts == {"kept": 0, "done": len(jobs)}
    return [point["summary"]["double"] for point in read_points(out)]


def bare(task):
    """The call alone."""
    module = toy_experiment.find.Experiment(task[0]).module()
    params = module.Params(**task[1])
    result = module.run(params)
    decide(module, params, result)
    return dict(summary(result))["double"]


def doubles_by_joblib(tasks):
    results = joblib.Parallel(2)(
        joblib.delayed(toy_experiment.call_settled)(task) for task in tasks
    )
    return [one["summary"]["double"] for one in results]


if __name__ == "__main__":
    main()

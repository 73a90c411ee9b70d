"""Small notebooks and experiments for the tests of runs."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import workbench.experiments
from workbench.runs import find

ROOT = Path(__file__).parents[2]

EXPERIMENT = '''"""Is a toy a toy?"""

from workbench.experiment.claims import Claim, Paper, exactly
from workbench.experiment.params import Knobs, knob

PAPER = Paper("Somebody", 2020, "arXiv:2001.00001")
CLAIMS = [Claim("eq. 1", "It is so", exactly(lambda: 1, 1))]


class Params(Knobs):
    """The knobs."""

    draws: int = knob(10, "numbers drawn", span=(1, 100))
    file: str = knob("", "your own numbers", suffixes=(".csv",))
'''

# By name, a cell that ends its kernel or its time, the run's state, and what is said of it.
DEADLY = {
    "kill": ("import os\nos.kill(os.getpid(), 9)", "killed", "cell 'bad': the kernel died"),
    "exit": ("import os\nos._exit(0)", "killed", "cell 'bad': the kernel died"),
    "sleep": ("import time\ntime.sleep(99)", "timed out", "cell 'bad': it took longer than 1 s"),
    "system-exit": ("raise SystemExit(1)", "failed", "cell 'bad': SystemExit: 1"),
}


def code(source, id, *tags):
    return new_code_cell(source, id=id, metadata={"tags": list(tags)} if tags else {})


def parameters(source):
    return code(source, "parameters", "parameters")


def notebook(path, *cells, parameters_cell="x: int = 3  # a number"):
    """Writes a notebook with a parameters cell and these cells; strings are code."""
    made = [c if not isinstance(c, str) else code(c, f"cell-{i}") for i, c in enumerate(cells)]
    first = [] if parameters_cell is None else [parameters(parameters_cell)]
    nbformat.write(new_notebook(cells=[*first, *made]), path)
    return Path(path)


def prose(source, id="prose"):
    return new_markdown_cell(source, id=id)


def environment(**more):
    """What a subprocess needs to run this checkout's code, whatever is installed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def command(*words, cwd, **more):
    """The command line in a process of its own, begun but not awaited."""
    return subprocess.Popen(
        [sys.executable, "-m", "workbench", *map(str, words)],
        cwd=cwd,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def house(folder, monkeypatch):
    """Puts one experiment, `toys/toy`, and its notebook into the folder, in place of the real ones.

    Only this process sees them; a kernel of its own does not.
    """
    package = folder / "experiments"
    (package / "toys").mkdir(parents=True)
    (package / "toys" / "__init__.py").write_text("")
    (package / "toys" / "toy.py").write_text(EXPERIMENT)
    (folder / "notebooks" / "toys").mkdir(parents=True)
    monkeypatch.setattr(find, "EXPERIMENTS", package)
    monkeypatch.setattr(find, "NOTEBOOKS", folder / "notebooks")
    monkeypatch.setattr(find, "ROOT", folder)
    monkeypatch.setattr(workbench.experiments, "__path__", [str(package)])
    for name in ("toys", "toys.toy"):
        monkeypatch.delitem(sys.modules, f"workbench.experiments.{name}", raising=False)
    found = find.Experiment("toys/toy")
    cell = found.module().Params.cell()
    notebook(found.notebook, prose("# Is a toy a toy?", "title"), parameters_cell=cell)
    return folder


def executed(made, state="done", *, error=None):
    """The notebook as papermill leaves it after all cells ran, without a kernel.

    Args:
        made: the notebook.
        state: "done"; else the last code cell never got its reply, as when a kernel is killed.
        error: lines of a traceback that the last code cell shows.
    """
    made = nbformat.from_dict(made)
    cells = [c for c in made.cells if c.cell_type == "code" and c.source.strip()]
    for count, cell in enumerate(cells, 1):
        cell.execution_count = count
        cell.metadata["papermill"] = {"status": "completed", "exception": False}
        cell.metadata["execution"] = {
            "iopub.execute_input": "2026-01-01T00:00:00.000000+00:00",
            "shell.execute_reply": "2026-01-01T00:00:01.500000+00:00",
        }
    if state != "done":
        del cells[-1].metadata["execution"]["shell.execute_reply"]
    if error:
        shown = nbformat.v4.new_output("error", ename="E", evalue="e", traceback=error)
        cells[-1].outputs.append(shown)
    return made

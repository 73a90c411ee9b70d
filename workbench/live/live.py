"""Notebooks that people open: at a run's knobs in JupyterLab, or the panel alone in Voila.

Both servers answer on the loopback address alone, to whoever has a random token. It goes to them
in their environment: a command line can be read by every user of the machine.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib.util
import os
import secrets
import shlex
import signal
import subprocess
import symtable
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from workbench.checks import refuse
from workbench.experiment.params import Parameters
from workbench.live.voila_server import TOKEN
from workbench.records.records import read_record
from workbench.runs.ending import kill_children
from workbench.runs.find import ROOT, experiment
from workbench.runs.interruption import interruptible
from workbench.runs.job import model_of
from workbench.runs.parameters_cell import read_notebook
from workbench.runs.record import RECORD

COPY = "explore.ipynb"
SECONDS_TO_END = 10
TEMPLATES = Path(__file__).with_name("serve_template")


def write_copy(record: Path) -> Path:
    """A copy of a run's notebook whose parameters cell holds the run's knobs, beside its record.

    The notebook of the experiment is not touched; a copy from before is replaced.

    Args:
        record: a run's folder or its `record.json`.

    Raises:
        ValueError: if there is no such record, its notebook is gone, or a knob is refused by now.
    """
    path = record / RECORD if record.is_dir() else record
    held = read_record(path)
    if held is None or "command" not in held:
        refuse("record", "the folder of a run or its record.json", str(record))
    target = shlex.split(held["command"])[2]
    model, found = model_of(target)
    params = model(**held["knobs"])
    notebook = read_notebook(found.notebook if found else Path(target))
    written = path.with_name(COPY)
    nbformat.write(at(notebook, params), written)
    return written


def at(notebook: nbformat.NotebookNode, params: Parameters) -> nbformat.NotebookNode:
    """A copy of the notebook whose parameters cell sets these values, without outputs."""
    made = copy.deepcopy(notebook)
    changed = params.changed()
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "parameters" in cell.metadata.get("tags", []):
            lines = [f"{name} = {value!r}" for name, value in changed.items()]
            cell.source = "\n".join([_set(cell.source, changed), *_unset(cell.source, lines)])
    return made


def _set(source: str, changed: dict[str, Any]) -> str:
    """The cell with new values in the lines that give a name one literal."""
    lines = source.splitlines()
    for node in _assignments(source):
        name = node.target.id if isinstance(node, ast.AnnAssign) else node.targets[0].id
        value = node.value
        if name in changed and value is not None and value.lineno == value.end_lineno:
            line = lines[value.lineno - 1].encode()
            ends = line[: value.col_offset], line[value.end_col_offset :]
            lines[value.lineno - 1] = f"{ends[0].decode()}{changed[name]!r}{ends[1].decode()}"
    return "\n".join(lines)


def _unset(source: str, lines: list[str]) -> list[str]:
    """Those of the assignments that `_set` found no line for."""
    known = {
        n.target.id if isinstance(n, ast.AnnAssign) else n.targets[0].id
        for n in _assignments(source)
        if n.value is not None and n.value.lineno == n.value.end_lineno
    }
    return [line for line in lines if line.split(" = ", 1)[0] not in known]


def _assignments(source: str) -> list[Any]:
    """Statements that give one plain name a value."""
    return [
        n
        for n in ast.parse(source).body
        if (isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name))
        or (
            isinstance(n, ast.Assign) and len(n.targets) == 1 and isinstance(n.targets[0], ast.Name)
        )
    ]


def panel_alone(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """The notebook's title and its panel, with the cells that the panel's names come from.

    Raises:
        ValueError: if no cell is tagged `panel`.
    """
    code = [c for c in notebook.cells if c.cell_type == "code"]
    panels = [c for c in code if "panel" in c.metadata.get("tags", [])]
    if not panels:
        raise ValueError(f"`{name}` must have a cell tagged 'panel'; got none")
    kept, wanted = [panels[-1].id], _read(panels[-1].source)
    for cell in reversed(code[: code.index(panels[-1])]):
        made = _made(cell.source)
        if made & wanted or "parameters" in cell.metadata.get("tags", []):
            kept.append(cell.id)
            wanted = (wanted - made) | _read(cell.source)
    heads = [c.id for c in notebook.cells if c.cell_type == "markdown"][:1]
    alone = copy.deepcopy(notebook)
    alone.cells = [c for c in alone.cells if c.id in {*kept, *heads}]
    return alone


def _made(source: str) -> set[str]:
    """The names that a cell gives a value to, at its top level."""
    top = symtable.symtable(source, "cell", "exec")
    return {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}


def _read(source: str) -> set[str]:
    """The names of the notebook that a cell reads, in the bodies of its functions as well."""
    scopes, names = [symtable.symtable(source, "cell", "exec")], set()
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        is_top = scope.get_type() == "module"
        names |= {
            s.get_name()
            for s in scope.get_symbols()
            if s.is_referenced() and (is_top or s.is_global())
        }
    return names


def explore(record: Path, browser: bool = True) -> int:
    """Opens a run's notebook at its knobs in JupyterLab until it is ended; returns its status."""
    path = write_copy(record)
    words = [sys.executable, "-m", "jupyterlab", str(path), "--ServerApp.ip=127.0.0.1"]
    words += [] if browser else ["--no-browser"]
    return _until_ended(words, {"JUPYTER_TOKEN": secrets.token_hex(16)})


def serve(target: str, *, port: int = 8866, browser: bool = True) -> int:
    """Serves the panel of an experiment or of a notebook by Voila until it is ended.

    Raises:
        ValueError: if Voila is not installed, or the notebook has no panel.
    """
    if importlib.util.find_spec("voila") is None:
        raise ValueError("`serve` must have Voila: pip install 'paper-workbench[serve]'; got none")
    path = Path(target) if target.endswith(".ipynb") else experiment(target).notebook
    alone = panel_alone(read_notebook(path), target)
    with tempfile.TemporaryDirectory(prefix="workbench-serve-") as folder:
        notebook = Path(folder) / path.name
        nbformat.write(alone, notebook)
        token = secrets.token_hex(16)
        words = [sys.executable, "-m", "workbench.live.voila_server", str(notebook), str(port)]
        words += [] if browser else ["--no-browser"]
        print(f"http://127.0.0.1:{port}/?token={token}", flush=True)
        paths = [str(TEMPLATES), os.environ.get("JUPYTER_PATH", "")]
        more = {"JUPYTER_PATH": os.pathsep.join(filter(None, paths)), TOKEN: token}
        return _until_ended(words, more)


def _until_ended(words: list[str], more: dict[str, str]) -> int:
    """Runs a server in the current directory, whose kernels import this checkout's code."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": path, **more})
    with interruptible():
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            # A server ends its kernels first, where it still can.
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(SECONDS_TO_END)
            kill_children(process.pid)
            process.kill()
            return process.wait()

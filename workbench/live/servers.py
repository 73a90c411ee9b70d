"""Notebooks that people open: at a run's knobs in JupyterLab, or the panel alone in Voila.

Both servers answer on the loopback address alone, to whoever has a random token. It goes to them
in their environment: a command line can be read by every user of the machine.
"""

from __future__ import annotations

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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from workbench.base.checks import refuse
from workbench.base.files.atomic import make_folder, write_text
from workbench.records.store import given_run
from workbench.runs.find import ROOT, experiment
from workbench.runs.job import model_of
from workbench.runs.parameters.injection import injected, without_error_marks, without_injected
from workbench.runs.parameters.language import language_of
from workbench.runs.parameters.parameters_cell import read_notebook
from workbench.runs.parameters.python_cell import python_of
from workbench.runs.processes import interruptible, kill_children
from workbench.runs.reaper import marks, watch
from workbench.runs.record import NOTEBOOK, PARTIAL_NOTEBOOK

COPY = "explore.ipynb"
SECONDS_TO_END = 10
TOKEN = "WORKBENCH_SERVE_TOKEN"
# How JupyterLab is to start kernels.
ISOLATED = "--MultiKernelManager.kernel_manager_class=workbench.live.server_kernel.ServerKernel"
TEMPLATES = Path(__file__).with_name("serve_template")


def write_copy(record: Path) -> Path:
    """A copy of the very notebook that ran, with the cell of the run's values, beside its record.

    Run again it gives the run's numbers. The panel, which a run leaves out, comes from where the
    notebook is now. Of a run that left no notebook it is the experiment's, with the run's values.

    Args:
        record: a run's folder or its `record.json`.

    Raises:
        ValueError: if there is no such record, its folder is a link or cannot be written, its
            notebook is gone, or a knob is refused by now.
    """
    found = given_run(record)
    if found is None:
        refuse("record", "the folder of a run or its record.json", str(record))
    folder, held = found
    if folder.is_symlink():
        refuse("record", "in a folder of its own, not behind a link", str(record))
    left = [folder / n for n in (NOTEBOOK, PARTIAL_NOTEBOOK) if (folder / n).is_file()]
    if not left and not _target(held):
        refuse(
            "record", f"one that holds its command, or has its {NOTEBOOK} beside it", str(record)
        )
    if left:
        made = _with_panel(read_notebook(left[0]), _source(held))
    else:
        target, place = _target(held), _path(held)
        model, _ = model_of(str(place) if target.endswith(".ipynb") else target)
        given = held["given"] if isinstance(held.get("given"), dict) else held["knobs"]
        source = without_injected(read_notebook(place))
        made = injected(source, model(**given), language_of(source))
    written = folder / COPY
    text = nbformat.writes(_to_explore(made, held.get("directory")))
    try:
        if not folder.is_dir():  # a function run has none of its own
            make_folder(folder.parents[2], *folder.parts[-3:])
        write_text(written, text, durable=False)
    except OSError as error:
        refuse("record", f"in a folder that can be written ({error.strerror})", str(record))
    return written


def _target(record: Mapping[str, Any]) -> str:
    """What the run's command names: an experiment, or the path of a notebook; else nothing."""
    try:
        words = shlex.split(record["command"])
    except (KeyError, ValueError, AttributeError, TypeError):
        return ""
    return words[2] if len(words) > 2 and words[2].isprintable() else ""


def _path(record: Mapping[str, Any]) -> Path:
    """Where the notebook is now of which the record tells a run."""
    target = _target(record)
    if not target.endswith(".ipynb"):
        return experiment(target).notebook
    return Path(str(record.get("directory") or ""), target)


def _source(record: Mapping[str, Any]) -> nbformat.NotebookNode | None:
    """The notebook as it is now; None where it is gone."""
    try:
        return read_notebook(_path(record))
    except ValueError:
        return None


def _with_panel(
    executed: nbformat.NotebookNode, source: nbformat.NotebookNode | None
) -> nbformat.NotebookNode:
    """The executed notebook with the panels of the other, each after the cell that it follows."""
    before = None
    for cell in source.cells if source else ():
        if "panel" in cell.metadata.get("tags", []):
            ids = [c.id for c in executed.cells]
            place = ids.index(before) + 1 if before in ids else len(ids)
            executed.cells.insert(place, cell)
        before = cell.id
    return executed


def _to_explore(notebook: nbformat.NotebookNode, directory: Any) -> nbformat.NotebookNode:
    """The notebook without outputs and marks of a run, which begins where the run began."""
    made = without_error_marks(notebook)
    code = [c for c in made.cells if c.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
        for mark in ("papermill", "execution"):
            cell.metadata.pop(mark, None)
    is_there = isinstance(directory, str) and os.path.isdir(directory)
    if code and is_there and language_of(made).is_python:
        source = (
            f"# Relative paths begin where the run began.\nimport os\n\nos.chdir({directory!r})"
        )
        made.cells.insert(made.cells.index(code[0]), nbformat.v4.new_code_cell(source))
    return made


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


def _table(source: str) -> symtable.SymbolTable:
    """The cell's names; none of a cell in another language."""
    try:
        return symtable.symtable(python_of(source)[0], "cell", "exec")
    except SyntaxError:
        return symtable.symtable("", "cell", "exec")


def _made(source: str) -> set[str]:
    """The names that a cell gives a value to, at its top level."""
    return {
        s.get_name() for s in _table(source).get_symbols() if s.is_assigned() or s.is_imported()
    }


def _read(source: str) -> set[str]:
    """The names of the notebook that a cell reads, in the bodies of its functions as well."""
    scopes, names = [_table(source)], set()
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
    path = write_copy(record).absolute()
    words = ["jupyterlab", str(path), "--ServerApp.ip=127.0.0.1", ISOLATED]
    words += [] if browser else ["--no-browser"]
    # Voila's extension of it executes a voila.py of the folder in which it begins. Its kernels
    # begin beside the notebook.
    return _until_ended(words, {"JUPYTER_TOKEN": secrets.token_hex(16)}, watch())


def serve(target: str, *, port: int = 8866, browser: bool = True, kernels: int = 8) -> int:
    """Serves the panel of an experiment or of a notebook by Voila until it is ended.

    Every open page has a kernel, which ends within a minute after it.

    Args:
        target: the experiment's name or the notebook's path.
        port: where it answers on 127.0.0.1.
        browser: whether to open a page.
        kernels: how many pages may be open at the same time.

    Raises:
        ValueError: if Voila is not installed, or the notebook has no panel.
    """
    if importlib.util.find_spec("voila") is None:
        raise ValueError("`serve` must have Voila: pip install 'paper-workbench[serve]'; got none")
    path = Path(target) if target.endswith(".ipynb") else experiment(target).notebook
    alone = panel_alone(read_notebook(path), target)
    with tempfile.TemporaryDirectory(prefix="serve-", dir=watch()) as folder:
        notebook = Path(folder) / path.name
        write_text(notebook, nbformat.writes(alone), durable=False)
        token = secrets.token_hex(16)
        words = ["workbench.live.voila_server", str(notebook), str(port), str(kernels)]
        words += [] if browser else ["--no-browser"]
        print(f"http://127.0.0.1:{port}/?token={token}", flush=True)
        print(
            f"at most {kernels} open pages; a kernel ends within a minute after its page",
            flush=True,
        )
        paths = [str(TEMPLATES), os.environ.get("JUPYTER_PATH", "")]
        more = {"JUPYTER_PATH": os.pathsep.join(filter(None, paths)), TOKEN: token}
        return _until_ended(words, more)


def _until_ended(words: list[str], more: dict[str, str], begins: Path | None = None) -> int:
    """Runs a server, by default in the current directory; kernels import this checkout's code.

    Its files for kernels and browsers lie in this process's folder, and go with it.
    """
    folder = watch()
    theirs = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = os.pathsep.join([str(ROOT), *map(os.path.abspath, theirs)])
    more |= {"PYTHONPATH": path, "JUPYTER_RUNTIME_DIR": str(folder)}
    environment = {**os.environ, **more, **marks(os.environ, folder.name)}
    command = [sys.executable, "-P", "-m", *words]
    process = subprocess.Popen(command, env=environment, cwd=begins)
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

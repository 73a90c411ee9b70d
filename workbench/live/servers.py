"""JupyterLab on the notebook of a run, and Voila on the panel of an experiment.

Both servers answer on 127.0.0.1 only, and only with a random token. The token is passed to them in
the environment, because every user of the machine can read a command line.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from workbench.base.checks import refuse
from workbench.base.files.atomic import write_text
from workbench.live.panel_notebook import panel_alone
from workbench.live.run_copy import write_copy
from workbench.runs.find import ROOT, experiment
from workbench.runs.parameters.parameters_cell import read_notebook
from workbench.runs.processes import exit_reason, interruptible, kill_children
from workbench.runs.reaper import marks, watch

# Seconds that a server has to end its kernels before it is killed.
SHUTDOWN_SECONDS = 10
TOKEN = "WORKBENCH_SERVE_TOKEN"
KERNELS = "--MultiKernelManager.kernel_manager_class=workbench.live.server_kernel.ServerKernel"
TEMPLATES = Path(__file__).with_name("serve_template")


def explore(record: Path, browser: bool = True) -> int:
    """Opens the notebook of a run in JupyterLab, waits for the server's end, returns its status.

    Args:
        record: the folder of the run, or its `record.json`.
        browser: whether to open a browser.

    Raises:
        ValueError: as `write_copy` does.
    """
    path, folder = write_copy(record).absolute(), watch()
    words = ["jupyterlab", str(path), "--ServerApp.ip=127.0.0.1", KERNELS]
    # JupyterLab would write its checkpoints through a link in the run's folder.
    words += [f"--FileCheckpoints.checkpoint_dir={folder / 'checkpoints'}"]
    words += ["--allow-root"] if hasattr(os, "getuid") and os.getuid() == 0 else []
    words += [] if browser else ["--no-browser"]
    # Voila's extension of JupyterLab executes a voila.py of the server's current directory.
    return _until_ended(words, {"JUPYTER_TOKEN": secrets.token_hex(16)}, folder)


def serve(target: str, *, port: int = 8866, browser: bool = True, kernels: int = 8) -> int:
    """Serves the panel of an experiment or a notebook by Voila; returns the server's status.

    Every open page has a kernel of its own, which ends with the page.

    Args:
        target: the experiment's name or the notebook's path.
        port: the port on 127.0.0.1.
        browser: whether to open a browser.
        kernels: largest number of pages that may be open at the same time.

    Raises:
        ValueError: if Voila is not installed, the notebook has no panel, or the port is in use.
    """
    if importlib.util.find_spec("voila") is None:
        raise ValueError("`serve` must have Voila: pip install 'paper-workbench[serve]'; got none")
    path = Path(target) if target.endswith(".ipynb") else experiment(target).notebook
    alone = panel_alone(read_notebook(path), target)
    _check_port(port)
    with tempfile.TemporaryDirectory(prefix="serve-", dir=watch()) as folder:
        notebook = Path(folder) / path.name
        write_text(notebook, nbformat.writes(alone), durable=False)
        words = ["workbench.live.voila_server", str(notebook), str(port), str(kernels)]
        words += [] if browser else ["--no-browser"]
        paths = [str(TEMPLATES), os.environ.get("JUPYTER_PATH", "")]
        variables = {
            "JUPYTER_PATH": os.pathsep.join(filter(None, paths)),
            TOKEN: secrets.token_hex(16),
        }
        return _until_ended(words, variables)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if os.name == "posix":  # as the server does; elsewhere it would share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            refuse("port", f"one on which a server may listen ({error.strerror})", port)


def _until_ended(words: list[str], variables: dict[str, str], folder: Path | None = None) -> int:
    """Runs a server, by default in the current directory, and returns its status.

    Its runtime files lie in this process's folder and are removed with it.
    """
    runtime = watch()
    users_path = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    # Kernels import the code of this checkout.
    path = os.pathsep.join([str(ROOT), *map(os.path.abspath, users_path)])
    variables |= {"PYTHONPATH": path, "JUPYTER_RUNTIME_DIR": str(runtime)}
    environment = {**os.environ, **variables, **marks(os.environ, runtime.name)}
    command = [sys.executable, "-P", "-m", *words]
    # In a process group of its own: Ctrl-C reaches this process only, which ends the server.
    process = subprocess.Popen(command, env=environment, cwd=folder, process_group=0)
    with interruptible():
        try:
            if (status := process.wait()) < 0:
                print(f"the server has ended: {exit_reason(status)}", file=sys.stderr)
            return status
        except KeyboardInterrupt:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(SHUTDOWN_SECONDS)
            kill_children(process.pid)
            process.kill()
            return process.wait()

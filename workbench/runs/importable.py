"""Whether experiments from elsewhere can be imported, tried in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

SECONDS = 60

# What an import prints does not mix with the answers, a line for each name.
_TRY = """
import os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from workbench.runs.find import experiment
for name in sys.argv[1:]:
    said = ""
    try:
        experiment(name).module()
    except ValueError as error:
        said = str(error)
    print(said, file=answers, flush=True)
"""


def refused(names: Sequence[str]) -> dict[str, str]:
    """By name, in one sentence, why the module of an experiment cannot be imported.

    One that ends the interpreter, or takes longer than a minute, spoils no other.

    Args:
        names: of experiments that installed packages declare.
    """
    reasons, waiting = {}, list(names)
    # The same packages are in sight there; the current directory only where it is here.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    how = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    while waiting:
        command = [sys.executable, "-P", "-c", _TRY, *waiting]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how) as process:
            try:
                text, _ = process.communicate(timeout=SECONDS)
                why = f"ended the interpreter with status {process.returncode}"
            except subprocess.TimeoutExpired:
                process.kill()
                text, _ = process.communicate()
                why = f"took longer than {SECONDS} s"
        lines = text.splitlines()
        reasons |= {name: line for name, line in zip(waiting, lines, strict=False) if line}
        waiting = waiting[len(lines) :]
        if waiting:
            name = waiting.pop(0)
            reasons[name] = f"`{name}` must be importable; its import {why}"
    return reasons

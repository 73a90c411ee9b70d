"""The commands that run an experiment at the panel's parameters, and a button that runs them."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import anywidget
import traitlets

import workbench
from workbench.experiment.packages import GROUP, name_of
from workbench.experiment.params import Parameters

ROOT = Path(workbench.__file__).parents[1]
# Stands for the notebook where Jupyter does not say which it is.
UNKNOWN = "THIS-NOTEBOOK.ipynb"
# Lines shown of a failed run, from its end.
LOG_LINES = 30


class RunControls(anywidget.AnyWidget):
    """Shows the commands that run the experiment at the present parameters, and runs it.

    Attributes:
        commands: pairs of a label and a command line.
        state: "idle", "running", "done" or "failed".
        message: one sentence about the run.
        share: the part of the run that is done, from 0 to 1.
        reports: the folder that runs are written to.
        page: the page of the last run that is done, or None.
    """

    _esm = Path(__file__).with_name("run_controls.js")
    commands = traitlets.List().tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    log = traitlets.Unicode().tag(sync=True)
    share = traitlets.Float(0.0).tag(sync=True)
    can_run = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, params: Parameters, run: Callable[..., None] = lambda call, *args: call(*args)
    ):
        """Shows the commands of the initial parameters.

        Args:
            params: the initial parameters.
            run: calls `call(*args)` in the panel's event loop.
        """
        super().__init__()
        self.reports = (ROOT if (ROOT / "notebooks").is_dir() else Path.cwd()) / "reports"
        self.page: Path | None = None
        self._task: asyncio.Task | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.follow(params)
        self.on_msg(partial(run, self._on_message))

    def follow(self, params: Parameters) -> None:
        """Updates the commands to these parameters."""
        name, notebook = _names(params)
        changed = _changed(params)
        options = [word for knob, value in changed.items() for word in (f"--{knob}", _word(value))]
        given = [
            word
            for knob, value in changed.items()
            for word in ("-r" if isinstance(value, str) else "-p", knob, _word(value))
        ]
        self._arguments = ["run", name, *options]
        self.can_run = name != UNKNOWN
        self.commands = [
            ["as a run of its own", shlex.join(["workbench", *self._arguments])],
            ["by papermill", shlex.join(["papermill", notebook, "out.ipynb", *given])],
        ]

    @property
    def command(self) -> str:
        """The command line that runs the experiment at the present parameters."""
        return self.commands[0][1]

    def _on_message(self, _: Any, content: Any, buffers: Any) -> None:
        if content == "run" and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())
        elif content == "stop" and self._process is not None:
            # It may have ended already.
            with suppress(ProcessLookupError):
                self._process.terminate()
        elif content == "page" and self.page is not None:
            self._send_page()

    async def run(self) -> None:
        """Runs the command in a process of its own, reports its progress, and sends its page."""
        self.state, self.message, self.log, self.share = "running", "starting", "", 0.0
        words = [*self._arguments, "--reports", str(self.reports), "--progress"]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                # -P: modules in the current folder do not replace installed ones.
                *("-P", "-m", "workbench", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            lines = await self._follow_lines(self._process.stdout)
            self._end(await self._process.wait(), lines)
        except Exception as error:
            self.state, self.message = "failed", f"{type(error).__name__}: {error}"
        finally:
            self._task = self._process = None

    async def _follow_lines(self, stream: asyncio.StreamReader) -> list[str]:
        """The lines that the run prints; its progress bar is shown as `share` instead."""
        lines, rest = [], ""
        while piece := await stream.read(4096):
            *complete, rest = re.split(r"[\r\n]+", rest + piece.decode(errors="replace"))
            for line in filter(str.strip, complete):
                bar = re.search(r"(\d+)/(\d+) \[", line)
                if bar:
                    done, cells = map(int, bar.groups())
                    self.share = done / max(cells, 1)
                    self.message = f"{done} of {cells} cells"
                else:
                    lines.append(line)
        return [*lines, *filter(str.strip, [rest])]

    def _end(self, status: int, lines: list[str]) -> None:
        match = re.search(r" done in [\d.]+ s: (.+)$", lines[-1]) if lines else None
        if status == 0 and match:
            self.page = Path(match.group(1)).resolve()
            self.share = 1.0
            self._send_page()
            self.state, self.message = "done", f"done: {self.page}"
        else:
            last = lines[-1] if lines else "it printed nothing"
            self.log = "\n".join(lines[-LOG_LINES:])
            self.state, self.message = "failed", f"the run ended with status {status}: {last}"

    def _send_page(self) -> None:
        # A browser cannot open files on the server, so that the whole page is sent.
        self.send("page", [self.page.read_bytes()])


def _names(params: Parameters) -> tuple[str, str]:
    """The name of the experiment for `workbench run`, and the path of its notebook."""
    module = type(params).__module__
    if name := name_of(module):
        is_ours = module.startswith(GROUP)
        return name, f"notebooks/{name}.ipynb" if is_ours else _beside(module)
    # Jupyter sets this variable to the path of a kernel's notebook.
    path = os.environ.get("JPY_SESSION_NAME", "")
    own = Path(path).name if path.endswith(".ipynb") and Path(path).name else UNKNOWN
    return own, own


def _beside(module: str) -> str:
    """The path of the notebook in the folder of an experiment's module."""
    file = Path(sys.modules[module].__file__ or "")
    return str(file.with_name(f"{module.rpartition('.')[2]}.ipynb"))


def _changed(params: Parameters) -> dict[str, Any]:
    """The values that differ from the defaults; paths are absolute, for use in any folder."""
    paths = {k.name for k in params.knobs() if k.suffixes}
    return {
        name: str(Path(value).resolve()) if name in paths and value else value
        for name, value in params.changed().items()
    }


def _word(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)

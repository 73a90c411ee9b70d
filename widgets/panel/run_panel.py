"""From exploring to a record: the commands of the present knobs, and a button that runs them."""

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
# The last lines of a failed run that are shown.
LINES = 30


class Record(anywidget.AnyWidget):
    """Shows the commands that repeat the present knobs as a run of its own, and runs it.

    Attributes:
        commands: what is shown, as pairs of a label and a command line.
        state: "idle", "running", "done" or "failed".
        told: one sentence about the run.
        share: how much of the run is done.
        reports: the folder that runs go to.
        page: the page of the last run that is done, or None.
    """

    _esm = Path(__file__).with_name("run_panel.js")
    commands = traitlets.List().tag(sync=True)
    state = traitlets.Unicode("idle").tag(sync=True)
    told = traitlets.Unicode().tag(sync=True)
    log = traitlets.Unicode().tag(sync=True)
    share = traitlets.Float(0.0).tag(sync=True)
    can_run = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self, params: Parameters, run: Callable[..., None] = lambda call, *args: call(*args)
    ):
        """Takes the first parameters, and what calls `call(*args)` in the panel's thread."""
        super().__init__()
        self.reports = (ROOT if (ROOT / "notebooks").is_dir() else Path.cwd()) / "reports"
        self.page: Path | None = None
        self._task: asyncio.Task | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.follow(params)
        self.on_msg(partial(run, self._asked))

    def follow(self, params: Parameters) -> None:
        """Shows the commands of these parameters."""
        name, notebook = _told(params)
        options = [(knob, _word(value)) for knob, value in _changed(params).items()]
        flags = [word for knob, text in options for word in (f"--{knob}", text)]
        self._words = ["run", name, *flags]
        given = [
            word
            for knob, value in _changed(params).items()
            for word in ("-r" if isinstance(value, str) else "-p", knob, _word(value))
        ]
        self.can_run = name != "THIS-NOTEBOOK.ipynb"
        self.commands = [
            ["as a run of its own", shlex.join(["workbench", *self._words])],
            ["by papermill", shlex.join(["papermill", notebook, "out.ipynb", *given])],
        ]

    @property
    def command(self) -> str:
        """The command line that repeats the present knobs as a run."""
        return self.commands[0][1]

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        if content == "run" and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())
        elif content == "stop" and self._process is not None:
            # It may have ended a moment ago.
            with suppress(ProcessLookupError):
                self._process.terminate()
        elif content == "page" and self.page is not None:
            self._send_page()

    async def run(self) -> None:
        """Runs the present knobs as a batch, tells how far it is, and sends its page to be linked.

        The run is a process of its own: it makes what the command would, whatever the kernel did.
        """
        self.state, self.told, self.log, self.share = "running", "starting", "", 0.0
        words = [*self._words, "--reports", str(self.reports), "--progress"]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "workbench", *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            lines = await self._follow_lines(self._process.stdout)
            self._end(await self._process.wait(), lines)
        except Exception as error:
            self.state, self.told = "failed", f"{type(error).__name__}: {error}"
        finally:
            self._task = self._process = None

    async def _follow_lines(self, stream: asyncio.StreamReader) -> list[str]:
        """Everything the run printed; its bar, which it draws anew in place, becomes `share`."""
        lines, rest = [], ""
        while piece := await stream.read(4096):
            *whole, rest = re.split(r"[\r\n]+", rest + piece.decode(errors="replace"))
            for line in filter(str.strip, whole):
                bar = re.search(r"(\d+)/(\d+) \[", line)
                if bar:
                    done, cells = map(int, bar.groups())
                    self.share = done / max(cells, 1)
                    self.told = f"{done} of {cells} cells"
                else:
                    lines.append(line)
        return [*lines, *filter(str.strip, [rest])]

    def _end(self, status: int, lines: list[str]) -> None:
        found = re.search(r" done in [\d.]+ s: (.+)$", lines[-1]) if lines else None
        if status == 0 and found:
            self.page = Path(found.group(1)).resolve()
            self.share = 1.0
            self._send_page()
            self.state, self.told = "done", f"done: {self.page}"
        else:
            said = lines[-1] if lines else "it said nothing"
            self.log = "\n".join(lines[-LINES:])
            self.state, self.told = "failed", f"the run ended with status {status}: {said}"

    def _send_page(self) -> None:
        # A browser opens no file of a server's disk: the page itself goes to it.
        self.send("page", [self.page.read_bytes()])


def _told(params: Parameters) -> tuple[str, str]:
    """What the commands call the experiment, and its notebook."""
    module = type(params).__module__
    if name := name_of(module):
        is_own = module.startswith(GROUP)
        return name, f"notebooks/{name}.ipynb" if is_own else _beside(module)
    # Jupyter tells a kernel's notebook in this variable.
    own = os.environ.get("JPY_SESSION_NAME", "")
    path = Path(own).name if own.endswith(".ipynb") and Path(own).name else "THIS-NOTEBOOK.ipynb"
    return path, path


def _beside(module: str) -> str:
    """The path of the notebook that lies beside an experiment's module."""
    file = Path(sys.modules[module].__file__ or "")
    return str(file.with_name(f"{module.rpartition('.')[2]}.ipynb"))


def _changed(params: Parameters) -> dict[str, Any]:
    """What differs from the defaults; paths whole, since a command may be given anywhere."""
    paths = {k.name for k in params.knobs() if k.suffixes}
    return {
        name: str(Path(value).resolve()) if name in paths and value else value
        for name, value in params.changed().items()
    }


def _word(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)

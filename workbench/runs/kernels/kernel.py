"""A notebook's cells through papermill, in a kernel of this very Python or of its own language."""

from __future__ import annotations

import copy
import logging
import math
import time
from pathlib import Path
from queue import Empty
from typing import Any, ClassVar, NamedTuple

import nbformat
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors, remove_error_markers
from papermill.version import version
from traitlets import Type, default

from workbench.runs.job import Job
from workbench.runs.kernels.client import Engine
from workbench.runs.kernels.forked_kernel import ForkingProvisioner, Template
from workbench.runs.kernels.isolation import Isolated, IsolatedProvisioner
from workbench.runs.parameters.injection import injected
from workbench.runs.parameters.readback import NotUsed, Readback
from workbench.runs.processes import peak_memory_mib
from workbench.runs.run_folder import why

# Longest wait for the output of a cell after its reply: a hundred megabytes take seconds.
_OUTPUT_SECONDS = 300
# Interval at which the socket is polled for a message whose arrival was not reported.
_POLL_SECONDS = 0.2


class End(NamedTuple):
    """How the cells ended.

    Attributes:
        state: `done`, or which other.
        error: why it is another; None if it is done.
        peak_memory_mib: the most memory the kernel used, if known.
        exit: the cell that ended the run before its last cell with status 0, and what it called.
        modules: as `loaded_modules.local` returns them; None if unknown.
        readback: what the parameters were in the kernel.
        notebook: as far as it came; None if it is in the file alone.
    """

    state: str
    error: str | None
    peak_memory_mib: int | None
    exit: tuple[str, str] | None = None
    modules: dict[str, str | None] | None = None
    readback: Readback | None = None
    notebook: nbformat.NotebookNode | None = None


def run_cells(
    job: Job,
    output: Path,
    *,
    progress: bool,
    cell_timeout: int | None,
    template: Template | None = None,
) -> End:
    """Executes the job's notebook in the current directory and saves it at intervals.

    The file `output` is a few seconds old at most; `End.notebook` is whole.

    Relative paths in the notebook start where the command was given, as papermill has it. With a
    `template` the kernel is a fork of it.
    """
    # Its warnings about parameters and cells repeat our checks and the record.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    base = _ThisPython if job.language.is_python else _Installed
    kernel = type("Kernel", (base,), {"template": template})
    notebook = _to_run(injected(job.notebook, job.params, job.language))
    readback = Readback(notebook, job.params, job.language)

    def begins(cell: Any, **_: Any) -> None:
        kernel.busy, kernel.expressions = True, readback.expressions(cell)

    def executed(cell: Any, execute_reply: Any, **_: Any) -> None:
        kernel.busy = False
        if execute_reply["content"]["status"] == "ok":
            readback.after(cell, execute_reply["content"])

    marks: dict[str, Any] = {}
    try:
        # What papermill does around its engine is to copy, check and save the notebook again.
        Engine.execute_notebook(
            notebook,
            job.language.kernel,
            saved=output,
            marks=marks,
            progress_bar={"desc": job.name, "mininterval": 0} if progress else False,
            execution_timeout=cell_timeout,
            iopub_timeout=_OUTPUT_SECONDS,
            kernel_manager_class=kernel,
            on_cell_execute=begins,
            on_cell_executed=executed,
        )
        raise_for_execution_errors(notebook, None)
    except NotUsed as error:
        end = "failed", str(error)
    except PapermillExecutionError:
        # It also takes errors for one that a tag expects, and a call of `exit`.
        failure = marks.get("failure")
        end = ("failed", "{}: {}".format(*failure)) if failure else ("done", None)
    except CellTimeoutError as error:
        end = "timed out", f"it took longer than {cell_timeout} s"
        if "IOPub" in str(error):
            end = "failed", f"its output did not arrive within {_OUTPUT_SECONDS} s"
    except DeadKernelError:
        end = "killed", "the kernel died"
    except KeyboardInterrupt:
        # asyncio would log that the task of the interrupted cell was never awaited.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        end = "killed", "interrupted"
    except Exception as error:  # whatever else ends a run must not leave the record at `running`
        end = "failed", why(error, output.parent)
    else:
        end = "done", None
    readback.finish() if end[0] == "done" else readback.stop()
    results = marks.get("exit"), marks.get("modules"), readback, marks.get("notebook")
    return End(*end, kernel.peak_memory_mib, *results)


class _ShellChannel(AsyncZMQSocketChannel):
    """Polls the socket while waiting for a message.

    ZeroMQ reports an arrival once (edge-triggered). If a widget's message is sent while the reply
    to a cell is awaited, sending consumes that event, and the waiting task would never wake.
    """

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        until = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            try:
                return await super().get_msg(min(max(left, 0.0), _POLL_SECONDS))
            except Empty:
                if left <= _POLL_SECONDS:
                    raise


class _Client(AsyncKernelClient):
    """Waits for the kernel's first answer without jupyter_client's fixed delay.

    jupyter_client waits until no message has come for 0.2 s. The kernel sends the status `idle`
    after the last of its first messages, which is enough.
    """

    shell_channel_class = Type(_ShellChannel)

    def execute(self, code: str, silent: bool = False, **how: Any) -> Any:
        """Sends the cell together with the expressions to evaluate after it."""
        if not silent:
            how["user_expressions"] = self.parent.expressions
        return super().execute(code, silent, **how)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            request = self.kernel_info()
            if await self._is_idle_after(request):
                return
            if not await self.parent.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")

    async def _is_idle_after(self, request: str) -> bool:
        """Whether the reply has come, and on the other channel the status `idle`."""
        try:
            reply = await self.get_shell_msg(timeout=1)
            while reply["parent_header"].get("msg_id") != request:
                reply = await self.get_shell_msg(timeout=1)
            self._handle_kernel_info_reply(reply)
            while True:
                message = await self.get_iopub_msg(timeout=0.2)
                is_answer = message["parent_header"].get("msg_id") == request
                if is_answer and message["content"].get("execution_state") == "idle":
                    return True
        except Empty:  # not connected yet
            return False


class _Installed(Isolated, AsyncKernelManager):
    """Starts the kernel that is installed under the notebook's name for it.

    nbclient creates the instance, so that results of a run are attributes of a class per run.
    """

    busy = False
    expressions: ClassVar[dict[str, str]] = {}
    peak_memory_mib: int | None = None
    template: Template | None = None

    @default("client_factory")
    def _client_factory_default(self) -> type[_Client]:
        return _Client

    async def shutdown_kernel(self, now: bool = False, **kwargs: Any) -> None:
        type(self).peak_memory_mib = peak_memory_mib(getattr(self.provisioner, "pid", None))
        # A kernel that is executing a cell shuts down slowly and prints warnings.
        await super().shutdown_kernel(now=now or self.busy, **kwargs)

    async def _async_interrupt_kernel(self) -> None:
        # An idle kernel reports an interrupt as an error.
        if self.busy:
            await super()._async_interrupt_kernel()

    async def _async_finish_shutdown(self, **kwargs: Any) -> None:
        # Kernels take some hundredths of a second to exit.
        await super()._async_finish_shutdown(**{**kwargs, "pollinterval": 0.01})


class _ThisPython(_Installed):
    """Starts a kernel of the running Python, whatever the user's home calls `python3`."""

    @default("kernel_spec_manager")
    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        # Where no folder names a python3, Jupyter takes ipykernel's own, which is sys.executable.
        return KernelSpecManager(kernel_dirs=[])

    def new_provisioner(self) -> IsolatedProvisioner:
        """Forks the kernel from the template, if there is one."""
        if self.template is None:
            return super().new_provisioner()
        provisioner = ForkingProvisioner(kernel_spec=self.kernel_spec, parent=self)
        provisioner.template = self.template
        return provisioner


def _to_run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without the live panel, which is of no use in a batch run.

    The times of earlier executions are removed, since they would be taken for those of this run.
    """
    copied = copy.deepcopy(notebook)
    copied.cells = [c for c in copied.cells if "panel" not in c.metadata.get("tags", [])]
    for cell in copied.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.setdefault("tags", [])
    copied.metadata.setdefault("papermill", nbformat.NotebookNode())["version"] = version
    return remove_error_markers(copied)

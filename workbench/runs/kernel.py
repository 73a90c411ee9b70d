"""A notebook's cells through papermill, in a kernel of this very Python."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from traitlets import default

from workbench.runs.job import Job
from workbench.runs.memory import peak_memory_mib


class End(NamedTuple):
    """How the cells ended: `done` or why not, and the most memory the kernel held, if known."""

    state: str
    error: str | None
    peak_memory_mib: int | None


def run_cells(job: Job, output: Path, *, progress: bool, cell_timeout: int | None) -> End:
    """Executes the job's notebook into the file `output`, in the current directory.

    Relative paths in the notebook start where the command was given, as papermill has it.
    """
    # It warns of parameters, which were checked more strictly, and tells what the record will tell.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    kernel = type("Kernel", (_ThisPython,), {})
    try:
        papermill.execute_notebook(
            _to_run(job.notebook),
            # papermill fills in parameters where a path has braces.
            str(output).replace("{", "{{").replace("}", "}}"),
            parameters=job.params.changed(),
            kernel_name="python3",
            language="python",
            progress_bar={"desc": job.name, "mininterval": 0} if progress else False,
            execution_timeout=cell_timeout,
            store_widget_state=False,
            kernel_manager_class=kernel,
            on_cell_execute=lambda **_: setattr(kernel, "busy", True),
            on_cell_executed=lambda **_: setattr(kernel, "busy", False),
        )
    except papermill.PapermillExecutionError as error:
        end = "failed", f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        end = "timed out", f"it took longer than {cell_timeout} s"
    except DeadKernelError:
        end = "killed", "the kernel died"
    except KeyboardInterrupt:
        # The cell's task ends after nobody waits for it any longer, and would tell of its surprise.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        end = "killed", "interrupted"
    except Exception as error:  # whatever else ends a run must not leave the record at `running`
        end = "failed", f"{type(error).__name__}: {error}"
    else:
        end = "done", None
    return End(*end, kernel.peak_memory_mib)


class _ThisPython(AsyncKernelManager):
    """Starts a kernel of the running Python, whatever the user's home calls `python3`.

    nbclient makes the instance; each run has a class of its own to leave its marks on.
    """

    busy = False
    peak_memory_mib: int | None = None

    @default("kernel_spec_manager")
    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        # Where no folder names a python3, Jupyter takes ipykernel's own, which is sys.executable.
        return KernelSpecManager(kernel_dirs=[])

    @default("transport_encryption")
    def _transport_encryption_default(self) -> str:
        return "auto"

    async def shutdown_kernel(self, now: bool = False, **kwargs: Any) -> None:
        type(self).peak_memory_mib = peak_memory_mib(getattr(self.provisioner, "pid", None))
        # In the middle of a cell a kernel takes its time to leave, and complains about it.
        await super().shutdown_kernel(now=now or self.busy, **kwargs)


def _to_run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook without its live panel, which has no one to touch it in a batch run.

    What an earlier session noted about its executions goes, too, since it would be taken for ours.
    """
    kept = copy.deepcopy(notebook)
    kept.cells = [c for c in kept.cells if "panel" not in c.metadata.get("tags", [])]
    for cell in kept.cells:
        cell.metadata.pop("execution", None)
    return kept

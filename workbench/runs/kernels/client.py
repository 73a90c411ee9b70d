"""papermill's client, extended by output widgets, expected errors, exits and loaded modules.

papermill takes any error output in the executed notebook for a failure; here the kernel's replies
decide.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError
from nbclient.output_widget import OutputWidget
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine
from traitlets import Any as AnyTrait

from workbench.runs.find import PACKAGE
from workbench.runs.kernels import loaded_modules
from workbench.runs.kernels.saving import Manager
from workbench.runs.parameters import readback

# Values with which Python exits with status 0, as the kernel spells them.
_CLEAN = ("", "0", "None", "False")
# `exit()` ends the kernel after its cell; here it ends the run, and the kernel is still needed.
_KEEP_KERNEL = """
def _keep_kernel(shell):
    def ask_exit():
        payload = {"source": "ask_exit", "keepkernel": shell.keepkernel_on_exit}
        shell.payload_manager.write_payload(payload)
    shell.ask_exit = ask_exit
_keep_kernel(get_ipython())
del _keep_kernel
"""
# A FigureWidget sends each change to the browser, but its state has only the figure as first shown;
# this hook updates the state after every cell.
_SYNC_FIGURES = """
def _sync_figures(shell):
    import copy, sys
    seen = {}
    def sync(*_):
        plotly = sys.modules.get("plotly.basewidget")
        widgets = sys.modules.get("ipywidgets.widgets.widget")
        for name, one in list(getattr(widgets, "_instances", {}).items()):
            if plotly and isinstance(one, plotly.BaseFigureWidget):
                edits = one._last_trace_edit_id, one._last_layout_edit_id
                if seen.get(name, (0, 0)) != edits:
                    seen[name] = edits
                    one._widget_data = copy.deepcopy(one._data)
                    one._widget_layout = copy.deepcopy(one._layout_obj._props)
    shell.events.register("post_run_cell", sync)
_sync_figures(get_ipython())
del _sync_figures
"""
# The audit hook that records which files are executed is an attribute of the shell, apart from the
# notebook's names.
_RECORD_MODULES = f"""
def _record_modules(shell):
    from types import ModuleType
    shell.loaded_modules = ModuleType("loaded_modules")
    exec({inspect.getsource(loaded_modules)!r}, shell.loaded_modules.__dict__)
    shell.loaded_modules.record()
_record_modules(get_ipython())
del _record_modules
"""
_LOCAL_MODULES = "__import__('IPython').get_ipython().loaded_modules.local_json"
_ACCOUNTED_FOR = [str(PACKAGE), str(PACKAGE.parent / "widgets")]
_TRIES = 5


class Client(PapermillNotebookClient):
    """Runs the cells in order and records in `marks` how they ended.

    Attributes:
        marks: the caller's mapping; receives `failure` (name and text of the error) if a cell
            failed, `exit` (the cell and its call) if a cell ended the run with status 0, and
            `modules` (see `loaded_modules.local`) if the kernel reports them.
    """

    marks = AnyTrait()

    def papermill_execute_cells(self) -> None:
        """All cells, up to one that fails or that ends the run."""
        self.widget_registry["@jupyter-widgets/output"]["OutputModel"] = _Output
        if self.km.kernel_spec.language != "python":
            super().papermill_execute_cells()
            return
        began = time.time()
        self._silently(_KEEP_KERNEL + _SYNC_FIGURES + _RECORD_MODULES + readback.SETUP)
        super().papermill_execute_cells()
        with contextlib.suppress(ValueError, KeyError):
            call = f"{_LOCAL_MODULES}({began!r}, {_ACCOUNTED_FOR!r})"
            text = self._silently("", modules=call)["modules"]["data"]["text/plain"]
            self.marks["modules"] = json.loads(text)

    def set_widgets_metadata(self) -> None:
        """Stores the widgets' state without their JavaScript and CSS, which can be megabytes."""
        for state in self.widget_state.values():
            for code in ("_esm", "_css"):
                state.pop(code, None)
        super().set_widgets_metadata()

    def _silently(self, source: str, **expressions: str) -> dict[str, Any]:
        """The values of the expressions after running the source, which leaves no output."""
        for _ in range(_TRIES):
            how = {"silent": True, "store_history": False, "allow_stdin": False}
            request = self.kc.execute(source, user_expressions=expressions, **how)
            content = self.wait_for_reply(request)["content"]
            # After an error the kernel drops what has reached it meanwhile.
            if content["status"] != "aborted":
                break
        return content.get("user_expressions", {})

    async def _check_raise_for_error(
        self, cell: nbformat.NotebookNode, cell_index: int, exec_reply: dict[str, Any] | None
    ) -> None:
        content = (exec_reply or {}).get("content", {})
        if "raises-exception" in cell.metadata.get("tags", []):
            return
        if content.get("status") == "ok":
            content = _exit_request(content)
        if content.get("status") != "error":
            return
        if content["ename"] == "SystemExit" and content["evalue"] in _CLEAN:
            self.marks["exit"] = cell.id, content.get("call", f"sys.exit({content['evalue']})")
        else:
            self.marks["failure"] = content["ename"], content["evalue"]
            if not any(o.output_type == "error" for o in cell.outputs):
                # A magic that refuses writes a line and no traceback.
                words = {n: content[n] for n in ("ename", "evalue", "traceback")}
                cell.outputs.append(nbformat.v4.new_output("error", **words))
        raise CellExecutionError.from_cell_and_msg(cell, content)


class Engine(NBClientEngine):
    """papermill's engine with `Client` and a manager that saves at intervals."""

    @classmethod
    def execute_notebook(
        cls, nb: nbformat.NotebookNode, kernel_name: str, *, saved: Path, **kwargs: Any
    ) -> nbformat.NotebookNode:
        """Executes the notebook, and saves it into the file `saved` on the way.

        It is left under `notebook` in `marks`, also where an error keeps it from being returned.
        """
        kwargs.pop("output_path", None)
        how = {"output_path": str(saved), "progress_bar": kwargs.pop("progress_bar", False)}
        manager = Manager(nb, **how)
        kwargs["marks"]["notebook"] = nb
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, **kwargs)
        finally:
            manager.notebook_complete()
        return nb

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> Any:
        """Executes the manager's notebook."""
        for unused in ("input_path", "stdout_file", "stderr_file"):
            kwargs.pop(unused, None)
        start, timeout = kwargs.pop("start_timeout", 60), kwargs.pop("execution_timeout", None)
        how = {"startup_timeout": start, "timeout": timeout, "kernel_name": kernel_name}
        return Client(nb_man, **how, **kwargs).execute()


class _Output(OutputWidget):
    """An output widget whose outputs the kernel may set as well (`append_stdout` and its like)."""

    def set_state(self, state: dict[str, Any]) -> None:
        if "outputs" in state:
            self.outputs = [nbformat.from_dict(output) for output in state["outputs"]]
        super().set_state(state)


def _exit_request(content: Mapping[str, Any]) -> dict[str, Any]:
    """The reply as an error if the cell called IPython's `exit` or `quit`, which raises nothing.

    Their argument says whether the kernel is to stay; scripts give a status or a message there.
    """
    requests = [p for p in content.get("payload", []) if p.get("source") == "ask_exit"]
    if not requests:
        return {}
    value = requests[-1].get("keepkernel")
    evalue = "" if value is True or not value else str(value)
    error = {"status": "error", "ename": "SystemExit", "evalue": evalue, "call": "exit()"}
    return error | {"traceback": [f"SystemExit: {evalue}"]}

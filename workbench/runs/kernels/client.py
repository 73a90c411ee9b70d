"""papermill's client with what it lacks: output widgets, expected errors, exits, a look at the end.

papermill calls an error whatever looks like one in the executed notebook; here the kernel's replies
decide, and what they say is noted for the record.
"""

from __future__ import annotations

import ast
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
# `exit()` ends the kernel a moment after its cell; here the run ends, and the kernel is still
# needed.
_STAY = """
def _stay(shell):
    def ask_exit():
        told = {"source": "ask_exit", "keepkernel": shell.keepkernel_on_exit}
        shell.payload_manager.write_payload(told)
    shell.ask_exit = ask_exit
_stay(get_ipython())
del _stay
"""
# A figure that changes after it was shown tells the browser of each change and never of the whole;
# here the whole is in its state after every cell.
_WHOLE = """
def _whole(shell):
    import copy, sys
    seen = {}
    def tell(*_):
        plotly = sys.modules.get("plotly.basewidget")
        widgets = sys.modules.get("ipywidgets.widgets.widget")
        for name, one in list(getattr(widgets, "_instances", {}).items()):
            if plotly and isinstance(one, plotly.BaseFigureWidget):
                edits = one._last_trace_edit_id, one._last_layout_edit_id
                if seen.get(name, (0, 0)) != edits:
                    seen[name] = edits
                    one._widget_data = copy.deepcopy(one._data)
                    one._widget_layout = copy.deepcopy(one._layout_obj._props)
    shell.events.register("post_run_cell", tell)
_whole(get_ipython())
del _whole
"""
# What watches the code that the notebook runs hangs on the shell, apart from the notebook's names.
_WATCH = f"""
def _watch(shell):
    from types import ModuleType
    shell.loaded_modules = ModuleType("loaded_modules")
    exec({inspect.getsource(loaded_modules)!r}, shell.loaded_modules.__dict__)
    shell.loaded_modules.watch()
_watch(get_ipython())
del _watch
"""
_LOADED = "__import__('IPython').get_ipython().loaded_modules.told"
_ACCOUNTED_FOR = [str(PACKAGE), str(PACKAGE.parent / "widgets")]
_TRIES = 5


class Client(PapermillNotebookClient):
    """Runs the cells in order, and writes into `marks` how they ended.

    Attributes:
        marks: a mapping of the caller's, filled with `failure` (the error's name and text) where a
            cell failed, `exit` (the cell and what it called) where one ended the run with status
            0, and `modules` (as `loaded.local` gives them) where the kernel could tell.
    """

    marks = AnyTrait()

    def papermill_execute_cells(self) -> None:
        """All cells, up to one that fails or that ends the run."""
        self.widget_registry["@jupyter-widgets/output"]["OutputModel"] = _Output
        if self.km.kernel_spec.language != "python":
            super().papermill_execute_cells()
            return
        began = time.time()
        self._silently(_STAY + _WHOLE + _WATCH + readback.SETUP)
        super().papermill_execute_cells()
        with contextlib.suppress(ValueError, SyntaxError, KeyError):
            call = f"{_LOADED}({began!r}, {_ACCOUNTED_FOR!r})"
            told = self._silently("", found=call)["found"]["data"]["text/plain"]
            self.marks["modules"] = json.loads(ast.literal_eval(told))

    def set_widgets_metadata(self) -> None:
        """Keeps the state of the widgets, without the code that some bring, which is megabytes."""
        for state in self.widget_state.values():
            for code in ("_esm", "_css"):
                state.pop(code, None)
        super().set_widgets_metadata()

    def _silently(self, source: str, **expressions: str) -> dict[str, Any]:
        """The values of the expressions after the source ran, without a trace in the notebook."""
        for _ in range(_TRIES):
            how = {"silent": True, "store_history": False, "allow_stdin": False}
            asked = self.kc.execute(source, user_expressions=expressions, **how)
            content = self.wait_for_reply(asked)["content"]
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
            content = _asked_exit(content)
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
    """papermill's engine with this client, which saves by time."""

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


def _asked_exit(content: Mapping[str, Any]) -> dict[str, Any]:
    """The reply as an error if the cell called IPython's `exit` or `quit`, which raises nothing.

    Their argument says whether the kernel is to stay; scripts give a status or a message there.
    """
    asked = [p for p in content.get("payload", []) if p.get("source") == "ask_exit"]
    if not asked:
        return {}
    value = asked[-1].get("keepkernel")
    evalue = "" if value is True or not value else str(value)
    error = {"status": "error", "ename": "SystemExit", "evalue": evalue, "call": "exit()"}
    return error | {"traceback": [f"SystemExit: {evalue}"]}

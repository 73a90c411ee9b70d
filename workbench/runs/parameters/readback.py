"""What the parameters were in the kernel, read back from it while the cells run.

A given value that is never used is an error; one that the notebook changes itself is noted.
"""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Mapping
from typing import Any

import nbformat

from workbench.base.checks import spell
from workbench.experiment.kinds import as_json
from workbench.experiment.params import Parameters
from workbench.runs.parameters.language import Language
from workbench.runs.parameters.parameters_cell import INJECTED, TAG, cell_names
from workbench.runs.parameters.python_cell import readers_of, touch

# The function that reads the values back, among the kernel's built-in names.
_NAME = "_workbench_states"
# Letters and items of what is read back after every cell; what was given is read whole.
_MOST = 100_000


class NotUsed(Exception):
    """A value was given, and the notebook did not use it."""


class Readback:
    """Follows the parameters through a run of a notebook in Python.

    Attributes:
        used: by name, the values that the cells after the parameters had, as JSON has them.
        unknown: names whose values JSON does not have.
        notes: a sentence for each value that did not stay what it was.

    Args:
        notebook: as it is run, with its injected cells.
        params: what was given, and the defaults.
        language: of the kernel.
    """

    def __init__(self, notebook: nbformat.NotebookNode, params: Parameters, language: Language):
        self.used: dict[str, Any] = {}
        self.unknown: set[str] = set()
        self.notes: list[str] = []
        self._given = as_json(params.given())
        self._unchanged = set(params.given()) - set(params.changed())
        self._is_python = language.is_python
        # By name, the last cell that sets it as a parameter.
        settles: dict[str, str] = {}
        for cell in notebook.cells if self._is_python else ():
            if cell.cell_type == "code" and {TAG, INJECTED} & set(cell.metadata.get("tags", [])):
                settles |= dict.fromkeys(cell_names(cell.source, language), cell.id)
        self._places = {c.id: place for place, c in enumerate(notebook.cells)}
        self._settles = {name: self._places[cell] for name, cell in settles.items()}
        # By name, the functions and classes that read it when they are used.
        self._readers: dict[str, set[str]] = {name: set() for name in settles}
        self._most = max(_MOST, 4 * len(json.dumps(self._given)))
        self._states: dict[str, str] = {}
        self._read: set[str] = set()
        self._moved: set[str] = set()

    def expressions(self, cell: nbformat.NotebookNode) -> dict[str, str]:
        """What the kernel is to evaluate after the cell, by a request's own means."""
        names = self._names(cell)
        if not names:
            return {}
        call = f"__import__('builtins').{_NAME}({names!r}, globals(), {self._most})"
        return {_NAME: call}

    def after(self, cell: nbformat.NotebookNode, reply: Mapping[str, Any]) -> None:
        """Takes the parameters that are set by now from the kernel's reply to the cell.

        Raises:
            NotUsed: if a given value is not what the kernel has, or a cell replaces it before any
                cell reads it.
        """
        values = _answer(reply)
        for name in self._names(cell) if values is not None else ():
            if name not in self._states:
                self._settle(name, values.get(name))
            else:
                self._follow(name, values.get(name), cell)
        for name, known in self._readers.items():
            known |= readers_of(cell.source, name, known)

    def _names(self, cell: nbformat.NotebookNode) -> list[str]:
        """The parameters that are set after the cell; one that was skipped is past as well."""
        return [n for n, place in self._settles.items() if place <= self._places[cell.id]]

    def over(self, declared: Mapping[str, Any]) -> dict[str, Any]:
        """The values that were declared, and instead of them those that were used."""
        values = {n: self.used.get(n, v) for n, v in declared.items() if n not in self.unknown}
        return values | self.used

    def stop(self) -> None:
        """Says of a run that is not done which values it never came to set."""
        if never := [name for name in self._settles if name not in self._states]:
            self.unknown.update(never)
            self.notes.append(f"the run ended before it set {', '.join(f'`{n}`' for n in never)}")

    def finish(self) -> None:
        """Says of a run that is done which values it never set, and which nothing has read."""
        if not self._is_python and self._given:
            self.notes.append(
                "the kernel's values are not read back in this language: the record has those given"
            )
        for name in self._settles:
            if name not in self._states:
                self.unknown.add(name)
                self.notes.append(f"the run never set `{name}`")
        for name in self._given if self._is_python else ():
            if name not in self._read | self._unchanged and name in self._states:
                self.notes.append(f"no cell after the parameters reads `{name}`")

    def _settle(self, name: str, state: str | None) -> None:
        """The value after the parameters: it must be the one that was given."""
        if state is not None:
            self._keep(name, state)
        if name in self._given and state != json.dumps(self._given[name], sort_keys=True):
            got = _spelled(state)
            what = spell(self._given[name])
            raise NotUsed(f"`{name}` must be {what} in the kernel after the parameters; got {got}")

    def _follow(self, name: str, state: str | None, cell: nbformat.NotebookNode) -> None:
        """A value after a later cell: whether it is another, and whether the first was used."""
        readers = self._readers[name]
        first = touch(cell.source, name, readers) if name not in self._read else None
        if first == "read" or (first == "maybe" and state == self._states[name]):
            self._read.add(name)
        if state in (None, self._states[name]) or name in self._moved:
            return
        before, now = _spelled(self._states[name]), _spelled(state)
        if name in self._read:
            self._moved.add(name)
            self.notes.append(f"`{name}` was {before} until cell {cell.id!r}, then {now}")
        elif name in self._given:
            what = f"`{name}` must be used as given ({before})"
            raise NotUsed(f"{what}; cell {cell.id!r} sets {now} before any cell reads it")
        else:
            self.notes.append(
                f"`{name}` is {now}: cell {cell.id!r} sets it before any cell reads it"
            )
            self._keep(name, state)

    def _keep(self, name: str, state: str) -> None:
        self._states[name] = state
        self.used.pop(name, None)
        self.unknown.discard(name)
        if state.startswith("<"):
            self.unknown.add(name)
        else:
            self.used[name] = json.loads(state)


def _spelled(state: str | None) -> str:
    """A state as a sentence has it."""
    if state is None:
        return "none"
    return state if state.startswith("<") else spell(json.loads(state))


def _answer(content: Mapping[str, Any]) -> dict[str, str] | None:
    try:
        return json.loads(content["user_expressions"][_NAME]["data"]["text/plain"])
    except (KeyError, TypeError, ValueError):
        return None


def _states(names, space, most):
    """Runs in the kernel: by name, JSON of the value, or its type where JSON does not have it."""
    import json
    import math

    def plain(value):
        left[0] -= len(value) if isinstance(value, str) else 1
        if left[0] < 0:
            raise TypeError
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return str.__str__(value).encode().decode()
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else repr(float(value))
        if isinstance(value, (list, tuple)):
            return [plain(one) for one in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {str(key): plain(one) for key, one in value.items()}
        raise TypeError

    states = {}
    for name in names:
        if name in space:
            try:
                left = [most]
                text = json.dumps(plain(space[name]), sort_keys=True)
            except Exception:
                text = f"<{type(space[name]).__name__}>"
            states[name] = text

    class Text(str):
        """Its form in a reply is the text itself, without quotes."""

        __repr__ = str.__str__

    return Text(json.dumps(states))


# Is run once in the kernel, before the first cell.
SETUP = f"""
def _setup():
    import builtins
{textwrap.indent(inspect.getsource(_states), "    ")}
    builtins.{_NAME} = _states
_setup()
del _setup
"""

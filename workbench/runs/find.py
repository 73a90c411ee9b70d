"""Where experiments and their notebooks stand; names are found, never registered."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent
# An installed wheel carries the notebooks inside the package; a checkout has them beside it.
NOTEBOOKS = ROOT / "notebooks" if (ROOT / "notebooks").is_dir() else PACKAGE / "notebooks"
EXPERIMENTS = PACKAGE / "experiments"


class Experiment(NamedTuple):
    """An experiment by its name FAMILY/SUBJECT, the join of its code, notebook and page."""

    name: str

    @property
    def source(self) -> Path:
        """The file that holds its `Params`, `run` and `CLAIMS`."""
        return EXPERIMENTS / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        """The notebook that tells it."""
        return NOTEBOOKS / f"{self.name}.ipynb"

    @property
    def title(self) -> str:
        """The first line of its docstring, read without running it."""
        try:
            docstring = ast.get_docstring(ast.parse(self.source.read_text(encoding="utf-8"))) or ""
        except (SyntaxError, ValueError) as error:
            return f"(no valid Python: {error})"
        return docstring.split("\n", 1)[0]

    def module(self) -> ModuleType:
        """Its code, imported."""
        return importlib.import_module("workbench.experiments." + self.name.replace("/", "."))


def experiments() -> list[Experiment]:
    """All experiments by name, in alphabetical order."""
    files = (p for p in EXPERIMENTS.glob("*/*.py") if not p.stem.startswith("_"))
    return sorted(Experiment(f"{p.parent.name}/{p.stem}") for p in files)


def experiment(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        ValueError: if there is none; the sentence offers the nearest name.
    """
    names = [e.name for e in experiments()]
    if name not in names:
        # Only a refusal needs them; a listing stays quick without NumPy and pydantic.
        from workbench.base.checks import nearest

        raise ValueError(f"`{name}` must be the name of an experiment; {nearest(name, names)}")
    return Experiment(name)


def new_name(name: str) -> Experiment:
    """The experiment a new name stands for: two lower-case words joined by a slash, not taken."""
    from workbench.base.checks import refuse

    if not re.fullmatch(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*", name):
        refuse("name", "FAMILY/SUBJECT in lower-case letters, digits and underscores", name)
    if name in [e.name for e in experiments()]:
        refuse("name", "a new name", name)
    return Experiment(name)

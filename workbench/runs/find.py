"""Where experiments and their notebooks stand; names are found, never registered."""

from __future__ import annotations

import ast
import importlib
import keyword
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from workbench.experiment.packages import NAME, TAKEN, Declared, declared
from workbench.runs.identity.closure import Starts

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parent
# An installed wheel carries the notebooks inside the package; a checkout has them beside it.
NOTEBOOKS = ROOT / "notebooks" if (ROOT / "notebooks").is_dir() else PACKAGE / "notebooks"
EXPERIMENTS = PACKAGE / "experiments"


class Experiment(NamedTuple):
    """An experiment by its name FAMILY/SUBJECT, the join of its code, notebook and page.

    Attributes:
        name: FAMILY/SUBJECT.
        elsewhere: what an installed package declares of it; None for the workbench's own.
    """

    name: str
    elsewhere: Declared | None = None

    @property
    def package(self) -> str:
        """The distribution that brings it; empty for the workbench's own."""
        return self.elsewhere.package if self.elsewhere else ""

    @property
    def source(self) -> Path:
        """The file that holds its `Params`, `run` and `CLAIMS`."""
        return self.elsewhere.file if self.elsewhere else EXPERIMENTS / f"{self.name}.py"

    @property
    def notebook(self) -> Path:
        """The notebook that tells it; that of a package lies beside its module."""
        if self.elsewhere is None:
            return NOTEBOOKS / f"{self.name}.ipynb"
        return self.source.with_name(f"{self.elsewhere.module.rpartition('.')[2]}.ipynb")

    @property
    def starts(self) -> Starts:
        """The files whose imports its runs rest on."""
        if self.elsewhere is None:
            return Starts((self.source,))
        top = self.elsewhere.module.partition(".")[0]
        return Starts((self.source,), ((top, self.elsewhere.top),))

    @property
    def title(self) -> str:
        """The first line of its docstring, read without running it."""
        try:
            docstring = ast.get_docstring(ast.parse(self.source.read_text(encoding="utf-8"))) or ""
        except (SyntaxError, ValueError) as error:
            return f"(no valid Python: {error})"
        return docstring.split("\n", 1)[0]

    def module(self) -> ModuleType:
        """Its code, imported.

        Raises:
            ValueError: if the module of an installed package cannot be imported.
        """
        if self.elsewhere is None:
            return importlib.import_module("workbench.experiments." + self.name.replace("/", "."))
        subject = f"`{self.name}` of the package {self.package} must"
        try:
            module = importlib.import_module(self.elsewhere.module)
        except (Exception, SystemExit) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ValueError(f"{subject} be importable; got {reason}") from error
        has_claims = hasattr(module, "CLAIMS") or hasattr(module, "claims")
        if not (has_claims and hasattr(module, "Params") and hasattr(module, "run")):
            raise ValueError(
                f"{subject} define `Params`, `run` and `CLAIMS`; got {module.__file__}"
            )
        return module


def experiments() -> list[Experiment]:
    """The workbench's own experiments by name, in alphabetical order."""
    files = (p for p in EXPERIMENTS.glob("*/*.py") if not p.stem.startswith("_"))
    return sorted(Experiment(f"{p.parent.name}/{p.stem}") for p in files)


def from_elsewhere() -> tuple[list[Experiment], list[str]]:
    """The experiments of installed packages, and why others that they declare cannot be used."""
    usable, refused = [], []
    for name, one in declared().items():
        if Experiment(name).source.is_file() and isinstance(one, Declared):
            one = f"`{name}` of the package {one.package} must be a new name; it is the workbench's"
        if isinstance(one, Declared):
            usable.append(Experiment(name, one))
        else:
            refused.append(one)
    return usable, refused


def names() -> list[str]:
    """The names of all experiments, the workbench's own and those of installed packages."""
    return [e.name for e in (*experiments(), *from_elsewhere()[0])]


def experiment(name: str) -> Experiment:
    """The experiment of this name.

    Raises:
        ValueError: if there is none, or installed packages declare one that cannot be used; the
            sentence says why, or offers the nearest name.
    """
    if NAME.fullmatch(name) and Experiment(name).source.is_file():
        return Experiment(name)
    one = declared().get(name)
    if isinstance(one, str):
        raise ValueError(one)
    if one is None:
        # Only a refusal needs them; a listing stays quick without NumPy and pydantic.
        from workbench.base.checks import nearest

        raise ValueError(f"`{name}` must be the name of an experiment; {nearest(name, names())}")
    return Experiment(name, one)


def new_name(name: str) -> Experiment:
    """The experiment a new name stands for: two lower-case words joined by a slash, not taken."""
    from workbench.base.checks import refuse

    if not NAME.fullmatch(name):
        refuse("name", "FAMILY/SUBJECT in lower-case letters, digits and underscores", name)
    if name.startswith(TAKEN) or any(map(keyword.iskeyword, name.split("/"))):
        refuse("name", "without a word of Python, and of another family than `own`", name)
    if name in names() or name in declared():
        refuse("name", "a new name", name)
    return Experiment(name)

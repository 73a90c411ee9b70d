"""A new experiment: its code and notebook, ready to run and to be rewritten."""

from __future__ import annotations

import importlib
import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import nbformat

from workbench.base.checks import refuse
from workbench.base.files.atomic import write_text
from workbench.runs.find import new_name

TEMPLATE = Path(__file__).parent / "new_template"


def write(name: str) -> list[Path]:
    """The files written for the new experiment FAMILY/SUBJECT; no existing file is touched.

    Raises:
        ValueError: if the name is not of that form or is taken.
    """
    experiment = new_name(name)
    family, _ = name.split("/")
    words = _words(name, PACKAGE=f"workbench.experiments.{family}")
    package = experiment.source.parent / "__init__.py"
    texts = {
        experiment.source: _filled("experiment.py.txt", words),
        experiment.notebook: _notebook(words),
    }
    if not package.exists():
        texts[package] = f'"""Experiments of the family {family}."""\n'
    for path in texts:
        if path.exists() or path.is_symlink():
            raise ValueError(f"`{name}` must be new; got a file already at {path}")
    return _written(texts)


def write_package(name: str, folder: Path) -> list[Path]:
    """The files of a new package with the new experiment FAMILY/SUBJECT, ready to install.

    The package is called like the folder; a dash in its name is an underscore in Python's.

    Args:
        name: of the experiment.
        folder: a new one, or one that is empty.

    Raises:
        ValueError: if the name is not of that form or is taken, the folder holds something or
            cannot be written, or its name is none of a package or that of one that is installed.
    """
    new_name(name)
    _, subject = name.split("/")
    project = re.sub(r"[-_.]+", "-", folder.resolve().name).lower()
    package = project.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", project) or keyword.iskeyword(package):
        refuse("package", "a folder named by letters, digits and dashes", str(folder))
    if package in sys.stdlib_module_names or importlib.util.find_spec(package):
        refuse("package", "a folder with a name that no installed package has", str(folder))
    words = _words(name, PACKAGE=package, PROJECT=project)
    code = folder / package
    texts = {
        folder / "pyproject.toml": _filled("pyproject.toml.txt", words),
        folder / "README.md": _filled("package_readme.md", words),
        code / "__init__.py": '"""Experiments for the workbench."""\n',
        code / f"{subject}.py": _filled("experiment.py.txt", words),
        code / f"{subject}.ipynb": _notebook(words),
        folder / "tests" / f"test_{subject}.py": _filled("package_test.py.txt", words),
    }
    try:
        if folder.exists() and any(folder.iterdir()):
            refuse("package", "a new folder, or an empty one", str(folder))
        return _written(texts)
    except OSError as error:
        return refuse("package", f"a folder that can be written ({error.strerror})", str(folder))


def _words(name: str, **more: str) -> dict[str, str]:
    """By the word of a template what stands in its place."""
    family, subject = name.split("/")
    return {"FAMILY": family, "SUBJECT": subject, **more}


def _filled(file: str, words: Mapping[str, str]) -> str:
    text = (TEMPLATE / file).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _written(texts: Mapping[Path, str]) -> list[Path]:
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    importlib.invalidate_caches()
    return list(texts)


def _notebook(words: Mapping[str, str]) -> str:
    """The notebook's sections in the house's order, with the parameters cell that Params writes."""
    notebook = nbformat.v4.new_notebook()
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    for block in _filled("notebook.md", words).split("\n---- ")[1:]:
        head, source = block.split("\n", 1)
        id, kind, *tags = head.split()
        new_cell = getattr(nbformat.v4, f"new_{kind}_cell")
        cell = new_cell(source.strip("\n"), id=id, metadata={"tags": tags} if tags else {})
        if id == "parameters":
            cell.source = _parameters(words)
        notebook.cells.append(cell)
    nbformat.validate(notebook)
    return nbformat.writes(notebook, indent=1) + "\n"


def _parameters(words: Mapping[str, str]) -> str:
    """The parameters cell of the template's experiment, which nothing can import yet."""
    module = ModuleType("workbench_new")
    sys.modules[module.__name__] = module
    try:
        exec(_filled("experiment.py.txt", words), vars(module))
        return module.Params.cell()
    finally:
        del sys.modules[module.__name__]

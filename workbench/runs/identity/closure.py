"""The source files that a module rests on: what it imports, and what that imports in turn."""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from workbench.runs.parameters.python_cell import python_of

# Files beside a module that are part of it: kernels, and what the browser runs.
COMPANIONS = {".cu", ".cuh", ".h", ".js"}
# An installed package has all others beside it, whose versions a record holds.
OURS = ("workbench", "widgets")
# By the name of a package, the folder that it is.
Packages = Mapping[str, Path]


class Starts(NamedTuple):
    """The files whose imports a run rests on.

    Attributes:
        files: an experiment's code, and what its notebook imports.
        elsewhere: name and folder of the package that an experiment from elsewhere stands in.
    """

    files: tuple[Path, ...]
    elsewhere: tuple[tuple[str, Path], ...] = ()


def ours(root: Path) -> dict[str, Path]:
    """The workbench's own packages, which stand in `root`."""
    return {name: root / name for name in OURS}


def sources_of(cells: Iterable[str], packages: Packages) -> list[Path]:
    """The modules of the packages that a notebook's Python cells import."""
    files: dict[Path, None] = {}
    for source in cells:
        with contextlib.suppress(SyntaxError):
            names = _names(python_of(source)[1], ())
            files |= dict.fromkeys(p for name in names for p in _files(name, packages))
    return list(files)


def closure(starts: Iterable[Path], packages: Packages) -> list[Path]:
    """Every file of the packages that the files import, transitively, in order.

    Imports inside functions count, and those that only a type checker follows do not. With a module
    count the `.cu`, `.h` and `.js` files of its folder, and of folders in it that hold no modules.

    Args:
        starts: modules or notebooks' code as files.
        packages: those that count.
    """
    seen: dict[Path, None] = {}
    waiting = [path.resolve() for path in starts]
    places = tuple((name, folder.resolve()) for name, folder in packages.items())
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen[path] = None
        here = _place(path, places)
        waiting += _imported(path, _state(path), places)
        if here:
            waiting += _inits(path, here[1])
            waiting += _companions(path.parent) if path.name != "__init__.py" else []
    return sorted(seen)


def named(path: Path, packages: Packages) -> str:
    """The file's name from its package on, the same wherever that stands; else its last part."""
    here = _place(path.resolve(), [(name, folder.resolve()) for name, folder in packages.items()])
    return f"{here[0]}/{path.resolve().relative_to(here[1]).as_posix()}" if here else path.name


def _place(path: Path, places: Iterable[tuple[str, Path]]) -> tuple[str, Path] | None:
    """The package that holds the file, and its folder."""
    return next((place for place in places if place[1] in path.parents), None)


def _companions(folder: Path) -> list[Path]:
    files = []
    for path in folder.iterdir():
        if path.is_dir() and not any(path.glob("*.py")):
            files += _companions(path)
        elif path.suffix in COMPANIONS:
            files.append(path)
    return files


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(4096)
def _imported(
    path: Path, state: tuple[int, int], places: tuple[tuple[str, Path], ...]
) -> tuple[Path, ...]:
    if path.suffix != ".py":
        return ()
    here, parts = _place(path, places), ()
    if here:
        # Of a package and of its modules, the package is where relative imports begin.
        parts = here[0], *path.relative_to(here[1]).parts[:-1]
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return ()  # a package from elsewhere may hold a file that is for another Python
    packages = dict(places)
    return tuple(dict.fromkeys(p for n in _names(tree, parts) for p in _files(n, packages)))


def _names(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """The dotted names that a module of the package imports."""
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level <= len(package):
            above = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*above, *filter(None, [node.module])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not typing:
            yield from _walk(child)


def _files(name: str, packages: Packages) -> list[Path]:
    """The module of that name, or its package's `__init__`, where it stands in the packages."""
    top, *rest = name.split(".")
    if top not in packages:
        return []
    place = packages[top].joinpath(*rest)
    return [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]


def _inits(path: Path, top: Path) -> list[Path]:
    """The `__init__` files of the packages that hold a module, from `top` on."""
    folders = [f for f in path.parents if f == top or top in f.parents]
    return [f / "__init__.py" for f in folders if (f / "__init__.py").is_file()]

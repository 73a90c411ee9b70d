"""The source files that a module rests on: what it imports, and what that imports in turn."""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from workbench.runs.parameters.python_cell import python_of

# Files beside a module that are part of it: kernels, and what the browser runs.
COMPANIONS = {".cu", ".cuh", ".h", ".js"}
# An installed package has all others beside it, whose versions a record holds.
OURS = ("workbench", "widgets")


def sources_of(cells: Iterable[str], root: Path) -> list[Path]:
    """The modules of the packages in `root` that a notebook's Python cells import."""
    found: dict[Path, None] = {}
    for source in cells:
        with contextlib.suppress(SyntaxError):
            names = _names(python_of(source)[1])
            found |= dict.fromkeys(p for name in names for p in _files(name, root, OURS))
    return list(found)


def closure(starts: Iterable[Path], root: Path, packages: tuple[str, ...] = OURS) -> list[Path]:
    """Every file of the packages in `root` that the files import, transitively, in order.

    Imports inside functions count, and those that only a type checker follows do not. With a module
    count the `.cu`, `.h` and `.js` files of its folder, and of folders in it that hold no modules.

    Args:
        starts: modules or notebooks' code as files.
        root: the folder that holds the packages.
        packages: those that count.
    """
    seen: dict[Path, None] = {}
    waiting = [path.resolve() for path in starts]
    root = root.resolve()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen[path] = None
        waiting += [*_imported(path, _state(path), root, packages), *_packages(path, root)]
        if root in path.parents and path.name != "__init__.py":
            waiting += _companions(path.parent)
    return sorted(seen)


def _companions(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        if path.is_dir() and not any(path.glob("*.py")):
            found += _companions(path)
        elif path.suffix in COMPANIONS:
            found.append(path)
    return found


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_size


@functools.lru_cache(4096)
def _imported(
    path: Path, state: tuple[int, int], root: Path, packages: tuple[str, ...]
) -> tuple[Path, ...]:
    if path.suffix != ".py":
        return ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(dict.fromkeys(p for name in _names(tree) for p in _files(name, root, packages)))


def _names(tree: ast.AST) -> Iterator[str]:
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not typing:
            yield from _walk(child)


def _files(name: str, root: Path, packages: tuple[str, ...]) -> list[Path]:
    """The module of that name, or its package's `__init__`, where it stands in `root`."""
    if name.split(".")[0] not in packages:
        return []
    place = root.joinpath(*name.split("."))
    return [p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()]


def _packages(path: Path, root: Path) -> list[Path]:
    """The `__init__` files of the packages that hold a module."""
    folders = [f for f in path.parents if root in f.parents]
    return [f / "__init__.py" for f in folders if (f / "__init__.py").is_file()]

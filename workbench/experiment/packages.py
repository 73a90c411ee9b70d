"""Experiments of installed packages, listed without importing them.

A package declares each by an entry point of the group `workbench.experiments`; its name is
FAMILY/SUBJECT, its value the module with `Params`, `run` and `CLAIMS`.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

GROUP = "workbench.experiments"
NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
# The folder of the runs of users' notebooks.
TAKEN = "own/"
_OWN = "workbench.experiments."


class Declared(NamedTuple):
    """An experiment of an installed package.

    Attributes:
        name: FAMILY/SUBJECT.
        package: the distribution that declares it.
        module: the dotted name of its module.
        file: the module's file.
        top: the folder of its top-level package.
    """

    name: str
    package: str
    module: str
    file: Path
    top: Path


def declared() -> dict[str, Declared | str]:
    """By name, the experiments of installed packages, or error messages for unusable ones."""
    return dict(_declared(tuple(sys.path)))


def name_of(module: str) -> str | None:
    """FAMILY/SUBJECT of an experiment's module; None for other modules."""
    if module.startswith(_OWN):
        return module.removeprefix(_OWN).replace(".", "/")
    usable = (d for d in declared().values() if isinstance(d, Declared))
    return next((d.name for d in usable if d.module == module), None)


@functools.lru_cache(8)
def _declared(path: tuple[str, ...]) -> tuple[tuple[str, Declared | str], ...]:
    """`declared` for a value of `sys.path`, sorted by name."""
    # The entry points are importlib_metadata's where somebody has imported that package.
    by_name: dict[str, list[Any]] = {}
    for point in entry_points(group=GROUP):
        by_name.setdefault(point.name, []).append(point)
    return tuple((name, _one(name, by_name[name])) for name in sorted(by_name))


def _one(name: str, points: list[Any]) -> Declared | str:
    packages = sorted({_package(point) for point in points})
    if len(points) > 1:
        return f"`{name}` must be declared once; got it from {' and '.join(packages)}"
    module, (package,) = points[0].value.strip(), packages
    if not NAME.fullmatch(name) or name.startswith(TAKEN):
        return (
            f"`{name}` of the package {package} must be FAMILY/SUBJECT in lower-case letters, "
            "digits and underscores, and no FAMILY `own`"
        )
    file, top = _file(module)
    if file is None or top is None:
        return f"`{name}` of the package {package} must name a module in a file; got {module!r}"
    return Declared(name, package, module, file, top)


def _package(point: Any) -> str:
    return str(point.dist.name) if point.dist else "(unknown)"


def _file(module: str) -> tuple[Path | None, Path | None]:
    """The module's file and the folder of its top-level package, without importing it."""
    first, *rest = module.split(".")
    try:
        is_name = all(part.isidentifier() for part in (first, *rest))
        spec = importlib.util.find_spec(first) if is_name else None
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return None, None
    for place in map(Path, spec.submodule_search_locations or ()):
        inside = place.joinpath(*rest)
        for file in (inside.with_suffix(".py"), inside / "__init__.py"):
            if rest and file.is_file():
                return file, place
    if rest or not spec.origin or not spec.origin.endswith(".py"):
        return None, None
    return Path(spec.origin), Path(spec.origin).with_suffix("")

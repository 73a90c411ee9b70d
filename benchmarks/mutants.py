"""Do a module's own tests notice a small change of its code? `python benchmarks/mutants.py --help`.

Draws operators, comparisons and constants of primitives, records and studies with a seed, changes
each in a copy of the tree, runs the changed module's own tests there, and lists what survives.
Survivors are read one by one: a change that nobody can notice is equivalent, any other is a gap.

mutmut first runs the whole suite to learn which tests reach what, and cosmic-ray has one command
of tests for all mutants; neither draws a sample by a seed.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from workbench.runs.identity.closure import closure, ours  # noqa: E402

# The upper floors but records and studies show and open; their tests start browsers and servers.
LEFT_OUT = {"cli", "experiments", "live", "pages", "runs", "share"}
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Lt: ast.LtE,
    ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
# What computes nothing: types, decorators, and the words of errors and warnings.
SILENT = {"annotation", "returns", "decorator_list"}
SPEAKING = {"refuse", "warn", "cast"}
LEAST_SECONDS = 60.0


class Site(NamedTuple):
    """A place that can be changed: the file, which of its changes, and the line."""

    file: Path
    place: int
    line: int


def changes(tree: ast.AST) -> Iterator[tuple[int, Callable[[], None]]]:
    """The line of every change, and what makes it in the tree."""
    for name, value in ast.iter_fields(tree):
        for node in value if isinstance(value, list) else [value]:
            if name in SILENT or not isinstance(node, ast.AST) or _speaks(node):
                continue
            yield from _own(node)
            yield from changes(node)


def _speaks(node: ast.AST) -> bool:
    called = getattr(node, "func", None)
    name = getattr(called, "attr", getattr(called, "id", None))
    return isinstance(node, ast.Raise | ast.JoinedStr) or name in SPEAKING


def _own(node: ast.AST) -> Iterator[tuple[int, Callable[[], None]]]:
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
        yield node.lineno, lambda: setattr(node, "op", SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield node.lineno, lambda: node.ops.__setitem__(0, SWAPS[type(node.ops[0])]())
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        yield node.lineno, lambda: setattr(node, "value", _other(node.value))


def _other(value: float) -> float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) or value == 0 else value * 1.25


def changed(text: str, place: int) -> str:
    """The text of a module with one of its changes made."""
    tree = ast.parse(text)
    list(changes(tree))[place][1]()
    return ast.unparse(tree)


def sites() -> list[Site]:
    """Every change of every module, in an order that does not depend on the machine."""
    candidates = []
    for file in sorted((ROOT / "workbench").glob("*/**/*.py")):
        if file.relative_to(ROOT).parts[1] not in LEFT_OUT:
            lines = [line for line, _ in changes(ast.parse(file.read_text()))]
            candidates += [Site(file, place, line) for place, line in enumerate(lines)]
    return candidates


def own_tests(file: Path) -> tuple[Path, ...]:
    """The tests of the module's name in the folder that mirrors its own.

    Where there are none, all of that folder and of the one above, within the package. Where no
    folder mirrors the module's, the nearest one above does.
    """
    parts, stem = file.relative_to(ROOT / "workbench").parts[:-1], file.stem.strip("_")
    tiers = [ROOT / "tests" / tier for tier in ("unit", "pipeline")]
    folders = (tier.joinpath(*parts[:n]) for n in range(len(parts), 0, -1) for tier in tiers)
    folder = next(f for f in folders if f.is_dir())
    tests = sorted(folder.rglob("test_*.py"))
    above = sorted(folder.parent.glob("test_*.py")) if folder.parent not in tiers else []
    return tuple([t for t in tests if t.stem.startswith(f"test_{stem}")] or [*tests, *above])


def cache_without(file: Path, copy: Path, room: Path) -> Path:
    """A copy of what Numba compiled, without the modules whose compiled code may hold the file's.

    Numba notices a change of the file that holds a function, and none of what the function calls.
    """
    modules = (ROOT / "workbench").rglob("*.py")
    stale = {f"{m.stem}." for m in modules if file in closure([m], ours(ROOT))}
    left = shutil.ignore_patterns(*(f"{name}*" for name in stale))
    (copy / ".numba").mkdir(exist_ok=True)
    return Path(shutil.copytree(copy / ".numba", room / "numba", ignore=left))


def ran(copy: Path, tests: tuple[Path, ...], limit: float, cache: Path) -> tuple[str, float]:
    """`survived`, `caught` or `too long`, and the seconds that the tests took in the copy."""
    words = ["-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    words += ["-m", "not browser and not index", *map(shown, tests)]
    environment = {**os.environ, "PYTHONPATH": str(copy), "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, *words]
    begin, how = time.monotonic(), {"cwd": copy, "env": environment, "timeout": limit}
    try:
        done = subprocess.run(command, capture_output=True, **how)
    except subprocess.TimeoutExpired:
        return "too long", limit
    return "caught" if done.returncode else "survived", time.monotonic() - begin


def shown(file: Path) -> str:
    """The file as it is named from the root of the tree."""
    return str(file.relative_to(ROOT))


class Copies:
    """Copies of the tree in which tests run, one at a time in each; the tree may change meanwhile.

    Attributes:
        plain: by a module's own tests, what they say without a change, and their seconds.
    """

    def __init__(self, room: Path, count: int) -> None:
        ignored = shutil.ignore_patterns(".git", ".venv", "reports", ".hypothesis", "*.whl")
        self._free: SimpleQueue[Path] = SimpleQueue()
        for name in map(str, range(count)):
            self._free.put(Path(shutil.copytree(ROOT, room / name, ignore=ignored)))
        self.plain: dict[tuple[Path, ...], tuple[str, float]] = {}

    def mutated(self, site: Site) -> str:
        """What the module's own tests say of the change; `broken` where they fail without it."""
        copy, tests = self._free.get(), own_tests(site.file)
        file = copy / site.file.relative_to(ROOT)
        text, there = file.read_text(), file.stat()
        try:
            if tests not in self.plain:
                self.plain[tests] = ran(copy, tests, 1200, copy / ".numba")
            state, seconds = self.plain[tests]
            if state != "survived":
                return "broken"
            file.write_text(changed(text, site.place))
            with tempfile.TemporaryDirectory() as room:
                cache = cache_without(site.file, copy, Path(room))
                state, seconds = ran(copy, tests, max(LEAST_SECONDS, 4 * seconds), cache)
            print(f"{state:>8} {seconds:5.0f} s  {shown(site.file)}:{site.line}", flush=True)
            return state
        finally:
            file.write_text(text)
            # Its compiled form is of this moment.
            os.utime(file, ns=(there.st_atime_ns, there.st_mtime_ns))
            self._free.put(copy)


def main() -> int:
    """Prints a line a mutant, then the survivors; status 1 where tests fail without a change."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("count", 60), ("seed", 0), ("jobs", 2)):
        options.add_argument(f"--{name}", type=int, default=default)
    given = options.parse_args()
    drawn = random.Random(given.seed).sample(sites(), given.count)
    with tempfile.TemporaryDirectory() as room, ThreadPoolExecutor(given.jobs) as pool:
        copies = Copies(Path(room), given.jobs)
        states = list(pool.map(copies.mutated, drawn))
    for tests, (_, seconds) in copies.plain.items():
        if seconds > LEAST_SECONDS:
            print(f"own tests that take {seconds:.0f} s, more than 60:", *map(shown, tests))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{dict(Counter(states))}, {(used.ru_utime + used.ru_stime) / 60:.0f} processor minutes")
    for site, state in sorted(zip(drawn, states, strict=True)):
        if state in ("survived", "broken"):
            show(site, state)
    return int("broken" in states)


def show(site: Site, state: str) -> None:
    """Prints what was changed."""
    before = ast.unparse(ast.parse(site.file.read_text())).splitlines()
    after = changed(site.file.read_text(), site.place).splitlines()
    print(f"\n{state} {shown(site.file)}:{site.line}")
    for old, new in zip(before, after, strict=True):
        if old != new:
            print(f"  - {old.strip()}\n  + {new.strip()}")


if __name__ == "__main__":
    sys.exit(main())

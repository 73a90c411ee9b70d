"""What a run stood on: code, environment, hardware, data; enough to tell two runs apart."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from workbench.base.array import device_name
from workbench.base.checks import refuse
from workbench.base.files import regular_file
from workbench.experiment.params import Knobs, Parameters
from workbench.runs.find import PACKAGE, ROOT
from workbench.runs.identity.closure import COMPANIONS, Starts, closure, named, ours

# What of a run's provenance is not shared by the runs of a study.
OWN = {"backend", "device", "seed", "data"}


def provenance(
    params: Parameters,
    surroundings: Mapping[str, Any] | None = None,
    declared: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """Code, environment, hardware, backend and data of a run, as plain values.

    Args:
        params: the run's parameters.
        surroundings: what the runs of a study have in common, read once; None to read it now.
        declared: files that a notebook or a study declares, as `inputs.inputs` tells them.

    Raises:
        ValueError: if the backend cannot be used, or a file that a knob names cannot.
    """
    # Only an experiment's own knobs of these names mean what the workbench means by them.
    shared = params if isinstance(params, Knobs) else None
    backend = shared.backend if shared else "numpy"
    return {
        **(around(None) if surroundings is None else surroundings),
        "backend": backend,
        "device": device_name(backend),
        "seed": shared.seed if shared else None,
        "data": data(params) | dict(declared),
    }


def around(starts: Starts | None) -> dict[str, Any]:
    """Code, environment and hardware: what does not depend on a run's parameters.

    Args:
        starts: files whose imports the run rests on; None for the whole package.
    """
    return {
        "code": code(starts),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "packages": packages(),
        "environment": {k: v for k, v in sorted(os.environ.items()) if _matters(k)},
    }


def code(starts: Starts | None) -> dict[str, Any]:
    """The source's hash and, in a checkout, the commit and whether the tree differs from it.

    Of an experiment from elsewhere they are those of its own repository.
    """
    known: dict[str, Any] = {"source": source_hash(starts)}
    if starts and starts.elsewhere:
        return known | code_of(starts.files[0])
    if (ROOT / ".git").exists():
        known["commit"] = _git("rev-parse", "HEAD")
        changes = _git("status", "--porcelain", "--", "workbench", "widgets", "notebooks")
        known["changed"] = None if changes is None else bool(changes)
    return known


def code_of(file: Path) -> dict[str, Any]:
    """Commit and state of the user's repository in which a file lies; both None without one.

    It counts as changed where a file that git knows differs from the commit, or this file is
    none of those files.
    """
    status = _git("status", "--porcelain", "--untracked-files=no", place=file.parent)
    commit = _git("rev-parse", "HEAD", place=file.parent)
    if commit is None:
        return {"commit": None, "changed": None}
    is_known = _git("ls-files", "--error-unmatch", "--", file.name, place=file.parent)
    return {"commit": commit, "changed": is_known is None or bool(status)}


def source_hash(starts: Starts | None) -> str:
    """SHA-256 over the sources that a run rests on, CUDA and JavaScript among them.

    Args:
        starts: files whose imports count, transitively; None for all of the package and widgets.
    """
    packages = ours(PACKAGE.parent) | dict(starts.elsewhere if starts else ())
    if starts is not None:
        files = closure(starts.files, packages)
    else:
        folders = PACKAGE, PACKAGE.parent / "widgets"
        kinds = {".py", *COMPANIONS}
        files = sorted(p for f in folders for p in f.rglob("*") if p.suffix in kinds)
    # An experiment may stand elsewhere; its own place is no part of what it computes.
    return _hash_of(tuple((named(path, packages), path, _state(path)) for path in files))


def _state(path: Path) -> tuple[int, ...]:
    """What changes with a file's content: reading all sources takes longer than a look at each."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@functools.lru_cache(32)
def _hash_of(files: tuple[tuple[str, Path, tuple[int, ...]], ...]) -> str:
    hashed = hashlib.sha256()
    for name, path, _ in files:
        hashed.update(name.encode())
        hashed.update(path.read_bytes())
    return hashed.hexdigest()


@functools.cache
def packages() -> dict[str, str]:
    """Every installed distribution and its version."""
    versions = {d.name.lower(): d.version for d in importlib.metadata.distributions() if d.name}
    return dict(sorted(versions.items()))


def data(params: Parameters) -> dict[str, dict[str, Any]]:
    """Path, size and SHA-256 of every file a knob names, after the experiment has read them.

    Raises:
        ValueError: if one cannot be read or used; the sentence names the knob.
    """
    values = params.values()
    paths = {k.name: values[k.name] for k in params.knobs() if k.suffixes and values[k.name]}
    for name, path in paths.items():
        _readable(name, path, regular_file.check)
    # Before they are hashed: a file of gigabytes that is no table is soon refused.
    if check := getattr(params, "check_files", None):
        check()
    files = {}
    for name, path in paths.items():
        size, sha256 = _readable(name, path, regular_file.digest)
        files[name] = {"path": str(path), "bytes": size, "sha256": sha256}
    return files


def _readable(name: str, path: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(path)
    except OSError as error:
        return refuse(name, f"a file that can be read ({error.strerror})", path)


def _matters(variable: str) -> bool:
    """Whether an environment variable can change what a run computes or how fast."""
    return variable.endswith("_NUM_THREADS") or variable in {
        "CUDA_VISIBLE_DEVICES",
        "PYTHONHASHSEED",
    }


def processor() -> str:
    """The processor's model name."""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _git(*words: str, place: Path | None = None) -> str | None:
    """What git says of the checkout, or of another folder; None where it is missing or refuses."""
    try:
        ran = subprocess.run(
            ["git", "-C", str(place or ROOT), *words],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.strip()

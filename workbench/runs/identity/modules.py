"""The user's own code that a run has executed: whether they are still what they were."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.runs.identity.inputs import digest

UNWATCHED = (
    "data that cells open, and code that other processes run or that comes from other files than "
    ".py and .ipynb, are watched where `inputs` declares them, and not otherwise"
)


def changed(record: Mapping[str, Any], known: dict[str, str | None]) -> list[str]:
    """The files of the record's modules that are gone or have changed since its run.

    A module whose file had changed by the end of the run itself counts as changed.

    Args:
        record: of a run that is done.
        known: by path, the SHA-256 of files read before; filled in here.
    """
    provenance = record.get("provenance")
    modules = provenance.get("modules") if isinstance(provenance, dict) else None
    paths = []
    for path, sha256 in modules.items() if isinstance(modules, dict) else ():
        if path not in known:
            known[path] = _sha256(path)
        if sha256 is None or known[path] != sha256:
            paths.append(path)
    return paths


def _sha256(path: str) -> str | None:
    try:
        return digest(Path(path))[1]
    except ValueError:
        return None

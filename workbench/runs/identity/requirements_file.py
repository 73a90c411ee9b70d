"""The versions of everything that was installed, as a file that pip installs again.

It names versions and no hashes, which the installed distributions do not tell; a lock by PEP 751
would have to invent where each came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

LOCK = "requirements.txt"
_OWN = "paper-workbench"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")


def lock(provenance: Mapping[str, Any]) -> str:
    """The lines of a requirements file, from what a record says was installed.

    The workbench itself stands there as a comment with its commit. A name or a version that pip
    would read as anything else is left out, as records come from elsewhere, too.

    Args:
        provenance: as a record holds it.
    """
    packages, code = provenance["packages"], provenance["code"]
    commit = _plain(code.get("commit")) or "unknown"
    changes = ", with uncommitted changes" if code.get("changed") else ""
    lines = [
        f"# Python {_plain(provenance.get('python'))}, {_plain(provenance.get('platform'))}",
        f"# {_OWN}, commit {commit}{changes}",
    ]
    for name, version in sorted(packages.items()):
        is_sound = _NAME.fullmatch(str(name)) and _VERSION.fullmatch(str(version))
        if is_sound and name != _OWN:
            lines.append(f"{name}=={version}")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> str:
    """Words that stay in the comment they stand in."""
    return "".join(c for c in str(value or "") if c.isprintable())[:200]

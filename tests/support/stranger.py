"""Another user of this machine, who tries what must be closed to them."""

import os
import subprocess
import sys

import pytest

UID = 65534


def answer(imports, source, *words, seconds=120):
    """What a program prints that loads as this user, whose files it may read, and acts as another.

    Skips where this user may not become another one.
    """
    if not hasattr(os, "getuid") or os.getuid() != 0:
        pytest.skip("needs root, to become another user")
    become = f"import os, sys\nos.setgroups([])\nos.setgid({UID})\nos.setuid({UID})"
    ran = subprocess.run(
        [sys.executable, "-c", f"{imports}\n{become}\n{source}", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=seconds,
        cwd="/",
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()

"""The command line on a terminal of its own, and what it wrote there."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
import time
from typing import NamedTuple

import pytest

PATIENCE = 120


class Ended(NamedTuple):
    """What is left of a command.

    Attributes:
        seen: what it wrote on its terminal.
        piped: what it wrote on its standard output, where that was a pipe; else None.
        status: its exit status.
    """

    seen: str
    piped: str | None
    status: int


def on_a_terminal(*words, piped=False, **how):
    """Awaits `python -m workbench WORDS`, whose standard output may be a pipe instead."""
    main, side = pty.openpty()
    termios.tcsetwinsize(side, (24, 100))
    command = [sys.executable, "-m", "workbench", *words]
    out = subprocess.PIPE if piped else side
    process = subprocess.Popen(command, stdin=side, stdout=out, stderr=side, **how)
    os.close(side)
    until = time.monotonic() + PATIENCE
    try:
        seen = _all(main, until, words)
        told = process.communicate(timeout=max(1, until - time.monotonic()))[0]
    finally:
        process.kill()
        os.close(main)
    return Ended(seen.decode(), told.decode() if piped else None, process.returncode)


def _all(terminal, until, words):
    seen = b""
    with contextlib.suppress(OSError):  # a terminal without a process raises at its end
        while True:
            if not select.select([terminal], [], [], max(0, until - time.monotonic()))[0]:
                pytest.fail(f"{words} has not ended after {PATIENCE} s; it wrote {seen!r}")
            part = os.read(terminal, 65536)
            if not part:
                break
            seen += part
    return seen

"""How processes end: killed with all that they started, and why they did."""

from __future__ import annotations

import contextlib
import signal

import psutil


def kill_children(process: int) -> None:
    """Kills all that the process started, and what they started."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()


def exit_reason(status: int | None) -> str:
    """How a process ended, in words: by which signal, or with which status."""
    if status is not None and status < 0:
        try:
            return f"its process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"its process was ended by signal {-status}"
    return f"its process left with status {status}"

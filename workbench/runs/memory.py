"""How much memory a process held at most, where the system keeps it."""

from __future__ import annotations

import contextlib
from pathlib import Path


def peak_memory_mib(process: int | str | None = "self") -> int | None:
    """The most memory the process ever held, or since `forget_peak`; None where nobody knows."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    kib = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), None)
    return None if kib is None else int(kib) // 1024


def forget_peak() -> None:
    """Starts this process's peak anew at what it holds now; does nothing where Linux is not."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")

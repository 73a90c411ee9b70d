"""Processes: killing, exit status, termination signals as exceptions, and memory use."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from workbench.base.checks import refuse


def kill_children(process: int) -> None:
    """Kills all descendants of the process."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()


def exit_reason(status: int | None) -> str:
    """The signal that ended a process, or its exit status, as text."""
    if status is not None and status < 0:
        try:
            return f"its process was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"its process was ended by signal {-status}"
    return f"its process left with status {status}"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raises KeyboardInterrupt on SIGTERM and SIGHUP, as on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    signals = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_UNITS = {"B": 1, "": 1}
_UNITS |= {f"{letter}B": 1000**i for i, letter in enumerate("KMGT", 1)}
_UNITS |= {f"{letter}IB": 1024**i for i, letter in enumerate("KMGT", 1)}


def peak_memory_mib(process: int | str | None = "self") -> int | None:
    """Peak resident memory of the process, since `forget_peak` if called; None if unknown."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    kib = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), None)
    return None if kib is None else int(kib) // 1024


def forget_peak() -> None:
    """Resets this process's peak memory to its current use; Linux only."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def resident_bytes(processes: Iterable[int]) -> dict[int, int]:
    """By process, its resident memory and that of its descendants, in bytes.

    Shared pages count for each of them. The table of all processes is read once.
    """
    children: dict[int, list[psutil.Process]] = {}
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(one.ppid(), []).append(one)
    return {process: _tree_bytes(process, children) for process in processes}


def _tree_bytes(process: int, children: Mapping[int, list[psutil.Process]]) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        total = psutil.Process(process).memory_info().rss
    return total + sum(_tree_bytes(one.pid, children) for one in children.get(process, []))


def bytes_of(text: str) -> int:
    """The number of bytes given by a text such as `2GB`, `500 MB` or `1.5GiB`.

    Raises:
        ValueError: if the text has another form, or is below one byte.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([KMGT]?I?B?)", text.strip().upper())
    unit = match and _UNITS.get(match.group(2))
    if unit is None or (count := int(float(match.group(1)) * unit)) < 1:
        refuse("memory", "a size such as 500MB, 2GB or 1.5GiB", text)
    return count


def spelled_bytes(count: int) -> str:
    """A number of bytes as text: `2 GB`, `1.5 MB`."""
    power = next((p for p in (4, 3, 2, 1) if count >= 1000**p), 0)
    return f"{count / 1000**power:.3g} {('', 'k', 'M', 'G', 'T')[power]}B"

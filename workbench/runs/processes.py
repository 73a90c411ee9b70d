"""Processes: how they end, termination as an exception, and how much memory they held."""

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


@contextmanager
def interruptible() -> Iterator[None]:
    """Ends the work in order when the process is asked to terminate, as on Ctrl-C."""
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


def held_bytes(processes: Iterable[int]) -> dict[int, int]:
    """By process, the resident memory of it and of all that it started, as far as they are there.

    Pages that several of them share count for each. All processes of the machine are looked at
    once, however many are asked for.
    """
    children: dict[int, list[psutil.Process]] = {}
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            children.setdefault(one.ppid(), []).append(one)
    return {process: _held(process, children) for process in processes}


def _held(process: int, children: Mapping[int, list[psutil.Process]]) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        total = psutil.Process(process).memory_info().rss
    return total + sum(_held(one.pid, children) for one in children.get(process, []))


def bytes_of(text: str) -> int:
    """The number of bytes that a text such as `2GB`, `500 MB` or `1.5GiB` spells.

    Raises:
        ValueError: if it spells none, or less than one.
    """
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,15})?) ?([KMGT]?I?B?)", text.strip().upper())
    unit = match and _UNITS.get(match.group(2))
    if unit is None or (count := int(float(match.group(1)) * unit)) < 1:
        refuse("memory", "a size such as 500MB, 2GB or 1.5GiB", text)
    return count


def spelled_bytes(count: int) -> str:
    """A number of bytes as a person reads it: `2 GB`, `1.5 MB`."""
    power = next((p for p in (4, 3, 2, 1) if count >= 1000**p), 0)
    return f"{count / 1000**power:.3g} {('', 'k', 'M', 'G', 'T')[power]}B"

"""The memory that this process may still allocate."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path


def free_memory() -> float:
    """Bytes that can be allocated without swapping, within the limits of process and control group.

    Infinite where the system does not report it.
    """
    return max(0.0, min(_of_the_machine(), _of_the_process(), _of_the_group()))


def _of_the_machine() -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024.0 * int(line.split()[1])
    with contextlib.suppress(
        AttributeError, OSError, ValueError
    ):  # total memory, where the free one is unknown
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return math.inf


def _of_the_process() -> float:
    with contextlib.suppress(ImportError, OSError, ValueError, IndexError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            return float(limit - pages * resource.getpagesize())
    return math.inf


def _of_the_group() -> float:
    """Of the control group, as in a container; cached file pages count as free."""
    with contextlib.suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{n}").read_text()) for n in ("max", "current"))
        stat = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        return float(limit - used + int(dict(stat).get("inactive_file", 0)))
    return math.inf

"""Files that appear whole or not at all, in folders that one process writes at a time."""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What a killed process leaves behind bears this prefix, and the next run clears it away.
PARTIAL = ".partial-"


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` under a name of its own, then moves it to `path` in one step.

    Whoever reads `path` meets the old file or the new one, also when this process dies meanwhile.

    Args:
        path: where the file is to stand.
        text: its content.
        durable: wait for the disk, so that it survives a power failure; takes milliseconds.
    """
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all; NaN is refused, as JSON has none."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Holds `folder` for this process; the system lets go of it when the process ends in any way.

    Raises:
        BlockingIOError: if another process, or another run in this one, holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock; two equal runs at once are then not kept apart
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # some network disks cannot lock; a run there is still better than none
            pass
        yield
    finally:
        os.close(handle)

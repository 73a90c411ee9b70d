"""The folder of a run or study: its lock, its JSON files, reserved disk space, and disk errors."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any

from workbench.base.files.atomic import PARTIAL, write_text

_SPACE, _DISK = {errno.ENOSPC, errno.EDQUOT}, {errno.EROFS, errno.EIO}
# The messages of disk errors begin so; every further run would fail for the same reason.
NO_SPACE, NO_WRITING = "no space is left", "nothing can be written"
_RESERVE = f"{PARTIAL}reserve-"
# Bytes by which a record may grow from the start of a run to a short message about its end.
_GROWTH = 16_384


def why(error: BaseException, folder: Path) -> str:
    """The error as one sentence; that of a full disk names the folder and its free space."""
    if not isinstance(error, OSError) or error.errno not in _SPACE | _DISK:
        return f"{type(error).__name__}: {error}"
    if error.errno in _DISK:
        return f"{NO_WRITING} in {folder} ({error.strerror})"
    free = ""
    with contextlib.suppress(OSError):
        free = f"; {shutil.disk_usage(folder).free:,} bytes are free"
    return f"{NO_SPACE} in {folder} ({error.strerror}{free})"


def is_of_disk(sentence: str | None) -> bool:
    """Whether the message of `why` is about the disk and not about one file."""
    return any(words in (sentence or "") for words in (NO_SPACE, NO_WRITING))


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all; NaN is refused, as JSON has none."""
    write_text(path, as_json(value))


def as_json(value: Any) -> str:
    """Indented JSON; NaN is refused, as JSON has none."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Locks `folder` for this process; the system releases the lock when the process ends.

    Raises:
        BlockingIOError: if another process, or another run in this process, has locked it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock; two equal runs at once are then possible
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # some network file systems have no locks; run without one
            pass
        yield
    finally:
        os.close(handle)


class Reserve:
    """Disk space reserved at the start of a run, so that its end can be recorded on a full disk.

    The reserved file is overwritten and renamed, which needs no new space.

    Attributes:
        path: of the reserved file until it is used.

    Args:
        folder: on the same disk as the record.
        text: the record at the start of the run; the final one may be longer by 16 KiB.

    Raises:
        OSError: if the disk has no such space.
    """

    def __init__(self, folder: Path, text: str = ""):
        self.path = folder / f"{_RESERVE}{uuid.uuid4().hex}"
        self._file = self.path.open("x+b", buffering=0)
        self._size = len(text.encode()) + _GROWTH
        try:
            _write_all(self._file, b" " * self._size)
        except BaseException:
            self.release()
            raise

    def put(self, path: Path, text: str) -> None:
        """Writes the text into the reserved file and renames it to `path`; usable once.

        Raises:
            OSError: if the text is too long, or the file cannot be renamed.
        """
        content = text.encode()
        if len(content) > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file.seek(0)
        _write_all(self._file, content)
        self._file.truncate()
        self._file.close()
        os.replace(self.path, path)

    def release(self) -> None:
        """Removes the file, unless it was used."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def clear_reserves(folder: Path) -> None:
    """Removes the reserved files of killed processes from a folder that this process has locked."""
    for stale in folder.glob(f"{_RESERVE}*"):
        with contextlib.suppress(OSError):
            stale.unlink()


def _write_all(file: RawIOBase, content: bytes) -> None:
    """Writes to an unbuffered file, and raises an error if the disk takes only a part."""
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

"""The files of runs: JSON, folders that one process writes at a time, and room for last words."""

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
# How a sentence begins that tells of such an error, which every further run would meet as well.
NO_SPACE, NO_WRITING = "no space is left", "nothing can be written"
_RESERVE = f"{PARTIAL}reserve-"
# What a record may grow by from its beginning to a sentence about its end.
_GROWTH = 16_384


def why(error: BaseException, folder: Path) -> str:
    """The error in a sentence, which names the folder and its space where these are at fault."""
    if not isinstance(error, OSError) or error.errno not in _SPACE | _DISK:
        return f"{type(error).__name__}: {error}"
    if error.errno in _DISK:
        return f"{NO_WRITING} in {folder} ({error.strerror})"
    free = ""
    with contextlib.suppress(OSError):
        free = f"; {shutil.disk_usage(folder).free:,} bytes are free"
    return f"{NO_SPACE} in {folder} ({error.strerror}{free})"


def is_of_disk(sentence: str | None) -> bool:
    """Whether the sentence, which `why` made, tells of the disk and not of one file."""
    return any(words in (sentence or "") for words in (NO_SPACE, NO_WRITING))


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, whole or not at all; NaN is refused, as JSON has none."""
    write_text(path, as_json(value))


def as_json(value: Any) -> str:
    """Indented JSON; NaN is refused, as JSON has none."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


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


class Reserve:
    """Room on the disk, taken at a run's start, in which its end can be written on a full disk.

    Bytes that a file has are written over, and the file is renamed: neither needs new space.

    Attributes:
        path: where the room is until it is used.

    Args:
        folder: on the disk of what is to be written.
        text: the record as it begins; its end may be longer by 16 KiB.

    Raises:
        OSError: if there is no such room.
    """

    def __init__(self, folder: Path, text: str = ""):
        self.path = folder / f"{_RESERVE}{uuid.uuid4().hex}"
        self._file = self.path.open("x+b", buffering=0)
        self._size = len(text.encode()) + _GROWTH
        try:
            _write_all(self._file, b" " * self._size)
        except BaseException:
            self.give_back()
            raise

    def put(self, path: Path, text: str) -> None:
        """Writes the text in the room and moves it to `path`; the room is then used up.

        Raises:
            OSError: if the text is longer than the room, or cannot be moved.
        """
        content = text.encode()
        if len(content) > self._size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file.seek(0)
        _write_all(self._file, content)
        self._file.truncate()
        self._file.close()
        os.replace(self.path, path)

    def give_back(self) -> None:
        """Removes the file, if it was not used up."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def clear_reserves(folder: Path) -> None:
    """Removes what a killed process reserved in a folder that this one owns."""
    for stale in folder.glob(f"{_RESERVE}*"):
        with contextlib.suppress(OSError):
            stale.unlink()


def _write_all(file: RawIOBase, content: bytes) -> None:
    """Writes all of it to a file without a buffer, which may take less on a disk that fills."""
    if file.write(content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

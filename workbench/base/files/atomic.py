"""Atomic writing of files, which never follows a link at the target path.

A file is written under an unpredictable name in the target's folder and then renamed. Readers see
the old file or the new one, even if this process is killed meanwhile. A link at the target path is
replaced, and the file it points to is unchanged.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

# Prefix of temporary files; the next run removes those that a killed process left.
PARTIAL = ".partial-"


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` in UTF-8, with unchanged line ends; see `write_bytes`."""
    write_bytes(path, text.encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes `content` to a temporary file, then renames it to `path`.

    Args:
        path: the target.
        content: all of the file.
        durable: whether to wait for the disk, so that the file survives a power failure; takes
            milliseconds.

    Raises:
        OSError: if it cannot be written; the old file is unchanged.
    """
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}")
    try:
        # "x" creates the file or fails: an existing file or link is never opened.
        with temporary.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary path for a library that writes a file or folder itself; renamed at exit.

    It lies in a new folder beside `path` that only this user can enter, so that nobody else can put
    a link there. On an error it is removed, and `path` is unchanged.

    Raises:
        OSError: if the folder cannot be created, or the result cannot be renamed.
    """
    folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=path.parent))
    try:
        yield folder / path.name
        os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def appendable(path: Path) -> int:
    """Opens a regular file, or a new one, for reading and appending; its file descriptor.

    A link is refused. A file with several names (hard links) is copied first, so that appending
    does not change a backup, or another file of which somebody has made a link here.

    Raises:
        OSError: if the file cannot be written, or is no regular file.
    """
    no_wait = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | no_wait | getattr(os, "O_CLOEXEC", 0)
    handle = os.open(path, flags, 0o666)
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode):
        os.close(handle)
        raise OSError(f"{path.name} is no regular file")
    if state.st_nlink > 1:
        with open(handle, "rb") as shared, written(path) as own, own.open("xb") as file:
            shutil.copyfileobj(shared, file)
        handle = os.open(path, flags)
    return handle


def make_folder(root: Path, *parts: str) -> Path:
    """Creates the folder of these parts below `root`, unless it exists, and refuses links.

    A link below `root` would redirect the files of a run, and the removal of old ones. `root`
    itself may be a link.

    Raises:
        OSError: if a folder cannot be created, or is a link or a file.
    """
    root.mkdir(parents=True, exist_ok=True)
    folder = root
    for name in (part for one in parts for part in Path(one).parts):
        folder = folder / name
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        if folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "a link where a folder must be", str(folder))
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    return folder

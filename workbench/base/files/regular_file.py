"""Users' files, opened only if they are regular files of a bounded size.

A pipe would block its reader for ever, and a device such as /dev/zero never ends. Errors of
libraries at damaged content become error messages of one sentence.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from workbench.base.checks import Refusal, clipped, refuse

# Bytes of the largest file that is read or hashed, which takes minutes; larger models come in
# several files.
LARGEST = 2**37
_PIECE = 1 << 20
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
# What every reader may raise: errors of the system, an early end of the file, bad values or text,
# unbounded nesting or size.
USUAL = (OSError, EOFError, ValueError, RecursionError, MemoryError)
# Opening must neither wait for a writer nor take over a terminal.
_FLAGS = os.O_RDONLY | sum(getattr(os, f"O_{n}", 0) for n in ("NONBLOCK", "NOCTTY", "BINARY"))


def opened(path: str | os.PathLike, most: int = LARGEST, *, follow: bool = True) -> BinaryIO:
    """The file, open for reading bytes.

    Args:
        path: path of the file.
        most: its largest size in bytes.
        follow: whether links are followed; else they are refused.

    Raises:
        OSError: if it cannot be opened, is no regular file, or is larger; `strerror` says which.
    """
    try:
        # Checked before it is opened, because opening a device may have an effect.
        _check(path, os.stat(path, follow_symlinks=follow), most)
        descriptor = os.open(path, _FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    except ValueError:
        raise OSError(errno.EINVAL, "its path has a zero byte", path) from None
    try:
        # Checked again, as the file may have been replaced meanwhile.
        _check(path, os.fstat(descriptor), most)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check(path: str | os.PathLike, status: os.stat_result, most: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "of another kind")
        raise OSError(errno.EINVAL, f"it is {kind} and no regular file", path)
    if status.st_size > most:
        words = f"it has {status.st_size:,} bytes, and at most {most:,} are read"
        raise OSError(errno.EFBIG, words, path)


def is_regular(path: str | os.PathLike) -> bool:
    """Whether the path is one of a regular file; false also for an invalid path."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def check(path: str | os.PathLike, most: int = LARGEST) -> None:
    """Raises what `opened` would, for a library that opens the path itself."""
    opened(path, most).close()


def require(name: str, path: str, most: int = LARGEST, missing: str = "an existing file") -> None:
    """Turns what `check` raises into an error message about the argument of that name."""
    try:
        check(path, most)
    except FileNotFoundError:
        refuse(name, missing, path)
    except OSError as error:
        refuse(name, f"{missing} ({error.strerror})", path)


def content(path: str | os.PathLike, most: int) -> bytes:
    """All bytes of a file.

    Raises:
        OSError: as `opened`, or if the file grows beyond `most` while it is read.
    """
    with opened(path, most) as file:
        # A read takes memory for as many bytes as it may give.
        data = file.read(os.fstat(file.fileno()).st_size)
        if more := file.read(1):
            data += more + file.read(max(0, most - len(data)))
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes, which are not read", path)
    return data


def digest(path: str | os.PathLike) -> tuple[int, str]:
    """The size and SHA-256 of a file, read in pieces.

    Raises:
        OSError: as `opened`, or if the file grows while it is read.
    """
    hashed, size = hashlib.sha256(), 0
    with opened(path) as file:
        most = os.fstat(file.fileno()).st_size
        while piece := file.read(_PIECE):
            hashed.update(piece)
            size += len(piece)
            if size > most:
                raise OSError(errno.EBUSY, "it grows while it is read", path)
    return size, hashed.hexdigest()


@contextmanager
def refused(
    name: str, what: str, got: str, errors: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turns what a library raises at a damaged file into the message "`name` must be what".

    Only calls of that library belong inside, so that errors of our own have their tracebacks.

    Args:
        name: the argument that names the file.
        what: what the file must be.
        got: the file's name.
        errors: what the library raises, beside `USUAL`.

    Raises:
        ValueError: the message.
    """
    try:
        yield
    except Refusal:
        raise
    except (*USUAL, *errors) as error:
        refuse(name, f"{what} ({reason(error)})", got)


def reason(error: BaseException) -> str:
    """The message of an error in one short line."""
    message = error.strerror if isinstance(error, OSError) else None
    return clipped(str(message or error) or type(error).__name__, 120)

"""The one way to write a file: whole or not at all, and never through a link at its place.

A file is written under a name of its own beside its place, which nobody can know beforehand, and
renamed. Whoever reads meets the old file or the new one, also when this process dies meanwhile; a
link that somebody put at the place is replaced, and what it points to stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

# What a killed process leaves behind bears this prefix, and the next run clears it away.
PARTIAL = ".partial-"


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Writes `text` in UTF-8 with its line ends as they are; see `write_bytes`."""
    write_bytes(path, text.encode(), durable=durable)


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes `content` under a name of its own, then moves it to `path` in one step.

    Args:
        path: where the file is to stand.
        content: all of it.
        durable: wait for the disk, so that it survives a power failure; takes milliseconds.

    Raises:
        OSError: if it cannot be written; the old file stays.
    """
    temporary = path.with_name(f"{PARTIAL}{uuid.uuid4().hex}")
    try:
        # "x" creates the file or fails: what is already there, a link as well, is never opened.
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
    """A place for a library that writes a file or a folder by name; it moves to `path` at the end.

    The place lies in a folder beside `path` that only this user can enter, so that nobody can put
    a link there. On an error nothing is left, and what stood at `path` stays.

    Raises:
        OSError: if the folder cannot be made, or what was written cannot be moved.
    """
    folder = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=path.parent))
    try:
        yield folder / path.name
        os.replace(folder / path.name, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def room(root: Path, *parts: str) -> Path:
    """The folder of these parts below `root`, made where it is missing, without a link on the way.

    A link there would lead a run's files, and the clearing away of old ones, to another place.
    `root` itself may be one.

    Raises:
        OSError: if a folder cannot be made, or is a link or a file.
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

"""What was read of records before, so that thousands of them need not be read again.

`records.sqlite` lies in $XDG_CACHE_HOME/paper-workbench (~/.cache by default), where nobody but the
user writes, and not among the records, which may come from elsewhere. It holds numbers and texts
and decides nothing: an entry counts only while the file's size, times and number are the same, a
file that was written within the last seconds is not entered, since it could change again within
one tick of its clock, and a file that is damaged or of another form is thrown away. It can be
deleted at any time. Several processes may use it at once.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import time
import zlib
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from workbench.records.brief import cached_brief

# Counts up whenever `record_file.brief` gives another form.
_FORM = 2
_TABLE = "CREATE TABLE records (path BLOB PRIMARY KEY, state TEXT, sum INT, brief BLOB)"
# File systems tell time in steps of up to 2 s.
_UNSURE_NS = 3 * 10**9
_LARGEST = 10**9
_AT_ONCE = 1000


class Memory:
    """Briefs by the path of their record, as far as the file is still the same.

    Every fault of the database leaves it out: then records are read from their own files.
    """

    def __init__(self) -> None:
        self._new: list[tuple[bytes, str, int, bytes]] = []
        self._base: sqlite3.Connection | None = None
        self._file = _place()
        with contextlib.suppress(OSError, sqlite3.Error):
            self._base = _opened(self._file)

    def get(self, path: bytes, about: os.stat_result) -> dict[str, Any] | None:
        """What was read of the file that is as the system says it is now; None if nothing was."""
        if self._base is None:
            return None
        question = "SELECT sum, brief FROM records WHERE path = ? AND state = ?"
        try:
            found = self._base.execute(question, (path, _state(about))).fetchone()
        except sqlite3.Error:
            self._give_up()
            return None
        if found is None or not isinstance(found[1], bytes) or zlib.crc32(found[1]) != found[0]:
            return None
        return cached_brief(found[1])

    def put(self, path: bytes, about: os.stat_result, brief: dict[str, Any]) -> None:
        """Remembers the brief, unless the file may still change without a sign."""
        newest = max(about.st_mtime_ns, about.st_ctime_ns)
        if self._base is None or not newest < time.time_ns() - _UNSURE_NS:
            return
        text = to_json(brief)
        self._new.append((path, _state(about), zlib.crc32(text), text))
        if len(self._new) >= _AT_ONCE:
            self._write()

    def close(self) -> None:
        """Writes what is new."""
        self._write()
        if self._base is not None:
            self._base.close()
            self._base = None

    def _write(self) -> None:
        if self._base is not None and self._new:
            try:
                with self._base:
                    self._base.executemany("REPLACE INTO records VALUES (?, ?, ?, ?)", self._new)
            except sqlite3.OperationalError:  # another process writes, or the disk is full
                pass
            except sqlite3.Error:
                self._give_up()
        self._new = []

    def _give_up(self) -> None:
        if self._base is not None:
            self._base.close()
            self._base = None
        with contextlib.suppress(OSError):
            self._file.unlink()


def _place() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "paper-workbench" / "records.sqlite"


def _opened(path: Path) -> sqlite3.Connection:
    """The database, begun anew where it is damaged, of another form, or too large.

    Raises:
        OSError: if it cannot be there, or is not the user's own regular file.
        sqlite3.Error: if it cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):
        about = os.lstat(path)
        is_own = not hasattr(os, "getuid") or about.st_uid == os.getuid()
        if not stat.S_ISREG(about.st_mode) or not is_own:
            raise OSError("somebody else's")
        if about.st_size > _LARGEST:
            path.unlink()
    base = _connected(path)
    try:
        if _is_sound(base):
            return base
    except sqlite3.OperationalError:
        base.close()
        raise
    except sqlite3.DatabaseError:
        pass
    base.close()
    path.unlink(missing_ok=True)
    base = _connected(path)
    with base:
        base.execute(_TABLE)
        base.execute(f"PRAGMA user_version = {_FORM}")
    return base


def _connected(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=2.0)
    base.execute("PRAGMA trusted_schema = OFF")
    base.execute("PRAGMA synchronous = OFF")  # what a power failure takes is read again
    return base


def _is_sound(base: sqlite3.Connection) -> bool:
    """Whether it has our table in our form, and nothing beside it."""
    schema = base.execute("SELECT sql FROM sqlite_master").fetchall()
    # SQLite adds the index of the primary key, which has no text.
    return schema == [(_TABLE,), (None,)] and base.execute("PRAGMA user_version").fetchone() == (
        _FORM,
    )


def _state(about: os.stat_result) -> str:
    times = f"{about.st_mtime_ns} {about.st_ctime_ns}"
    return f"{about.st_size} {times} {about.st_ino} {about.st_dev}"

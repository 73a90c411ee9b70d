"""The cache of briefs, so that thousands of records need not be read again.

`records.sqlite` is in $XDG_CACHE_HOME/paper-workbench (~/.cache by default), where only the user
can write, and not beside the records, which may come from elsewhere. An entry counts only while
the record's size, times and inode are unchanged. A record changed within the last seconds is not
cached, as it could change again within one tick of the file system's clock. A database that is
damaged or has another schema is replaced. It can be deleted at any time, and several processes may
use it at once.
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

# To be increased whenever `brief` returns another form.
_VERSION = 2
_SCHEMA = "CREATE TABLE records (path BLOB PRIMARY KEY, state TEXT, sum INT, brief BLOB)"
# File systems have clocks of up to 2 s per tick.
_SETTLING_NS = 3 * 10**9
_LARGEST, _LARGEST_BRIEF = 10**9, 2**20
_QUERY = (
    "SELECT sum, brief FROM records WHERE path = ? AND state = ?"
    f" AND typeof(brief) = 'blob' AND length(brief) <= {_LARGEST_BRIEF}"
)
_BATCH = 1000


class BriefCache:
    """Briefs by the paths of their records, while the records are unchanged.

    If the database fails, there are no briefs in it, and records are read from their files.
    """

    def __init__(self) -> None:
        self._new: list[tuple[bytes, str, int, bytes]] = []
        self._database: sqlite3.Connection | None = None
        self._path = _path()
        with contextlib.suppress(OSError, sqlite3.Error):
            self._database = _opened(self._path)

    def get(self, path: bytes, status: os.stat_result) -> dict[str, Any] | None:
        """The brief of the record with this status; None if there is none."""
        if self._database is None:
            return None
        try:
            row = self._database.execute(_QUERY, (path, _state(status))).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return cached_brief(row[1]) if row is not None and zlib.crc32(row[1]) == row[0] else None

    def put(self, path: bytes, status: os.stat_result, brief: dict[str, Any]) -> None:
        """Adds the brief, unless the record could still change without a sign."""
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        if self._database is None or changed >= time.time_ns() - _SETTLING_NS:
            return
        text = to_json(brief)
        if len(text) <= _LARGEST_BRIEF:
            self._new.append((path, _state(status), zlib.crc32(text), text))
        if len(self._new) >= _BATCH:
            self._write()

    def close(self) -> None:
        """Writes the new briefs."""
        self._write()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _write(self) -> None:
        if self._database is not None and self._new:
            try:
                with self._database:
                    insert = "REPLACE INTO records VALUES (?, ?, ?, ?)"
                    self._database.executemany(insert, self._new)
            except sqlite3.Error as error:
                self._give_up(error)
        self._new = []

    def _give_up(self, error: sqlite3.Error) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        # An operational error is no damage: another process has a lock, or the disk is full.
        if not isinstance(error, sqlite3.OperationalError):
            with contextlib.suppress(OSError):
                self._path.unlink()


def _path() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "paper-workbench" / "records.sqlite"


def _opened(path: Path) -> sqlite3.Connection:
    """The database; a new one if it is damaged, has another schema, or is too large.

    Raises:
        OSError: if file or folder cannot be written, or others can write them.
        sqlite3.Error: if it cannot be used.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_owner(path.parent, stat.S_ISDIR)
    # SQLite opens the files beside it as well, and would wait for a pipe.
    for suffix in ("-journal", "-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            file = path.with_name(path.name + suffix)
            if _check_owner(file, stat.S_ISREG).st_size > _LARGEST:
                file.unlink()
    database = _connected(path)
    try:
        if _is_sound(database):
            return database
    except sqlite3.OperationalError:
        database.close()
        raise
    except sqlite3.DatabaseError:
        pass
    database.close()
    path.unlink(missing_ok=True)
    database = _connected(path)
    with database:
        database.execute(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    return database


def _check_owner(path: Path, is_kind: Any) -> os.stat_result:
    """Raises OSError unless it is of that kind, the user's own, and for nobody else to write."""
    status = os.lstat(path)
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not (is_kind(status.st_mode) and is_own and not status.st_mode & 0o002):
        raise OSError(f"{path} is not safe")
    return status


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=2.0)
    database.execute("PRAGMA trusted_schema = OFF")
    # What a power failure destroys is read again.
    database.execute("PRAGMA synchronous = OFF")
    return database


def _is_sound(database: sqlite3.Connection) -> bool:
    """Whether it has the table of this version, and nothing else."""
    schema = database.execute("SELECT sql FROM sqlite_master").fetchall()
    version = database.execute("PRAGMA user_version").fetchone()
    # SQLite adds the index of the primary key, which has no text.
    return schema == [(_SCHEMA,), (None,)] and version == (_VERSION,)


def _state(status: os.stat_result) -> str:
    """What changes whenever the file does."""
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{status.st_size} {times} {status.st_ino} {status.st_dev}"

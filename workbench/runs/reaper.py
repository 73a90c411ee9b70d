"""A reaper process, which kills the descendants of a process that has ended, even by SIGKILL.

Processes started for a run inherit a mark in their environment, which identifies them after their
parents have ended and after they have left the session. Every process that starts kernels or
workers has a reaper: it waits at a pipe for the end of its owner, then kills all processes with the
mark. This file is also its program.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import psutil

# Marks, separated by commas: those of outer runs first.
MARKS = "WORKBENCH_MARKS"
_PREFIX = "workbench-"
# Minimum age of an unlocked folder to be removed: its owner may be about to lock it.
_NEW_SECONDS = 60.0
# Only a process that waits for a disk outlives SIGKILL.
_KILL_SECONDS = 10.0
# By process ID, since a fork has another one: the folder, and the handles that must stay open.
_FOLDERS: dict[int, tuple[Path, object]] = {}


def watch() -> Path:
    """The runtime folder of this process, whose name is the mark of its descendants.

    It lies in the user's runtime folder and is private. When this process ends, the reaper removes
    the folder and kills the marked processes.
    """
    process = os.getpid()
    if process not in _FOLDERS:
        folder, lock = _locked_folder()
        theirs, ours = os.pipe()
        # A new session, so that a signal to this process's group does not kill the reaper.
        reaper = subprocess.Popen(
            [sys.executable, "-P", __file__, str(folder)],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != MARKS},
            cwd=folder.anchor,
            start_new_session=True,
        )
        os.close(theirs)
        # It outlives this process; without this, Python warns that it still runs.
        reaper.returncode = 0
        _FOLDERS[process] = folder, (lock, ours)
    folder = _FOLDERS[process][0]
    # Some systems clean the temporary folder while a process runs.
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def leave_to(folder: Path) -> None:
    """Makes another process, the owner of the folder, responsible for this one's descendants."""
    _FOLDERS[os.getpid()] = folder, None


def marks(environment: Mapping[str, str], *more: str) -> dict[str, str]:
    """The environment variable with the marks of `environment` and further ones."""
    return {MARKS: ",".join(filter(None, [environment.get(MARKS), *more]))}


def note_session(leader: int) -> Path:
    """Records a session leader for the reaper, in a file that the caller removes later.

    A process of the session may have replaced its environment, and with it the mark.
    """
    note = watch() / f"session-{os.getpid()}-{leader}"
    with contextlib.suppress(FileExistsError):
        note.open("x").close()
    return note


def reap_noted(folder: Path, borne: Collection[str], process: int | str = "*") -> None:
    """Like `reap`, including the sessions recorded in the folder by this process, or by any."""
    notes = list(folder.glob(f"session-{process}-*"))
    reap(borne, [int(note.name.rpartition("-")[2]) for note in notes])
    for note in notes:
        note.unlink(missing_ok=True)


def reap(borne: Collection[str], led: Collection[int] = ()) -> None:
    """Kills all processes that have one of the marks or belong to one of the sessions."""
    until = time.monotonic() + _KILL_SECONDS
    while processes := list(_alive(set(borne), set(led))):
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        if time.monotonic() > until:
            return
        time.sleep(0.01)


def _alive(borne: set[str], led: set[int]) -> Iterator[psutil.Process]:
    for leader in led:
        # Kernels adopt orphaned descendants, also those of other sessions, while they are alive.
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(leader) == leader:
                yield from psutil.Process(leader).children(recursive=True)
    for process in psutil.process_iter():
        # Processes of other users cannot be read, and others end meanwhile.
        with contextlib.suppress(psutil.Error, OSError):
            is_ours = _session(process) in led or not borne.isdisjoint(_marks(process))
            is_other = process.pid != os.getpid()
            if is_ours and is_other and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def _session(process: psutil.Process) -> int | None:
    return os.getsid(process.pid) if hasattr(os, "getsid") else None


def _marks(process: psutil.Process) -> list[str]:
    return process.environ().get(MARKS, "").split(",")


def _locked_folder() -> tuple[Path, int | None]:
    """A new, locked folder; unlocked ones of ended processes are removed."""
    from jupyter_core.paths import jupyter_runtime_dir

    for base in (Path(jupyter_runtime_dir()), Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_stale(base)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            return folder, _locked(folder)
    raise OSError("neither the runtime folder of Jupyter nor that for temporary files is writable")


def _remove_stale(base: Path) -> None:
    """Removes the folders of processes whose reaper was killed as well, and their descendants."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime < _NEW_SECONDS:
                continue
            if (lock := _locked(folder)) is not None:
                # Not the recorded sessions: other processes may have their IDs by now.
                reap([folder.name])
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """Locks a folder of this user; None if it is locked by another process or cannot be locked."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (ImportError, OSError):  # Windows has no such lock
        return None
    try:
        if os.fstat(handle).st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
    except OSError:  # some network disks cannot lock
        pass
    os.close(handle)
    return None


if __name__ == "__main__":
    # Ends with the process at the other end of the pipe.
    sys.stdin.buffer.read()
    _left = Path(sys.argv[1])
    reap_noted(_left, [_left.name])
    shutil.rmtree(_left, ignore_errors=True)

"""What a process has started ends with it, also where it is killed.

Whatever is started for a run inherits a mark in its environment, by which it is known even when
its parents have ended and it has left their session. For every process that starts such things a
second one waits: it sees the first one's end at a pipe, and ends what bears the mark. This file is
its program, too.
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

# Marks, separated by commas: those of a run that another run started stand after the other's.
MARKS = "WORKBENCH_MARKS"
_PREFIX = "workbench-"
# How long a folder without an owner is left alone: its owner may be about to lock it.
_NEW_SECONDS = 60.0
# Nothing outlives SIGKILL but what waits for a disk.
_KILL_SECONDS = 10.0
# By process, since a fork is another one: its folder, and what must not be closed before it ends.
_FOLDERS: dict[int, tuple[Path, object]] = {}


def watch() -> Path:
    """A folder for what this process needs at run time, whose name is the mark of what it starts.

    It lies in the user's runtime folder, closed to others. Whichever way this process ends, the
    folder goes, and what bears the mark.
    """
    process = os.getpid()
    if process not in _FOLDERS:
        folder, lock = _locked_folder()
        theirs, ours = os.pipe()
        # Apart from the session, so that what ends the session does not end it.
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
        # It outlives this process, which never awaits it, and would be warned of that.
        reaper.returncode = 0
        _FOLDERS[process] = folder, (lock, ours)
    folder = _FOLDERS[process][0]
    # Some machines clear the temporary folder while one is at work.
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def leave_to(folder: Path) -> None:
    """Lets another process, whose folder it is, answer for this one and what it will start."""
    _FOLDERS[os.getpid()] = folder, None


def marks(environment: Mapping[str, str], *more: str) -> dict[str, str]:
    """The variable that holds the marks of this environment, and further ones."""
    return {MARKS: ",".join(filter(None, [environment.get(MARKS), *more]))}


def note_session(leader: int) -> Path:
    """Notes for the reaper that a process of ours leads a session, in a file to be removed after.

    A process of the session may have left its environment behind, and with it the mark.
    """
    note = watch() / f"session-{os.getpid()}-{leader}"
    with contextlib.suppress(FileExistsError):
        note.open("x").close()
    return note


def reap_noted(folder: Path, borne: Collection[str], process: int | str = "*") -> None:
    """As `reap`, with the sessions that this process, or any, has noted in the folder."""
    notes = list(folder.glob(f"session-{process}-*"))
    reap(borne, [int(note.name.rpartition("-")[2]) for note in notes])
    for note in notes:
        note.unlink(missing_ok=True)


def reap(borne: Collection[str], led: Collection[int] = ()) -> None:
    """Kills every process that bears one of the marks or belongs to one of the sessions."""
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
        # Kernels adopt what leaves its session; after the leader's end they are others' children.
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(leader) == leader:
                yield from psutil.Process(leader).children(recursive=True)
    for process in psutil.process_iter():
        # Those of other users cannot be read, and many end while one looks.
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
    """A new folder that this process has locked; those that nobody has locked any more are gone."""
    from jupyter_core.paths import jupyter_runtime_dir

    for base in (Path(jupyter_runtime_dir()), Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            base.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_stale(base)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
            return folder, _locked(folder)
    raise OSError("neither the runtime folder of Jupyter nor that for temporary files is writable")


def _remove_stale(base: Path) -> None:
    """Removes what is left of processes that ended together with whoever waited for their end."""
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime < _NEW_SECONDS:
                continue
            if (lock := _locked(folder)) is not None:
                # Not the sessions noted there: their numbers may be others' by now.
                reap([folder.name])
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """Locks a folder of this user's; None where another holds it, or it cannot be locked."""
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

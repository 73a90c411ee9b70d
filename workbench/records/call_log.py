"""The log of a study's function runs: one file, `runs.jsonl`, to which each run appends lines.

A folder and a file per call would take longer than most calls. A line is one of

    {"session": {...}}                                     the process that writes the next lines
    {"run": "NAME/RUN", "attempt": 1, "start": "..."}      a run starts
    {"run": "NAME/RUN", "identity": "...", "whole": {...}} a run ends, with its record
    {"run": "NAME/RUN", "identity": "...", "like": "01ab", "changed": {...}, "but": {...}}

`like` is the start of the SHA-256 of a line with a whole record, the base; `changed` are the knobs
that differ from their defaults, and `but` is the difference from the base with these knobs
(`difference.difference`). The last line of a run counts. One process writes (`run_folder.owned`),
and each line is one write, so a kill leaves whole lines and at most one part, which is removed.
`call_log_reader` reads the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.base.files.atomic import appendable
from workbench.records.difference import SAME, difference
from workbench.records.record_file import check_count

CALL_LOG = "runs.jsonl"
_BLOCK = 1 << 16
_MOST_PENDING = 10_000


class CallLog:
    """The log, open for appending; if the file is removed, a new one is begun.

    Args:
        folder: the study's folder, which this process owns.
        process: what the records of all runs state about the process, such as its number.

    Raises:
        OSError: if the file cannot be written.
    """

    def __init__(self, folder: Path, process: Mapping[str, Any]):
        self._folder, self._session = folder, dict(process)
        # Done runs whose lines are in the file, and those whose lines were in a removed file.
        self._done, self._lost, self._was_removed = 0, 0, False
        self._pending: deque[dict[str, Any]] = deque(maxlen=_MOST_PENDING)
        self._open()

    def _open(self) -> None:
        self._handle = appendable(self._folder / CALL_LOG)
        self._end = _remove_partial_line(self._handle)
        # One base per state, since failed runs resemble each other.
        self._bases: dict[str, tuple[str, dict[str, Any]]] = {}
        self._has_session = False

    def _reopen_if_removed(self) -> None:
        with contextlib.suppress(OSError):
            status = os.stat(self._folder / CALL_LOG, follow_symlinks=False)
            if os.path.samestat(status, os.fstat(self._handle)):
                return
        self._folder.mkdir(parents=True, exist_ok=True)
        old = self._handle
        self._open()
        os.close(old)
        self._lost, self._done, self._was_removed = self._lost + self._done, 0, True

    def lost(self, earlier: int) -> list[int]:
        """The number of lost runs among the `earlier` ones, and among those done since."""
        with contextlib.suppress(OSError):
            self._reopen_if_removed()
        return [earlier if self._was_removed else 0, self._lost]

    def close(self) -> None:
        """Closes the file."""
        self._write_pending()
        os.close(self._handle)

    def start(self, record: Mapping[str, Any]) -> None:
        """Writes that the run starts.

        Raises:
            OSError: if there is no space; the file is unchanged.
        """
        self._reopen_if_removed()
        if not self._has_session:
            self._append({"session": self._session})
            self._has_session = True
        self._write_pending()
        self._append(_short(record))

    def finish(self, record: Mapping[str, Any]) -> None:
        """Writes the record of a run that has ended.

        Raises:
            OSError: if there is no space; the file is unchanged.
            ValueError: if JSON cannot hold the record, or it has more values than are read.
        """
        self._reopen_if_removed()
        line = {"run": _key(record), "identity": record["identity"]}
        content = {k: v for k, v in record.items() if k not in ("run", "folder", "identity")}
        state = record["state"]
        if state in self._bases:
            digest, base = self._bases[state]
            changed = record["changed"]
            but = difference(content, with_knobs(base, changed))
            line |= {"like": digest, "changed": changed, "but": {} if but is SAME else but}
            self._append(line)
        else:
            self._bases[state] = digest_of(self._append(line | {"whole": content})), content
        self._done += state == "done"

    def fail(self, record: Mapping[str, Any]) -> None:
        """Writes that the record could not be written, as soon as there is space."""
        self._pending.append(_short(record) | {n: record[n] for n in ("state", "error")})
        self._write_pending()

    def _write_pending(self) -> None:
        with contextlib.suppress(OSError):
            while self._pending:
                self._append(self._pending[0])
                self._pending.popleft()

    def _append(self, value: Mapping[str, Any]) -> bytes:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        line = text.encode() + b"\n"
        check_count(line)
        try:
            count = os.write(self._handle, line)
            if count < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += count
        return line


def digest_of(line: bytes) -> str:
    """How other lines refer to the line."""
    return hashlib.sha256(line).hexdigest()[:12]


def with_knobs(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The record with other values of the changed knobs."""
    return {**base, "changed": changed, "given": changed, "knobs": {**base["knobs"], **changed}}


def _short(record: Mapping[str, Any]) -> dict[str, Any]:
    start = record["timings"]["start"]
    return {"run": _key(record), "attempt": record["attempt"], "start": start}


def _key(record: Mapping[str, Any]) -> str:
    return f"{record['name']}/{record['run']}"


def _remove_partial_line(handle: int) -> int:
    """Removes what a killed process left behind the last line end; returns the file's size."""
    size = end = os.fstat(handle).st_size
    while end:
        start = max(0, end - _BLOCK)
        place = os.pread(handle, end - start, start).rfind(b"\n")
        if place >= 0:
            end = start + place + 1
            break
        end = start
    if end < size:
        os.ftruncate(handle, end)
    return end

"""The records of a study's function runs, in one file: `runs.jsonl`, to which each run adds a line.

A folder and a file for every call of a function would cost more than most calls. A line is one of

    {"session": {...}}                                     the process that writes what follows
    {"run": "NAME/RUN", "attempt": 1, "start": "..."}      a run begins
    {"run": "NAME/RUN", "identity": "...", "whole": {...}} a run has ended, with its record
    {"run": "NAME/RUN", "identity": "...", "like": "01ab", "changed": {...}, "but": {...}}

where `like` are the first digits of the SHA-256 of a line with a whole record, `changed` are the
knobs that differ from their defaults, and `but` holds what differs from that record with these
knobs (`difference.difference`). The last line about a run counts. One process writes
(`run_folder.owned`), and each line is one write, so that a kill leaves whole lines and at most a
part of one, which is dropped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workbench.base.files.atomic import appendable
from workbench.base.files.regular_file import opened
from workbench.records.difference import SAME, difference, merged
from workbench.records.lines import lines
from workbench.records.record_file import Unreadable, checked, parsed

CALL_LOG = "runs.jsonl"
_START = b'{"run":"'
_LONGEST_LINE = 50_000_000
_MOST_UNTOLD = 10_000


class CallLog:
    """The file of a study, open for further lines; one that somebody removes is begun anew.

    Args:
        folder: of the study, which this process owns.
        process: what the record of each run says of the process, such as its number.

    Raises:
        OSError: if the file cannot be written.
    """

    def __init__(self, folder: Path, process: Mapping[str, Any]):
        self._folder, self._session = folder, dict(process)
        # Runs that are done and whose lines went with a file that was removed.
        self._lost, self._done, self._is_anew = 0, 0, False
        self._failed: deque[dict[str, Any]] = deque(maxlen=_MOST_UNTOLD)
        self._open()

    def _open(self) -> None:
        self._handle = appendable(self._folder / CALL_LOG)
        self._end = _drop_part(self._handle)
        # By state, since runs that failed resemble each other, and a record that was written whole.
        self._bases: dict[str, tuple[str, dict[str, Any]]] = {}
        self._is_told = False

    def _open_anew(self) -> None:
        """Begins the file again if it is no longer the one of its name: it was removed."""
        there = None
        with contextlib.suppress(OSError):
            there = os.stat(self._folder / CALL_LOG, follow_symlinks=False)
        if there is not None and os.path.samestat(there, os.fstat(self._handle)):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        before = self._handle
        self._open()
        os.close(before)
        self._lost, self._done, self._is_anew = self._lost + self._done, 0, True

    def gone(self, kept: int) -> list[int]:
        """How many of the runs `kept` from before, and of those done since, are lost by now."""
        with contextlib.suppress(OSError):
            self._open_anew()
        return [kept if self._is_anew else 0, self._lost]

    def close(self) -> None:
        """Closes the file."""
        self._tell_failed()
        os.close(self._handle)

    def begun(self, record: Mapping[str, Any]) -> None:
        """Writes that the run begins.

        Raises:
            OSError: if there is no room; the file is then as it was before.
        """
        self._open_anew()
        if not self._is_told:
            self._add({"session": self._session})
            self._is_told = True
        self._tell_failed()
        self._add(_short(record))

    def ended(self, record: Mapping[str, Any]) -> None:
        """Writes what came of the run.

        Raises:
            OSError: if there is no room; the file is then as it was before.
            ValueError: if JSON cannot hold the record.
        """
        self._open_anew()
        told = {k: v for k, v in record.items() if k not in ("run", "folder", "identity")}
        about = {"run": _key(record), "identity": record["identity"]}
        if record["state"] in self._bases:
            like, base = self._bases[record["state"]]
            changed = record["changed"]
            but = difference(told, _turned(base, changed))
            but = {"but": {} if but is SAME else but}
            self._add({**about, "like": like, "changed": changed, **but})
        else:
            line = self._add({**about, "whole": told})
            self._bases[record["state"]] = _digest(line), told
        self._done += record["state"] == "done"

    def failed(self, record: Mapping[str, Any]) -> None:
        """Writes in few words that the record of a run could not be written, once there is room."""
        self._failed.append(_short(record) | {n: record[n] for n in ("state", "error")})
        self._tell_failed()

    def _tell_failed(self) -> None:
        with contextlib.suppress(OSError):
            while self._failed:
                self._add(self._failed[0])
                self._failed.popleft()

    def _add(self, value: Mapping[str, Any]) -> bytes:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        line = text.encode() + b"\n"
        try:
            count = os.write(self._handle, line)
            if count < len(line):
                raise OSError(28, "No space left on device")
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += count
        return line


class LoggedRuns:
    """The runs of a study that its file tells of, read one by one.

    Args:
        folder: of the study.
        left_out: takes a sentence for each line that holds no record.

    Raises:
        FileNotFoundError: if there is no such file.
        Unreadable: if something else has its name.
    """

    def __init__(self, folder: Path | str, left_out: Any):
        self.path = Path(folder, CALL_LOG)
        self._left_out = left_out
        self._file = _opened(self.path)
        self._bases: dict[str, Any] = {}
        # By run, where its last line begins.
        self._places: dict[bytes, int] = {}
        self._session: dict[str, Any] = {}
        self._session_place = -1
        self._survey()

    def __enter__(self) -> LoggedRuns:
        """The file is open already."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Closes the file."""
        self._file.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every record, in the order of the runs' first lines."""
        for key in self._places:
            record = self.get(key)
            if record is not None:
                yield record

    def get(self, key: bytes) -> dict[str, Any] | None:
        """The record of the run NAME/RUN; None if there is none, or its line is broken."""
        place = self._places.get(key)
        if place is None:
            return None
        try:
            return self._record(place, key)
        except Unreadable as error:
            self._left_out(f"{self.path}, {key.decode(errors='replace')[-100:]}", str(error))
            return None

    def _survey(self) -> None:
        for place, line in lines(self._file, _LONGEST_LINE):
            if line.startswith(_START) and (end := line.find(b'"', len(_START))) > 0:
                self._places[line[len(_START) : end]] = place
                if line.find(b'","whole":{', end, end + 99) > 0:
                    self._bases[_digest(line)] = place
            elif line.startswith(b'{"session":'):
                with contextlib.suppress(Unreadable):
                    self._session = parsed(line)["session"]
                    self._session_place = place
            else:
                self._left_out(f"{self.path}, byte {place}", "the line tells of no run")

    def _record(self, place: int, key: bytes) -> dict[str, Any]:
        self._file.seek(place)
        told = parsed(self._file.readline(_LONGEST_LINE))
        # The name that the survey read: a line may have a second one, which may be anything.
        folder = key.decode(errors="replace")
        name, _, run = folder.rpartition("/")
        about = {"run": run, "folder": folder, "identity": told.get("identity", "")}
        try:
            if "whole" in told:
                return checked(told["whole"] | about)
            if "like" in told:
                return checked(self._merged(told) | about)
        except (TypeError, KeyError, AttributeError, IndexError, RecursionError):
            raise Unreadable("its line has another form") from None
        return checked(self._begun(told, name, place) | about)

    def _merged(self, told: Mapping[str, Any]) -> Any:
        base = self._bases.get(told["like"])
        if base is None:
            raise Unreadable("the line that it refers to is gone")
        if isinstance(base, int):
            self._file.seek(base)
            base = parsed(self._file.readline(_LONGEST_LINE))["whole"]
            self._bases[told["like"]] = base
        return merged(told["but"], _turned(base, told["changed"]))

    def _begun(self, told: Mapping[str, Any], name: str, place: int) -> dict[str, Any]:
        """The record of a run of which nothing is known but that it began."""
        is_last = place > self._session_place >= 0 and isinstance(self._session, dict)
        session = self._session if is_last else {}
        parts: dict[str, Any] = {"knobs": {}, "changed": {}, "summary": {}, "claims": []}
        state = {n: told.get(n) for n in ("attempt", "error")} | {
            "state": told.get("state", "running"),
            "timings": {"start": told.get("start")},
        }
        return {**session, "name": name, "depth": "function", **parts, **state}


def _short(record: Mapping[str, Any]) -> dict[str, Any]:
    start = record["timings"]["start"]
    return {"run": _key(record), "attempt": record["attempt"], "start": start}


def _key(record: Mapping[str, Any]) -> str:
    return f"{record['name']}/{record['run']}"


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:12]


def _turned(base: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """The record as one would have it of a run with other knobs."""
    return {**base, "changed": changed, "given": changed, "knobs": {**base["knobs"], **changed}}


def _drop_part(handle: int) -> int:
    """Cuts what a killed process began to write; the size of the file."""
    size = end = os.fstat(handle).st_size
    while end:
        start = max(0, end - 65536)
        at = os.pread(handle, end - start, start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        os.ftruncate(handle, end)
    return end


def _opened(path: Path) -> Any:
    """The file, open for reading.

    Raises:
        FileNotFoundError: if there is none.
        Unreadable: if it is no regular file, or cannot be read.
    """
    try:
        return opened(path, follow=False)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(error.strerror or "the system refuses it") from None

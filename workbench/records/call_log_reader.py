"""Reads the records of a study's function runs from its log (`call_log`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from workbench.base.files.regular_file import opened
from workbench.records.call_log import CALL_LOG, digest_of, with_knobs
from workbench.records.difference import merged
from workbench.records.record_file import LARGEST, Unreadable, checked, parsed

_START = b'{"run":"'
_BLOCK = 1 << 20
# Base records in memory; a session has one for done runs, and one for failed runs.
_MOST_BASES = 2


class CallLogReader(contextlib.AbstractContextManager):
    """The records in a study's log, read one by one; use it as a context.

    Args:
        folder: the study's folder.
        left_out: called with the place of each line without a record, and the reason.

    Raises:
        FileNotFoundError: if there is no log.
        Unreadable: if its name is that of something else.
    """

    def __init__(self, folder: Path | str, left_out: Callable[[str, str], None]):
        self.path = Path(folder, CALL_LOG)
        self._left_out = left_out
        try:
            self._file = opened(self.path, follow=False)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unreadable(error.strerror or "the system refuses it") from None
        # The offsets of each run's last line, and of lines with a whole record by their digest.
        self._places: dict[bytes, int] = {}
        self._base_places: dict[str, int] = {}
        self._bases: dict[str, Any] = {}
        self._session: dict[str, Any] = {}
        self._session_place = -1
        self._index()

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

    def _index(self) -> None:
        for place, line in lines(self._file, LARGEST):
            if line.startswith(_START) and (end := line.find(b'"', len(_START))) > 0:
                self._places[line[len(_START) : end]] = place
                if line.find(b'","whole":{', end, end + 99) > 0:
                    self._base_places[digest_of(line)] = place
            elif line.startswith(b'{"session":'):
                with contextlib.suppress(Unreadable):
                    self._session = parsed(line)["session"]
                    self._session_place = place
            else:
                self._left_out(f"{self.path}, byte {place}", "the line is not about a run")

    def _record(self, place: int, key: bytes) -> dict[str, Any]:
        line = self._line(place)
        # The name from the index: the line may have a second `run` with any value.
        folder = key.decode(errors="replace")
        name, _, run = folder.rpartition("/")
        about = {"run": run, "folder": folder, "identity": line.get("identity", "")}
        try:
            if "whole" in line:
                return checked(line["whole"] | about)
            if "like" in line:
                base = with_knobs(self._base(line["like"]), line["changed"])
                return checked(merged(line["but"], base) | about)
        except (TypeError, KeyError, AttributeError, IndexError, RecursionError):
            raise Unreadable("its line has another form") from None
        return checked(self._started(line, name, place) | about)

    def _line(self, place: int) -> Any:
        self._file.seek(place)
        return parsed(self._file.readline(LARGEST))

    def _base(self, digest: str) -> Any:
        base = self._bases.get(digest)
        if base is None:
            place = self._base_places.get(digest)
            if place is None:
                raise Unreadable("the line that it refers to is gone")
            base = self._line(place)["whole"]
            if len(self._bases) == _MOST_BASES:
                del self._bases[next(iter(self._bases))]
            self._bases[digest] = base
        return base

    def _started(self, line: Mapping[str, Any], name: str, place: int) -> dict[str, Any]:
        """The record of a run whose last line is that of its start, or of its failure."""
        is_last = place > self._session_place >= 0 and isinstance(self._session, dict)
        return {
            **(self._session if is_last else {}),
            **{"name": name, "depth": "function", "state": line.get("state", "running")},
            **{"knobs": {}, "changed": {}, "summary": {}, "claims": []},
            **{"attempt": line.get("attempt"), "error": line.get("error")},
            "timings": {"start": line.get("start")},
        }


def lines(file: BufferedIOBase, most: int) -> Iterator[tuple[int, bytes]]:
    """Every line with its offset; of a line longer than `most` bytes only the start.

    The rest of a long line is skipped in blocks, ten times as fast as by `readline`, since a file
    without a line end may be a single line.

    Args:
        file: at its start; it may be read elsewhere between two lines.
        most: the largest number of bytes of a line.
    """
    place = 0
    while file.seek(place) == place and (line := file.readline(most)):
        yield place, line
        place += len(line)
        if not line.endswith(b"\n"):
            place = _next_line(file, place)


def _next_line(file: BufferedIOBase, place: int) -> int:
    """The offset of the next line, or of the end of the file."""
    file.seek(place)
    while block := file.read(_BLOCK):
        if (end := block.find(b"\n")) >= 0:
            return place + end + 1
        place += len(block)
    return place

"""Many records read at one go, each by its file or from memory, and what was left out of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from workbench.records.brief import brief, plain_brief
from workbench.records.cache import BriefCache
from workbench.records.call_log import CALL_LOG
from workbench.records.call_log_reader import CallLogReader
from workbench.records.record_file import Unreadable, checked, parsed, read_bytes, settled
from workbench.runs.record import RECORD

_MOST_SENTENCES = 5


class LeftOut:
    """What was left out and why; callable with a place and a reason."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._count = 0

    def __call__(self, place: str, reason: str) -> None:
        """Remembers it, or counts it where there are many."""
        self._count += 1
        if len(self._sentences) < _MOST_SENTENCES:
            place = place if len(place) <= 150 else "..." + place[-147:]
            text = f"left out {place}: {reason}"
            self._sentences.append("".join(c if c.isprintable() else "?" for c in text))

    def sentences(self) -> list[str]:
        """A sentence for each of the first five, and one that counts the rest."""
        more = self._count - len(self._sentences)
        rest = f"left out {more} more {'record' if more == 1 else 'records'}"
        return [*self._sentences, *([rest] if more else [])]


class Reader:
    """Reads briefs; use it as a context, at whose end what was new is remembered.

    Args:
        left_out: takes a sentence for every record that is left out.
    """

    def __init__(self, left_out: LeftOut | None = None):
        self._left_out = left_out or LeftOut()
        self._cache = BriefCache()
        self._logs: dict[str, CallLogReader | None] = {}
        self._inside: dict[str, bool] = {}

    def __enter__(self) -> Reader:
        """Nothing is read yet."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Writes what is new, and closes all files."""
        self._cache.close()
        for log in self._logs.values():
            if log is not None:
                log.__exit__()
        self._logs = {}

    def of(self, path: str) -> dict[str, Any] | None:
        """The brief of the record in the file; None if there is no file, or no record in it."""
        try:
            about = os.lstat(path)
            key = os.fsencode(os.path.abspath(path))
            found = self._cache.get(key, about)
            if found is None:
                content, about = read_bytes(path, follow=False)
                found = plain_brief(content) or brief(checked(parsed(content)))
                self._cache.put(key, about, found)
            left = found.get("left")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (Unreadable, OSError, ValueError) as error:
            self._left_out(path, str(error))
            return None
        self._tell_left(path, left)
        return settled(found)

    def logged(self, study: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The briefs of the function runs that the folder's file tells of, with their places."""
        log = self._log(study)
        for record in log or ():
            folder = f"{study}/{record['folder']}" if _is_plain(record["folder"]) else study
            yield folder, self._brief_of_call(record)

    def point(
        self, study: str, name: str, run: str, changed: dict[str, Any]
    ) -> tuple[str, dict[str, Any] | None]:
        """The folder and the brief of a study's point; None if it never began.

        One that would lead out of the study's folder is in that folder, and never began.
        """
        place = f"{name}/{run}"
        if not self._is_inside(study, name, run):
            return study, None
        log = self._log(study)
        record = log.get(place.encode(errors="replace")) if log else None
        if record is None:
            return f"{study}/{place}", self.of(f"{study}/{place}/{RECORD}")
        found = self._brief_of_call(record)
        if not found["knobs"]:  # of a call that was killed the file tells no more than its name
            found |= {"knobs": changed, "changed": changed}
        return f"{study}/{place}", found

    def _brief_of_call(self, record: dict[str, Any]) -> dict[str, Any]:
        found = brief(record)
        self._tell_left(record["folder"], found.get("left"))
        return settled(found)

    def _log(self, study: str) -> CallLogReader | None:
        if study not in self._logs:
            self._logs[study] = None
            try:
                self._logs[study] = CallLogReader(study, self._left_out)
            except FileNotFoundError:
                pass
            except (Unreadable, OSError) as error:
                self._left_out(f"{study}/{CALL_LOG}", str(error))
        return self._logs[study]

    def _is_inside(self, study: str, name: str, run: str) -> bool:
        """Whether the place lies below the study's folder, also where links lead."""
        if not _is_plain(f"{name}/{run}") or not name.strip("/") or not run.strip("/"):
            return False
        above, _, last = f"{study}/{name}/{run}".rpartition("/")
        if above not in self._inside:
            self._inside[above] = _is_below(above, study)
        place = f"{above}/{last}"
        return _is_below(place, study) if os.path.islink(place) else self._inside[above]

    def _tell_left(self, place: str, left: Any) -> None:
        if isinstance(left, dict):
            told = ", ".join(f"{count} values of its {part}" for part, count in left.items())
            self._left_out(place, f"{told}, which are more than a table holds")


def _is_below(place: str, study: str) -> bool:
    return os.path.realpath(place).startswith(os.path.realpath(study).rstrip(os.sep) + os.sep)


def _is_plain(place: str) -> bool:
    """Whether the place leads downward only."""
    parts = place.replace("\\", "/").split("/")
    return "\0" not in place and ".." not in parts and not os.path.isabs(place)

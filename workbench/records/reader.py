"""Reads many records, from their files or from the cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from workbench.records.brief import brief, plain_brief
from workbench.records.cache import BriefCache
from workbench.records.call_log import CALL_LOG
from workbench.records.call_log_reader import CallLogReader
from workbench.records.record_file import Unreadable, checked, parsed, read_bytes, settled
from workbench.runs.record import RECORD

_MOST_SENTENCES = 5


class LeftOut:
    """What was left out and why; to be called with a place and a reason."""

    def __init__(self) -> None:
        self._sentences: list[str] = []
        self._count = 0

    def __call__(self, place: str, reason: str) -> None:
        """Stores a sentence, or counts it if there are many."""
        self._count += 1
        if len(self._sentences) < _MOST_SENTENCES:
            place = place if len(place) <= 150 else "..." + place[-147:]
            text = f"left out {place}: {reason}"
            self._sentences.append("".join(c if c.isprintable() else "?" for c in text))

    def sentences(self) -> list[str]:
        """The first five sentences, and one with the number of the others."""
        more = self._count - len(self._sentences)
        rest = f"left out {more} more {'record' if more == 1 else 'records'}"
        return [*self._sentences, *([rest] if more else [])]


class Reader(AbstractContextManager):
    """Reads briefs; use it as a context, at whose end new briefs are cached.

    Args:
        left_out: called with each record that is left out, and the reason.
    """

    def __init__(self, left_out: LeftOut | None = None):
        self._left_out = left_out or LeftOut()
        self._cache = BriefCache()
        self._logs: dict[str, CallLogReader | None] = {}
        self._inside: dict[str, bool] = {}

    def __exit__(self, *_: Any) -> None:
        """Writes the cache, and closes all files."""
        self._cache.close()
        for log in self._logs.values():
            if log is not None:
                log.__exit__()
        self._logs = {}

    def of(self, path: str) -> dict[str, Any] | None:
        """The brief of the record in the file; None if there is none."""
        try:
            status = os.lstat(path)
            key = os.fsencode(os.path.abspath(path))
            result = self._cache.get(key, status)
            if result is None:
                content, status = read_bytes(path, follow=False)
                result = plain_brief(content) or brief(checked(parsed(content)))
                self._cache.put(key, status, result)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (Unreadable, OSError, ValueError) as error:
            self._left_out(path, str(error))
            return None
        return self._settled(path, result)

    def logged(self, study: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The folders and briefs of the function runs in the folder's log."""
        for record in self._log(study) or ():
            folder = f"{study}/{record['folder']}" if _is_downward(record["folder"]) else study
            yield folder, self._settled(record["folder"], brief(record))

    def point(
        self, study: str, name: str, run: str, changed: dict[str, Any]
    ) -> tuple[str, dict[str, Any] | None]:
        """The folder and the brief of a study's point; None if the point has no record.

        A point whose folder would be outside the study's is placed in the study's folder.
        """
        place = f"{name}/{run}"
        if not self._is_inside(study, name, run):
            return study, None
        log = self._log(study)
        record = log.get(place.encode(errors="replace")) if log else None
        if record is None:
            return f"{study}/{place}", self.of(f"{study}/{place}/{RECORD}")
        result = self._settled(record["folder"], brief(record))
        if not result["knobs"]:  # the log has only the name of a call that was killed
            result |= {"knobs": changed, "changed": changed}
        return f"{study}/{place}", result

    def _settled(self, place: str, result: dict[str, Any]) -> dict[str, Any]:
        """The brief with its present state, after reporting what it leaves out of the record."""
        if left := result.get("left"):
            counts = ", ".join(f"{count} values of its {part}" for part, count in left.items())
            self._left_out(place, f"{counts}, which are more than a table holds")
        return settled(result)

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
        """Whether the folder is below the study's, with all links resolved."""
        if not _is_downward(f"{name}/{run}") or not name.strip("/") or not run.strip("/"):
            return False
        above, _, last = f"{study}/{name}/{run}".rpartition("/")
        if above not in self._inside:
            self._inside[above] = _is_below(above, study)
        place = f"{above}/{last}"
        return _is_below(place, study) if os.path.islink(place) else self._inside[above]


def _is_below(place: str, study: str) -> bool:
    return os.path.realpath(place).startswith(os.path.realpath(study).rstrip(os.sep) + os.sep)


def _is_downward(place: str) -> bool:
    """Whether the path is relative and leads downward only."""
    parts = place.replace("\\", "/").split("/")
    return "\0" not in place and ".." not in parts and not os.path.isabs(place)

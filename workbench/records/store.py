"""Reads the records below a folder; broken ones are left out, with the reason.

Reading executes nothing: records are JSON. Functions for many records return briefs
(`brief.brief`), those for one record return all of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse
from workbench.records.call_log import CALL_LOG
from workbench.records.call_log_reader import CallLogReader
from workbench.records.normal import normal
from workbench.records.reader import LeftOut, Reader
from workbench.records.record_file import Unreadable, checked, parsed, read_bytes, settled
from workbench.records.study_points import STUDY, declared, queued
from workbench.runs.record import PAGE, RECORD

__all__ = ["STUDY", "LeftOut", "normal"]


def read_record(path: Path, *, follow: bool = True) -> dict[str, Any] | None:
    """The record in the file, with its present state (`settled`); None if there is none."""
    try:
        return settled(checked(parsed(read_bytes(path, follow=follow)[0])))
    except (FileNotFoundError, Unreadable):
        return None


class Recorded(contextlib.AbstractContextManager):
    """The records of a study's runs by their names; use it as a context.

    Args:
        study: the study's folder.
    """

    def __init__(self, study: Path):
        self._study, self._logged = study, None
        self._has_files: dict[str, bool] = {}
        with contextlib.suppress(FileNotFoundError, Unreadable):
            self._logged = CallLogReader(study, LeftOut())

    def __exit__(self, *_: Any) -> None:
        """Closes the log."""
        if self._logged is not None:
            self._logged.__exit__()

    def get(self, name: str, run: str) -> dict[str, Any] | None:
        """The record of the run; None if there is none."""
        key = f"{name}/{run}".encode(errors="replace")
        record = self._logged.get(key) if self._logged is not None else None
        if record:
            return settled(record)
        if name not in self._has_files:
            # False for an invalid path, for which Path.is_dir raises an error.
            self._has_files[name] = os.path.isdir(self._study / name)
        if not self._has_files[name]:
            return None
        return read_record(self._study / name / run / RECORD, follow=False)


def read_records(reports: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]]:
    """The briefs of the folder's runs in the order of their names, function runs first.

    Args:
        reports: a folder with folders FAMILY/SUBJECT/RUN, or with a log of function runs.
        left_out: called with each record that is left out, and the reason.
    """
    return (record for _, record in _runs(reports, left_out))


def read_runs(reports: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]]:
    """As `read_records`, followed by the queued points of the folder's study."""
    seen = set()
    for place, record in _runs(reports, left_out):
        seen.add(place)
        yield record
    for name, run, changed in declared(reports) or ():
        if f"{name}/{run}" not in seen:
            yield queued(name, run, changed)


def _runs(reports: Path, left_out: LeftOut | None) -> Iterator[tuple[str, dict[str, Any]]]:
    with Reader(left_out) as reader:
        for _, record in reader.logged(str(reports)):
            yield f"{record['name']}/{record['run']}", record
        for family in _inner(str(reports)):
            for subject in _inner(family):
                for folder in _inner(subject):
                    record = reader.of(f"{folder}/{RECORD}")
                    if record is not None:
                        yield "/".join(folder.rsplit("/", 3)[-3:]), record


def read_points(study: Path, left_out: LeftOut | None = None) -> list[dict[str, Any]] | None:
    """The briefs of a study's points in their order; those without a record are `queued`.

    None if the folder has no study.
    """
    points = study_points(study, left_out)
    return None if points is None else list(points)


def study_points(study: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]] | None:
    """As `read_points`, one by one."""
    points = declared(study)
    if points is None:
        return None
    return (record for _, record in _placed(study, points, left_out))


def placed_points(
    study: Path, left_out: LeftOut | None = None
) -> list[tuple[Path, dict[str, Any]]]:
    """The folders and briefs of a study's points; of all records below, if there is no study.

    A point whose folder would be outside the study's is placed in the study's folder.
    """
    points = declared(study)
    if points is None:
        return list(find_records(study, left_out))
    return list(_placed(study, points, left_out))


def _placed(
    study: Path, points: Iterator[tuple[str, str, dict[str, Any]]], left_out: LeftOut | None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    with Reader(left_out) as reader:
        for name, run, changed in points:
            folder, record = reader.point(str(study), name, run, changed)
            yield Path(folder), record or queued(name, run, changed)


def find_records(
    reports: Path, left_out: LeftOut | None = None, calls_of: Collection[str] = ()
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder and brief of every record at any depth below the folder, without following links.

    Args:
        reports: the folder.
        left_out: called with each record that is left out, and the reason.
        calls_of: folders of studies whose function runs are omitted.
    """
    with Reader(left_out) as reader:
        for place, files in folders(str(reports)):
            if CALL_LOG in files and place not in calls_of:
                for folder, record in reader.logged(place):
                    yield Path(folder), record
            if RECORD in files:
                record = reader.of(f"{place}/{RECORD}")
                if record is not None:
                    yield Path(place), record


def find_studies(reports: Path) -> Iterator[tuple[Path, Iterator[tuple[str, str, dict[str, Any]]]]]:
    """The folder and the declared points of every study at any depth below the folder."""
    for place, files in folders(str(reports)):
        points = declared(Path(place)) if STUDY in files else None
        if points is not None:
            yield Path(place), points


def folders(root: str) -> Iterator[tuple[str, set[str]]]:
    """Every folder from the root downward in the order of names, with its records and studies."""
    waiting = [root]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as scan:
                entries = list(scan)
        except OSError:  # it was removed, or cannot be read
            continue
        yield place, {e.name for e in entries if e.name in (RECORD, STUDY, CALL_LOG)}
        inner = [e.name for e in entries if _is_folder(e)]
        waiting += [f"{place}/{name}" for name in sorted(inner, reverse=True)]


def _inner(place: str) -> list[str]:
    """The folders in a folder, including links to folders, in the order of their names."""
    try:
        with os.scandir(place) as entries:
            names = [e.name for e in entries if e.is_dir()]
    except OSError:
        return []
    return [f"{place}/{name}" for name in sorted(names)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def given_run(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The folder and the record of the run at a path that a user gave; None if there is none.

    Args:
        path: the run's folder, or a file in it. For a function run, which has no folder, the path
            STUDY/NAME/RUN.
    """
    is_folder = os.path.isdir(path)  # false for an invalid path
    folder = path if is_folder else path.parent
    is_file_of_run = is_folder or path.suffix in {".html", ".ipynb"}
    # A link in a run's folder is not followed; a record that the user gave may be one.
    record = read_record(folder / RECORD, follow=False) if is_file_of_run else read_record(path)
    if record is not None:
        return folder, record
    *_, family, subject, run = ("", "", *path.absolute().parts)
    study = path.absolute().parents[2] if len(path.absolute().parts) > 3 else path
    with Recorded(study) as recorded:
        record = recorded.get(f"{family}/{subject}", run)
    return None if record is None else (path, record)


def given_record(path: Path) -> tuple[Path, dict[str, Any]]:
    """As `given_run`, with the record in its normal form (`normal`).

    Raises:
        ValueError: if no record is there.
    """
    given = given_run(path)
    if given is None:
        refuse("run", f"the folder of a run, or its {RECORD} or {PAGE}", str(path))
    return given[0], normal(given[1])

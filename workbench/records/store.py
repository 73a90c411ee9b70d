"""The records under a folder, read as they stand: what a broken one or a dead process left is told.

Reading never runs anything: records are JSON, and what has another form is left out, with a
sentence why. Of many records at once the brief is told (`record_file.brief`), of one the whole.
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
    """The record in the file; None where there is none, or half of one.

    A run whose record says `running` while its process is gone was killed. What was asked of a run
    that failed before it set a knob tells it from the others.
    """
    try:
        return settled(checked(parsed(read_bytes(path, follow=follow)[0])))
    except (FileNotFoundError, Unreadable):
        return None


class Recorded:
    """The whole records of a study's runs by their names; use it as a context.

    Args:
        study: the study's folder.
    """

    def __init__(self, study: Path):
        self._study, self._logged = study, None
        self._has_files: dict[str, bool] = {}
        with contextlib.suppress(FileNotFoundError, Unreadable):
            self._logged = CallLogReader(study, LeftOut())

    def __enter__(self) -> Recorded:
        """The file of function runs is open already."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Closes it."""
        if self._logged is not None:
            self._logged.__exit__()

    def get(self, name: str, run: str) -> dict[str, Any] | None:
        """The record of the run; None where there is none."""
        key = f"{name}/{run}".encode(errors="replace")
        record = self._logged.get(key) if self._logged is not None else None
        if record:
            return settled(record)
        if name not in self._has_files:
            # False of a path that no file can have, where Path.is_dir raises.
            self._has_files[name] = os.path.isdir(self._study / name)
        if not self._has_files[name]:
            return None
        return read_record(self._study / name / run / RECORD, follow=False)


def read_records(reports: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]]:
    """The brief of every record of the folder's runs, in the order of their folders' names.

    Args:
        reports: with the runs' folders FAMILY/SUBJECT/RUN, or function runs.
        left_out: takes a sentence for every record that is left out.
    """
    return (record for _, record in _runs(reports, left_out))


def read_runs(reports: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]]:
    """As `read_records`, and after them the points of the folder's study that never began."""
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
    """The briefs of a study's points, in their order; those that never began are `queued`.

    None if no study was declared in the folder.
    """
    points = study_points(study, left_out)
    return None if points is None else list(points)


def study_points(study: Path, left_out: LeftOut | None = None) -> Iterator[dict[str, Any]] | None:
    """As `read_points`, one point at a time."""
    points = declared(study)
    if points is None:
        return None
    return (record for _, record in _placed(study, points, left_out))


def placed_points(
    study: Path, left_out: LeftOut | None = None
) -> list[tuple[Path, dict[str, Any]]]:
    """A study's points with the folders they are in; every record below, if no study is declared.

    A point that would lead out of the study's folder is in the study's folder itself.
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
    """Every record at any depth below the folder, studies' among them, with the folder it is in.

    Links are not followed, so that nothing outside the folder is taken for a part of it.

    Args:
        reports: the folder.
        left_out: takes a sentence for every record that is left out.
        calls_of: folders of studies whose function runs are not wanted.
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
    """Every study at any depth below the folder: its folder, and its points as declared."""
    for place, files in folders(str(reports)):
        points = declared(Path(place)) if STUDY in files else None
        if points is not None:
            yield Path(place), points


def folders(root: str) -> Iterator[tuple[str, set[str]]]:
    """Every folder from the root downward in the order of names, with what it has of our files."""
    waiting = [root]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as found:
                entries = list(found)
        except OSError:  # it is gone by now, or not ours to read
            continue
        yield place, {e.name for e in entries if e.name in (RECORD, STUDY, CALL_LOG)}
        inner = [e.name for e in entries if _is_folder(e)]
        waiting += [f"{place}/{name}" for name in sorted(inner, reverse=True)]


def _inner(place: str) -> list[str]:
    """The folders in the folder, links to folders among them, in the order of their names."""
    try:
        with os.scandir(place) as found:
            names = [e.name for e in found if e.is_dir()]
    except OSError:
        return []
    return [f"{place}/{name}" for name in sorted(names)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)


def given_run(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """The folder and the whole record of the run that a person named; None if there is none.

    Args:
        path: the run's folder, or a file in it. A function run has none, and is named as if it
            had: STUDY/NAME/RUN.
    """
    is_folder = os.path.isdir(path)  # false of a path that no file can have
    folder = path if is_folder else path.parent
    is_file_of_run = is_folder or path.suffix in {".html", ".ipynb"}
    # Of a run's folder nothing is read that a link in it leads to; a path that is given may be one.
    record = read_record(folder / RECORD, follow=False) if is_file_of_run else read_record(path)
    if record is not None:
        return folder, record
    *_, family, subject, run = ("", "", *path.absolute().parts)
    study = path.absolute().parents[2] if len(path.absolute().parts) > 3 else path
    with Recorded(study) as recorded:
        record = recorded.get(f"{family}/{subject}", run)
    return None if record is None else (path, record)


def given_record(path: Path) -> tuple[Path, dict[str, Any]]:
    """The folder and the record of the run that a person named, in the form of `normal`.

    Raises:
        ValueError: if no record is there.
    """
    found = given_run(path)
    if found is None:
        refuse("run", f"the folder of a run, or its {RECORD} or {PAGE}", str(path))
    return found[0], normal(found[1])

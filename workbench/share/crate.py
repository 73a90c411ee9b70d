"""Exports a run as a research object: its files with machine-readable metadata.

The metadata follow RO-Crate and its Process Run Crate profile: software, knobs, data, times and
results.

Source:
    Leo et al. (2024), Recording provenance of workflow runs with RO-Crate, PLOS ONE 19, e0309210.
"""

from __future__ import annotations

import importlib
import itertools
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from workbench.base.checks import refuse, spell
from workbench.base.files.atomic import write_text, written
from workbench.base.files.regular_file import opened
from workbench.records.brief import MOST_IN_PART
from workbench.records.table import NUMBERS, as_csv, run_rows
from workbench.runs.identity.inputs import PREFIX
from workbench.runs.identity.requirements_file import LOCK, lock
from workbench.runs.record import NOTEBOOK, PAGE, RECORD
from workbench.runs.run_folder import write_json
from workbench.share.shared_plotly import standalone

_PROFILE = "https://w3id.org/ro/wfrun/process/0.6"
# Bytes of the largest file in a crate.
_LARGEST = 2**28
_FILES = {
    RECORD: ("the record of the run", "application/json"),
    NOTEBOOK: ("the notebook as it was executed", "application/x-ipynb+json"),
    PAGE: ("the page of the run", "text/html"),
}


def export(folder: Path, record: Mapping[str, Any], out: Path) -> None:
    """Writes the crate: the run's files, its numbers as CSV, its packages, and the metadata.

    Data files of knobs are described by size and hash and never copied, since their paths are from
    the record, which may be of unknown origin.

    Args:
        folder: the run's folder.
        record: its record, from `normal.normal`.
        out: a new folder, or a file that ends in `.zip`.

    Raises:
        ValueError: if rocrate is not installed, or `out` exists or cannot be written.
    """
    if out.exists() or out.is_symlink():
        refuse("out", "a new folder or a new file ending in .zip", str(out))
    try:
        rocrate = importlib.import_module("rocrate.rocrate")
    except ImportError:
        refuse("rocrate", "installed: pip install 'paper-workbench[crate]'", "no such package")
    with tempfile.TemporaryDirectory(prefix="workbench-crate-") as temporary:
        crate = rocrate.ROCrate()
        files = _files(crate, folder, record, Path(temporary))
        _describe(crate, record, files)
        try:
            with written(out) as place:
                crate.write_zip(place) if out.suffix == ".zip" else crate.write(place)
        except OSError as error:
            refuse("out", f"a place that can be written ({error.strerror})", str(out))


def _files(crate: Any, folder: Path, record: Mapping[str, Any], temporary: Path) -> dict[str, Any]:
    """Adds the run's files, its numbers and its packages to the crate."""
    entities = {}
    for name, (description, kind) in _FILES.items():
        path = folder / name
        if name == RECORD and not path.exists():  # of a function run, which has no file of its own
            path = temporary / RECORD
            write_json(path, record)
        if _is_exported(path):
            about = {"name": description, "encodingFormat": kind}
            if name == PAGE:
                # With plotly's library, which may be in a file that pages share.
                if not (text := standalone(path)):
                    continue
                path = temporary / PAGE
                write_text(path, text, durable=False)
            entities[name] = crate.add_file(path, name, properties=about, record_size=True)
    for name, text, description, kind in (
        (NUMBERS, as_csv(run_rows(record)), "knobs, numbers and verdicts", "text/csv"),
        (LOCK, lock(record["provenance"]), "the packages that were installed", "text/plain"),
    ):
        write_text(temporary / name, text, durable=False)
        about = {"name": description, "encodingFormat": kind}
        entities[name] = crate.add_file(temporary / name, name, properties=about, record_size=True)
    return entities


def _is_exported(path: Path) -> bool:
    """Whether the file is regular and of a usual size; a link could bring in any other file."""
    try:
        opened(path, _LARGEST, follow=False).close()
    except OSError:
        return False
    return True


def _describe(crate: Any, record: Mapping[str, Any], files: Mapping[str, Any]) -> None:
    entity = importlib.import_module("rocrate.model.contextentity").ContextEntity
    known, timings = record["provenance"], record["timings"]

    def add(id: str, kind: str, **about: Any) -> Any:
        stated = {k: v for k, v in about.items() if v not in (None, "")}
        return crate.add(entity(crate, id, properties={"@type": kind, **stated}))

    crate.name = record["title"]
    crate.description = f"A run of {record['name']} by the workbench: {record['command']}"
    crate.license = "No licence was stated for this run."
    crate.root_dataset["conformsTo"] = add(
        _PROFILE, "CreativeWork", name="Process Run Crate", version="0.6"
    )
    software = add(
        "#workbench",
        "SoftwareApplication",
        name="Workbench",
        version=known["packages"].get("paper-workbench"),
        identifier=known["code"].get("commit") or known["code"].get("source"),
        softwareRequirements=f"Python {known.get('python')}, packages in {LOCK}",
    )
    # Adding thousands of entities takes minutes; the file of numbers has all values.
    objects = [
        add(f"#knob-{quote(name)}", "PropertyValue", name=name, value=_value(value))
        for name, value in itertools.islice(record["knobs"].items(), MOST_IN_PART)
    ]
    objects += [_datum(add, name, file) for name, file in known["data"].items()]
    results = [
        add(f"#number-{quote(name)}", "PropertyValue", name=name, value=_value(value))
        for name, value in itertools.islice(record["summary"].items(), MOST_IN_PART)
    ]
    is_done = record["state"] == "done"
    action = add(
        f"#run-{quote(record['run'])}",
        "CreateAction",
        name=f"{record['name']}/{record['run']}",
        startTime=timings["start"],
        endTime=timings["end"],
        error=record["error"],
        actionStatus=f"http://schema.org/{'Completed' if is_done else 'Failed'}ActionStatus",
    )
    action["instrument"] = software
    action["object"] = objects
    action["result"] = [*files.values(), *results]
    crate.root_dataset["mentions"] = action


def _datum(add: Any, name: str, file: Mapping[str, Any]) -> Any:
    """A data file of a knob, by its name without folders, its size and its hash."""
    path = str(file.get("path", ""))
    base = PureWindowsPath(PurePosixPath(path).name).name
    size, sha256 = (spell(file.get(k)).strip("'") for k in ("bytes", "sha256"))
    about = {"name": base or name, "contentSize": size, "sha256": sha256}
    if name.startswith(PREFIX):
        return add(f"#input-{sha256}", "CreativeWork", description="a declared input", **about)
    return add(f"#data-{quote(name)}", "CreativeWork", description=f"the knob {name}", **about)


def _value(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else repr(value)

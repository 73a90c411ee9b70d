"""A run made again, and its numbers held against those of the record.

On the machine, the code and the versions of the record every number must come out bit for bit;
elsewhere it may differ by a stated tolerance, as libraries add in another order there.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from workbench.base.checks import refuse
from workbench.base.files.regular_file import content, is_regular
from workbench.pages.versions import SHOWN
from workbench.records.store import normal
from workbench.runs.find import names
from workbench.runs.function_run import FunctionJob, call
from workbench.runs.identity.inputs import PREFIX
from workbench.runs.identity.provenance import around, provenance
from workbench.runs.job import job, model_of
from workbench.runs.notebook_file import LARGEST
from workbench.runs.record import NOTEBOOK
from workbench.share.compare import Line, compare
from workbench.share.outputs import agree, texts

RELATIVE = 1e-9
_MACHINE = ("python", "platform", "processor", "cores", "backend", "device")


class Verified(NamedTuple):
    """What came of running it again.

    Attributes:
        is_exact: whether bit for bit was asked for, as nothing around the run has changed.
        changed: what has changed around it: code, environment, packages, data, modules.
        differing: numbers and verdicts, or outputs, that do not agree.
        count: how many were held against each other.
        what: `numbers and verdicts`, or `outputs` where the record has none of these.
        tolerances: relative and absolute; both 0 where bit for bit was asked for.
        again: the record of the new run.
    """

    is_exact: bool
    changed: list[Line]
    differing: list[Line]
    count: int
    what: str
    tolerances: tuple[float, float]
    again: dict[str, Any]


def verify(
    record: Mapping[str, Any],
    *,
    relative: float | None = None,
    absolute: float = 0.0,
    notebook: Path | None = None,
    folder: Path | None = None,
) -> Verified:
    """Runs what the record tells of, and compares.

    The numbers and verdicts, or the outputs of all cells where the record has none: these as texts,
    in which numbers may differ by the tolerances.

    Nothing that the record names is executed but an experiment of this workbench with knobs that
    its model admits.

    Args:
        record: as `records.normal` makes it.
        relative: largest difference as a part of the recorded number; None for 0 where nothing
            around the run has changed, and 1e-9 where something has.
        absolute: a difference that is always admitted, for what is 0 but for rounding. None is by
            default, as many a number here is smaller than any rounding elsewhere.
        notebook: for a run of a notebook of the user's, where it is: the record is not asked.
        folder: of the recorded run, whose notebook has the outputs.

    Raises:
        ValueError: if the record is of no finished run, its experiment is not here, its knobs are
            refused, the new run does not end, or there is nothing to compare.
    """
    for name, value in (("relative", relative), ("absolute", absolute)):
        if value is not None and not (value >= 0 and math.isfinite(value)):
            refuse(name, "a number of at least 0", value)
    if record["state"] != "done":
        refuse("record", "that of a run that is done", record["state"])
    with tempfile.TemporaryDirectory(prefix="workbench-verify-") as made:
        again = normal(_again(record, notebook, Path(made)))
        shown = _shown(folder), _shown(Path(made) / str(again["name"]) / str(again["run"]))
    if again["state"] != "done":
        refuse("run", f"one that ends here ({again['error']})", again["state"])
    lines = compare(record, again)
    parts = {"code", "environment", "packages", "data", "modules"}
    # Records of earlier versions do not know the notebook's hash.
    changed = [n for n in lines if n.part in parts and n.differs and n[1:3] != ("notebook", None)]
    is_exact = not any(map(_matters, changed))
    allowed = 0.0 if is_exact else RELATIVE
    limits = allowed if relative is None else relative, absolute
    held, what = [n for n in lines if n.part in {"numbers", "verdicts"}], "numbers and verdicts"
    if not held:
        held, what = _outputs(*shown), "outputs"
    differing = [line for line in held if not _agrees(line, *limits)]
    return Verified(is_exact, changed, differing, len(held), what, limits, again)


def _shown(folder: Path | None) -> dict[str, str] | None:
    """The outputs of the notebook in a run's folder; None if there is no such notebook."""
    try:
        held = content(folder / NOTEBOOK, LARGEST).decode("utf-8") if folder else None
        return held and texts(nbformat.reads(held, as_version=4))
    except (OSError, ValueError, AttributeError, nbformat.reader.NotJSONError):
        return None


def _outputs(left: dict[str, str] | None, right: dict[str, str] | None) -> list[Line]:
    if left is None or right is None:
        refuse("record", f"one with numbers, or with the {NOTEBOOK} of its run beside it", None)
    found = [Line("outputs", n, left.get(n), right.get(n)) for n in dict.fromkeys([*left, *right])]
    if not found:
        told = "that of a run that records numbers (workbench.record) or shows outputs"
        refuse("record", told, "nothing to compare")
    return found


def _again(record: Mapping[str, Any], notebook: Path | None, made: Path) -> dict[str, Any]:
    """The record of a new run of the same knobs, made in the way of the old one."""
    own = record["name"].startswith("own/")
    if own and notebook is None:
        refuse("notebook", "given for a run of a notebook of your own", None)
    if not own and notebook is not None:
        refuse("notebook", f"left out for the experiment {record['name']}", str(notebook))
    if not own and record["name"] not in names():
        refuse("record", "that of an experiment which `workbench list` prints", record["name"])
    target = str(notebook) if own else record["name"]
    if record["depth"] == "function" and not own:
        return _called(target, record["knobs"])
    from workbench.runs.execute import execute

    # What a notebook computes from them is computed again.
    values = record["given"] if own and record["given"] is not None else record["knobs"]
    return execute(job(target, values, inputs=_inputs(record)), made)


def _inputs(record: Mapping[str, Any]) -> list[str]:
    """The files that the run's study declared, or its notebook, as far as they are still here.

    They are hashed and nothing more; those that are gone are told as changed.
    """
    data = record["provenance"]["data"]
    paths = [str(v.get("path")) for k, v in data.items() if k.startswith(PREFIX)]
    return [path for path in paths if is_regular(path)]


def _called(target: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    from workbench.runs.record import begun

    model, found = model_of(target)
    params = model(**knobs)
    made = FunctionJob(found.name, found.title, params, provenance(params, around(found.starts)))
    return begun(made) | call(made.task)


def _matters(line: Line) -> bool:
    """Whether the change can move a number's last bits; a commit alone, or its date, cannot."""
    if line.part == "code":
        return line.name in {"source", "notebook"}
    if line.part == "environment":
        return line.name in _MACHINE or line.name.isupper()
    return line.part in {"data", "modules"} or line.name in SHOWN


def _agrees(line: Line, relative: float, absolute: float) -> bool:
    if not line.differs:
        return True
    values = line.left, line.right
    if line.part == "outputs" and None not in values:
        return agree(*values, relative, absolute)
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return False
    try:
        return abs(values[0] - values[1]) <= max(relative * abs(values[0]), absolute)
    except OverflowError:
        return False

"""Repeats a run and compares its numbers with those of the record.

With the machine, code and versions of the record every number must be equal bit for bit; otherwise
it may differ by a tolerance, since libraries may add in another order.
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
    """The comparison of a record with a repeated run.

    Attributes:
        is_exact: whether nothing around the run has changed, so that equality is required.
        changed: changes of code, environment, packages, data and modules.
        differing: numbers and verdicts, or outputs, that do not agree.
        count: the number of values compared.
        what: `numbers and verdicts`, or `outputs` if the record has none of these.
        tolerances: relative and absolute; both 0 if equality is required.
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
    """Repeats the recorded run, and compares numbers and verdicts.

    If the record has none, the outputs of all cells are compared as texts, in which numbers may
    differ by the tolerances. Of what the record names, only an experiment of this workbench is
    executed, with knobs that its model accepts.

    Args:
        record: from `normal.normal`.
        relative: largest difference relative to the recorded number; None for 0 if nothing around
            the run has changed, else 1e-9.
        absolute: a difference that is always accepted, for values that are 0 up to rounding.
        notebook: path of the user's notebook, if the run is one of it; never from the record.
        folder: folder of the recorded run, whose notebook has the outputs.

    Raises:
        ValueError: if the record is not of a run that is done, its experiment is missing, its
            knobs are refused, the new run fails, or there is nothing to compare.
    """
    for name, value in (("relative", relative), ("absolute", absolute)):
        if value is not None and not (value >= 0 and math.isfinite(value)):
            refuse(name, "a number of at least 0", value)
    if record["state"] != "done":
        refuse("record", "that of a run that is done", record["state"])
    with tempfile.TemporaryDirectory(prefix="workbench-verify-") as temporary:
        again = normal(_again(record, notebook, Path(temporary)))
        shown = _shown(folder), _shown(Path(temporary) / str(again["name"]) / str(again["run"]))
    if again["state"] != "done":
        refuse("run", f"one that ends here ({again['error']})", again["state"])
    lines = compare(record, again)
    parts = {"code", "environment", "packages", "data", "modules"}
    # Records of earlier versions do not know the notebook's hash.
    changed = [n for n in lines if n.part in parts and n.differs and n[1:3] != ("notebook", None)]
    is_exact = not any(map(_matters, changed))
    allowed = 0.0 if is_exact else RELATIVE
    limits = allowed if relative is None else relative, absolute
    compared, what = [n for n in lines if n.part in {"numbers", "verdicts"}], "numbers and verdicts"
    if not compared:
        compared, what = _outputs(*shown), "outputs"
    differing = [line for line in compared if not _agrees(line, *limits)]
    return Verified(is_exact, changed, differing, len(compared), what, limits, again)


def _shown(folder: Path | None) -> dict[str, str] | None:
    """The outputs of the notebook in a run's folder; None if there is none."""
    try:
        text = content(folder / NOTEBOOK, LARGEST).decode("utf-8") if folder else None
        return text and texts(nbformat.reads(text, as_version=4))
    except (OSError, ValueError, AttributeError, nbformat.reader.NotJSONError):
        return None


def _outputs(left: dict[str, str] | None, right: dict[str, str] | None) -> list[Line]:
    if left is None or right is None:
        refuse("record", f"one with numbers, or with the {NOTEBOOK} of its run beside it", None)
    lines = [Line("outputs", n, left.get(n), right.get(n)) for n in dict.fromkeys([*left, *right])]
    if not lines:
        expected = "that of a run that records numbers (workbench.record) or shows outputs"
        refuse("record", expected, "nothing to compare")
    return lines


def _again(record: Mapping[str, Any], notebook: Path | None, temporary: Path) -> dict[str, Any]:
    """The record of a new run with the same knobs, by notebook or function as the old one."""
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

    # The given values, from which a notebook computes the other ones.
    values = record["given"] if own and record["given"] is not None else record["knobs"]
    return execute(job(target, values, inputs=_inputs(record)), temporary)


def _inputs(record: Mapping[str, Any]) -> list[str]:
    """The input files that the run's study or notebook declared and that still exist.

    They are only hashed; missing ones count as changed.
    """
    data = record["provenance"]["data"]
    paths = [str(v.get("path")) for k, v in data.items() if k.startswith(PREFIX)]
    return [path for path in paths if is_regular(path)]


def _called(target: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    from workbench.runs.record import begun

    model, experiment = model_of(target)
    params = model(**knobs)
    known = provenance(params, around(experiment.starts))
    again = FunctionJob(experiment.name, experiment.title, params, known)
    return begun(again) | call(again.task)


def _matters(line: Line) -> bool:
    """Whether the change can affect the last bits of a number; a commit or a date cannot."""
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

"""A study's runs: what is done already, what has to run, and the records of all that happens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench.base.checks import refuse
from workbench.experiment.kinds import as_json
from workbench.experiment.params import Parameters
from workbench.records.store import STUDY, read_record
from workbench.runs.atomic import owned, write_json, write_text
from workbench.runs.function_run import FunctionJob
from workbench.runs.identity.inputs import PREFIX
from workbench.runs.identity.inputs import inputs as inputs_of
from workbench.runs.identity.modules import changed
from workbench.runs.identity.provenance import OWN, around, provenance
from workbench.runs.identity.requirements_file import LOCK, lock
from workbench.runs.job import Job, job, model_of
from workbench.runs.parameters.injection import injected
from workbench.runs.processes import interruptible
from workbench.runs.record import PAGE, RECORD
from workbench.studies.executor import Limits
from workbench.studies.scheduler import StudyRun, Watcher

_STATES = ("done", "gone", "failed", "killed", "timed out", "queued")
_NAMED = 5


@dataclass
class Plan:
    """What a study would do now.

    Attributes:
        done: runs whose record says `done`, with the same identity.
        waiting: runs that are to be made, in order.
        states: how many of them stand in which state before: `new`, `failed`, `killed`, ...
        seconds: the mean time of the runs of this kind that are done; None if there is none.
        modules: the user's modules that have changed since a run that was done.
    """

    done: list[Job | FunctionJob] = field(default_factory=list)
    waiting: list[Job | FunctionJob] = field(default_factory=list)
    states: dict[str, int] = field(default_factory=dict)
    seconds: float | None = None
    modules: list[str] = field(default_factory=list)


def study_jobs(
    target: str,
    points: Sequence[Parameters],
    *,
    function: bool = False,
    inputs: Sequence[str] = (),
) -> list[Job] | list[FunctionJob]:
    """The jobs of all points, which share what code, environment and hardware are.

    Args:
        target: an experiment's name or a notebook's path.
        points: as `study.sweep` makes them.
        function: call the experiment's `run` instead of executing its notebook.
        inputs: paths of files on which the runs depend, beside those of knobs and the notebook.

    Raises:
        ValueError: if the target is unknown, has no function, or a point cannot be run here.
    """
    _, found = model_of(target)
    if function and found is None:
        refuse("function", "left out for a notebook of your own, which has none", target)
    if function:
        known = around((found.source,))
        title = found.title
        files = inputs_of(inputs)
        return [FunctionJob(found.name, title, p, provenance(p, known, files)) for p in points]
    first = job(target, points[0].given(), inputs=inputs)
    files = {k: v for k, v in first.provenance["data"].items() if k.startswith(PREFIX)}
    known = {k: v for k, v in first.provenance.items() if k not in OWN}
    jobs = [replace(first, params=p, provenance=provenance(p, known, files)) for p in points]
    for one in jobs if not first.language.is_python else ():
        injected(one.notebook, one.params, one.language)  # refuses what has no form there
    return jobs


def plan(jobs: Sequence[Job | FunctionJob], out: Path) -> Plan:
    """What is done and what is not; nothing is written."""
    found, took = Plan(), []
    hashes: dict[str, str | None] = {}
    for one in jobs:
        folder = out / one.name / one.run
        record = read_record(folder / RECORD)
        has_page = one.depth == "function" or (folder / PAGE).is_file()
        if record and record["state"] == "done" and has_page and record["identity"] == one.identity:
            took.append(record["timings"].get("seconds"))
            if not (stale := changed(record, hashes)):
                found.done.append(one)
                continue
            found.modules = list(dict.fromkeys([*found.modules, *stale]))
            state = "changed"
        else:
            state = record["state"] if record and record["state"] != "done" else "new"
        found.waiting.append(one)
        found.states[state] = found.states.get(state, 0) + 1
    took = [s for s in took if isinstance(s, int | float)]
    found.seconds = sum(took) / len(took) if took else None
    return found


def run_study(
    jobs: Sequence[Job | FunctionJob],
    out: Path,
    limits: Limits | None = None,
    watcher: Watcher | None = None,
) -> dict[str, int]:
    """Makes the runs that are missing, failed or changed; how many ended in which state.

    Runs that were done before count as `kept`, those that an interruption or a full disk left alone
    as `queued`, and those that were done and whose files somebody has removed since as `gone`.

    Args:
        jobs: the study's runs, all of one depth.
        out: the folder of the study; each run has its folder NAME/RUN in it.
        limits: how many at a time, how long, how often.
        watcher: is told what begins and ends.

    Raises:
        ValueError: if `out` cannot be written or another study runs there; nothing has started.
    """
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(owned(out))
            write_json(out / STUDY, _declared(jobs))
            if jobs:
                write_text(out / LOCK, lock(jobs[0].provenance), durable=False)
        except BlockingIOError:
            refuse("out", "a folder in which no other study runs", str(out))
        except OSError as error:
            refuse("out", f"a folder that can be written ({error.strerror})", str(out))
        found = plan(jobs, out)
        stack.enter_context(interruptible())
        watcher = watcher or Watcher()
        watcher.planned(len(found.done))
        study = StudyRun(found.waiting, out, limits or Limits(), watcher)
        counts = study.run()
        kept, gone = _there(found.done, out)
        done, more = _there(study.done, out)
        if gone or more or not (out / STUDY).is_file():
            _tell_gone([*gone, *more], jobs, out, watcher)
        counts |= {"done": len(done), "gone": len(gone) + len(more)}
        return {"kept": len(kept), **{s: counts[s] for s in _STATES if counts.get(s)}}


def _there(jobs: Sequence[Job | FunctionJob], out: Path) -> tuple[list[Any], list[Any]]:
    """Which of the runs that were done are still there, and which are gone."""
    found: tuple[list[Any], list[Any]] = [], []
    for one in jobs:
        folder = out / one.name / one.run
        has_page = one.depth == "function" or (folder / PAGE).is_file()
        found[not (has_page and (folder / RECORD).is_file())].append(one)
    return found


def _tell_gone(
    gone: Sequence[Job | FunctionJob], jobs: Sequence[Any], out: Path, watcher: Watcher
) -> None:
    """Says which runs are gone, and writes again what the study's folder must have."""
    named = ", ".join(f"{one.name}/{one.run}" for one in gone[:_NAMED])
    named += f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
    if gone:
        runs = "1 run that was" if len(gone) == 1 else f"{len(gone)} runs that were"
        watcher.noted(f"{runs} done, removed from {out} since: {named}")
    with suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
        write_json(out / STUDY, _declared(jobs))
        if jobs:
            write_text(out / LOCK, lock(jobs[0].provenance), durable=False)


def _declared(jobs: Sequence[Job | FunctionJob]) -> dict[str, Any]:
    return {
        "points": [
            {
                "name": j.name,
                "run": j.run,
                "identity": j.identity,
                "changed": as_json(j.params.changed()),
            }
            for j in jobs
        ]
    }

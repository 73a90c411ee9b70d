"""A study's runs: what is done already, what has to run, and the records of all that happens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.base.checks import refuse
from workbench.base.files.atomic import write_text
from workbench.experiment.kinds import as_json
from workbench.experiment.params import Parameters
from workbench.records.call_log import CallLog
from workbench.records.store import Recorded
from workbench.records.study_points import STUDY, declare
from workbench.runs.function_run import FunctionJob
from workbench.runs.identity.inputs import PREFIX
from workbench.runs.identity.inputs import inputs as inputs_of
from workbench.runs.identity.modules import changed
from workbench.runs.identity.provenance import OWN, around, provenance
from workbench.runs.identity.requirements_file import LOCK, lock
from workbench.runs.job import Job, job, model_of
from workbench.runs.parameters.injection import injected
from workbench.runs.processes import interruptible
from workbench.runs.record import PAGE, RECORD, process
from workbench.runs.run_folder import clear_reserves, owned
from workbench.studies.executor import Limits
from workbench.studies.points import Chosen, Mapped
from workbench.studies.scheduler import StudyObserver, StudyRun

_STATES = ("done", "gone", "failed", "killed", "timed out", "queued")
_NAMED = 5
_MOST_NOTEBOOKS = 100_000


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

    done: Sequence[Job | FunctionJob] = ()
    waiting: Sequence[Job | FunctionJob] = ()
    states: dict[str, int] = field(default_factory=dict)
    seconds: float | None = None
    modules: list[str] = field(default_factory=list)


def study_jobs(
    target: str,
    points: Sequence[Parameters],
    *,
    function: bool = False,
    inputs: Sequence[str] = (),
) -> Sequence[Job] | Sequence[FunctionJob]:
    """The jobs of all points, which share what code, environment and hardware are.

    Those of functions are made anew each time, so that a million of them take no memory.

    Args:
        target: an experiment's name or a notebook's path.
        points: as `study.sweep` makes them.
        function: call the experiment's `run` instead of executing its notebook.
        inputs: paths of files on which the runs depend, beside those of knobs and the notebook.

    Raises:
        ValueError: if the target is unknown, has no function, or a point cannot be run here.
    """
    model, entry = model_of(target)
    if function and entry is None:
        refuse("function", "left out for a notebook of your own, which has none", target)
    if function:
        known = around(entry.starts)
        title = entry.title
        files = inputs_of(inputs)

        def called(params: Parameters) -> FunctionJob:
            return FunctionJob(entry.name, title, params, provenance(params, known, files))

        for params in points if any(knob.suffixes for knob in model.knobs()) else ():
            called(params)  # refuses a file that cannot be used
        return Mapped(called, points)
    if len(points) > _MOST_NOTEBOOKS:
        refuse("study", f"at most {_MOST_NOTEBOOKS} points of a notebook", len(points))
    first = job(target, points[0].given(), inputs=inputs)
    files = {k: v for k, v in first.provenance["data"].items() if k.startswith(PREFIX)}
    known = {k: v for k, v in first.provenance.items() if k not in OWN}
    jobs = [replace(first, params=p, provenance=provenance(p, known, files)) for p in points]
    for one in jobs if not first.language.is_python else ():
        injected(one.notebook, one.params, one.language)  # refuses what has no form there
    return jobs


def uses_gpus(jobs: Sequence[Any]) -> bool:
    """Whether some run works on a GPU."""
    if isinstance(jobs, Mapped):  # without making a job of each point
        return any(getattr(params, "backend", "") == "cupy" for params in jobs.items)
    return any(job.provenance["backend"] == "cupy" for job in jobs)


def plan(jobs: Sequence[Job | FunctionJob], out: Path) -> Plan:
    """What is done and what is not; nothing is written."""
    result = Plan()
    for _ in _planned(jobs, out, result):
        pass
    return result


def _planned(
    jobs: Sequence[Job | FunctionJob], out: Path, result: Plan
) -> Iterator[Job | FunctionJob]:
    """Every job, once the plan knows of it; the plan is whole when all of them came."""
    is_done = np.zeros(len(jobs), dtype=bool)
    hashes: dict[str, str | None] = {}
    seconds, count = 0.0, 0
    with Recorded(out) as recorded:
        for place, one in enumerate(jobs):
            record = recorded.get(one.name, one.run)
            has_page = one.depth == "function" or (out / one.name / one.run / PAGE).is_file()
            state = record["state"] if record and record["state"] != "done" else "new"
            is_same = record is not None and record["identity"] == one.identity
            if record and record["state"] == "done" and has_page and is_same:
                took = record["timings"].get("seconds")
                if isinstance(took, int | float) and math.isfinite(took):
                    seconds, count = seconds + took, count + 1
                stale = changed(record, hashes)
                is_done[place] = not stale
                result.modules = list(dict.fromkeys([*result.modules, *stale]))
                state = "changed"
            if not is_done[place]:
                result.states[state] = result.states.get(state, 0) + 1
            yield one
    result.done, result.waiting = Chosen(jobs, is_done), Chosen(jobs, ~is_done)
    result.seconds = seconds / count if count else None


def run_study(
    jobs: Sequence[Job | FunctionJob],
    out: Path,
    limits: Limits | None = None,
    observer: StudyObserver | None = None,
) -> dict[str, int]:
    """Executes the runs that are missing, failed or changed; the number of runs by state.

    Runs that were done before count as `kept`, those that an interruption or a full disk left alone
    as `queued`, and those that were done and whose files somebody has removed since as `gone`.

    Args:
        jobs: the study's runs, all of one depth.
        out: the folder of the study; each run has its folder NAME/RUN in it.
        limits: how many at a time, how long, how often.
        observer: receives the events.

    Raises:
        ValueError: if `out` cannot be written or another study runs there; nothing has started.
    """
    planned = Plan()
    with ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stack.enter_context(owned(out))
            clear_reserves(out)
            declare(out, map(_declared, _planned(jobs, out, planned)))
            if jobs:
                write_text(out / LOCK, lock(jobs[0].provenance), durable=False)
            is_call = bool(jobs) and jobs[0].depth == "function"
            log = CallLog(out, process()) if is_call else None
        except BlockingIOError:
            refuse("out", "a folder in which no other study runs", str(out))
        except OSError as error:
            reason = error.strerror or str(error)
            refuse("out", f"a folder that can be written ({reason})", str(out))
        if log is not None:
            stack.callback(log.close)
        stack.enter_context(interruptible())
        observer = observer or StudyObserver()
        observer.planned(len(planned.done))
        study = StudyRun(planned.waiting, out, limits or Limits(), observer, log)
        counts = study.run()
        if log is None:
            names = [_gone(planned.done, out), _gone(study.done, out)]
            gone = [len(each) for each in names]
        else:
            names, gone = [], log.lost(len(planned.done))
        if any(gone) or not (out / STUDY).is_file():
            _restore(sum(gone), sum(names, []), jobs, out, observer)
        counts |= {"done": counts.get("done", 0) - gone[1], "gone": sum(gone)}
        unchanged = len(planned.done) - gone[0]
        return {"kept": unchanged, **{s: counts[s] for s in _STATES if counts.get(s)}}


def _gone(jobs: Sequence[Job | FunctionJob], out: Path) -> list[str]:
    """Which of the notebook runs that were done are gone, by name."""
    names = [f"{one.name}/{one.run}" for one in jobs]
    return [n for n in names if not all((out / n / file).is_file() for file in (PAGE, RECORD))]


def _restore(
    gone: int, names: Sequence[str], jobs: Sequence[Any], out: Path, observer: StudyObserver
) -> None:
    """Says how many runs are gone, and writes again what the study's folder must have."""
    if gone:
        runs = "1 run that was" if gone == 1 else f"{gone:,} runs that were"
        named = ": " + ", ".join(names[:_NAMED]) if names else ""
        named += f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        observer.noted(f"{runs} done, removed from {out} since{named}")
    with suppress(OSError):
        out.mkdir(parents=True, exist_ok=True)
        declare(out, map(_declared, jobs))
        if jobs:
            write_text(out / LOCK, lock(jobs[0].provenance), durable=False)


def _declared(job: Job | FunctionJob) -> dict[str, Any]:
    point = {"name": job.name, "run": job.run, "changed": as_json(job.params.changed())}
    # The name of a run ends in digits of its identity; what many points have is short.
    return point if job.depth == "function" else point | {"identity": job.identity}

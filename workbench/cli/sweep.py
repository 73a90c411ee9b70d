"""The work of `workbench sweep`: the points of a study, its plan, and its runs."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.base.checks import nearest, refuse
from workbench.experiment.params import KnobError
from workbench.runs.identity.modules import UNWATCHED
from workbench.runs.job import model_of
from workbench.runs.processes import bytes_of
from workbench.studies.devices import devices
from workbench.studies.executor import Limits
from workbench.studies.grid import sweep
from workbench.studies.progress import progress
from workbench.studies.study_file import SUFFIXES, read_study
from workbench.studies.sweep import plan, run_study, study_jobs, uses_gpus
from workbench.studies.values import written


def declared(
    target: str, words: Mapping[str, str], options: Mapping[str, Any]
) -> tuple[str, Sequence[Any]]:
    """A name for the study, and the jobs of all its points, which are checked but not started.

    Args:
        target: the experiment's name, or the path of a notebook or a study file.
        words: by knob, the text of its values.
        options: the command's options.

    Raises:
        ValueError: if a name, a value or a file is refused.
    """
    values: Mapping[str, Any] = words
    combined = {k: options[k] for k in ("random", "seeds")}
    zipped = [tuple(n.strip().replace("-", "_") for n in z.split(",")) for z in options["zipped"]]
    from_file, inputs = target.endswith(SUFFIXES), []
    if from_file:
        study = read_study(target)
        given = [*words, *(k for k, v in combined.items() if v), *(["zip"] if zipped else [])]
        if given:
            refuse(given[0], "in the study file, where there is one", target)
        target, values, zipped = study.experiment, study.knobs, [tuple(z) for z in study.zip]
        combined, inputs = {"random": study.random, "seeds": study.seeds}, study.paths
    model, _ = model_of(target)
    knobs = {k.name: k for k in model.knobs()}
    if not from_file:
        for name in words:
            if name not in knobs:
                raise KnobError(
                    f"`{name}` must be the name of a knob; {nearest(name, list(knobs))}"
                )
        values = {name: written(knobs[name], text) for name, text in words.items()}
    points = sweep(model, values, zipped=zipped, **combined)
    jobs = study_jobs(target, points, function=options["function"], inputs=inputs)
    return _study_name(jobs[0]), jobs


def knob_names(target: str) -> set[str]:
    """The knobs that options of the command may name; none for a study file.

    Raises:
        ValueError: if the target is unknown.
    """
    return set() if target.endswith(SUFFIXES) else {k.name for k in model_of(target)[0].knobs()}


def _study_name(job: Any) -> str:
    """The name of a study's folder, which differs for notebooks of one name in two folders."""
    name, place = job.name.replace("/", "-"), getattr(job, "place", ())
    return f"{name}-{hashlib.sha256(place[0].encode()).hexdigest()[:8]}" if place else name


def plan_text(jobs: Sequence[Any], out: Path, slots: int) -> str:
    """A line for every run that would start, and the estimated time if one is done already."""
    planned = plan(jobs, out)
    lines = [f"would run {one.name}/{one.run}" for one in planned.waiting]
    states = ", ".join(f"{count} {state}" for state, count in planned.states.items()) or "none"
    lines.append(f"{len(planned.done)} done, to run: {states}")
    if planned.modules:
        lines.append(f"changed since their runs: {', '.join(planned.modules)}")
    if note := unwatched(jobs):
        lines.append(note)
    if planned.waiting and planned.seconds is None:
        lines.append("no run of this study is done yet, so its time is unknown")
    elif planned.waiting:
        seconds = planned.seconds * len(planned.waiting) / min(slots, len(planned.waiting))
        lines.append(f"about {seconds:.3g} s, {planned.seconds:.3g} s a run")
    return "\n".join(lines)


def unwatched(jobs: Sequence[Any]) -> str:
    """A note on changes that a study of a user's notebook does not notice; empty for others."""
    is_users = bool(jobs) and jobs[0].depth == "notebook" and not jobs[0].claims
    return UNWATCHED if is_users else ""


def run(jobs: Sequence[Any], out: Path, options: Mapping[str, Any]) -> dict[str, int]:
    """Runs the study with its progress on stderr; returns the number of runs by state."""
    names = ("jobs", "timeout", "cell_timeout", "retries", "dask", "per_device")
    limits = Limits(
        **{name: options[name] for name in names},
        memory=bytes_of(options["memory"]) if options["memory"] else None,
        devices=devices() if uses_gpus(jobs) else (),
    )
    with progress(len(jobs), sys.stderr) as shown:
        return run_study(jobs, out, limits, shown)

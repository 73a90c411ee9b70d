"""What the command `workbench sweep` does with its words: declare, foretell, run, tell."""

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
    target: str, words: Mapping[str, str], how: Mapping[str, Any]
) -> tuple[str, Sequence[Any]]:
    """A name for the study and the jobs of all points, checked; nothing has started.

    Args:
        target: an experiment's name, a notebook's path, or a study file's.
        words: by knob, the text of its values.
        how: the command's options.

    Raises:
        ValueError: if anything of it is refused.
    """
    values: Mapping[str, Any] = words
    combined = {k: how[k] for k in ("random", "seeds")}
    zipped = [tuple(n.strip().replace("-", "_") for n in z.split(",")) for z in how["zipped"]]
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
    jobs = study_jobs(target, points, function=how["function"], inputs=inputs)
    return _study_name(jobs[0]), jobs


def knob_names(target: str) -> set[str]:
    """The knobs that words of the command may name; of a study file none.

    Raises:
        ValueError: if the target is unknown.
    """
    return set() if target.endswith(SUFFIXES) else {k.name for k in model_of(target)[0].knobs()}


def _study_name(job: Any) -> str:
    """The name of a study's folder: two notebooks of one name in two places have two."""
    name, place = job.name.replace("/", "-"), getattr(job, "place", ())
    return f"{name}-{hashlib.sha256(place[0].encode()).hexdigest()[:8]}" if place else name


def told(jobs: Sequence[Any], out: Path, slots: int) -> str:
    """What would run, a line a run, and an estimate of the time where runs are known."""
    found = plan(jobs, out)
    lines = [f"would run {one.name}/{one.run}" for one in found.waiting]
    states = ", ".join(f"{count} {state}" for state, count in found.states.items()) or "none"
    lines.append(f"{len(found.done)} done, to run: {states}")
    lines += filter(None, [_told_modules(found.modules), unwatched(jobs)])
    if found.waiting and found.seconds is None:
        lines.append("no run of this study is done yet, so its time is unknown")
    elif found.waiting:
        seconds = found.seconds * len(found.waiting) / min(slots, len(found.waiting))
        lines.append(f"about {seconds:.3g} s, {found.seconds:.3g} s a run")
    return "\n".join(lines)


def unwatched(jobs: Sequence[Any]) -> str:
    """What a change of which would not be noticed, for notebooks of the user's; else nothing."""
    is_own = bool(jobs) and jobs[0].depth == "notebook" and not jobs[0].claims
    return UNWATCHED if is_own else ""


def _told_modules(paths: Sequence[str]) -> str:
    return f"changed since their runs: {', '.join(paths)}" if paths else ""


def run(jobs: Sequence[Any], out: Path, how: Mapping[str, Any]) -> dict[str, int]:
    """Runs the study, tells on the terminal how far it has come; the count of each state."""
    limits = Limits(
        **{k: how[k] for k in ("jobs", "timeout", "cell_timeout", "retries", "dask", "per_device")},
        memory=bytes_of(how["memory"]) if how["memory"] else None,
        devices=devices() if uses_gpus(jobs) else (),
    )
    with progress(len(jobs), sys.stderr) as shown:
        return run_study(jobs, out, limits, shown)

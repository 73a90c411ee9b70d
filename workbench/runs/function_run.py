"""A point of a study by a call of the experiment's `run`, without a notebook: milliseconds each."""

from __future__ import annotations

import functools
import json
import shlex
import time
import traceback
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from workbench.experiment.claims import decide, summary
from workbench.experiment.params import Parameters
from workbench.runs.find import experiment
from workbench.runs.identity.provenance import source_hash
from workbench.runs.job import identity, plain, run_name
from workbench.runs.parameters.spelling import options
from workbench.runs.processes import forget_peak, peak_memory_mib


@dataclass(frozen=True)
class FunctionJob:
    """An experiment's function with valid parameters; a `Job` has the same attributes.

    Attributes:
        name: FAMILY/SUBJECT.
        title: one line that says what it is about.
        params: the checked parameters.
        provenance: what the run stands on.
    """

    name: str
    title: str
    params: Parameters
    provenance: dict[str, Any]
    depth: ClassVar[str] = "function"

    @cached_property
    def identity(self) -> str:
        """SHA-256 over the experiment's name, the parameters, the code, the data and versions."""
        return identity({"function": self.name}, self.params, self.provenance)

    @cached_property
    def run(self) -> str:
        """The run's folder name."""
        return run_name(self.params, self.identity)

    @property
    def command(self) -> str:
        """The command that makes the same numbers, and a page of them."""
        return shlex.join(["workbench", "run", self.name, *options(self.params)])

    @property
    def task(self) -> tuple[str, dict[str, Any], str]:
        """What a worker needs to know."""
        return self.name, plain(self.params), self.provenance["code"]["source"]


def call(task: tuple[str, dict[str, Any], str]) -> dict[str, Any]:
    """What came of the call, as the part of a record that it fills; it raises nothing."""
    name, values, source = task
    start = time.perf_counter()
    try:
        # The first import takes longer than many a run.
        experiment(name).module()
        forget_peak()
        start = time.perf_counter()
        if _source_here(name) != source:
            raise RuntimeError("the code was changed while the study ran")
        outcome = {"state": "done", "error": None, **_numbers(name, values)}
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}".rstrip(": ")
        outcome = {"state": "failed", "error": reason, "traceback": traceback.format_exc()}
    seconds = round(time.perf_counter() - start, 6)
    return {**outcome, "timings": {"seconds": seconds, "peak_memory_mib": peak_memory_mib()}}


def _numbers(name: str, values: dict[str, Any]) -> dict[str, Any]:
    module = experiment(name).module()
    params = module.Params(**values)
    result = module.run(params)
    claims = [c.model_dump(mode="json") for c in decide(module, params, result)]
    scalars = dict(summary(result))
    # What JSON cannot hold must not reach the record.
    json.dumps([claims, scalars], allow_nan=False)
    return {"claims": claims, "summary": scalars}


@functools.cache
def _source_here(name: str) -> str:
    return source_hash(experiment(name).starts)

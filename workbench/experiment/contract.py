"""The contract of experiments: laws, as generators of the messages of their violations.

The contract suite of the tests applies them to all experiments, and to wrong ones, which each law
must catch. Packages with experiments of their own may do the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from workbench.base.array import host
from workbench.base.cancellation import Cancelled, CancelToken, cancel_scope
from workbench.experiment import measurement
from workbench.experiment.claims import decide, statement, summary
from workbench.experiment.params import Parameters, lowered

# The share of every budget with which laws run that are not about the default run.
SHARE = 1 / 50
# Seconds of processor time for a default run: every run of the tests makes several.
DEFAULT_SECONDS = 16.0


def small(module: ModuleType, **values: Any) -> Parameters:
    """The default parameters with a small share of every budget."""
    params = module.Params(**values)
    return lowered(params, SHARE) or params


def findings_on_file(module: ModuleType) -> Iterator[str]:
    """The default run has the verdicts on file and ends within `DEFAULT_SECONDS`.

    Claims that need a missing library are exempt.
    """
    module.run(small(module))  # compiles, which counts for no run
    measurement.clear_cache()
    params, start = module.Params(), time.process_time()
    result = module.run(params)
    seconds = time.process_time() - start
    if seconds > DEFAULT_SECONDS:
        yield (
            f"the default run must take at most {DEFAULT_SECONDS:g} s of the processor; "
            f"got {seconds:.1f} s: lower its budgets"
        )
    for claim, decision in zip(module.CLAIMS, decide(module, params, result), strict=True):
        if decision.verdict not in (claim.finding, "not measured"):
            yield (
                f"{claim.text!r} is {claim.finding} on file; got {decision.verdict} with "
                f"{decision.measured!r} in {decision.interval}"
            )
    if not summary(result):
        yield "the summary must hold at least one number; got none"


def repeatable(module: ModuleType) -> Iterator[str]:
    """The same knobs give the same result in the same process, cached or not.

    An experiment with `MEASURES_TIME = True` is exempt.
    """
    if getattr(module, "MEASURES_TIME", False):
        return
    params = small(module)
    measurement.clear_cache()
    first = module.run(params)
    cached = module.run(params)
    measurement.clear_cache()
    for again in (cached, module.run(params)):
        yield from differences(first, again)


def seeds_agree(module: ModuleType) -> Iterator[str]:
    """Two other seeds contradict no law, unless it is refuted on file."""
    for seed in (1, 2):
        params = small(module, seed=seed)
        decisions = decide(module, params, module.run(params))
        for claim, decision in zip(module.CLAIMS, decisions, strict=True):
            refuted = "not reproduced" in (decision.verdict, claim.finding)
            if claim.rule.is_law and refuted and decision.verdict != claim.finding:
                yield f"{claim.text!r} is not reproduced under seed {seed}: {decision.note}"


def wrong_values_flip(module: ModuleType) -> Iterator[str]:
    """A value outside the expected range, by twice the interval's half-width, is not reproduced."""
    params = module.Params()
    result = module.run(params)
    for claim in module.CLAIMS:
        measured = claim.rule.measure(params, result)
        if measured.value is None:
            continue
        moved = claim.rule.wrong(measured)
        verdict = claim.rule.judge(statement(module, claim), moved, "").verdict
        if verdict != "not reproduced":
            yield f"{claim.text!r} must not survive {moved.value!r}; it is {verdict}"


# What a package of experiments from elsewhere runs over each of its own. The first two share the
# cached stages of the default run, which the third clears.
LAWS = findings_on_file, wrong_values_flip, repeatable, seeds_agree


def parameters_cell(module: ModuleType, notebook: Path) -> Iterator[str]:
    """The notebook has one cell tagged `parameters`, and its text is that of `Params.cell()`."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    tagged = [c for c in cells if "parameters" in c["metadata"].get("tags", [])]
    if len(tagged) != 1:
        yield f"{notebook.name} must have one cell tagged `parameters`; got {len(tagged)}"
    elif (text := "".join(tagged[0]["source"])) != module.Params.cell():
        yield f"the cell tagged `parameters` must be\n{module.Params.cell()}\ngot\n{text}"


def another_device_agrees(
    module: ModuleType, params: Parameters, one: Any, two: Any
) -> Iterator[str]:
    """Results of two devices have the same shape and no opposite verdicts; streams may differ."""
    yield from differences(_shape(one), _shape(two))
    pairs = zip(decide(module, params, one), decide(module, params, two), strict=True)
    for first, second in pairs:
        if {first.verdict, second.verdict} == {"reproduced", "not reproduced"}:
            yield f"{first.statement!r} is {first.verdict} once and {second.verdict} once"


def ends_in_verdicts(module: ModuleType, params: Parameters, seconds: float) -> bool:
    """Whether a run, whose claims are then decided, ends within the seconds of processor time.

    Raises:
        Exception: whatever the run or its claims raise.
    """
    try:
        with cancel_scope(_Limited(seconds)):
            result = module.run(params)
    except Cancelled:
        return False
    decide(module, params, result)
    summary(result)
    return True


def differences(one: Any, two: Any, where: str = "result") -> Iterator[str]:
    """Where two results differ in a bit or a type."""
    if type(one) is not type(two):
        yield f"{where} is {type(one).__name__} once and {type(two).__name__} once"
    elif isinstance(one, Mapping):
        yield from differences(list(one), list(two), f"names of {where}")
        for key in [k for k in one if k in two]:
            yield from differences(one[key], two[key], f"{where}[{key!r}]")
    elif is_dataclass(one) and not isinstance(one, type):
        for part in fields(one):
            pair = getattr(one, part.name), getattr(two, part.name)
            yield from differences(*pair, f"{where}.{part.name}")
    elif isinstance(one, list | tuple):
        if len(one) != len(two):
            yield f"{where} has {len(one)} entries once and {len(two)} once"
        for place, pair in enumerate(zip(one, two, strict=False)):
            yield from differences(*pair, f"{where}[{place}]")
    elif hasattr(one, "__dict__") and not callable(one):
        yield from differences(vars(one), vars(two), where)
    elif not _equal(one, two):
        yield f"{where} is {one!r} once and {two!r} once"


def _shape(value: Any) -> Any:
    """The structure of a result: types, names, and shapes of arrays, without values."""
    if isinstance(value, Mapping):
        return {k: _shape(v) for k, v in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _shape(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, list | tuple):
        return [_shape(v) for v in value]
    if hasattr(value, "shape"):
        array: Any = value
        return type(value).__module__, array.shape, str(array.dtype)
    return type(value).__name__


def _equal(one: Any, two: Any) -> bool:
    if callable(one):
        return True
    if hasattr(one, "shape"):
        first, second = host(one), host(two)
        same_kind = first.dtype == second.dtype
        return same_kind and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
    return one == two or (one != one and two != two)


class _Limited(CancelToken):
    """Cancels the work after so many seconds of processor time."""

    def __init__(self, seconds: float):
        super().__init__()
        self._end = time.process_time() + seconds

    @property
    def is_cancelled(self) -> bool:
        """Whether the time is over; a busy machine does not shorten it."""
        return time.process_time() > self._end

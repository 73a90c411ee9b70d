"""The claims of a paper as data: the sentence, how a run decides it, and the finding on file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from workbench.base.checks import Refusal, nearest, refusal, refuse, spell
from workbench.base.intervals import Interval
from workbench.base.rows import number
from workbench.experiment.decisions import Claim as Decision
from workbench.experiment.decisions import Claims as Decisions
from workbench.experiment.decisions import Statement, Summary, Verdict, bounds_text, range_text
from workbench.experiment.measurement import Counts, Samples
from workbench.experiment.params import Parameters

# Largest half-width of a decisive interval, relative to the expected value.
RESOLUTION = 0.5


class Paper(NamedTuple):
    """A source with its DOI or arXiv id: `Paper("He et al.", 2015, "arXiv:1502.01852")`."""

    authors: str
    year: int
    id: str
    title: str = ""

    def __str__(self) -> str:
        """Authors and year, as in a citation."""
        return f"{self.authors} ({self.year})"


class Measured(NamedTuple):
    """A value of this run with its interval.

    Attributes:
        value: a number, or what is compared for equality; None if it was not measured.
        interval: the confidence interval; None for an exact value.
        expected: the value by a law of the same run, for claims without a number of their own.
        note: a remark beside the numbers, such as why there is no value.
        enough: returns, for a resolution, the number of trials that would decide; None if no
            number would.
        is_open: whether there is no value because the data do not determine it.
    """

    value: Any
    interval: Interval | None = None
    expected: float | None = None
    note: str = ""
    enough: Callable[[float], int] | None = None
    is_open: bool = False


class Rule(NamedTuple):
    """How a claim is decided.

    Attributes:
        measure: returns the measured value for parameters and result.
        judge: decides by the statement, the measured value and the note.
        wrong: moves a measured value out of the expected range by twice the half-width of its
            interval, which the claim must not survive.
        is_law: whether the expected value is a law of the same run, which must hold at all knobs.
    """

    measure: Callable[[Parameters, Any], Measured]
    judge: Callable[[Statement, Measured, str], Decision]
    wrong: Callable[[Measured], Measured]
    is_law: bool = False


class Claim(NamedTuple):
    """One sentence of a paper.

    Attributes:
        where: section, figure or equation in the paper.
        text: the sentence, in our words.
        rule: how a run decides it, by `follows`, `equals`, `between`, `exactly` or `differs`.
        finding: the verdict of the default run.
        paper: the source; None for the experiment's `PAPER`.
        note: a remark beside the numbers, or a function of parameters and result that returns it.
    """

    where: str
    text: str
    rule: Rule
    finding: Verdict = "reproduced"
    paper: Paper | None = None
    note: str | Callable[..., str] = ""


def missing(reason: str) -> Measured:
    """The value of a measurement that needs a missing file, library or device."""
    return Measured(None, note=reason)


def undetermined(reason: str) -> Measured:
    """The value of a measurement that the data do not determine; its claim is undecided."""
    return Measured(None, note=reason, is_open=True)


def follows(measure: Any, *, resolution: float = RESOLUTION) -> Rule:
    """Counts or samples agree with their own law.

    Counts are compared at the rarest event that is expected often enough, `Counts.decisive`.
    """

    def judge(stated: Statement, m: Measured, note: str) -> Decision:
        if m.expected is None:
            refuse("measure", "counts or samples with a law", m.value)
        return _agrees(stated, m, m.expected, resolution, note)

    return Rule(_measure(measure), judge, lambda m: _shifted(m, m.expected or 0.0), is_law=True)


def equals(measure: Any, expected: Any, *, resolution: float = RESOLUTION) -> Rule:
    """A quantity has a value: a number, a range, or printed digits.

    Digits are given as text: "7.167e-3" stands for all numbers that round to it.
    """
    target = printed(expected) if isinstance(expected, str) else expected

    def judge(stated: Statement, m: Measured, note: str) -> Decision:
        return _agrees(stated, m, target, resolution, note)

    return Rule(_measure(measure), judge, lambda m: _shifted(m, float(np.max(target))))


def between(measure: Any, *, above: float | None = None, below: float | None = None) -> Rule:
    """A quantity lies above a bound, below one, or between two."""

    def judge(stated: Statement, m: Measured, note: str) -> Decision:
        if m.value is None:
            bounds = bounds_text(above, below)
            return stated.untested(expected=bounds, note=note, is_open=m.is_open)
        return stated.bounded(
            measured=m.value, interval=m.interval, above=above, below=below, note=note
        )

    def wrong(m: Measured) -> Measured:
        return _shifted(m, below) if below is not None else _shifted(m, above or 0.0, -1)

    return Rule(_measure(measure), judge, wrong)


def exactly(measure: Any, expected: Any) -> Rule:
    """A count, a name or a digit string equals what the paper prints."""

    def judge(stated: Statement, m: Measured, note: str) -> Decision:
        if m.value is None:
            return stated.untested(expected=number(expected), note=note, is_open=m.is_open)
        return stated.exact(expected=expected, measured=m.value, note=note)

    def wrong(m: Measured) -> Measured:
        return m._replace(value=f"{expected}?" if isinstance(expected, str) else expected + 1)

    return Rule(_measure(measure), judge, wrong)


def differs(measure: Any, unlike: float) -> Rule:
    """A quantity does not have a value: its whole interval lies on one side of it."""

    def judge(stated: Statement, m: Measured, note: str) -> Decision:
        if m.value is None:
            other = f"other than {number(unlike)}"
            return stated.untested(expected=other, note=note, is_open=m.is_open)
        return stated.differs(measured=m.value, interval=m.interval, unlike=unlike, note=note)

    return Rule(_measure(measure), judge, lambda m: m._replace(value=unlike, interval=None))


def printed(digits: str) -> Interval:
    """The numbers that round to printed digits: "5.10e-2" gives 0.05095 to 0.05105.

    Raises:
        ValueError: if the text is no decimal number.
    """
    match = re.fullmatch(r"([+-]?\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", digits.strip())
    if match is None:
        refuse("expected", "a number or the digits of one", digits)
    half = 0.5 * 10.0 ** (int(match[3] or 0) - len(match[2] or ""))
    return float(digits) - half, float(digits) + half


def decide(module: ModuleType, params: Parameters, result: Any) -> Decisions:
    """The claims of an experiment, decided by one of its runs."""
    return Decisions(_decided(module, claim, params, result) for claim in module.CLAIMS)


def _decided(module: ModuleType, claim: Claim, params: Parameters, result: Any) -> Decision:
    try:
        return _decision(module, claim, params, result)
    except Refusal as error:
        raise refusal(f"in the claim {spell(claim.text)}: {error}") from error


def _decision(module: ModuleType, claim: Claim, params: Parameters, result: Any) -> Decision:
    measured = claim.rule.measure(params, result)
    own = claim.note if isinstance(claim.note, str) else _call(claim.note, params, result)
    note = "; ".join(filter(None, [own, measured.note]))
    return claim.rule.judge(statement(module, claim), measured, note)


def statement(module: ModuleType, claim: Claim) -> Statement:
    """The statement of a claim, with its paper."""
    paper = claim.paper or module.PAPER
    return Statement(str(paper), claim.where, claim.text, paper.id)


def declared(module: ModuleType) -> list[Statement]:
    """The statements of an experiment, in the order of its claims."""
    return [statement(module, claim) for claim in module.CLAIMS]


def summary(result: Mapping[str, Any]) -> Summary:
    """The summary of a run: every scalar of its result."""
    scalars = (str, bool, int, float, np.generic)
    return Summary({k: v for k, v in result.items() if isinstance(v, scalars)})


def _agrees(
    stated: Statement, m: Measured, expected: Any, resolution: float, note: str
) -> Decision:
    if m.value is None:
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        return stated.untested(expected=range_text(low, high), note=note, is_open=m.is_open)
    how = {"expected": expected, "measured": m.value, "interval": m.interval}
    decision = stated.agrees(**how, resolution=resolution, note=note)
    if decision.verdict == "undecided" and m.enough is not None:
        more = f"about {m.enough(resolution):,} trials would decide"
        return stated.agrees(
            **how, resolution=resolution, note="; ".join(filter(None, [note, more]))
        )
    return decision


def _shifted(m: Measured, end: float, side: int = 1) -> Measured:
    """The measured value with its interval, moved beyond `end` by twice its half-width."""
    low, high = m.interval or (m.value, m.value)
    half = max((high - low) / 2, 1e-9 * max(abs(end), 1e-9))
    value = end + side * 2 * half
    return m._replace(
        value=value, interval=None if m.interval is None else (value - half, value + half)
    )


def _measure(source: Any) -> Callable[[Parameters, Any], Measured]:
    """The `measure` of a rule, from the name of an entry of the result or from a function."""

    def measure(params: Parameters, result: Any) -> Measured:
        if isinstance(source, str) and source not in result:
            hint = nearest(source, [*result])
            raise LookupError(f"`{source}` must be an entry of the result; {hint}")
        value = result[source] if isinstance(source, str) else _call(source, params, result)
        if isinstance(value, Measured):
            return value
        if isinstance(value, Counts):
            return _counted(value)
        if isinstance(value, Samples):
            return _sampled(value)
        return Measured(value.item() if isinstance(value, np.generic) else value)

    return measure


def _counted(counts: Counts) -> Measured:
    at = counts.decisive
    low, high = (float(end[at]) for end in counts.interval)
    place = f"at {at + 1}: " if len(counts.hits) > 1 else ""
    note = f"{place}{int(counts.hits[at]):,} of {counts.trials:,}"
    law = float(counts.law[at])
    # No number of trials separates a rate of 0 or 1 from one close to it.
    enough = counts.trials_for if 0 < law < 1 else None
    return Measured(float(counts.rate[at]), (low, high), law, note, enough)


def _sampled(samples: Samples) -> Measured:
    if np.ndim(samples.mean):
        refuse("measure", "samples of a single number", np.shape(samples.mean))
    low, high = (float(end) for end in samples.interval)
    law = None if samples.law is None else float(samples.law)
    enough = samples.trials_for if law else None
    note = f"{len(samples.values):,} independent replicas"
    return Measured(float(samples.mean), (low, high), law, note, enough)


def _call(function: Callable[..., Any], params: Parameters, result: Any) -> Any:
    """Calls a function of parameters and result, of the result alone, or of neither."""
    taken = len(inspect.signature(function).parameters)
    return function(*(params, result)[2 - taken :])

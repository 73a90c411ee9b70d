"""Decided claims: what a paper states, what was measured, and the verdict.

A claim is decided by an interval or by an exact equality. What must hold in every run is no claim
but a check, which fails the run.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict

from workbench.base.checks import refuse
from workbench.base.intervals import Interval
from workbench.base.results import SUMMARY_MIME
from workbench.base.rows import number, unbroken

MIME = "application/vnd.workbench.claims+json"

Verdict = Literal["reproduced", "not reproduced", "undecided", "not measured"]

# The digits of each number in a text, without its exponent.
_DIGITS = re.compile(r"\d+\.\d+").findall

MARKS = {"reproduced": "✓", "not reproduced": "✗", "undecided": "?", "not measured": "–"}


class Claim(BaseModel):
    """One sentence of a paper and its verdict.

    Attributes:
        paper: authors and year.
        where: section, figure or equation in it.
        statement: the sentence, in our words.
        expected: the value or bound in the statement.
        measured: the value of this run, a number at full precision or a text.
        interval: the confidence interval; None for an exact value.
        verdict: reproduced or not; undecided if the interval is too wide; not measured if a file,
            a library or a device is missing.
        note: a remark beside the numbers.
        paper_id: DOI or arXiv number of the paper; empty if none is known.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    paper: str
    where: str
    statement: str
    expected: str
    measured: bool | int | float | str
    interval: Interval | None
    verdict: Verdict
    note: str = ""
    paper_id: str = ""

    @property
    def measured_text(self) -> str:
        """The measured value as text, with as many digits as the expected one."""
        digits = [len(d.replace(".", "").lstrip("0")) for d in _DIGITS(self.expected)]
        return number(self.measured, min(max([4, *digits]), 17))


class Statement(NamedTuple):
    """A sentence of a paper; each method decides it in one way and returns a `Claim`."""

    paper: str
    where: str
    text: str
    paper_id: str = ""

    def agrees(
        self,
        *,
        expected: float | Interval,
        measured: float,
        interval: Interval | None = None,
        resolution: float = 0.5,
        note: str = "",
    ) -> Claim:
        """A claim that a quantity has a value, or a value within a range.

        Reproduced if the interval lies within the expected range, or overlaps it and is narrow
        enough to refute a wrong value; not reproduced if they are disjoint; undecided otherwise.
        For an expected value of 0 no interval is narrow enough, except 0 itself.

        Args:
            expected: the value, or the range of a rounded number.
            measured: the value of the run.
            interval: the interval of the measured value; None if it is exact.
            resolution: largest half-width of a decisive interval, relative to the expected value.
            note: a remark beside the numbers.
        """
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        bottom, top = _ends("interval", *_finite(measured, interval))
        _ends("expected", low, high)
        within = low <= bottom and top <= high
        sharp = (top - bottom) / 2 <= resolution * max(abs(low), abs(high))
        if top < low or bottom > high:
            verdict: Verdict = "not reproduced"
        elif within or sharp:
            verdict = "reproduced"
        else:
            verdict = "undecided"
        return self._claim(range_text(low, high), measured, interval, verdict, note)

    def bounded(
        self,
        *,
        measured: float,
        interval: Interval | None = None,
        below: float | None = None,
        above: float | None = None,
        note: str = "",
    ) -> Claim:
        """A claim that a quantity lies below a bound, above one, or between two.

        Reproduced if the whole interval does, not reproduced if none of it does, undecided if a
        bound lies in the interval.

        Args:
            measured: the value of the run.
            interval: the interval of the measured value; None if it is exact.
            below: the upper bound, exclusive.
            above: the lower bound, exclusive.
            note: a remark beside the numbers.
        """
        bottom, top = _ends("interval", *_finite(measured, interval))
        low, high = -math.inf if above is None else above, math.inf if below is None else below
        if below is None and above is None:
            refuse("below", "given where `above` is not", None)
        if not low < high:
            refuse("above", f"smaller than below={below}", above)
        if low < bottom and top < high:
            verdict: Verdict = "reproduced"
        elif bottom >= high or top <= low:
            verdict = "not reproduced"
        else:
            verdict = "undecided"
        return self._claim(bounds_text(above, below), measured, interval, verdict, note)

    def differs(
        self, *, measured: float, unlike: float, interval: Interval | None = None, note: str = ""
    ) -> Claim:
        """A claim that a quantity does not have a value.

        Reproduced if the value lies outside the interval; undecided if it lies within, unless the
        measured value is exact.
        """
        bottom, top = _ends("interval", *_finite(measured, interval))
        if not bottom <= unlike <= top:
            verdict: Verdict = "reproduced"
        else:
            verdict = "not reproduced" if bottom == top else "undecided"
        return self._claim(f"other than {number(unlike)}", measured, interval, verdict, note)

    def exact(self, *, expected: Any, measured: Any, note: str = "") -> Claim:
        """A claim decided by equality: a count, a name, a digit string."""
        for name, value in (("expected", expected), ("measured", measured)):
            if isinstance(value, float | np.floating) and not math.isfinite(value):
                refuse(name, "a finite number or words", value)
        verdict: Verdict = "reproduced" if measured == expected else "not reproduced"
        return self._claim(number(expected), measured, None, verdict, note)

    def untested(self, *, expected: str, note: str, is_open: bool = False) -> Claim:
        """A claim without a measured value.

        Args:
            expected: the expected value, as text.
            note: why there is no measured value.
            is_open: whether the data do not determine it (undecided), instead of something being
                missing (not measured).
        """
        if is_open:
            return self._claim(expected, "not determined", None, "undecided", note)
        return self._claim(expected, "not measured", None, "not measured", note)

    def _claim(
        self, expected: str, measured: Any, interval: Interval | None, verdict: Verdict, note: str
    ) -> Claim:
        return Claim(
            paper=self.paper,
            where=self.where,
            statement=self.text,
            expected=expected,
            measured=measured.item() if isinstance(measured, np.generic) else measured,
            interval=interval,
            verdict=verdict,
            note=note,
            paper_id=self.paper_id,
        )


class Claims(tuple):
    """The claims of a run, displayed as a table and as data for the record."""

    def __new__(cls, claims: Iterable[Claim]) -> Claims:
        """Takes at least one claim."""
        decided = super().__new__(cls, claims)
        if not decided:
            raise ValueError("`claims` must be at least one claim; got none")
        return decided

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        plain = "\n".join(
            f"{MARKS[c.verdict]} {c.verdict}: {c.statement} ({c.paper}, {c.where}); "
            f"expected {c.expected}, measured {c.measured_text}{_interval_text(c.interval)}"
            for c in self
        )
        data = [c.model_dump(mode="json") for c in self]
        return {"text/plain": plain, "text/html": table(self), MIME: data}


class Values(dict):
    """Plain values under the names of their quantities, displayed as a table in few digits."""

    def __init__(self, values: Mapping[str, Any]):
        """Takes the values; NumPy scalars become Python's.

        Raises:
            ValueError: if a value is no text, boolean, or finite number.
        """
        plain = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
        for name, value in plain.items():
            if not isinstance(value, str | int | float):
                refuse(name, "text, a boolean or a number", value)
            if isinstance(value, float) and not math.isfinite(value):
                refuse(name, "a finite number", value)
        super().__init__(plain)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        rows = "".join(
            f'<tr><th scope="row">{html.escape(k)}</th><td>{html.escape(number(v))}</td></tr>'
            for k, v in self.items()
        )
        plain = "\n".join(f"{k}: {number(v)}" for k, v in self.items())
        shown = f'<table class="summary"><tbody>{rows}</tbody></table>'
        return {"text/plain": plain, "text/html": shown}


class Summary(Values):
    """The recorded values of a run."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(), SUMMARY_MIME: dict(self)}


def table(claims: Iterable[Claim]) -> str:
    """The claims as an HTML table; verdicts are text and a mark, not colour alone."""
    rows = "".join(
        f'<tr class="{c.verdict.replace(" ", "-")}">'
        f'<td class="verdict"><span aria-hidden="true">{MARKS[c.verdict]}</span> {c.verdict}</td>'
        f"<td>{html.escape(c.statement)}<br><small>{html.escape(f'{c.paper}, {c.where}')}</small>"
        f"{'<br><small>' + html.escape(c.note) + '</small>' if c.note else ''}</td>"
        f"<td>{unbroken(c.expected)}</td>"
        f"<td>{unbroken(c.measured_text + _interval_text(c.interval))}</td></tr>"
        for c in claims
    )
    head = "<tr><th>verdict</th><th>claim</th><th>paper says</th><th>measured</th></tr>"
    return f'<table class="claims"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _finite(measured: float, interval: Interval | None) -> Interval:
    """The interval of the measured value, which must be finite."""
    if not math.isfinite(measured):
        refuse("measured", "a finite number", measured)
    return (measured, measured) if interval is None else interval


def _ends(name: str, low: float, high: float) -> Interval:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        refuse(name, "two finite numbers in order", (low, high))
    return low, high


def _interval_text(interval: Interval | None) -> str:
    return "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"


def range_text(low: float, high: float) -> str:
    """A range as text, in four digits, or in one more than its ends need to differ."""
    if low == high:
        return number(low)
    digits = next(d for d in range(4, 18) if number(low, d) != number(high, d))
    more = 0 if digits == 4 else 1
    return f"{number(low, digits + more)} to {number(high, digits + more)}"


def bounds_text(above: float | None, below: float | None) -> str:
    """One bound or two, as text."""
    bounds = [f"above {number(above)}"] if above is not None else []
    return " and ".join(bounds + ([f"below {number(below)}"] if below is not None else []))

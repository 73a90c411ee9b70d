"""What a paper says, what was measured, the verdict, and how sure it is.

A claim is decided by an interval or by an exact equality, never by eye. What must always hold, such
as a law against its brute-force twin, is a check and fails the run instead.
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

# The digits of each number in a text, without those of its power of ten.
_DIGITS = re.compile(r"\d+\.\d+").findall

MARKS = {"reproduced": "✓", "not reproduced": "✗", "undecided": "?", "not measured": "–"}


class Claim(BaseModel):
    """One sentence of a paper and what became of it.

    Attributes:
        paper: authors and year.
        where: section, figure or equation in it.
        statement: what it says, in our words.
        expected: the value or bound that the statement stands for.
        measured: what this run found, a number at full precision or words.
        interval: the range the measured value may have by chance; None for an exact value.
        verdict: reproduced or not; undecided where the interval is too wide to tell; not measured
            where a file, a library or a device is missing.
        note: what a reader should know beside the numbers.
        paper_id: DOI or arXiv number of the paper, for programs; empty where none is known.
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
    def found(self) -> str:
        """The measured value for people, in as many digits as the expected one has."""
        digits = [len(d.replace(".", "").lstrip("0")) for d in _DIGITS(self.expected)]
        return number(self.measured, min(max([4, *digits]), 17))


class Statement(NamedTuple):
    """A sentence of a paper that a run can put to the test, declared once in its experiment.

    Each method turns it into a `Claim` by deciding it in one way.
    """

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

        Reproduced when the interval lies within the expected range, or when it overlaps it and is
        narrow enough to have refuted a wrong value; not reproduced when the two are apart;
        undecided otherwise. Nothing but 0 itself is narrow beside an expected value of 0.

        Args:
            expected: the value, or the range that a rounded number stands for.
            measured: the run's value.
            interval: the range of the measured value; itself alone when it is exact.
            resolution: largest half-width of the interval, relative to the expected value, that
                still tells a right value from a wrong one.
            note: what a reader should know beside the numbers.
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

        Reproduced when the whole interval does, not reproduced when none of it does, undecided
        when the interval holds a bound.

        Args:
            measured: the run's value.
            interval: the range of the measured value; itself alone when it is exact.
            below: the value must be smaller than this.
            above: the value must be larger than this.
            note: what a reader should know beside the numbers.
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

    def apart(
        self, *, measured: float, unlike: float, interval: Interval | None = None, note: str = ""
    ) -> Claim:
        """A claim that a quantity does not have a value.

        Reproduced when the value lies outside the interval; undecided when it lies within, unless
        the interval is that value alone.
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

    def beyond(self, *, expected: str, note: str, is_open: bool = False) -> Claim:
        """A claim without a measured value; the note says what would give one.

        Args:
            expected: what the statement stands for, in words.
            note: what a reader should know beside it.
            is_open: whether the data were there and do not determine the value: undecided.
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
    """The claims of a run, shown as a table for people and as data for the record."""

    def __new__(cls, claims: Iterable[Claim]) -> Claims:
        """A run without a claim is no experiment."""
        made = super().__new__(cls, claims)
        if not made:
            raise ValueError("`claims` must be at least one claim; got none")
        return made

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        plain = "\n".join(
            f"{MARKS[c.verdict]} {c.verdict}: {c.statement} ({c.paper}, {c.where}); "
            f"expected {c.expected}, measured {c.found}{_spelled(c.interval)}"
            for c in self
        )
        data = [c.model_dump(mode="json") for c in self]
        return {"text/plain": plain, "text/html": table(self), MIME: data}


class Values(dict):
    """Plain values under the names of their quantities, shown as a table in few digits."""

    def __init__(self, values: Mapping[str, Any]):
        """NumPy scalars become Python's.

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
    """The numbers a run is remembered by."""

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {**super()._repr_mimebundle_(), SUMMARY_MIME: dict(self)}


def table(claims: Iterable[Claim]) -> str:
    """The claims as an HTML table; a verdict is words and a mark, never colour alone."""
    rows = "".join(
        f'<tr class="{c.verdict.replace(" ", "-")}">'
        f'<td class="verdict"><span aria-hidden="true">{MARKS[c.verdict]}</span> {c.verdict}</td>'
        f"<td>{html.escape(c.statement)}<br><small>{html.escape(f'{c.paper}, {c.where}')}</small>"
        f"{'<br><small>' + html.escape(c.note) + '</small>' if c.note else ''}</td>"
        f"<td>{unbroken(c.expected)}</td>"
        f"<td>{unbroken(c.found + _spelled(c.interval))}</td></tr>"
        for c in claims
    )
    head = "<tr><th>verdict</th><th>claim</th><th>paper says</th><th>measured</th></tr>"
    return f'<table class="claims"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _finite(measured: float, interval: Interval | None) -> Interval:
    """The measured range; NaN would decide a claim by accident, and JSON holds no infinity."""
    if not math.isfinite(measured):
        refuse("measured", "a finite number", measured)
    return (measured, measured) if interval is None else interval


def _ends(name: str, low: float, high: float) -> Interval:
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        refuse(name, "two finite numbers in order", (low, high))
    return low, high


def _spelled(interval: Interval | None) -> str:
    return "" if interval is None else f" [{number(interval[0])}, {number(interval[1])}]"


def range_text(low: float, high: float) -> str:
    """A range for people, in four digits, or in one more than it takes to tell its ends apart."""
    if low == high:
        return number(low)
    digits = next(d for d in range(4, 18) if number(low, d) != number(high, d))
    more = 0 if digits == 4 else 1
    return f"{number(low, digits + more)} to {number(high, digits + more)}"


def bounds_text(above: float | None, below: float | None) -> str:
    """One bound or two for people."""
    words = [f"above {number(above)}"] if above is not None else []
    return " and ".join(words + ([f"below {number(below)}"] if below is not None else []))

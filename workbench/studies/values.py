"""The values that one knob takes in a study, from what a person wrote or a program passed."""

from __future__ import annotations

import ast
import math
import re
from types import NoneType
from typing import Any, NamedTuple

import numpy as np

from workbench.base.checks import refuse
from workbench.experiment.kinds import is_container
from workbench.experiment.params import Knob, KnobError
from workbench.runs.parameters.spelling import spelled

MOST = 1_000_000


class Span(NamedTuple):
    """A span without a count, `low:high[:log]`: only random draws make points of it."""

    low: float
    high: float
    log: bool
    is_whole: bool

    def draw(self, rng: np.random.Generator) -> float | int:
        """One value, uniform in the span or in its logarithm; whole for a whole knob.

        Whole numbers are equally likely; with `log`, each as likely as the span of logarithms that
        rounds to it.
        """
        if self.is_whole and not self.log:
            return int(rng.integers(int(self.low), int(self.high) + 1))
        if self.is_whole:
            drawn = math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5)))
            return min(max(round(drawn), int(self.low)), int(self.high))
        if self.log:
            drawn = math.exp(rng.uniform(math.log(self.low), math.log(self.high)))
        else:
            drawn = self.low + (self.high - self.low) * rng.random()
        return min(max(drawn, self.low), self.high)


def axis(knob: Knob, given: Any) -> list[Any] | Span:
    """The values of one knob; the model checks each of them later.

    Args:
        knob: whose values they are.
        given: a list is one value an item, or one value of a knob that admits it and none of its
            items; a text for a knob that holds none is read as on the command line (`written`);
            anything else is the one value.

    Raises:
        KnobError: for an empty list, or a text that spells no values.
    """
    if isinstance(given, Span):  # a tuple, too, which would pass for a list of values
        return given
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if isinstance(given, str) and str not in knob.kinds:
        return written(knob, given)
    if isinstance(given, list | tuple):
        # `sizes = [1, 2]` in a study file is one value of a knob that holds lists.
        if not all(map(knob.admits, given)) and knob.admits(given):
            return [given]
        if not given or len(given) > MOST:
            refuse(knob.name, f"a list of 1 to {MOST} values", list(given), KnobError)
        return list(given)
    return [given]


def written(knob: Knob, text: str) -> list[Any] | Span:
    """The values that a text spells: `1,2,4`, `low:high:count[:log]`, or both joined by commas.

    A range of a whole knob is rounded to whole numbers, its ends are exact. Texts are split at
    commas as they are. Of a knob that admits lists, tuples or mappings `[1, 2], [3]` are two
    values, and `1, 2` is one list.

    Raises:
        KnobError: if the text spells no such values.
    """
    if Any in knob.kinds or any(map(is_container, knob.kinds)):
        values = _literals(knob, text)
        if values or not set(knob.kinds) & {int, float, str, bool, Any}:
            return values or [spelled(text, knob)]
    elif set(knob.kinds) == {NoneType}:
        return [spelled(text, knob)]
    words = text.split(",")
    if len(words) > MOST:
        refuse(knob.name, f"at most {MOST} values", text, KnobError)
    if str in knob.kinds:
        return [spelled(word, knob) for word in words]
    words = [word.strip() for word in words]
    if not all(words):
        refuse(knob.name, "values joined by commas, or low:high:count[:log]", text, KnobError)
    values: list[Any] = []
    for word in words:
        parsed = _range(knob, word) if _is_range(knob, word) else [spelled(word, knob)]
        if isinstance(parsed, Span):
            if len(words) > 1:
                refuse(
                    knob.name, "one span without a count, and nothing beside it", text, KnobError
                )
            return parsed
        values += parsed
    return values


def _literals(knob: Knob, text: str) -> list[Any]:
    """Values with an inner structure: `[1, 2], [3]` are two; none if they are none of the knob's.

    Where one is and another is not, the model refuses that one.
    """
    try:
        values = ast.literal_eval(f"[{text}]")
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return []
    # A bracket closed too early would make the text something else than one list.
    is_values = isinstance(values, list) and any(map(knob.admits, values))
    return values if is_values and len(values) <= MOST else []


def _is_range(knob: Knob, word: str) -> bool:
    """Whether the word is meant for a range; for a knob of any kind, only if it spells numbers."""
    if Any in knob.kinds:
        return bool(re.fullmatch(r"[-+.0-9e]+:[-+.0-9e]+(:[0-9]+)?(:log)?", word))
    return ":" in word and bool(set(knob.kinds) & {int, float})


def _range(knob: Knob, text: str) -> list[Any] | Span:
    """The values of `low:high:count[:log]`, or the span `low:high[:log]`."""
    parts = text.split(":")
    log = parts[-1] == "log"
    ends = [spelled(part, knob) for part in parts[:2]]
    counts = parts[2:-1] if log else parts[2:]
    if (
        len(parts) < 2 + log
        or len(counts) > 1
        or not all(isinstance(e, int | float) and not isinstance(e, bool) for e in ends)
        or not all(re.fullmatch("[0-9]{1,9}", c) for c in counts)
    ):
        refuse(knob.name, "values joined by commas, or low:high:count[:log]", text, KnobError)
    low, high = ends
    is_whole = float not in knob.kinds
    if Any in knob.kinds:
        is_whole = isinstance(low, int) and isinstance(high, int)
    if is_whole and not (low == int(low) and high == int(high)):
        refuse(knob.name, "a range whose ends are whole numbers", text, KnobError)
    # The difference of the ends must be a finite number, too.
    if not low < high or max(abs(low), abs(high)) > 1e300:
        refuse(knob.name, "a range whose low end is below its high end", text, KnobError)
    if log and low <= 0:
        refuse(knob.name, "a range above 0 where it moves by factors", text, KnobError)
    if not counts:
        return Span(low, high, log, is_whole)
    count = int(counts[0])
    if not 2 <= count <= MOST:
        refuse(knob.name, f"a range of 2 to {MOST} values", text, KnobError)
    between = (np.geomspace if log else np.linspace)(low, high, count)[1:-1].tolist()
    if is_whole:
        # Rounding may meet a number twice, and a float's neighbour may lie beyond the end.
        between = [min(max(round(v), int(low)), int(high)) for v in between]
        return list(dict.fromkeys([int(low), *between, int(high)]))
    # The last digit of a step is noise: 0.45, not 0.44999999999999996.
    between = [min(max(float(f"{v:.15g}"), low), high) for v in between]
    return list(dict.fromkeys([low, *between, high]))

"""The points of a study: every combination of its knobs' values, checked before anything starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from workbench.base.array import generator
from workbench.base.checks import nearest, refuse, spell, whole
from workbench.experiment.params import Knob, KnobError, Parameters
from workbench.studies.points import MOST_POINTS, Placed, distinct
from workbench.studies.values import Span, axis

# Names that advance together, and the values they take in turn; or one name and its span.
_Group = tuple[tuple[str, ...], list[tuple[Any, ...]] | Span]


def sweep(
    model: type[Parameters],
    values: Mapping[str, Any],
    *,
    zipped: Iterable[Iterable[str]] = (),
    random: int | None = None,
    seeds: int | None = None,
) -> Sequence[Parameters]:
    """Every point of the study, each a checked set of parameters, the last knob moving fastest.

    A point that comes up twice is taken once. Of many points none is held: each is made when it is
    its turn.

    Args:
        model: an experiment's `Params`.
        values: by knob, a list of values, one value, or a text such as `"1:1000:7:log"`.
        zipped: groups of knobs that advance together instead of in every combination.
        random: draw so many points instead of taking every combination; lists are drawn from, and a
            span `"low:high[:log]"` has a value drawn within. A larger count keeps the points of a
            smaller one.
        seeds: take every point with so many seeds, from its own `seed` upward.

    Raises:
        KnobError: for an unknown knob, or a point that the model refuses; the sentence tells it.
        ValueError: if zipped knobs differ in length, or there are more than 10,000,000 points.
    """
    groups = _groups(model, values, [tuple(g) for g in zipped])
    counts = [1 if isinstance(rows, Span) else len(rows) for _, rows in groups]
    total = math.prod(counts) if random is None else _count("random", random)
    each = 1 if seeds is None else _count("seeds", seeds)
    if seeds is not None:
        _check_seeds(model, groups, each)
    if total * each > MOST_POINTS:
        refuse("study", f"at most {MOST_POINTS} points", total * each)

    def generate(is_chosen: np.ndarray | None) -> Placed:
        chosen = _combinations(groups, total) if random is None else _drawn(groups, total)
        for number, one in enumerate(chosen):
            place = number * each
            if is_chosen is not None and not is_chosen[place : place + each].any():
                continue
            base = _point(model, one, number + 1, total)
            several = [base] if seeds is None else _seeded(model, base, one, each)
            yield from enumerate(several, place)

    return distinct(generate, total * each)


def _groups(
    model: type[Parameters], values: Mapping[str, Any], zipped: list[tuple[str, ...]]
) -> list[_Group]:
    """The knobs in the model's order, those that are zipped at the place of their first."""
    knobs = {k.name: k for k in model.knobs()}
    for name in values:
        if name not in knobs:
            raise KnobError(f"`{name}` must be the name of a knob; {nearest(name, list(knobs))}")
    axes = {name: axis(knobs[name], values[name]) for name in knobs if name in values}
    together = _together(knobs, axes, zipped)
    groups: dict[tuple[str, ...], list[tuple[Any, ...]] | Span] = {}
    for name, given in axes.items():
        names = together.get(name, (name,))
        if names == (name,):
            groups[names] = given if isinstance(given, Span) else [(v,) for v in given]
        elif names not in groups:
            groups[names] = list(zip(*(axes[n] for n in names), strict=True))
    return list(groups.items())


def _together(
    knobs: Mapping[str, Knob], axes: Mapping[str, Any], zipped: list[tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """By knob, the group in which it is zipped."""
    groups: dict[str, tuple[str, ...]] = {}
    for names in zipped:
        for name in names:
            if name not in knobs:
                raise KnobError(
                    f"`{name}` must be the name of a knob; {nearest(name, list(knobs))}"
                )
            if name not in axes or isinstance(axes[name], Span):
                refuse("zip", "knobs that are given a list of values", name)
            if name in groups or names.count(name) > 1:
                refuse("zip", "groups that name a knob once", name)
        lengths = {name: len(axes[name]) for name in names}
        if len(set(lengths.values())) > 1:
            refuse("zip", "knobs with equally many values", lengths)
        groups |= dict.fromkeys(names, names)
    return groups


def _combinations(groups: list[_Group], total: int) -> Iterable[dict[str, Any]]:
    for names, rows in groups:
        if isinstance(rows, Span):
            what = "low:high:count[:log], as only a random study can do without the count"
            refuse(names[0], what, f"{rows.low}:{rows.high}", KnobError)
    for number in range(total):
        point: dict[str, Any] = {}
        for names, rows in reversed(groups):
            number, row = divmod(number, len(rows))
            point |= zip(names, rows[row], strict=True)
        yield point


def _drawn(groups: list[_Group], total: int) -> Iterable[dict[str, Any]]:
    """Points drawn one after the other, so that a longer study begins like a shorter one."""
    rng = generator(0, "numpy")
    for _ in range(total):
        point: dict[str, Any] = {}
        for names, rows in groups:
            one = (rows.draw(rng),) if isinstance(rows, Span) else rows[rng.integers(len(rows))]
            point |= zip(names, one, strict=True)
        yield point


def _check_seeds(model: type[Parameters], groups: list[_Group], count: int) -> None:
    """Refuses seeds where none can be counted upward from one."""
    if not any(k.name == "seed" and int in k.kinds for k in model.knobs()):
        refuse("seeds", "left out where no knob `seed` holds a whole number", count)
    for names, rows in groups:
        if "seed" in names and (isinstance(rows, Span) or len(rows) > 1):
            refuse("seeds", "left out where `seed` is given values of its own", count)


def _seeded(
    model: type[Parameters], base: Parameters, one: dict[str, Any], count: int
) -> Iterable[Parameters]:
    """The point with its own seed and those that follow it."""
    first = base.values()["seed"]
    if not isinstance(first, int):
        refuse("seeds", "left out where the notebook computes its seed", count)
    for number in range(count):
        yield _point(model, one | {"seed": first + number}, number + 1, count)


def _point(model: type[Parameters], values: dict[str, Any], number: int, total: int) -> Parameters:
    try:
        return model(**values)
    except (KnobError, ValueError, TypeError) as error:
        _refuse_point(error, values, number, total)


def _refuse_point(error: Exception, values: dict[str, Any], number: int, total: int) -> NoReturn:
    if total == 1:
        raise KnobError(str(error)) from None
    text = ", ".join(f"{name} {spell(value)}" for name, value in values.items())
    text = text if len(text) <= 200 else text[:197] + "..."
    raise KnobError(f"{error} (point {number} of {total}: {text})") from None


def _count(name: str, value: Any) -> int:
    return int(whole(name, value, 1, MOST_POINTS))

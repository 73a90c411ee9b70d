from typing import ClassVar

import pytest

from workbench.experiment.params import KnobError, Knobs, knob, lowered
from workbench.experiment.relations import bound, names

VALUES = {"cells": 21, "active": 4, "share": 0.5}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("cells", 21),
        ("cells // 2", 10),
        ("cells / 2 - 1", 9.5),
        ("-active + 2 * cells", 38),
        ("min(active, cells, 3)", 3),
        ("max(active, 7) ** 2", 49),
        ("share * cells", 10.5),
        ("1e3", 1000.0),
    ],
)
def test_arithmetic_over_knobs(expression, value):
    assert bound(expression, VALUES) == value


@pytest.mark.parametrize(
    "expression",
    ["unknown", "cells.real", "__import__('os')", "cells if active else 1", "min(cells, key=1)",
     "True", "'text'", "[cells]", "cells > 2", "open(cells)"],
)  # fmt: skip
def test_anything_else_is_refused(expression):
    with pytest.raises(ValueError, match="`relation` must be arithmetic over the knobs cells"):
        bound(expression, VALUES)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("9 ** 9 ** 9", float("inf")),
        ("cells ** cells ** cells", float("inf")),
        ("(-3) ** 1000001", float("-inf")),
        ("2.5 ** cells ** 9", float("inf")),
        ("2 ** 1000", 2**1000),
        ("cells ** -cells ** 9", 0.0),
    ],
)
def test_a_power_takes_no_time(expression, value):
    """In a process of its own, the first would work on 370 million digits."""
    assert bound(expression, VALUES) == value


@pytest.mark.parametrize(
    "expression",
    ["cells // 0", "0 ** -1", "(-8) ** 0.5", "min()", "1e999 - 1e999", "2 ** 1000 * 2 ** 1000",
     "cells +", "(" * 300 + "1" + ")" * 300, "-" * 990 + "1", "-" * 2000 + "1"],
)  # fmt: skip
def test_what_has_no_value_is_refused(expression):
    with pytest.raises(ValueError, match="`relation` must be arithmetic over the knobs cells"):
        bound(expression, VALUES)


def test_the_names_that_enter():
    assert names("min(cells, 2) // active") == {"cells", "active"}


class Params(Knobs):
    at_most: ClassVar[dict[str, str]] = {"active": "cells // 2", "free": "active"}
    cells: int = knob(20, "cells", span=(2, 100))
    active: int = knob(4, "active", span=(1, 50))
    free: float = knob(0.0, "without a span")
    trials: int = knob(5000, "trials", span=(10, 10**6), is_budget=True)


def test_relations_are_data():
    assert Params(cells=8).active == 4
    with pytest.raises(
        KnobError, match=r"`active` must be in \[1, cells // 2=3\]; got 4"
    ) as refused:
        Params(cells=7)
    assert refused.value.knob == "active"
    with pytest.raises(KnobError, match="`free` must be at most active=4; got 4.5"):
        Params(free=4.5)


def test_budgets_are_lowered_and_nothing_else():
    assert lowered(Params(), 0.01) == Params(trials=50)
    assert lowered(Params(trials=10), 0.5) is None

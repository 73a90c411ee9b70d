"""Formulas that are texts: bounded in length, depth and numbers, whatever a user writes."""

import pytest

from workbench.scaling.laws.expression import DEEPEST, parsed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("E + " + "9" * 400 + " * N", "`formula` must be made of numbers up to 1.79769e"),
        ("E + 1e999 * N", "`formula` must be made of numbers up to 1.79769e"),
        ("-" * 1900 + "E", f"`formula` must be nested at most {DEEPEST} deep"),
        ("+".join("E" * 900), f"`formula` must be nested at most {DEEPEST} deep"),
        ("(" * 900 + "E" + ")" * 900, "`formula` must be a formula such as"),
        ("E" * 3000, "`formula` must be at most 2000 characters"),
    ],
)
def test_a_formula_is_bounded(text, says):
    with pytest.raises(ValueError, match=says) as refused:
        parsed(text, ["N"])
    assert len(str(refused.value)) < 300


def test_a_long_sum_and_a_tower_of_powers_are_formulas():
    text = " + ".join(f"a{i} / N" for i in range(100))
    assert len(parsed(text, ["N"]).names("parameter")) == 100
    tower = parsed("E + N ** 9 ** 9 ** 9 ** 9", ["N"])
    assert parsed(str(tower), ["N"]) == tower

import pytest

from workbench.base.condition import chosen

NAMES = ["run", "dataset", "Model Size", "loss"]
ROWS = [("a", "pile", 1e8, 3.0), ("b", "c4", 1e9, 2.5), ("c", "it's", None, 2.0)]


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ("dataset == 'pile'", [0]),
        ("dataset = 'pile' or loss < 2.5", [0, 2]),
        ('dataset == "pile"', [0]),
        ("dataset != 'pile'", [1, 2]),
        ("dataset in ('pile', 'c4') and not loss > 2.7", [1]),
        ('"Model Size" >= 1e9', [1]),
        ("`Model Size` is null", [2]),
        ("dataset like 'p%'", [0]),
        ("dataset = 'it''s'", [2]),
        ("loss > 99", []),
    ],
)
def test_conditions_choose_rows(condition, places):
    assert chosen(NAMES, ROWS, condition, "only", "table") == places


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("datset = 'pile'", "`datset` must be a column of the table; did you mean `dataset`"),
        ('"Modle Size" > 1e9', "`Modle Size` must be a column of the table; did you mean `Model"),
        ("dataset = pile", r"`pile` must be a column .*\(a text stands in 'single quotes'\)"),
        ("loss >", "`only` must be a condition"),
        ("1); DROP TABLE runs; --", "`only` must be a condition"),
        ("load_extension('x')", "`only` must be a condition"),
    ],
)
def test_what_is_no_condition_is_refused(condition, says):
    with pytest.raises(ValueError, match=says):
        chosen(NAMES, ROWS, condition, "only", "table")

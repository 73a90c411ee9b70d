import time

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


# Texts of two thousand million letters, made in one step or by many; and without an end.
HUGE = [
    "length(printf('%.2000000000c', 'x')) > 1",
    "length(format('%.2000000000c', dataset)) > 1",
    "length(zeroblob(2000000000)) > 1",
    "length(randomblob(2000000000)) > 1",
    f"length({18 * 'hex('}'aaaaaaaa'{18 * ')'}) > 1",
    "length(replace(replace(replace(replace('aaaaaaaaaa', 'a', 'aaaaaaaaaa'), 'a', 'aaaaaaaaaa'),"
    " 'a', 'aaaaaaaaaa'), 'a', 'aaaaaaaaaa')) > 1",
    "dataset = '" + "a" * 20_000_000 + "'",
    "exists (select group_concat(a.dataset || b.dataset) from runs a, runs b, runs c, runs d)",
    "(select count(*) from runs a, runs b, runs c, runs d, runs e, runs f) > 1",
    "(select sum(instr(a.dataset, substr(b.dataset, 9000) || '1')) from runs a, runs b) > 1",
]


@pytest.mark.parametrize("condition", HUGE, ids=lambda c: c[:40])
def test_a_condition_is_bounded_in_size_as_in_steps(condition):
    rows = [(str(i), "a" * 30_000, None, float(i)) for i in range(300)]
    begin = time.monotonic()
    with pytest.raises(ValueError, match="`only` must be a condition") as refused:
        chosen(NAMES, rows, condition, "only", "table")
    # Of a second or two beside a busy machine's other work, not of minutes.
    assert time.monotonic() - begin < 20
    assert len(str(refused.value)) < 300


def test_a_table_wider_than_sqlite_s_and_texts_longer_than_its_limit():
    names = [*NAMES, *(f"n{i}" for i in range(5000))]
    rows = [[*row, *range(5000)] for row in ROWS]
    rows[1][1] = "c" * 10_000_000
    assert chosen(names, rows, "N4999 = 4999 and loss > 2.2", "only", "table") == [0, 1]
    assert chosen(names, rows, "dataset like 'c%'", "only", "table") == [1]
    long = [[name + "x" * 19_000 for name in names[:30]]] * 3
    named = " and ".join(f"\"{name}\" like '{name}%'" for name in names[:30])
    assert chosen(names[:30], long, named, "only", "table") == [0, 1, 2]
    with pytest.raises(
        ValueError, match="`n5000` must be a column of the table; did you mean `n50"
    ):
        chosen(names, rows, "n5000 = 1", "only", "table")

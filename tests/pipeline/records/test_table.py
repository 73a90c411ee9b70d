"""Tables of records: chosen by conditions that can do nothing else, written without formulas."""

import csv
import io
import json
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.records.store import read_points, read_record, read_records
from workbench.records.table import as_csv, as_text, columns, rows, where


def record(**more):
    made = {
        "name": "toys/toy",
        "run": "default-12345678",
        "identity": "1" * 64,
        "state": "done",
        "knobs": {},
        "summary": {},
        "timings": {"seconds": 1.5},
        "claims": [],
    }
    return made | more


RUNS = rows(
    [
        record(knobs={"threshold": t, "word": w}, summary={"rate": t / 7, "false matches": t * t})
        for t, w in [(1, "a"), (10, "b"), (11, "a"), (20, "it's")]
    ]
    + [record(name="toys/other", state="failed", knobs={"draws": 3}, timings={})]
)


@pytest.mark.parametrize(
    ("condition", "chosen"),
    [
        ("threshold > 10", [2, 3]),
        ("threshold >= 10 and word = 'a'", [2]),
        ("word = 'it''s'", [3]),
        ('"false matches" = 100 or draws = 3', [1, 4]),
        ("state = 'failed'", [4]),
        ("threshold is null", [4]),
        ("threshold between 5 and 10.5", [1]),
        ("word in ('a', 'b') -- told", [0, 1, 2]),
        ("name like '%other'", [4]),
        ("THRESHOLD = 20", [3]),
        ("rate * 7 > 10.5", [2, 3]),
        ("1", [0, 1, 2, 3, 4]),
        ("threshold > (select avg(threshold) from runs)", [2, 3]),
    ],
)
def test_conditions_choose(condition, chosen):
    assert where(RUNS, condition) == [RUNS[i] for i in chosen]


ENDLESS = "(with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n)"


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("thresold > 10", "`thresold` must be a column of the runs; did you mean `threshold`?"),
        ("threshold >", "`where` must be a condition"),
        ("", "`where` must be a condition"),
        ("1); DROP TABLE runs; --", "`where` must be a condition"),
        ("1) UNION SELECT sql FROM sqlite_master WHERE (1", "`where` must be a condition"),
        ("load_extension('x')", "`where` must be a condition"),
        ("length(randomblob(2000000000)) > 1", "`where` must be a condition"),
        ("exists (select * from pragma_database_list)", "`where` must be a condition"),
        ("\x00", "`where` must be a condition"),
        ("\ud800", "`where` must be a condition"),
        ("(" * 5000 + "1" + ")" * 5000, "`where` must be a condition"),
        ("1) UNION SELECT 'a' FROM runs WHERE (1", "`where` must be a condition (it is more than"),
        ("0) UNION SELECT 99 FROM runs WHERE (1", "`where` must be a condition (it is more than"),
        (ENDLESS, "`where` must be a condition"),
    ],
)
def test_what_is_no_condition_is_one_sentence(condition, sentence):
    with pytest.raises(ValueError, match="must be") as refused:
        where(RUNS, condition)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def attempt(table, condition):
    try:
        return where(table, condition), ""
    except ValueError as error:
        return None, str(error)


NAMES = st.text(max_size=5) | st.sampled_from(["x", "X", "#", '"', "knob.x", "state", "order"])
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([1])
)
WORDS = "x > 1 ( ) and or not ' \" ; -- /* select runs from X # null is like attach 'f' as [ ] ` \\"
PIECES = st.sampled_from(WORDS.split())


@settings(max_examples=400)
@given(
    st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3),
    st.lists(PIECES, max_size=7).map(" ".join) | st.text(max_size=10),
)
@example([{"x": 2**70, "X": 1, "x'": 2}], "x > 1")
@example([{"\n": None}], "x")
def test_never_a_traceback(knobs, condition):
    table = rows([record(knobs=k, summary=k) for k in knobs])
    found, sentence = attempt(table, condition)
    assert (found is None) == (" must be " in sentence)
    assert "\n" not in sentence
    assert all(any(row is one for one in table) for row in found or [])
    as_text(table, columns(table))
    parsed = list(csv.reader(io.StringIO(as_csv(table))))
    assert len(parsed) == 1 + len(table) if table else True


@given(st.lists(st.integers(-50, 50), min_size=1), st.integers(-50, 50))
def test_a_condition_means_what_python_means(values, limit):
    table = rows([record(knobs={"x": v}) for v in values])
    assert [r["x"] for r in where(table, f"x > {limit}")] == [v for v in values if v > limit]


FORMULAS = [
    "=1+1",
    "+1",
    "-1+2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "|calc",
    "%0A=1",
    "＝1",
]
FORMULAS += [
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://a")',
    "\u200b=1",
    "\ufeff=1",
    "\xa0-1",
    "'=1",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_csv_holds_no_formula(formula):
    told = as_csv(rows([record(knobs={"x": formula, formula: 1}, summary={"y": formula})]))
    for cell in next(csv.reader(io.StringIO(told))), list(csv.reader(io.StringIO(told)))[1]:
        assert not [c for c in cell if c.strip("\u200b\ufeff \t\r\n\xa0")[:1] in tuple("=+-@|%＝")]


def test_csv_keeps_numbers_to_the_last_digit():
    values = [0.1 + 0.2, -1.5, 5e-324, 2**70, -3, math.pi, True, None, 'a,b\n"c"']
    told = as_csv(rows([record(knobs={f"k{i}": v for i, v in enumerate(values)})]))
    (row,) = csv.DictReader(io.StringIO(told))
    read = [row[f"k{i}"] for i in range(len(values))]
    assert [float(v) for v in read[:3]] == values[:3]
    assert read[3:] == [str(2**70), "-3", repr(math.pi), "True", "", 'a,b\n"c"']


def test_a_terminal_is_not_commanded():
    text = as_text(rows([record(knobs={"x": "\x1b[2J\x07\u202e"})]), ["x", "seconds"])
    assert text == "x       seconds\n?[2J??  1.5"
    foreign = rows([record(knobs={"a\x1b[2J\nb": 1})])
    assert as_text(foreign, ["a\x1b[2J\nb", "seconds"]) == "a?[2J?b  seconds\n1        1.5"


def test_a_number_named_like_a_knob_is_told_apart():
    (row,) = rows([record(knobs={"x": 1}, summary={"x": 2, "state": 3})])
    assert (row["x"], row["summary.x"], row["state"], row["summary.state"]) == (1, 2, "done", 3)


BROKEN = ["", "{", "[]", "null", "1", '{"name": "a"}', "[" * 100_000, "\xff", '{"state": 1}']


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_record_is_none(tmp_path, text):
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(text.encode("latin-1"))
    assert read_record(folder / "record.json") is None
    assert list(read_records(tmp_path)) == []


def test_a_running_record_of_a_dead_process_was_killed(tmp_path):
    import os

    from workbench.runs.record import _process_start

    alive = {"process": os.getpid(), "process_start": _process_start(os.getpid())}
    path = tmp_path / "record.json"
    for more, state in [
        (alive, "running"),
        (alive | {"process_start": alive["process_start"] + "1"}, "killed"),
        (alive | {"process_start": _process_start(1)}, "killed"),
        (alive | {"process_start": 12.5}, "killed"),
        ({"process": 2**22 + 5}, "killed"),
        ({"process": "1"}, "killed"),
        ({"process": -1}, "killed"),
        ({}, "killed"),
    ]:
        path.write_text(json.dumps(record(state="running", **more)))
        assert read_record(path)["state"] == state


def test_a_study_leads_nowhere_else(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "record.json").write_text(json.dumps(record()))
    (tmp_path / "study").mkdir()
    points = [
        {"name": name, "run": run, "changed": {}}
        for name, run in [
            ("..", "secret"),
            (str(tmp_path), "secret"),
            ("a", str(tmp_path / "secret")),
        ]
    ]
    (tmp_path / "study" / "study.json").write_text(json.dumps({"points": points}))
    assert [p["state"] for p in read_points(tmp_path / "study")] == ["queued"] * 3


def test_a_run_that_failed_before_it_set_a_knob_is_told_from_the_others(tmp_path):
    told = {"name": "a", "run": "x-2", "state": "failed", "identity": "i", "timings": {}}
    told |= {"knobs": {}, "summary": {}, "claims": [], "folder": "a/x-2", "changed": {"x": 2}}
    path = tmp_path / "record.json"
    for state, knobs in (("failed", {"x": 2}), ("done", {})):
        path.write_text(json.dumps(told | {"state": state}))
        assert read_record(path)["knobs"] == knobs

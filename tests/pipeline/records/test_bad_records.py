"""One bad record spoils nothing: the others are told, and a sentence says which was left out."""

import json
import os

import duckdb
import pytest
from click.testing import CliRunner
from records import put, record

from workbench.cli.cli import main
from workbench.live import run_copy
from workbench.records.store import LeftOut, read_records

MANY = {f"n{i}": 1.0 * i for i in range(100_000)}
DEEP = json.dumps(record(knobs={"x": "D"})).replace('"D"', "[" * 5000 + "]" * 5000)
LEFT_OUT = {
    "cut": json.dumps(record())[:100],
    "empty": "",
    "deep": DEEP,
    "list": "[1, 2]",
    "types": json.dumps(record(name=5)),
    "version": json.dumps(record(schema=2)),
    "digits": json.dumps(record(summary={"x": "9"})).replace('"9"', "9" * 5000),
}
TAKEN = {
    "many": record(summary=MANY),
    "knobs": record(knobs=MANY, changed=MANY),
    "nan": record(summary={"rate": float("nan"), "other": float("inf")}),
    "huge": record(title="A" * 10**6, error="B" * 10**6, summary={"word": "C" * 10**6}),
    "names": record(knobs={"name": 1, "state": 2, "summary.y": 3, "y": 4, 'a"b': 5, "": 6, "Y": 7}),
    "parts": record(timings={"start": 5, "seconds": "x"}, claims=7, title=[1], error=[2], depth=3),
    "bare": {k: record()[k] for k in ("name", "run", "identity", "state", "knobs", "summary")}
    | {"timings": {}},
}


@pytest.fixture
def folder(tmp_path):
    """Good records, and bad ones of every kind among them."""
    for number in range(3):
        told = record(run=f"good-{number}", summary={"rate": number / 8})
        put(tmp_path, told, notebook=False, with_page=False)
    for name, told in TAKEN.items():
        put(tmp_path, told, place=f"toys/toy/{name}", notebook=False, with_page=False)
    for name, text in LEFT_OUT.items():
        place = tmp_path / "toys/toy" / name
        place.mkdir()
        (place / "record.json").write_text(text)
    places = {
        n: tmp_path / f"toys/toy/{n}" for n in ("directory", "fifo", "link", "device", "large")
    }
    for place in places.values():
        place.mkdir()
    (places["directory"] / "record.json").mkdir()
    os.mkfifo(places["fifo"] / "record.json")
    (places["link"] / "record.json").symlink_to("/etc/hostname")
    (places["device"] / "record.json").symlink_to("/dev/zero")
    with (places["large"] / "record.json").open("wb") as file:
        file.truncate(3 * 10**9)
    return tmp_path


def ran(*words):
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found


@pytest.mark.timeout(300)
def test_every_command_goes_on_with_the_others(folder):
    for words in (
        ("runs", "--reports", folder),
        ("runs", "--reports", folder, "--where", "rate >= 0"),
        ("index", folder),
        ("report", folder),
        ("gallery", folder),
    ):
        found = ran(*words)
        assert found.exit_code == 0, found.stderr
        told = found.stderr.splitlines()
        assert len(told) == 6, words
        assert all(line.startswith("left out ") and len(line) < 300 for line in told)
    listed = ran("runs", "--reports", folder).stdout
    assert listed.count("good-") == 3
    assert len(listed.splitlines()) == 1 + 3 + len(TAKEN)
    index = str(folder / "index.parquet")
    names = {n: t for n, t, *_ in duckdb.sql(f"DESCRIBE FROM '{index}'").fetchall()}
    assert len(names) < 100
    assert names["rate"] == "DOUBLE"
    assert "n5" not in names
    rates = duckdb.sql(f"SELECT rate FROM '{index}' WHERE run LIKE 'good-%'").fetchall()
    assert sorted(rates) == [(0.0,), (0.125,), (0.25,)]
    for page in ("report.html", "index.html"):
        assert (folder / page).stat().st_size < 500_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LEFT_OUT["cut"], "it is no JSON"),
        (LEFT_OUT["deep"], "it is no JSON"),
        (LEFT_OUT["types"], "its `name` is no text"),
        (LEFT_OUT["version"], "its schema is 2, and this workbench reads 1"),
        (json.dumps(TAKEN["many"]), "100000 values of its summary, which are more than a table"),
    ],
    ids=["cut", "deep", "types", "version", "many"],
)
def test_a_sentence_says_which_record_and_why(tmp_path, text, reason):
    (tmp_path / "a/b/c").mkdir(parents=True)
    (tmp_path / "a/b/c/record.json").write_text(text)
    left_out = LeftOut()
    list(read_records(tmp_path, left_out))
    (told,) = left_out.sentences()
    assert f"a/b/c/record.json: {reason}" in told


@pytest.mark.parametrize("name", [*LEFT_OUT, "directory", "fifo", "device", "large"])
@pytest.mark.timeout(120)
def test_a_bad_record_named_alone_is_refused_in_a_sentence(folder, name):
    place = folder / "toys/toy" / name
    for words in (("compare", place, place), ("verify", place), ("table", place, "--csv")):
        found = ran(*words)
        assert found.exit_code == 2
        assert len(found.stderr.splitlines()) == 1
        assert " must be " in found.stderr
    with pytest.raises(ValueError, match="`record` must be the folder of a run"):
        run_copy.write_copy(place)


def test_one_run_s_own_table_has_all_its_numbers(tmp_path):
    told = put(tmp_path, record(summary={f"n{i}": i for i in range(2000)}), with_page=False)
    assert ran("table", told, "--csv").stdout.count("\n") > 2000


def test_a_record_without_a_command_is_not_explored_without_its_notebook(folder):
    with pytest.raises(ValueError, match="`record` must be one with a command"):
        run_copy.write_copy(folder / "toys/toy/bare")
    told = put(folder, {k: v for k, v in record(run="left").items() if k != "command"})
    assert run_copy.write_copy(told).is_file()


def test_a_table_has_a_bounded_number_of_columns_those_that_most_runs_have(tmp_path):
    for number in range(8):
        own = {f"own-{number}-{i}": i for i in range(400)}
        told = record(run=f"r{number}", summary=own | {"shared": number})
        put(tmp_path, told, notebook=False, with_page=False)
    found = ran("index", tmp_path)
    assert "columns: a table holds 1000 columns, those that most runs have" in found.stderr
    names = [n for n, *_ in duckdb.sql(f"DESCRIBE FROM '{tmp_path}/index.parquet'").fetchall()]
    assert len(names) == 1000
    assert "shared" in names
    chosen = ran("runs", "--reports", tmp_path, "--where", "shared > 5").stdout
    assert len(chosen.splitlines()) == 3

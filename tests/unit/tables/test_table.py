"""Files as people export them are read, or refused by a sentence that names the line."""

import gzip
import os

import numpy as np
import pytest

from workbench.tables import table, text
from workbench.tables.table import _top, read_table

N, LOSS = [1e7, 2e7, 4e7], [3.25, 3.0, 2.875]
ROWS = "10000000,3.25\n20000000,3\n40000000,2.875\n"
PLAIN = "N,loss\n" + ROWS
SEMICOLONS = "N;loss\n10000000;3,25\n20000000;3\n40000000;2,875\n"


@pytest.fixture
def written(tmp_path):
    def write(content, name="runs.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


SAME = {
    "plain": PLAIN,
    "bom": b"\xef\xbb\xbf" + PLAIN.encode(),
    "utf-16": PLAIN.encode("utf-16"),
    "utf-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "utf-16 without its mark": PLAIN.encode("utf-16-le"),
    "utf-16 without its mark, big end first": PLAIN.encode("utf-16-be"),
    "gzip": gzip.compress(PLAIN.encode()),
    "carriage returns": PLAIN.replace("\n", "\r"),
    "both line ends": PLAIN.replace("\n", "\r\n"),
    "no last line end": PLAIN.rstrip(),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "spaces": "  N     loss\n10000000   3.25\n20000000 3\n  40000000  2.875\n",
    "spaces after commas": PLAIN.replace(",", ", "),
    "decimal commas": SEMICOLONS,
    "decimal commas in quotes": 'N,loss\n10000000,"3,25"\n20000000,3\n40000000,"2,875"\n',
    "points between thousands": "N;loss\n10.000.000;3,25\n20.000.000;3\n40.000.000;2,875\n",
    "commas between thousands": 'N,loss\n"10,000,000",3.25\n"20,000,000",3\n"40,000,000",2.875\n',
    "spaces between thousands": "N,loss\n10 000 000,3.25\n20 000 000,3\n40 000 000,2.875\n",
    "apostrophes between thousands": PLAIN.replace("0000000", "0'000'000"),
    "powers of ten": "N,loss\n1e7,32.5E-1\n+2e+07,.3e1\n4.e7,2.875\n",
    "Excel's first line": "sep=;\r\n" + SEMICOLONS,
    "quotes": 'N,loss\n"10000000","3.25"\n"20000000","3"\n"40000000","2.875"\n',
    "blanks before commas": '"N" , "loss"\n' + ROWS.replace(",", " ,"),
    "blanks after quotes": '"N" , "loss" \n"1e7" , "3.25" \n"2e7","3"\n"4e7" , "2.875" ',
    "blanks after quotes, semicolons": '"N" ; "loss"\n"1e7" ; "3,25"\n"2e7";"3"\n4e7 ; "2,875"',
    "comments": "# a run, of mine\nN,loss\n10000000,3.25\n# 1,2\n20000000,3\n40000000,2.875\n#\n",
    "a header in the comment": "# made today\n# N,loss\n" + ROWS,
    "NumPy's header": "# N loss\n" + ROWS.replace(",", " "),
    "the header again": "N,loss\n10000000,3.25\nN,loss\n20000000,3\n40000000,2.875\n",
    "blank lines": "\n\nN,loss\n10000000,3.25\n\n , \n20000000,3\n40000000,2.875\n\n",
    "delimiters at the ends": PLAIN.replace("\n", ",\n"),
    "delimiters at the rows' ends": "N,loss\n" + ROWS.replace("\n", ",,\n"),
}


@pytest.mark.parametrize("content", SAME.values(), ids=SAME)
def test_one_table_in_many_dresses(written, content):
    table = read_table(written(content))
    assert list(table) == ["N", "loss"]
    assert table["N"].tolist() == N
    assert table["loss"].tolist() == LOSS


def test_the_package_matters_not_the_ending(written):
    for name in ("runs.tsv", "runs.txt", "runs.csv.gz"):
        assert read_table(written(gzip.compress(PLAIN.encode()), name))["N"].tolist() == N


def test_what_was_left_out_is_said_with_its_lines(written):
    table = read_table(written(SAME["comments"]))
    assert table.notes == ("comments in runs.csv are left out: lines 1, 4, 7",)
    assert table.lines.tolist() == [3, 5, 6]
    table = read_table(written(SAME["the header again"]))
    assert table.notes == ("runs.csv repeats its header: line 3 left out",)
    assert read_table(written(SEMICOLONS)).notes == (
        "runs.csv is read with commas before decimals",
    )
    assert read_table(written(PLAIN)).notes == ()


def test_letters_of_western_europe(written):
    for code in ("latin-1", "cp1252"):
        table = read_table(written("Größe,Verlust\n1,2\n".encode(code)))
        assert list(table) == ["Größe", "Verlust"]
        assert "Latin-1" in table.notes[0]


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "-", "--", "NaN", "null", "None", "#N/A", "?"])
def test_cells_that_stand_for_nothing(written, cell):
    table = read_table(written(f"N,loss\n1,3\n{cell},2\n4,{cell}\n"))
    assert table["N"].tolist()[::2] == [1, 4]
    assert np.isnan(table["N"][1])
    assert np.isnan(table["loss"][2])
    with pytest.raises(ValueError, match=r"`loss` must be a number .*empty cell on line 4 of"):
        table.complete(["loss"])
    assert table.filled(["N", "loss"]).tolist() == [True, False, False]


def test_texts_keep_their_letters(written):
    table = read_table(written('day,model,w\n2024.01.02,1e5,"64,64"\n2024.01.03,small,"6,6"\n'))
    assert table["day"].tolist() == ["2024.01.02", "2024.01.03"]
    assert table["model"].tolist() == ["1e5", "small"]
    assert read_table(written(",N\n0,1\n1,2\n"))["column 1"].tolist() == [0, 1]


def test_a_delimiter_is_no_column(written):
    table = read_table(written('"model" , "host"\n"a ""b"" , c" , "d"\n"e" , "f"\n'))
    assert {n: v.tolist() for n, v in table.items()} == {
        "model": ['a "b" , c', "e"],
        "host": ["d", "f"],
    }


REFUSED = {
    "a name twice": (
        "N,loss,loss\n1,2,3\n",
        r"name each column once; got `loss` in columns 2 and 3",
    ),
    "a long row": (
        "# c\nN,loss\n1,2\n\n2,3,4\n",
        "have 2 cells in every row, as in its header on line 2; got 3 on line 5 of runs.csv: '2,3",
    ),
    "a short row": ("N,D,loss\n1,2,3\n1,2\n", "have 3 cells .* got 2 on line 3 of runs.csv"),
    "commas for two uses": ("N,loss\n1,3,25\n2,3,5\n", "have 2 cells .* got 3 on line 2"),
    "rows after a cell of two lines": ('a,b\n"x\ny",1\nz,1,2\n', "got 3 on line 4 of runs.csv"),
    "an open quote": ('N,loss\n1,2\n3,"4\n5,6\n', "close its quotes; got an open one from line 3"),
    "no header": ("1e7,3.5\n1e8,3\n", "name its columns in the first row; got numbers on line 1"),
    "a header alone": ("N,loss\n", "at least one row"),
    "nothing": ("", "at least one row"),
    "blank lines alone": ("\n \n,\n", "at least one row"),
    "JSON": ('{"N": 1}\n{"N": 2}\n', "between delimiters; got 'runs.csv: JSON'"),
    "a page": ("<!DOCTYPE html><p>N,loss", "between delimiters; got 'runs.csv: HTML or XML'"),
    "Excel": (b"PK\x03\x04 and so on", "a spreadsheet or another ZIP"),
    "old Excel": (b"\xd0\xcf\x11\xe0 and so on", "an old Excel file"),
    "NumPy": (b"\x93NUMPY and so on", "a NumPy file"),
    "a cut archive": (gzip.compress(PLAIN.encode())[:-6], "a whole gzip file"),
    "zero bytes": ("N,loss\n1,2\0\n3,4\n5,6\n", "without zero bytes"),
    "half of UTF-16": (PLAIN.encode("utf-16")[:-1], "text in UTF-16"),
    "no Parquet": (b"PAR1 and no more", "a whole Parquet file"),
}


@pytest.mark.parametrize(("content", "says"), REFUSED.values(), ids=REFUSED)
def test_no_table_is_refused_in_one_sentence(written, content, says):
    with pytest.raises(ValueError, match="`table_file` must .*" + says) as refused:
        read_table(written(content))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("N,loss\n1,3\n2,3.1x\n", "be a number on every row; got '3.1x' on line 3 of runs.csv"),
        ("N,loss\n1,3\n2,3_1\n", "got '3_1' on line 3"),
        ('N,loss\n1,"1,234"\n2,"2,345"\n', "one mark of decimals, .*got '1,234' on line 2"),
        ('N,loss\n1,"3,5"\n2,3.25\n', "one mark .*got '3,5' on line 2 .*'3.25' on line 3"),
        ("N,loss\n1,NA\n2,-\n", "a column of numbers in runs.csv; got 'empty cells alone'"),
    ],
)
def test_a_cell_that_is_no_number_is_named(written, content, says):
    with pytest.raises(ValueError, match="`loss` must .*" + says):
        read_table(written(content)).filled(["loss"])


def test_a_number_that_could_be_two_is_read_as_the_others_show(written):
    for rest, expected in (("3.25", [1234, 2345]), ('"3,25"', [1.234, 2.345])):
        table = read_table(written(f'N,loss\n"1,234",{rest}\n"2,345",{rest}\n'))
        assert table["N"].tolist() == expected


def test_rows_are_taken_with_their_lines_and_typed_anew(written):
    table = read_table(written("run,loss\na,1\nb,bad\nc,3\n"))
    kept = table.taken(np.array([0, 2]))
    assert kept["loss"].tolist() == [1, 3]
    with pytest.raises(
        ValueError, match=r"`loss` must be positive .*got -3 on line 4 of .* and on"
    ):
        read_table(written("run,loss\na,1\n\nb,-3\nc,0\n")).positive("loss")


def test_a_file_is_read_again_when_it_changed(written):
    path = written(PLAIN)
    first = read_table(path)
    assert read_table(path) is first
    with pytest.raises(ValueError, match="read-only"):
        first["N"][0] = 2
    written(PLAIN.replace("3.25", "4.25"))
    os.utime(path, ns=(0, 1))
    assert read_table(path)["loss"][0] == 4.25


def test_what_is_no_file_is_refused_before_it_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "none.csv", "."):
        with pytest.raises(ValueError, match="`table_file` must be an existing file"):
            read_table(str(tmp_path / name))


PARQUET = """COPY (SELECT * FROM (VALUES (1, 0.5, 'x', true), (2, NULL, NULL, false),
    (3, 2.5, 'y', NULL)) AS t(N, n_more, t, ok)) TO '{}' (FORMAT parquet)"""


def test_parquet_is_read_without_pandas_and_whatever_its_name(tmp_path):
    import duckdb

    path = tmp_path / "a[1]*.parquet"
    (tmp_path / "a1b.parquet").write_bytes(b"PAR1, another file that the name's pattern fits")
    duckdb.sql(PARQUET.format(path))
    table = read_table(str(path))
    assert list(table) == ["N", "n_more", "t", "ok"]
    assert table["N"].tolist() == [1, 2, 3]
    assert np.isnan(table["n_more"][1])
    assert table["t"].tolist() == ["x", "", "y"]
    assert table["ok"].tolist() == ["True", "False", ""]
    assert table.place(1) == "row 2 of a[1]*.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="`table_file` must be a whole Parquet file"):
        read_table(str(path))


def test_parquet_s_columns_are_told_apart_by_capitals_and_without_their_parts():
    """SQL would rename the second of N and n, so that a knob could not name it."""
    root, part = ("schema", 4), ("part", None)
    schema = [
        root,
        ("N", None),
        ("list", 1),
        ("inner", 1),
        part,
        ("n", None),
        ("map", 2),
        part,
        part,
    ]
    assert _top(schema) == ["N", "list", "n", "map"]


def test_tables_are_bounded_in_cells_and_letters(written, monkeypatch, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    # Of one text a thousand times little stands in the file, and much in memory.
    duckdb.sql("SELECT 1.5 AS loss, repeat('x', 1000) AS name FROM range(1000)").write_parquet(
        str(tmp_path / "runs.parquet")
    )
    assert (tmp_path / "runs.parquet").stat().st_size < 20_000
    places = [str(tmp_path / "runs.parquet"), written(PLAIN)]
    assert len(read_table(places[0]).lines) == 1000
    monkeypatch.setattr(text, "CELLS", 5)
    for place in places:
        table._read.cache_clear()
        with pytest.raises(ValueError, match="`table_file` must be a table of at most 5 cells"):
            read_table(place)
    monkeypatch.setattr(text, "CELLS", 10_000)
    monkeypatch.setattr(text, "LONGEST", 30_000)
    table._read.cache_clear()
    with pytest.raises(ValueError, match="of 30,000 letters in all; got '1,000 rows in runs.parq"):
        read_table(places[0])


def test_parquet_that_promises_endless_rows_is_refused_by_its_header(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "runs.parquet"
    # Equal values and counts are packed: a small file of many rows.
    duckdb.sql("SELECT 1 AS N, 2 AS loss FROM range(20000000)").write_parquet(str(path))
    assert path.stat().st_size < 1_000_000
    with pytest.raises(ValueError, match="at most 16,777,216 cells.* got '20,000,000 rows"):
        read_table(str(path))


def test_names_of_columns_from_a_file_do_not_fill_a_sentence(written):
    for content in (f"{'N' * 5000},loss\n1,2\nx,3\n", f"{'N' * 9000},{'N' * 9000}\n1,2\n"):
        path = written(content)
        with pytest.raises(ValueError, match="^`(NNN|table_file)") as caught:
            read_table(path).filled([content.partition(",")[0]])
        assert len(str(caught.value)) < 300

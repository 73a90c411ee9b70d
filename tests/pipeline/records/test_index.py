"""The Parquet index holds what the records hold, and nothing depends on it."""

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.base.checks import spell
from workbench.cli import cli
from workbench.records.index import write_index
from workbench.records.store import read_points
from workbench.records.table import columns, rows


def read(path):
    """Names, types and rows of a Parquet file."""
    with duckdb.connect(":memory:") as base:
        found = base.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names, kinds = [d[0] for d in found.description], [str(d[1]) for d in found.description]
        return names, kinds, found.fetchall()


def test_columns_have_the_narrowest_type_that_holds_all(tmp_path):
    table = [
        {"whole": 1, "part": 1, "yes": True, "text": "a", "mixed": 1, "far": 2**70, "no": None},
        {"whole": None, "part": 0.1, "yes": None, "text": "it's", "mixed": "b", "far": 0.5},
        {"whole": -(2**63), "part": 2, "list": [1, "x"], "long": 2**53 + 1},
        {"long": 0.5, 'odd"; --': 1, "WHOLE": 2},
    ]
    names, kinds, found = read(write_index(table, tmp_path))
    assert names == [
        *("whole", "part", "yes", "text", "mixed", "far", "no", "list", "long", 'odd"; --'),
        "WHOLE'",
    ]
    types = dict(zip(names, kinds, strict=True))
    assert types["whole"] == types["WHOLE'"] == types['odd"; --'] == "BIGINT"
    assert (types["part"], types["yes"]) == ("DOUBLE", "BOOLEAN")
    assert {types[n] for n in ("text", "mixed", "far", "no", "list", "long")} == {"VARCHAR"}
    assert found[0][:7] == (1, 1.0, True, "a", "1", str(2**70), None)
    assert found[1][:6] == (None, 0.1, None, "it's", "b", "0.5")
    assert found[2][7:9] == ('[1, "x"]', str(2**53 + 1))
    assert [p.name for p in tmp_path.iterdir()] == ["index.parquet"]


def test_a_study_s_index_is_its_table_and_can_be_made_again(tmp_path, trial):
    trial.run(tmp_path, {"x": [1, 2, 3]})
    study = tmp_path / "study"
    ran = CliRunner().invoke(cli.main, ["index", str(study)])
    assert (ran.exit_code, ran.stdout) == (0, f"{study / 'index.parquet'}\n")
    names, _, first = read(study / "index.parquet")
    table = rows(read_points(study))
    assert names == columns(table)
    assert [dict(zip(names, row, strict=True)) for row in first] == table
    (study / "index.parquet").write_bytes(b"PAR1 and nothing else")
    assert trial.run(tmp_path, {"x": [1, 2, 3]}) == {"kept": 3}
    assert CliRunner().invoke(cli.main, ["index", str(study)]).exit_code == 0
    assert read(study / "index.parquet")[2] == first


def test_refusals_are_one_sentence(tmp_path):
    for folder in (tmp_path, tmp_path / "lost"):
        ran = CliRunner().invoke(cli.main, ["index", str(folder)])
        assert (ran.exit_code, ran.stderr) == (
            2,
            f"`folder` must be one that holds a run; got {spell(str(folder))}\n",
        )
    with pytest.raises(ValueError, match=r"`folder` must be one that can be written \(.*No such"):
        write_index([{"a": 1}], tmp_path / "lost")


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
NAMES = st.text(max_size=6) | st.sampled_from(["x", "X", '"', "'", "c0", "1); --"])


@settings(max_examples=60)
@given(st.lists(st.dictionaries(NAMES, VALUES | st.text(max_size=6), max_size=4), max_size=4))
@example([{"\0": "\ud800", "'": 10**400}])
def test_any_row_comes_back(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("it's a folder")
    if not columns(table):
        return
    names, kinds, found = read(write_index(table, folder))
    assert len(found) == len(table)
    for name, column, kind in zip(columns(table), zip(*found, strict=True), kinds, strict=True):
        for row, value in zip(table, column, strict=True):
            there = row.get(name)
            assert (value is None) == (there is None)
            if kind != "VARCHAR" and there is not None:
                assert value == there
            elif isinstance(there, str) and "\ud800" <= max(there, default="") <= "\udfff":
                continue
            elif isinstance(there, str):
                assert value == there

"""What is remembered of records counts only while their files are the same, and decides nothing."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zlib

import pytest
from click.testing import CliRunner
from records import put, record

from workbench.cli.cli import main
from workbench.records import cache, reader
from workbench.records.store import read_records


@pytest.fixture(autouse=True)
def _sure(tmp_path, monkeypatch):
    """A cache of the test's own, which trusts files at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_SETTLING_NS", -(10**9))


@pytest.fixture
def read(monkeypatch):
    """The records that are read from their own files."""
    paths = []
    real = reader.read_bytes
    monkeypatch.setattr(reader, "read_bytes", lambda p, **k: paths.append(p) or real(p, **k))
    return paths


def folder_of(tmp_path, count=3):
    for number in range(count):
        told = record(run=f"r{number}", summary={"rate": number})
        put(tmp_path / "reports", told, notebook=False, with_page=False)
    return tmp_path / "reports"


def rates(folder):
    return [r["summary"]["rate"] for r in read_records(folder)]


def database(tmp_path):
    return tmp_path / "cache/paper-workbench/records.sqlite"


def test_a_file_that_is_the_same_is_read_once(tmp_path, read):
    folder = folder_of(tmp_path)
    first = list(read_records(folder))
    assert list(read_records(folder)) == first
    assert len(read) == 3
    assert not [p for p in folder.rglob("*") if p.suffix == ".sqlite"]


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path):
    folder = folder_of(tmp_path)
    assert rates(folder) == [0, 1, 2]
    path = folder / "toys/toy/r1/record.json"
    about = path.stat()
    path.write_text(path.read_text().replace('"rate": 1', '"rate": 7'))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert path.stat().st_size == about.st_size
    assert rates(folder) == [0, 7, 2]


def test_a_file_just_written_is_not_remembered(tmp_path, monkeypatch, read):
    monkeypatch.setattr(cache, "_SETTLING_NS", 3 * 10**9)
    folder = folder_of(tmp_path)
    assert rates(folder) == rates(folder)
    assert len(read) == 6


@pytest.mark.parametrize("way", ["noise", "text", "view", "half", "folder", "link", "values"])
def test_a_damaged_or_planted_database_changes_nothing(tmp_path, way):
    folder = folder_of(tmp_path)
    rates(folder)
    path = database(tmp_path)
    if way == "noise":
        content = bytearray(path.read_bytes())
        content[2000:] = os.urandom(len(content) - 2000)
        path.write_bytes(content)
    elif way == "text":
        path.write_text("no database")
    elif way == "half":
        path.write_bytes(path.read_bytes()[:3000])
    elif way == "values":
        with sqlite3.connect(path) as base:
            base.execute("UPDATE records SET brief = ?", (json.dumps({"x": 1}).encode(),))
        base.close()
    else:
        path.unlink()
        if way == "folder":
            path.mkdir()
        elif way == "link":
            (tmp_path / "elsewhere").write_text("precious")
            path.symlink_to(tmp_path / "elsewhere")
        else:
            with sqlite3.connect(path) as base:
                endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
                base.execute(
                    "CREATE VIEW records AS "
                    f"{endless} SELECT '' path, '' state, 0 sum, x'' brief FROM n"
                )
            base.close()
    begin = time.monotonic()
    assert rates(folder) == [0, 1, 2]
    assert rates(folder) == [0, 1, 2]
    assert time.monotonic() - begin < 60
    if way == "link":
        assert (tmp_path / "elsewhere").read_text() == "precious"


def test_where_no_cache_can_be_the_records_are_read(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert rates(folder_of(tmp_path)) == [0, 1, 2]


def test_several_processes_at_once(tmp_path):
    folder = folder_of(tmp_path, 200)
    code = (
        "from pathlib import Path; from workbench.records import cache\n"
        "cache._SETTLING_NS = -10**9\n"
        "from workbench.records.store import read_records; import sys\n"
        "for _ in range(5): print(sum(1 for _ in read_records(Path(sys.argv[1]))))"
    )
    words = [sys.executable, "-c", code, str(folder)]
    begun = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in begun:
        told, _ = process.communicate(timeout=300)
        assert (process.returncode, told) == (0, "200\n" * 5)


def plant(path, way):
    """Puts something else in the place of the database, or of SQLite's files beside it."""
    if way == "locked":
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        return holder
    if way == "version":
        with sqlite3.connect(path) as base:
            base.execute("DROP TABLE records")
            base.execute("CREATE TABLE records (path TEXT, brief TEXT)")
            base.execute("PRAGMA user_version = 1")
        base.close()
    elif way == "later":
        with sqlite3.connect(path) as base:
            base.execute("PRAGMA user_version = 99")
        base.close()
    elif way == "trigger":
        with sqlite3.connect(path) as base:
            base.execute("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM records; END")
        base.close()
    elif way == "writable":
        path.parent.chmod(0o777)
    elif way == "fifo":
        path.unlink()
        os.mkfifo(path)
    elif way == "journal":
        os.mkfifo(f"{path}-journal")
    elif way == "large":
        os.truncate(path, 2 * 10**9)
    return None


WAYS = ["locked", "version", "later", "trigger", "writable", "fifo", "journal", "large"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.timeout(60)
def test_a_database_that_cannot_be_used_is_left_or_replaced(tmp_path, way, read):
    folder = folder_of(tmp_path)
    rates(folder)
    path = database(tmp_path)
    holder = plant(path, way)
    assert rates(folder) == [0, 1, 2]
    assert len(read) == 6
    if holder:
        holder.close()
        # The lock was no damage: what was remembered is still there.
        assert rates(folder) == [0, 1, 2]
        assert len(read) == 6


def rows_with(tmp_path, text):
    with sqlite3.connect(database(tmp_path)) as base:
        for path, brief in base.execute("SELECT path, brief FROM records").fetchall():
            new = text(json.loads(brief)).encode()
            row = zlib.crc32(new), new, path
            base.execute("UPDATE records SET sum = ?, brief = ? WHERE path = ?", row)
    base.close()


@pytest.mark.parametrize(
    "change",
    [
        {"knobs": [1]},
        {"claims": [{"verdict": "reproduced"}]},
        {"timings": 5},
        {"state": None},
        {"title": "A" * 2**20},
        None,
    ],
)
def test_planted_values_of_another_form_are_not_taken(tmp_path, change):
    folder = folder_of(tmp_path)
    rates(folder)
    rows_with(tmp_path, lambda brief: json.dumps(brief | change if change else [brief]))
    assert rates(folder) == [0, 1, 2]


def test_planted_values_are_text_on_a_page_and_name_no_file(tmp_path):
    """An entry may say anything that a record may say, and is treated as one."""
    folder = folder_of(tmp_path)
    rates(folder)
    (tmp_path / "private").write_text("precious")
    bad = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    planted = {"name": "../../private", "run": "/etc/passwd", "title": bad, "error": bad}
    rows_with(tmp_path, lambda brief: json.dumps(brief | planted | {"state": bad}))
    for words in (["gallery", folder], ["report", folder], ["index", folder]):
        assert CliRunner().invoke(main, list(map(str, words))).exit_code == 0
    for name in ("index.html", "report.html"):
        text = (folder / name).read_text()
        assert bad not in text
        assert "alert(1)" in text
        assert "precious" not in text
        assert not re.search(r"href=.?(\.\./|/|file:)", text)

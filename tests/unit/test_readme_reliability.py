"""The README tells of kills and odd input what was counted, and nothing else."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = "| what was done | what came of it |"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    path = ROOT / "benchmarks" / "reliability.py"
    spec = importlib.util.spec_from_file_location("reliability", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def counted(script):
    """What the results file holds: nothing where nothing was counted yet."""
    return json.loads(script.PATH.read_text()) if script.PATH.exists() else {}


def test_the_table_is_the_counted_one(script):
    text = (ROOT / "README.md").read_text()
    lines = script.table(counted(script))
    assert (HEAD in text) == bool(lines)
    assert "\n".join(lines) in text
    after = text[text.find(HEAD) :].split("\n\n")[0] if lines else ""
    assert after.splitlines() == lines


def test_what_was_counted_is_enough_and_nothing_was_wrong(script):
    record = counted(script)
    if "kills" in record:
        kills = record["kills"]["all"]
        assert kills["kills"] >= 200
        assert kills["points done"] == kills["points"]
        wrong = ("wrong records or half files", "orphans", "calls made twice beyond those killed")
        assert [kills[name] for name in wrong] == [0, 0, 0]
    if "input" in record:
        odd = record["input"]["all"]
        assert odd["tried"] >= 10_000
        assert (odd["tracebacks"], odd["wrong runs"]) == (0, 0)
    if "twice" in record:
        found = record["twice"]["experiments"].values()
        assert all(one.get("because", "") != "not known" for one in found)


def test_a_table_has_a_line_for_each_part(script):
    kill = {"kills": 100, "points": 40, "points done": 40, "orphans": 0}
    kill |= {"wrong records or half files": 0, "calls made twice beyond those killed": 0}
    twice = {"same twice": True, "same on 2 threads": True}
    clock = {"same twice": False, "same on 2 threads": False, "because": "a clock", "differ": []}
    odd = {"tried": 5000, "tracebacks": 0, "wrong runs": 0}
    record = {
        "kills": {"all": kill, "by victim": {"workers": kill}},
        "input": {"all": odd, "by kind": {"records": odd}},
        "twice": {"experiments": {"a/b": twice, "a/c": clock}},
    }
    lines = script.table(record)
    assert lines[:2] == [HEAD, "|---|---|"]
    assert lines[2:] == [
        "| kill -9 at random moments: 100 workers | 40 of 40 points done once after resuming, "
        "0 wrong records or half files, 0 orphans |",
        "| odd input: 5,000 records | 0 tracebacks, 0 wrong runs |",
        "| 2 experiments run twice, and on 1 and 2 threads | 1 the same bit for bit; "
        "`a/c` is not: a clock |",
    ]
    assert script.table({}) == []

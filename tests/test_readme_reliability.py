"""The README tells of kills and odd input what was counted, and nothing else."""

import importlib.util
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def script(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    path = ROOT / "benchmarks" / "reliability.py"
    spec = importlib.util.spec_from_file_location("reliability", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_the_measured_one(monkeypatch):
    found = script(monkeypatch)
    record = json.loads(found.PATH.read_text())
    assert "\n".join(found.table(record)) in (ROOT / "README.md").read_text()


def test_what_was_counted_is_enough_and_nothing_was_wrong(monkeypatch):
    record = json.loads(script(monkeypatch).PATH.read_text())
    kills = record["kills"]["all"]
    assert kills["kills"] >= 200
    assert kills["points done"] == kills["points"]
    wrong = ("wrong records or half files", "orphans", "calls made twice beyond those killed")
    assert [kills[name] for name in wrong] == [0, 0, 0]
    odd = record["input"]["all"]
    assert odd["tried"] >= 10_000
    assert (odd["tracebacks"], odd["wrong runs"]) == (0, 0)

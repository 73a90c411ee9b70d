"""Hundreds of odd inputs; `benchmarks/reliability.py` tries ten thousand."""

import fuzzing
import pytest


@pytest.mark.parametrize("kind", [fuzzing.command_lines, fuzzing.study_files, fuzzing.records])
def test_no_traceback_and_no_wrong_run(kind):
    tally = kind(200)
    assert tally.tracebacks == []
    assert tally.wrong == []
    assert tally.tried >= 150
    assert min(tally.accepted, tally.refused) > 20


def test_a_wrong_run_is_seen(monkeypatch):
    monkeypatch.setattr(fuzzing, "written", lambda value: "0.5")
    assert fuzzing.command_lines(60).wrong
    monkeypatch.undo()
    monkeypatch.setattr(
        fuzzing.sweep, "plan", lambda jobs, out: fuzzing.sweep.Plan(done=list(jobs))
    )
    assert fuzzing.records(60).wrong


def test_a_traceback_is_seen(monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(fuzzing.sweep_command, "declared", fails)
    assert fuzzing.study_files(20).tracebacks

"""What a person sees of a study on its way: a live table on a terminal, else a line a run."""

import io
import re

import pytest
import toy_notebooks
from rich.console import Console
from terminal import on_a_terminal

from workbench.studies.progress import Lines, LiveTable, duration, line, printable, progress


def record(run="x-1", state="done", error=None, **more):
    made = {"name": "toys/toy", "run": run, "state": state, "error": error, "attempt": 1}
    return {**made, "timings": {"seconds": 1.25}, **more}


def drawn(table, width=100):
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(table._table())
    return console.file.getvalue()


def test_the_table_counts_and_names(monkeypatch):
    from workbench.studies import progress as module

    clock = iter(range(0, 10_000, 10))
    now = [next(clock)]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    table = LiveTable(20, Console(file=io.StringIO()))
    table.planned(4)
    table.begun(record("x-1"))
    table.begun(record("x-2", attempt=3))
    assert "4 of 20" in drawn(table)
    assert "time left unknown" in drawn(table)
    now[0] = next(clock)
    table.ended(record("x-1"))
    table.begun(record("x-3"))
    table.ended(record("x-3", "failed", "ValueError: unlucky"))
    text = drawn(table)
    assert "6 of 20" in text
    # Two runs in ten seconds leave seventy seconds for fourteen; what was kept is no speed.
    assert "0.2 runs/s, 1:10 left" in text
    assert "4 kept, 1 done, 1 failed, 1 running, 13 queued" in text
    assert "10.0 s  toys/toy/x-2, try 3" in text
    assert "failed toys/toy/x-3 1.25 s: ValueError: unlucky" in text
    assert "toys/toy/x-1" not in text
    table.paused(record("x-2", "failed", "unlucky", attempt=3))
    assert "1 failed, 14 queued" in drawn(table)


def test_many_runs_and_failures_leave_the_table_short():
    table = LiveTable(100, Console(file=io.StringIO()))
    for i in range(30):
        table.begun(record(f"x-{i}"))
    for i in range(30, 50):
        table.begun(record(f"x-{i}"))
        table.ended(record(f"x-{i}", "failed", "long " * 100))
    text = drawn(table)
    assert "and 22 more" in text
    assert len(text.splitlines()) <= 20
    assert "x-49" in text
    assert "x-30" not in text


def test_no_record_commands_the_terminal():
    told = line(record("\x1b[2J", "failed", "\x1b]0;title\x07\nsecond [red]line[/red]\r\u202e"))
    assert told == "failed toys/toy/?[2J 1.25 s: ?]0;title? second [red]line[/red] ?"
    table = LiveTable(2, Console(file=io.StringIO()))
    table.begun(record("[bold]\x1b[2J"))
    table.ended(record("y", "killed", "[/] \x1b[31m"))
    text = drawn(table)
    assert "\x1b" not in text
    assert "[bold]?[2J" in text
    assert "[/] ?[31m" in text
    assert len(printable("x" * 1000, 300)) == 300


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.24, "4.2 s"), (187, "3:07"), (8100, "2:15:00"), (59.96, "60.0 s")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_without_a_terminal_there_are_lines():
    stream = io.StringIO()
    with progress(2, stream) as shown:
        assert isinstance(shown, Lines)
        shown.planned(1)
        shown.begun(record())
        shown.ended(record())
    assert stream.getvalue() == "done toys/toy/x-1 1.25 s\n"


SWEEP = ("sweep", "scaling/isoflop", "--points", "5,7", "--function", "--out", "out")


def swept(folder, **environment):
    return on_a_terminal(
        *SWEEP, piped=True, cwd=folder, env=toy_notebooks.environment(**environment)
    )


def test_a_sweep_on_a_terminal_and_on_one_that_can_do_nothing(tmp_path):
    seen, told, status = swept(tmp_path, TERM="xterm-256color", COLUMNS="100")
    assert (told, status) == ("0 kept, 2 done: out\n", 0)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).split("\r")[-4:]
    assert any("2 of 2" in part and "runs/s" in part for part in last), seen
    assert "\x1b[?25h" in seen, "the cursor is not given back"
    (tmp_path / "out").rename(tmp_path / "earlier")
    seen, told, status = swept(tmp_path, TERM="dumb")
    assert (told, status) == ("0 kept, 2 done: out\n", 0)
    assert "\x1b" not in seen
    assert seen.count("done scaling/isoflop/points-") == 2

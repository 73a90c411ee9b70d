"""A run of its own from the panel's knobs, without a browser."""

import asyncio
import json
import sys

from widgets.panel.run_panel import Record
from workbench.experiment.params import Knobs, knob
from workbench.experiments.scaling import chinchilla


class Own(Knobs):
    x: int = knob(3, "a number")


def test_the_commands_follow_the_parameters():
    record = Record(chinchilla.Params())
    assert record.command == "workbench run scaling/chinchilla"
    record.follow(chinchilla.Params(compute=1e4, seed=2))
    assert record.commands == [
        ["as a run of its own", "workbench run scaling/chinchilla --compute 10000.0 --seed 2"],
        [
            "by papermill",
            "papermill notebooks/scaling/chinchilla.ipynb out.ipynb -p compute 10000.0 -p seed 2",
        ],
    ]


def test_paths_are_whole_and_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my points.csv").touch()
    record = Record(chinchilla.Params(points_file="my points.csv"))
    assert record.command.endswith(f"--points_file '{tmp_path}/my points.csv'")


def test_a_notebook_of_one_s_own_is_named_where_jupyter_tells_it(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not Record(Own()).can_run
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/mine.ipynb")
    record = Record(Own(x=4))
    assert (record.command, record.can_run) == ("workbench run mine.ipynb --x 4", True)


def test_a_run_that_cannot_be_says_what_it_was_told(tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "gone.ipynb")
    monkeypatch.chdir(tmp_path)
    record = Record(Own())
    record.reports = tmp_path / "reports"
    asyncio.run(record.run())
    assert record.state == "failed"
    assert "`notebook` must be an existing file" in record.told
    assert "existing file" in record.log
    assert record.page is None


def test_a_bar_that_is_drawn_anew_becomes_a_share(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("<h1>page</h1>")
    script = (
        "import sys, time\n"
        "for i in range(5): print(f'\\rx: {i}/4 [00:00]', end='', file=sys.stderr, flush=True)\n"
        f"print('\\nx done in 1.0 s: {page}')\n"
    )
    record, shares, sent = Record(chinchilla.Params()), [], []
    record.observe(lambda change: shares.append(change["new"]), "share")
    monkeypatch.setattr(record, "send", lambda content, buffers=None: sent.append(buffers[0]))
    start = asyncio.create_subprocess_exec

    async def stand_in(*words, **how):
        assert words[1:6] == ("-P", "-m", "workbench", "run", "scaling/chinchilla")
        return await start(sys.executable, "-c", script, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stand_in)
    asyncio.run(record.run())
    assert (record.state, record.page, sent) == ("done", page, [b"<h1>page</h1>"])
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    json.dumps(record.commands)

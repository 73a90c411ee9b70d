"""The commands of a panel and the runs they start, without a browser."""

import asyncio
import json
import sys

from widgets.panel.run_controls import RunControls
from workbench.experiment.params import Knobs, knob
from workbench.experiments.scaling import chinchilla


class Own(Knobs):
    x: int = knob(3, "a number")


def test_the_commands_follow_the_parameters():
    controls = RunControls(chinchilla.Params())
    assert controls.command == "workbench run scaling/chinchilla"
    controls.follow(chinchilla.Params(compute=1e4, seed=2))
    assert controls.commands == [
        ["as a run of its own", "workbench run scaling/chinchilla --compute 10000.0 --seed 2"],
        [
            "by papermill",
            "papermill notebooks/scaling/chinchilla.ipynb out.ipynb -p compute 10000.0 -p seed 2",
        ],
    ]


def test_paths_are_whole_and_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my points.csv").touch()
    controls = RunControls(chinchilla.Params(points_file="my points.csv"))
    assert controls.command.endswith(f"--points_file '{tmp_path}/my points.csv'")


def test_a_user_s_notebook_is_named_where_jupyter_says_it(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not RunControls(Own()).can_run
    monkeypatch.setenv("JPY_SESSION_NAME", "folder/mine.ipynb")
    controls = RunControls(Own(x=4))
    assert (controls.command, controls.can_run) == ("workbench run mine.ipynb --x 4", True)


def test_a_run_that_cannot_be_shows_the_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "gone.ipynb")
    monkeypatch.chdir(tmp_path)
    controls = RunControls(Own())
    controls.reports = tmp_path / "reports"
    asyncio.run(controls.run())
    assert controls.state == "failed"
    assert "`notebook` must be an existing file" in controls.message
    assert "existing file" in controls.log
    assert controls.page is None


def test_a_progress_bar_that_is_redrawn_becomes_a_share(tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("<h1>page</h1>")
    script = (
        "import sys, time\n"
        "for i in range(5): print(f'\\rx: {i}/4 [00:00]', end='', file=sys.stderr, flush=True)\n"
        f"print('\\nx done in 1.0 s: {page}')\n"
    )
    controls, shares, sent = RunControls(chinchilla.Params()), [], []
    controls.observe(lambda change: shares.append(change["new"]), "share")
    monkeypatch.setattr(controls, "send", lambda content, buffers=None: sent.append(buffers[0]))
    start = asyncio.create_subprocess_exec

    async def stand_in(*words, **how):
        assert words[1:6] == ("-P", "-m", "workbench", "run", "scaling/chinchilla")
        return await start(sys.executable, "-c", script, **how)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stand_in)
    asyncio.run(controls.run())
    assert (controls.state, controls.page, sent) == ("done", page, [b"<h1>page</h1>"])
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    json.dumps(controls.commands)

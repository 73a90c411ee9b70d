"""Work for the newest request only: what is dropped, cancelled, delivered and reported."""

import asyncio
import json
import threading
import time
from functools import partial

import numpy as np
import pytest

from widgets.figure.figure import curve, figure
from widgets.panel import scheduler
from widgets.panel.panel import panel
from widgets.panel.preview import Preview
from widgets.panel.scheduler import LatestRequest, Stage
from workbench.base.cancellation import steps
from workbench.experiment.params import Knobs, knob, lowered


class Params(Knobs):
    cells: int = knob(100, "cells", span=(1, 1000))
    trials: int = knob(6400, "trials", span=(10, 10**6), log=True, is_budget=True)


class Slow:
    """A run of many steps that records what began, what ended and in which thread."""

    def __init__(self, pause=0.01, count=20):
        self.began, self.ended, self.threads = [], [], set()
        self.pause, self.count, self.failure = pause, count, None

    def run(self, params):
        self.threads.add(threading.current_thread())
        self.began.append(params)
        if self.failure is not None:
            raise self.failure
        for _ in steps(range(self.count if params.trials == 6400 else 1)):
            time.sleep(self.pause)
        self.ended.append(params)
        return np.arange(3.0) * params.cells

    def draw(self, params, result):
        fig = figure("x", "y", alt=f"up to {result[-1]:g}")
        curve(fig, [1, 2, 3], result, "line")
        return fig


def shown(board):
    return board.figure.layout.meta["alt"]


def test_a_change_returns_at_once_and_another_thread_computes():
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)

    async def explore():
        start = time.perf_counter()
        board.controls["cells"].value = 200
        took = time.perf_counter() - start
        assert board.figure is None
        await board.settled()
        return took

    assert asyncio.run(explore()) < 0.1
    assert threading.main_thread() not in lab.threads
    assert shown(board) == "up to 400"
    assert (lab.ended[-1], board.error) == (Params(cells=200), None)


def test_a_preview_with_fewer_trials_comes_first():
    lab, seen = Slow(), []
    board = panel(Params, lab.run, lab.draw)
    board._status.observe(lambda change: seen.append((shown(board), change["new"])), "value")

    async def explore():
        board.controls["cells"].value = 200
        await board.settled()

    asyncio.run(explore())
    assert [p.trials for p in lab.ended] == [100, 6400]
    assert seen[0][0] == "up to 400"
    assert "few trials (100)" in seen[0][1]
    # The full figure has the same text here, so that nothing was sent again.
    assert "preview" not in board._status.value
    assert board.result is not None


def test_only_the_newest_request_is_served_in_full():
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)

    async def drag():
        for cells in range(200, 260):
            board.controls["cells"].value = cells
            await asyncio.sleep(0.005)
        await board.settled()

    asyncio.run(drag())
    assert [p.cells for p in lab.ended if p.trials == 6400] == [259]
    assert len(lab.began) < 60
    assert shown(board) == "up to 518"


def test_a_full_run_is_cancelled_between_its_steps():
    lab = Slow(pause=0.02, count=500)
    board = panel(Params, lab.run, lab.draw)

    async def change_again():
        board.controls["cells"].value = 200
        while Params(cells=200) not in lab.began:
            await asyncio.sleep(0.01)
        lab.count = 2
        start = time.perf_counter()
        board.controls["cells"].value = 300
        await board.settled()
        return time.perf_counter() - start

    # Its 500 steps would have taken ten seconds.
    assert asyncio.run(change_again()) < 5
    assert Params(cells=200) not in lab.ended
    assert shown(board) == "up to 600"


def test_a_loop_that_was_blocked_begins_no_outdated_work():
    """The debounce time ends, and a newer request comes, before the loop sees either."""
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)

    async def change_again():
        board.controls["cells"].value = 200
        while board.figure is None:
            await asyncio.sleep(0.001)
        turn = partial(setattr, board.controls["cells"], "value", 300)
        asyncio.get_running_loop().call_later(2 * scheduler.DEBOUNCE, turn)
        time.sleep(3 * scheduler.DEBOUNCE)
        await board.settled()

    asyncio.run(change_again())
    assert Params(cells=200) not in lab.began
    assert Params(cells=300) in lab.ended


def test_an_outdated_result_is_not_drawn():
    """Also where the run itself has no step at which it could have ended."""
    drawn, go_on = [], threading.Event()

    def run(params):
        if params.cells == 200 and params.trials == 6400:
            assert go_on.wait(30)
        return params.cells, params.trials

    def draw(params, result):
        drawn.append(result)
        return figure("x", "y", alt="a figure")

    board = panel(Params, run, draw)

    async def change_again():
        board.controls["cells"].value = 200
        await asyncio.sleep(2 * scheduler.DEBOUNCE)
        board.controls["cells"].value = 300
        go_on.set()
        await board.settled()

    asyncio.run(change_again())
    assert (200, 6400) not in drawn
    assert (300, 6400) in drawn


def test_a_refused_value_stops_what_runs_and_leaves_the_figure():
    lab = Slow(pause=0.02, count=500)
    board = panel(Params, lab.run, lab.draw)

    async def mistype():
        board.controls["cells"].value = 200
        while Params(cells=200) not in lab.began:
            await asyncio.sleep(0.01)
        board.controls["cells"].entry.value = "many"
        await board.settled()

    asyncio.run(mistype())
    assert "`cells` must be" in board.controls["cells"].error.value
    assert Params(cells=200) not in lab.ended
    assert board.error is not None


def test_an_error_off_the_main_thread_is_shown_whole_and_stored():
    lab = Slow()
    lab.failure = ZeroDivisionError("no such luck")
    board = panel(Params, lab.run, lab.draw)

    async def explore():
        board.controls["cells"].value = 200
        await board.settled()

    asyncio.run(explore())
    assert board.error is lab.failure
    assert "ZeroDivisionError: no such luck" in board._alert.value
    assert "raise self.failure" in board._alert.value


def test_the_error_of_an_older_request_is_dropped():
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)

    async def explore():
        lab.failure = ZeroDivisionError("old")
        board.controls["cells"].value = 200
        while not lab.began:
            await asyncio.sleep(0.001)
        lab.failure = None
        board.controls["cells"].value = 300
        await board.settled()

    asyncio.run(explore())
    assert (board.error, board._alert.value, shown(board)) == (None, "", "up to 600")


def test_knobs_turned_back_are_not_computed_again_but_the_button_does():
    lab = Slow(count=1)
    board = panel(Params, lab.run, lab.draw)

    async def explore():
        for cells in (200, 300, 200):
            board.controls["cells"].value = cells
            await board.settled()
        assert shown(board) == "up to 400"
        assert [p.cells for p in lab.ended if p.trials == 6400] == [200, 300]
        board._button.click()
        await board.settled()

    asyncio.run(explore())
    assert [p.cells for p in lab.ended if p.trials == 6400] == [200, 300, 200]


def test_a_program_s_refresh_replaces_a_user_s_request():
    lab = Slow(pause=0.02, count=100)
    board = panel(Params, lab.run, lab.draw)

    async def explore():
        board.controls["cells"].value = 200
        while Params(cells=200) not in lab.began:
            await asyncio.sleep(0.01)
        lab.count = 1
        board.refresh()
        assert shown(board) == "up to 400"
        await board.settled()

    asyncio.run(explore())
    assert lab.ended[-1] == Params(cells=200)
    assert [p for p in lab.ended if p.trials == 6400] == [Params(cells=200)]


def test_progress_is_shown_with_its_time_and_share(monkeypatch):
    monkeypatch.setattr(scheduler, "PROGRESS_INTERVAL", 0.02)
    lab, messages = Slow(pause=0.1, count=20), []
    board = panel(Params, lab.run, lab.draw)
    board._status.observe(lambda change: messages.append(change["new"]), "value")

    async def explore():
        board.controls["cells"].value = 200
        await board.settled()

    asyncio.run(explore())
    assert any("computing for" in text for text in messages)
    assert any("<progress" in text and "% done" in text for text in messages)
    assert "computing" not in board._status.value


def test_outdated_full_results_are_not_delivered():
    delivered, gate = [], threading.Event()
    latest = LatestRequest(
        lambda request: [Stage(lambda: gate.wait(5) and request)],
        lambda request, stage, result, seconds: delivered.append(result),
        delivered.append,
        lambda: None,
    )

    async def race():
        latest.submit("old")
        await asyncio.sleep(0.05)
        latest.submit("new")
        gate.set()
        await latest.settled()

    asyncio.run(race())
    assert delivered == ["new"]


def test_a_preview_takes_its_share_of_every_budget_and_no_more_than_a_moment():
    assert lowered(Params(), 1 / 64) == Params(trials=100)
    assert lowered(Params(trials=10), 1 / 64) is None
    preview = Preview(lambda params: params)
    assert preview.of(Params())()[0] == Params(trials=100)
    preview.took(1.0, True)
    assert preview.of(Params())()[0] == Params(trials=25)
    preview.took(0.01, False)
    assert preview.of(Params()) is None
    preview.took(2.0, False)
    preview.took(1.9, True)
    assert preview.of(Params()) is None
    preview.took(2.0, False)
    assert preview.of(Params()) is not None


def test_a_share_that_fell_on_a_busy_machine_soon_recovers():
    preview = Preview(lambda params: params)
    for _ in range(1000):
        preview.took(1.0, True)
    for _ in range(6):
        preview.took(0.001, True)
    assert preview.share == 1.0


def test_a_relation_that_refuses_the_lower_budget_leaves_no_preview():
    class Bound(Params):
        def relations(self):
            if self.trials < 1000:
                raise ValueError("`trials` must be many; got few")

    assert lowered(Bound(), 1 / 64) is None


def test_quick_comes_before_lower_budgets_and_may_return_none():
    preview = Preview(lambda params: ("run", params), lambda p: p.cells if p.cells > 50 else None)
    assert preview.of(Params())() == (100, "an approximation")
    result, label = preview.of(Params(cells=3))()
    assert result == ("run", Params(cells=3, trials=100))
    assert label == "few trials (100)"


def test_a_preview_by_quick_is_named_by_its_docstring():
    def quick_law(params):
        """The law alone, without measurement.

        More words.
        """
        return params.cells

    for quick, label in (
        (quick_law, "the law alone, without measurement"),
        (partial(quick_law), "an approximation"),
    ):
        assert Preview(lambda params: None, quick).of(Params())() == (100, label)


@pytest.mark.parametrize("kind", [ZeroDivisionError, ValueError])
def test_a_preview_that_fails_is_followed_by_the_full_run(kind):
    lab = Slow(count=1)

    def quick(params):
        raise kind("too few")

    board = panel(Params, lab.run, lab.draw, quick=quick)

    async def explore():
        board.controls["cells"].value = 200
        await board.settled()

    asyncio.run(explore())
    assert (board.error, shown(board)) == (None, "up to 400")


def warmed_up(board, meanwhile=None):
    """The figures sent to a browser that displays the plot, once all work has ended."""
    sent = []
    board._plot.send = lambda content, buffers=None: sent.append(content)

    async def explore():
        board._plot._on_message(None, "displayed", [])
        if meanwhile is not None:
            await meanwhile()
        while board._latest._idle_task is not None and not board._latest._idle_task.done():
            await asyncio.sleep(0.01)
        await board.settled()

    asyncio.run(explore())
    return [json.loads(content["warm_up"]) for content in sent]


def test_a_preview_is_drawn_off_screen_before_the_first_change():
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)
    [sent] = warmed_up(board)
    assert sent["layout"]["meta"]["alt"] == "up to 200"
    assert [p.trials for p in lab.ended] == [100]
    assert threading.main_thread() not in lab.threads
    assert (board.figure, board.result, board.error, board._plot.text) == (None, None, None, "")
    assert board._status.value == ""


def test_without_a_preview_the_warm_up_runs_nothing():
    class Exact(Knobs):
        cells: int = knob(100, "cells", span=(1, 1000))

    lab = Slow()
    board = panel(Exact, lab.run, lab.draw)
    [sent] = warmed_up(board)
    assert {trace["name"] for trace in sent["data"]} == {"truth", "measured", "0, at most"}
    assert (lab.began, board.figure) == ([], None)


def test_a_change_cancels_the_warm_up_which_is_not_sent():
    lab = Slow(pause=0.01, count=1000)

    def quick(params):
        """Takes ten seconds the first time."""
        count = lab.count if not lab.began else 1
        lab.began.append(params)
        for _ in steps(range(count)):
            time.sleep(lab.pause)
        return np.arange(3.0)

    board = panel(Params, lambda params: np.arange(3.0) * params.cells, lab.draw, quick=quick)
    start = time.perf_counter()

    async def touch():
        while not lab.began:
            await asyncio.sleep(0.001)
        board.controls["cells"].value = 200

    assert warmed_up(board, touch) == []
    assert time.perf_counter() - start < 5
    assert shown(board) == "up to 400"


def test_a_warm_up_that_fails_is_ignored():
    lab = Slow()
    lab.failure = ZeroDivisionError("no such luck")
    board = panel(Params, lab.run, lab.draw)
    assert warmed_up(board) == []
    assert (len(lab.began), board.error, board._alert.value) == (1, None, "")


def test_a_panel_in_use_is_not_warmed_up():
    lab = Slow()
    board = panel(Params, lab.run, lab.draw)
    board.refresh()
    assert warmed_up(board) == []
    assert lab.began == [Params()]

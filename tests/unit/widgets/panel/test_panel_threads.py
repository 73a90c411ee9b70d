"""Messages to a panel on several threads, each with a loop of its own, as JupyterLab sends them."""

import asyncio
import threading
import time
from itertools import cycle
from typing import Literal

import pytest

from widgets.figure.figure import curve, figure
from widgets.panel import control_set, scheduler
from widgets.panel.panel import panel
from widgets.panel.run_controls import RunControls
from workbench.experiment.params import Knobs, knob
from workbench.experiments.scaling import chinchilla


class Params(Knobs):
    cells: int = knob(100, "cells", span=(1, 1000))
    method: Literal["exact", "limit"] = knob("exact", "which law")
    trials: int = knob(6400, "trials", span=(10, 10**6), log=True, is_budget=True)


class Subshell:
    """A thread with a running loop; use it as a context."""

    def __enter__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(30)
        self.loop.close()

    async def call(self, work, *args):
        """Returns once the thread has called it within its loop."""

        async def called():
            return work(*args)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called(), self.loop))


def run(params):
    if params.trials == 6400:
        time.sleep(0.04)
    return params


def draw(params, result):
    fig = figure("x", "y", alt=f"{params.cells} {params.method} {result.trials}")
    curve(fig, [1, 2, 3], [params.cells, result.trials, 1], "line")
    return fig


@pytest.fixture(autouse=True)
def short_debounce(monkeypatch):
    monkeypatch.setattr(scheduler, "DEBOUNCE", 0.01)
    monkeypatch.setattr(control_set, "DRAG", 0.0)


def message(widget, data):
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def turned(widget, value, trait="value"):
    message(widget, {"method": "update", "state": {trait: value}, "buffer_paths": []})


def chosen(widget, place):
    turned(widget, place, "index")


def clicked(widget, event=None):
    content = {"event": "click"} if event is None else event
    message(widget, {"method": "custom", "content": content})


def shown(board):
    return board._plot.alt


def status(board):
    return board._status.value


def in_lab(explore, draw=draw, run=run, **more):
    """Explores a panel that was created in a loop, with a subshell beside it."""

    async def lab():
        board = panel(Params, run, draw, **more)
        with Subshell() as subshell:
            await asyncio.wait_for(explore(board, subshell), 30)
        return board

    return asyncio.run(lab())


def test_every_change_ends_in_the_full_figure_whatever_thread_it_comes_from():
    async def explore(board, subshell):
        cells, method = board.controls["cells"], board.controls["method"]

        async def here(work, *args):
            work(*args)

        changes = [
            (turned, cells.entry, "200", "200 exact 6400"),
            (turned, cells.slider, 300, "300 exact 6400"),
            (chosen, method.entry, 1, "300 limit 6400"),
            (clicked, board._undo, None, "300 exact 6400"),
            (turned, cells.entry, "500", "500 exact 6400"),
            (clicked, board._reset, None, "100 exact 6400"),
            (clicked, board._button, None, "100 exact 6400"),
        ]
        place = cycle([here, subshell.call, subshell.call, here, subshell.call])
        for _ in range(4):
            for call, widget, value, expected in changes:
                await next(place)(call, widget, value)
                # A message of another thread is handled in the loop's next iteration.
                await asyncio.sleep(0)
                await board.settled()
                assert shown(board) == expected
                assert "preview" not in status(board)

    in_lab(explore)


def test_a_panel_is_changed_in_the_thread_of_its_loop_alone():
    threads = set()

    def note(_):
        threads.add(threading.current_thread())

    async def explore(board, subshell):
        parts = [board._status, board._plot, board.run_controls, board._undo, board.result]
        parts = [w for w in parts if w is not None]
        parts += [c for control in board.controls.values() for c in control.children]
        for part in parts:
            part.observe(note)
        await subshell.call(turned, board.controls["cells"].entry, "200")
        await board.settled()
        await subshell.call(clicked, board._plot, "displayed")
        await subshell.call(clicked, board._pin)
        await subshell.call(turned, board.controls["cells"].slider, 300)
        await board.settled()
        await subshell.call(clicked, board._undo)
        await board.settled()
        assert shown(board) == "200 exact 6400"
        assert "Beside" not in shown(board)

    in_lab(explore)
    assert threads == {threading.current_thread()}


def test_a_change_in_a_program_s_thread_is_a_user_s_and_refresh_waits():
    def fail(params):
        if params.cells == 13:
            raise ZeroDivisionError("no such luck")
        return run(params)

    async def explore(board, subshell):
        def touch():
            board.controls["cells"].value = 200

        await asyncio.to_thread(touch)
        await subshell.call(touch)
        await board.settled()
        assert shown(board) == "200 exact 6400"
        board.controls["cells"].value = 300
        await asyncio.to_thread(board.refresh)
        assert shown(board) == "300 exact 6400"
        board.controls["cells"].value = 13
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(board.refresh)

    in_lab(explore, run=fail)


def test_settled_is_awaited_in_any_loop():
    async def explore(board, subshell):
        turned(board.controls["cells"].entry, "200")
        awaited = asyncio.run_coroutine_threadsafe(board.settled(), subshell.loop)
        await asyncio.wrap_future(awaited)
        assert shown(board) == "200 exact 6400"

    in_lab(explore)


def test_a_warm_up_is_served_whatever_thread_requests_it():
    async def explore(board, subshell):
        sent = []
        board._plot.send = lambda content, buffers=None: sent.append(content)
        await subshell.call(clicked, board._plot, "displayed")
        while not sent:
            await asyncio.sleep(0.001)
        turned(board.controls["cells"].entry, "200")
        await board.settled()
        assert shown(board) == "200 exact 6400"

    in_lab(explore)


def test_a_panel_created_without_a_loop_uses_the_first_and_then_the_next():
    board = panel(Params, run, draw)
    for cells in (200, 300):

        async def explore(cells=cells):
            turned(board.controls["cells"].entry, str(cells))
            await board.settled()

        asyncio.run(explore())
        assert shown(board) == f"{cells} exact 6400"


def test_a_request_that_a_loop_left_unfinished_is_served_in_the_next():
    has_begun = threading.Event()

    def slow(params):
        if params.trials == 6400 and not has_begun.is_set():
            has_begun.set()
            time.sleep(0.2)
        return params

    board = panel(Params, slow, draw)

    async def leave():
        turned(board.controls["cells"].entry, "200")
        while not has_begun.is_set():
            await asyncio.sleep(0.001)

    asyncio.run(leave())
    assert "preview: few trials (100); the full run did not finish" in status(board)
    asyncio.run(board.settled())
    assert (shown(board), "preview" in status(board)) == ("200 exact 6400", False)


@pytest.mark.parametrize("kind", [ZeroDivisionError, StopIteration, SystemExit, KeyboardInterrupt])
def test_a_preview_whose_full_run_fails_is_marked_and_the_error_shown(kind):
    def fail(params):
        if params.trials == 6400:
            raise kind("no such luck")
        return params

    async def explore(board, subshell):
        await subshell.call(turned, board.controls["cells"].entry, "200")
        await board.settled()
        assert shown(board) == "200 exact 100"
        assert "preview: few trials (100); the full run did not finish" in status(board)
        assert f"{kind.__name__}: no such luck" in board._alert.value
        turned(board.controls["cells"].entry, "many")
        assert "of earlier knobs; preview: few trials (100)" in status(board)

    in_lab(explore, run=fail)


def broken(*_, **__):
    raise ZeroDivisionError("no such luck")


@pytest.mark.parametrize(
    ("part", "name", "touch"),
    [
        ("_preview", "of", lambda board: turned(board.controls["cells"].entry, "200")),
        ("_display", "show", lambda board: turned(board.controls["cells"].entry, "200")),
        ("_history", "push", lambda board: turned(board.controls["cells"].slider, 300)),
        ("_display", "toggle_pin", lambda board: clicked(board._pin)),
        ("_history", "pop", lambda board: clicked(board._undo)),
        ("_preview", "of", lambda board: clicked(board._plot, "displayed")),
        ("run_controls", "_send_page", lambda board: clicked(board.run_controls, "page")),
    ],
)
def test_an_error_of_any_task_is_shown(part, name, touch, monkeypatch):
    async def explore(board, subshell):
        monkeypatch.setattr(getattr(board, part), name, broken)
        board.run_controls.page = "page.html"
        if name == "pop":
            turned(board.controls["cells"].entry, "200")
            await board.settled()
        await subshell.call(touch, board)
        await board.settled()
        assert isinstance(board.error, ZeroDivisionError)
        assert "ZeroDivisionError: no such luck" in board._alert.value

    in_lab(explore)


def test_an_error_while_progress_is_shown_is_shown(monkeypatch):
    monkeypatch.setattr(scheduler, "PROGRESS_INTERVAL", 0.001)
    monkeypatch.setattr("widgets.panel.panel.progress", broken)
    monkeypatch.setattr("widgets.panel.panel.BUSY_AFTER", 0.0)

    async def explore(board, subshell):
        await subshell.call(turned, board.controls["cells"].entry, "200")
        await board.settled()
        assert isinstance(board.error, ZeroDivisionError)

    in_lab(explore)


def test_a_pinned_preview_is_named_so_until_its_full_figure_comes():
    go_on = threading.Event()

    def slow(params):
        if params.trials == 6400:
            time.sleep(0.04)
            assert go_on.wait(30)
        return params

    async def explore(board, subshell):
        async def previewed(cells):
            turned(board.controls["cells"].entry, str(cells))
            while f"{cells} exact" not in shown(board):
                await asyncio.sleep(0.001)
            assert "preview" in status(board)
            clicked(board._pin)

        await previewed(200)
        turned(board.controls["cells"].entry, "300")
        go_on.set()
        await board.settled()
        beside = "300 exact 6400 Beside it, pale and dashed: pinned"
        assert shown(board) == f"{beside} preview: cells 200."
        clicked(board._pin)
        go_on.clear()
        await previewed(400)
        go_on.set()
        await board.settled()
        turned(board.controls["cells"].entry, "300")
        await board.settled()
        assert shown(board) == f"{beside}: cells 400."

    in_lab(explore, run=slow)


def test_a_run_of_its_own_belongs_to_the_panel_s_loop(monkeypatch):
    loops = []

    async def stand_in(*_, **__):
        loops.append(asyncio.get_running_loop())
        raise OSError("no processes here")

    monkeypatch.setattr(asyncio, "create_subprocess_exec", stand_in)

    async def explore(board, subshell):
        await subshell.call(clicked, board.run_controls, "run")
        while board.run_controls.state in ("idle", "running"):
            await asyncio.sleep(0.001)
        assert loops == [asyncio.get_running_loop()]
        assert board.run_controls.message == "OSError: no processes here"

    in_lab(explore)


def test_stopping_a_run_that_has_ended_is_no_error():
    class Ended:
        def terminate(self):
            raise ProcessLookupError

    controls = RunControls(chinchilla.Params())
    controls._process = Ended()
    controls._on_message(controls, "stop", [])

"""The panel without a browser: change its controls, check what ran and what it shows."""

import json
import math
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.figure.figure import curve, figure
from widgets.panel.controls import Control
from widgets.panel.panel import panel
from workbench.base.checks import refuse
from workbench.experiment.params import KnobError, Knobs, knob


class Params(Knobs):
    cells: int = knob(2048, "cells in the population", span=(64, 65536), log=True)
    threshold: int = knob(10, "active synapses that fire a segment", span=(1, 100))
    rate: float = knob(0.5, "learning rate", span=(1e-4, 1.0), log=True)
    sparsity: float = knob(0.02, "active share of cells", span=(0.0, 1.0))
    wide: bool = knob(False, "whether to draw wide")
    method: Literal["exact", "<b>limit</b>"] = knob("exact", "which law")
    patterns_file: str = knob("", "your own patterns", suffixes=(".npy", ".csv"))

    def relations(self):
        if self.threshold > self.cells // 4:
            refuse("threshold", f"at most a quarter of cells={self.cells}", self.threshold)


class Experiment:
    """A run that records its calls, and fails where `failure` is set."""

    def __init__(self):
        self.calls, self.failure, self.traces = [], None, 1

    def run(self, params):
        self.calls.append(params)
        if self.failure is not None:
            raise self.failure
        return np.arange(3.0) * params.cells

    def draw(self, params, result):
        fig = figure("x", "y", alt=f"A line up to {result[-1]:g}.", title=f"{params.cells} cells")
        for name in range(self.traces):
            curve(fig, [1, 2, 3], result, str(name))
        return fig


@pytest.fixture
def lab():
    return Experiment()


@pytest.fixture
def board(lab):
    return panel(Params, lab.run, lab.draw)


def messages(board):
    return board._alert.value + "".join(c.error.value for c in board.controls.values())


def test_nothing_is_computed_before_a_change(lab, board):
    assert lab.calls == []
    assert (board.figure, board.result, board.error) == (None, None, None)
    board.controls["cells"].value = 4096
    assert lab.calls == [Params(cells=4096)] == [board.params]
    assert isinstance(board.figure, go.Figure)
    assert board.result[-1] == 8192


def test_the_button_and_live_compute_at_once(lab, board):
    board._button.click()
    assert len(lab.calls) == 1
    panel(Params, lab.run, lab.draw, Params(cells=64, threshold=3), live=True)
    assert lab.calls[1:] == [Params(cells=64, threshold=3)]


def test_every_knob_has_a_named_control_with_its_help_and_span(board):
    assert list(board.controls) == [k.name for k in Params.knobs()]
    for name, control in board.controls.items():
        assert (control.entry.description, control.entry.tooltip) == (name, control.knob.help)
    assert "cells in the population; 64 to 65,536" in board.controls["cells"].children[2].value
    sliders = {n: type(c.slider).__name__ for n, c in board.controls.items() if c.slider}
    assert sliders == {
        "cells": "FloatLogSlider",
        "threshold": "IntSlider",
        "rate": "FloatLogSlider",
        "sparsity": "FloatSlider",
    }
    assert all(c.slider.continuous_update for c in board.controls.values() if c.slider)


def test_box_and_slider_agree(lab, board):
    threshold = board.controls["threshold"]
    threshold.entry.value = "20"
    assert (threshold.value, threshold.slider.value) == (20, 20)
    threshold.slider.value = 30
    assert (threshold.value, threshold.entry.value) == (30, "30")
    board.controls["wide"].entry.value = True
    board.controls["method"].entry.value = "<b>limit</b>"
    assert [p.threshold for p in lab.calls] == [20, 30, 30, 30]
    assert (board.params.wide, board.params.method) == (True, "<b>limit</b>")


def test_whole_numbers_stay_whole_however_they_are_typed(lab, board):
    board.controls["cells"].entry.value = " 1e4 "
    assert board.params.cells == 10000
    assert type(board.params.cells) is int
    assert board.controls["cells"].entry.value == "10000"


@given(st.integers(64, 65536))
def test_a_log_slider_gives_back_the_value_it_was_given(cells):
    control = Control(Params.knobs()[0], 2048)
    control.value = cells
    assert round(control.slider.value) == cells
    control.slider.value = control.slider.value * 1.0
    assert control.value == cells
    assert type(control.value) is int


@given(st.floats(1e-4, 1.0))
def test_a_log_slider_of_fractions_stays_in_its_span(rate):
    control = Control(Params.knobs()[2], 0.5)
    control.slider.value = rate
    assert 1e-4 <= control.value <= 1.0
    assert control.value == pytest.approx(rate, rel=1e-3)


@given(st.floats(1e-4, 1.0))
def test_where_the_browser_puts_a_handle_is_no_turn_of_the_knob(rate):
    control = Control(Params.knobs()[2], rate)
    slider = control.slider
    place = round((math.log10(rate) - slider.min) / slider.step) * slider.step + slider.min
    slider.value = min(max(10**place, 1e-4), 1.0)
    assert control.value == rate
    slider.value = min(max(10 ** (place - 2 * slider.step), 1e-4), 1.0)
    assert control.value == pytest.approx(max(10 ** (place - 2 * slider.step), 1e-4), rel=1e-3)


def test_arrow_keys_walk_a_log_slider_from_end_to_end():
    class Small(Knobs):
        count: int = knob(1, "count", span=(1, 100), log=True)

    control = Control(Small.knobs()[0], 1)
    slider = control.slider

    def press(steps):
        # The browser's handle stands on the step next to the value.
        place = round((math.log10(slider.value) - slider.min) / slider.step) + steps
        at = slider.min + place * slider.step
        slider.value = 10 ** min(max(at, slider.min), slider.max)

    for _ in range(200):
        press(1)
    assert control.value == 100
    for _ in range(200):
        press(-1)
    assert control.value == 1


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("cells", "99999999", "`cells` must be a whole number in [64, 65536]; got 99999999"),
        ("cells", "1.5", "`cells` must be a whole number in [64, 65536]; got 1.5"),
        ("cells", "many", "`cells` must be a whole number in [64, 65536]; got &#x27;many&#x27;"),
        ("cells", "inf", "`cells` must be a whole number in [64, 65536]; got inf"),
        ("rate", "nan", "`rate` must be a number in [0.0001, 1.0]; got nan"),
        ("seed", "-1", "`seed` must be a whole number in [0, 4294967295]; got -1"),
        ("patterns_file", "gone.npy", "`patterns_file` must be empty or the path of an existing"),
        ("patterns_file", "<script>", "got &#x27;&lt;script&gt;&#x27;"),
    ],
)
def test_a_bad_value_is_refused_at_its_knob_and_never_clamped(lab, board, name, typed, sentence):
    board.controls[name].entry.value = typed
    assert sentence in board.controls[name].error.value
    assert 'role="alert"' in board.controls[name].error.value
    assert board.controls[name].entry.value == typed
    assert isinstance(board.error, KnobError)
    assert lab.calls == []
    assert board.params == Params()


def test_a_broken_relation_speaks_at_the_knob_it_names_until_mended(lab, board):
    board.controls["threshold"].value = 90
    board.controls["cells"].value = 100
    assert len(lab.calls) == 1
    assert board.controls["cells"].error.value == ""
    assert "at most a quarter of cells=100; got 90" in board.controls["threshold"].error.value
    assert "of earlier knobs" in board._status.value
    board.controls["threshold"].value = 25
    assert messages(board) == ""
    assert board.error is None
    assert lab.calls[-1] == Params(cells=100, threshold=25)


def test_a_file_that_exists_is_let_through(lab, board, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("1,2\n")
    board.controls["patterns_file"].entry.value = str(path)
    assert board.params.patterns_file == str(path)
    path.unlink()
    with pytest.raises(KnobError, match="existing file"):
        board.refresh()


def test_a_refusal_by_the_experiment_speaks_at_its_knob(lab, board):
    lab.failure = ValueError("`patterns_file` must be rows of integers; got 'x' in row 3")
    board._button.click()
    assert "in row 3" in board.controls["patterns_file"].error.value
    assert board.error is lab.failure


def test_any_other_exception_is_shown_whole_and_stored(lab, board):
    lab.failure = ZeroDivisionError("<script>alert(1)</script>")
    board.controls["cells"].value = 128
    assert board.error is lab.failure
    assert 'role="alert"' in board._alert.value
    assert "ZeroDivisionError: &lt;script&gt;" in board._alert.value
    assert "raise self.failure" in board._alert.value
    assert "<script" not in board._alert.value
    assert not board._button.disabled
    with pytest.raises(ZeroDivisionError):
        board.refresh()
    lab.failure = None
    board.refresh()
    assert (messages(board), board.error) == ("", None)


def test_a_live_panel_that_fails_fails_its_cell(lab):
    lab.failure = RuntimeError("no")
    with pytest.raises(RuntimeError, match="no"):
        panel(Params, lab.run, lab.draw, live=True)


def test_the_figure_is_replaced_in_place_with_its_text_alternative(lab, board):
    board.refresh()
    place = board._plot
    board.controls["cells"].value = 4096
    assert board._plot is place
    sent = json.loads(place.text)
    assert sent["layout"]["title"]["text"] == "4096 cells"
    assert place.alt == "A line up to 8192."
    lab.traces = 2
    board.refresh()
    assert (board.result is lab.calls, board._plot) == (False, place)


def test_the_command_has_what_differs_and_quotes_it(lab, board, tmp_path):
    class Elsewhere(Params):
        pass

    Elsewhere.__module__ = "workbench.experiments.dendrites.detection"
    path = tmp_path / "my <own> patterns.csv"
    path.write_text("")
    board = panel(Elsewhere, lab.run, lab.draw)
    assert board.command == "workbench run dendrites/detection"
    board.controls["cells"].value = 4096
    board.controls["patterns_file"].entry.value = str(path)
    assert board.command == (
        f"workbench run dendrites/detection --cells 4096 --patterns_file '{path}'"
    )
    assert board.run_controls.commands[1][1] == (
        "papermill notebooks/dendrites/detection.ipynb out.ipynb "
        f"-p cells 4096 -r patterns_file '{path}'"
    )


def knobs_of(board):
    return {name: control.value for name, control in board.controls.items()}


def test_undo_takes_back_one_change_after_another(lab, board):
    board.controls["cells"].value = 4096
    board.controls["threshold"].value = 20
    board._undo.click()
    assert board.params == Params(cells=4096)
    board._undo.click()
    assert board.params == Params()
    assert knobs_of(board) == Params().values()
    assert board._undo.disabled
    assert board.result[-1] == 2 * 2048


def test_one_drag_is_one_change(lab, board):
    for cells in (2049, 2060, 2100):
        board.controls["cells"].slider.value = cells
    board._undo.click()
    assert board.params == Params()


def test_undo_of_a_refused_value_returns_to_the_last_admitted_ones(lab, board):
    board.controls["threshold"].value = 20
    board.controls["cells"].entry.value = "many"
    board._undo.click()
    assert board.params == Params(threshold=20)
    assert (messages(board), board.controls["cells"].entry.value) == ("", "2048")


def test_reset_turns_back_to_where_the_notebook_began(lab):
    board = panel(Params, lab.run, lab.draw, Params(cells=512, threshold=3))
    assert board._reset.disabled
    board.controls["cells"].value = 1024
    board.controls["threshold"].value = 5
    assert not board._reset.disabled
    board._reset.click()
    assert board.params == Params(cells=512, threshold=3)
    board._undo.click()
    assert board.params == Params(cells=1024, threshold=5)


def test_a_pinned_figure_stands_pale_and_named_beside_the_next(lab, board):
    board.refresh()
    board._pin.click()
    assert len(json.loads(board._plot.text)["data"]) == 1
    board.controls["cells"].value = 4096
    own, pale = json.loads(board._plot.text)["data"]
    assert own["name"] == "0"
    assert pale["name"] == "0<br>(pinned: cells 2048)"
    assert pale["line"]["dash"] == "dash" != own["line"]["dash"]
    assert pale["opacity"] < 0.6
    assert "cells 2048" in board._plot.alt
    assert len(board.figure.data) == 1
    board._pin.click()
    assert len(json.loads(board._plot.text)["data"]) == 1


class Chosen(Knobs):
    which: int = knob(0, "which of those there are", span=(0, 1000))
    size: int = knob(100, "how large", span=(1, 10**6), log=True)


def test_a_result_limits_the_sliders():
    def run(params):
        if params.which > 30:
            refuse("which", "in [0, 30]", params.which)
        return {"spans": {"which": (0, 30), "size": (10, 300)}}

    board = panel(Chosen, run, lambda params, result: figure("x", "y", alt="one"))
    which, size = board.controls["which"], board.controls["size"]
    assert (which.slider.min, which.slider.max) == (0, 1000)
    size.value = 5
    assert (which.slider.min, which.slider.max, which.value) == (0, 30, 0)
    assert size.slider.max == pytest.approx(math.log10(300))
    assert size.slider.value == pytest.approx(10)
    assert "0 to 30" in which._help.value
    # Outside the slider's range, but typed, and so the knob's value.
    assert (size.value, board.params.size) == (5, 5)
    which.slider.value = 30
    assert (board.params.which, board.error) == (30, None)
    which.value = 31
    with pytest.raises(ValueError, match="`which` must be in"):
        board.refresh()
    assert which.slider.max == 30


class Halves(Knobs):
    cells: int = knob(2048, "how many", span=(256, 65536), log=True)


@pytest.mark.parametrize("steps", [37, 38])
def test_half_way_between_two_steps_either_is_where_the_browser_puts_the_handle(steps):
    """2,048 cells lie 37.5 steps above 256; a move that follows is one."""
    control = Control(next(iter(Halves.knobs())), 2048)
    slider, stops = control.slider, {}
    for i in (37, 38, 39):
        stops[i] = 10 ** (slider.min + i * slider.step)
    slider.value = stops[steps]
    assert control.value == 2048
    slider.value = stops[75 - steps]
    assert control.value == round(stops[75 - steps])
    slider.value = stops[39]
    assert control.value == round(stops[39])

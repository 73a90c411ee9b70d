"""The drawing functions: what they draw, what they refuse, and the frames of a slider."""

import json

import numpy as np
import pytest
from playwright.sync_api import expect

from widgets.figure.axes import common_range
from widgets.figure.figure import curve, figure, heat, histogram, level, marks
from widgets.figure.slider import slide
from widgets.figure.theme import COLOURS, INK
from workbench.base.checks import refuse
from workbench.experiment.params import Knobs, knob

X = np.arange(1, 6)
Y = 10.0**-X


class Params(Knobs):
    cells: int = knob(100, "cells", span=(10, 1000), log=True)
    moved: int = knob(4, "moved bits", span=(0, 20))

    def relations(self):
        if self.moved > self.cells:
            refuse("moved", f"at most cells={self.cells}", self.moved)


def empty(**options):
    return figure("threshold", "chance", alt="The law holds.", **options)


def run(params):
    return np.where(params.moved > X, Y, 0.0)


def draw(params, result):
    fig = empty(log_y=True, title=f"{params.moved} moved")
    curve(fig, X, Y / (1 + params.moved), "law", truth=True)
    marks(fig, X, result, "measured", error=(result, result + 1e-3))
    return fig


def test_a_figure_has_its_text_alternative_and_its_axes():
    fig = empty(log_y=True)
    assert fig.layout.meta["alt"] == "The law holds."
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.type) == ("threshold", "log")
    # An empty sentence is replaced by one derived from the traces.
    fig = figure("x", "y", alt=" ")
    curve(fig, X, Y, "law")
    assert fig.layout.meta["alt"].startswith("Y against x: law from ")


def test_every_series_differs_by_more_than_colour():
    fig = empty()
    for name in "abcdef":
        curve(fig, X, Y, name)
        marks(fig, X, Y, name)
    lines, dots = fig.data[::2], fig.data[1::2]
    assert [t.line.color for t in lines] == [t.marker.color for t in dots] == list(COLOURS)
    assert len({t.line.dash for t in lines}) == len({t.marker.symbol for t in dots}) == 6


def test_a_name_keeps_its_colour_and_a_number_joins_a_series():
    fig = empty()
    curve(fig, X, Y, "law", truth=True)
    curve(fig, X, Y, "fit")
    marks(fig, X, Y, "measured", series=0)
    marks(fig, X, Y, "law")
    curve(fig, X, Y, "other law", truth=True)
    assert [t.line.color for t in fig.data[:2]] == [INK, COLOURS[0]]
    assert [t.marker.color for t in fig.data[2:4]] == [COLOURS[0], COLOURS[1]]
    assert (fig.data[4].line.color, fig.data[4].line.dash) == (INK, "dash")


def test_error_bars_reach_the_absolute_ends():
    fig = empty()
    marks(fig, X, Y, "measured", error=(Y / 2, Y * 3))
    bars = fig.data[0].error_y
    np.testing.assert_allclose(Y + bars.array, 3 * Y)
    np.testing.assert_allclose(Y - bars.arrayminus, Y / 2)


def test_a_zero_on_a_log_axis_is_shown_as_at_most():
    fig = empty(log_y=True)
    marks(fig, [1, 2], [0.5, 0.0], "measured", error=([0.4, 0.0], [0.6, 0.01]))
    dots, most = fig.data
    assert np.isnan(dots.y[1])
    assert (most.name, most.marker.symbol) == ("0, at most", "triangle-down-open")
    assert (list(most.x), list(most.y)) == ([2], [0.01])
    with pytest.raises(ValueError, match="`error` must be given where a value on a log axis is 0"):
        marks(fig, [1], [0.0], "measured")
    with pytest.raises(ValueError, match="`error` must be above 0 at the upper end"):
        marks(fig, [1], [0.0], "measured", error=([0.0], [0.0]))


def test_zeros_of_several_series_have_one_legend_entry():
    fig = empty(log_y=True)
    zeros, none = np.array([0.5, 0.0]), np.array([0.5, 0.4])
    for name, y in (("first", none), ("second", zeros), ("third", zeros)):
        marks(fig, [1, 2], y, name, error=(y / 2, y + 0.01))
    entries = [(t.marker.color, t.showlegend) for t in fig.data if t.name == "0, at most"]
    assert entries == [(COLOURS[0], False), (COLOURS[1], True), (COLOURS[2], False)]


def test_a_band_on_a_log_axis_closes_where_its_end_is_zero():
    fig = empty(log_y=True)
    curve(fig, [1, 2], [0.5, 0.2], "fit", band=([0.1, 0.0], [0.9, 0.8]))
    outline = fig.data[0]
    assert outline.fill == "toself"
    np.testing.assert_allclose(outline.y, [0.9, 0.8, 0.01, 0.1])


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        (lambda f: curve(f, [1, 2], [1.0], "a"), "`y` must be as long as its positions=2; got 1"),
        (lambda f: curve(f, [1], [-1.0], "a"), "`y` must be at least 0 on a log axis; got -1.0"),
        (lambda f: curve(f, [0], [1.0], "a"), "`x` must be above 0 on a log axis; got 0"),
        (lambda f: curve(f, [[1]], [1.0], "a"), r"`x` must be of one dimension; got \(1, 1\)"),
        (
            lambda f: marks(f, [1], [2.0], "a", error=([0.0], [1.0])),
            r"`error` must be a range that contains its value=2; got \(0.0, 1.0\)",
        ),
        (lambda f: heat(f, [1, 2], [1], [[1, 2], [3, 4]], label="a"), r"`z` must be of shape \(y,"),
        (lambda f: heat(f, [1], [1], [[-1]], label="a", log=True), "`z` must be at least 0"),
        (lambda f: histogram(f, [2, 1], [1], "a"), "`edges` must be ascending"),
        (lambda f: level(f, 0, "a"), "`value` must be finite, and above 0 on a log axis; got 0"),
        (lambda f: level(f, 1, "a", "z"), "`axis` must be 'x' or 'y'; got 'z'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(word, sentence):
    with pytest.raises(ValueError, match=sentence):
        word(empty(log_x=True, log_y=True))


def test_words_that_are_no_numbers_are_refused():
    with pytest.raises(TypeError, match="`y` must be numbers"):
        curve(empty(), [1], ["high"], "a")


def test_a_heat_map_by_factors_leaves_zeros_blank_and_shows_them_on_hover():
    fig = empty()
    heat(fig, [1, 2], [1], [[0.0, 100.0]], label="chance", log=True)
    trace = fig.data[0]
    assert np.isnan(trace.z[0, 0])
    assert trace.z[0, 1] == 2
    assert list(trace.customdata[0]) == [0, 100]


def test_a_log_colour_bar_has_few_ticks():
    fig = empty()
    heat(fig, [1, 2], [1], [[1e-50, 1.0]], label="chance", log=True)
    bar = fig.data[0].colorbar
    assert 3 <= len(bar.tickvals) <= 7
    assert bar.ticktext[-1] == "10<sup>0</sup>"


def test_bars_stand_on_their_bins():
    fig = empty()
    histogram(fig, [0, 1, 4], [5, 6], "digits")
    assert (list(fig.data[0].x), list(fig.data[0].width)) == ([0.5, 2.5], [1, 3])


@pytest.mark.parametrize(("low", "dtick"), [(1e-30, None), (1e-3, None), (0.05, "D2"), (0.5, None)])
def test_log_ticks_follow_the_decades(low, dtick):
    fig = empty(log_y=True)
    curve(fig, [1, 2], [low, 1.0], "law")
    assert fig.layout.yaxis.dtick == dtick


@pytest.mark.parametrize(
    ("low", "high", "format"), [(1e3, 65536, "~s"), (1e3, 9e3, ".6~g"), (1e9, 5e10, ".6~g")]
)
def test_ticks_of_tens_of_thousands_are_short(low, high, format):
    fig = empty(log_x=True)
    curve(fig, [low, high], [1, 2], "law")
    assert (fig.layout.xaxis.dtick, fig.layout.xaxis.tickformat) == ("D2", format)


def test_an_axis_begins_at_its_bound_and_the_data_below_stay():
    fig = empty(log_x=True, from_x=0.1)
    curve(fig, [1e-12, 0.2, 1.0], [1, 2, 3], "law")
    assert list(fig.data[0].x) == [1e-12, 0.2, 1.0]
    assert fig.layout.xaxis.autorangeoptions.clipmin == 0.1
    assert fig.layout.xaxis.dtick == "D2"
    low, high = common_range([fig], "x")
    assert (low, high) == pytest.approx((np.log10(0.2) - 0.05 * np.log10(5), 0.05 * np.log10(5)))
    for options in ({"log_x": True, "from_x": 0.0}, {"from_x": 1.0}):
        with pytest.raises(ValueError, match="`from_x` must be above 0, and of a log axis; got"):
            empty(**options)


def test_where_all_lies_below_the_axis_has_its_last_decade():
    fig = empty(log_x=True, from_x=0.1)
    curve(fig, [1e-12, 1e-4], [1, 2], "law")
    assert fig.layout.xaxis.autorangeoptions.clipmin == pytest.approx(1e-5)
    assert common_range([fig], "x") == pytest.approx([-4.5, -3.5])
    curve(fig, [1e-4, 1.0], [1, 2], "another")
    assert fig.layout.xaxis.autorangeoptions.clipmin == 0.1


def test_ticks_under_a_slider_follow_all_of_its_frames():
    def falling(params, result):
        fig = empty(log_y=True)
        curve(fig, X, 10.0 ** -(params.moved * X / X.max() + 1), "law")
        return fig

    alone = falling(Params(moved=1), None)
    assert alone.layout.yaxis.tickmode == "linear"
    assert slide(falling, run, Params(moved=1), moved=[1, 9]).layout.yaxis.tickmode == "auto"


def test_a_figure_is_valid_json():
    fig = slide(draw, run, Params(), moved=[0, 4])
    level(fig, 1e-3, "a bound")
    assert json.loads(fig.to_json())["layout"]["meta"]["alt"].startswith("The law holds.")


def test_a_slider_has_a_frame_for_every_admitted_value_and_stands_at_its_own():
    fig = slide(draw, run, Params(cells=10), moved=[8, 0, 8, 12, 99])
    [slider] = fig.layout.sliders
    assert [step.label for step in slider.steps] == [f.name for f in fig.frames] == ["0", "4", "8"]
    assert (slider.active, slider.currentvalue.prefix) == (1, "moved ")
    assert all(step.args[1]["frame"]["redraw"] for step in slider.steps)
    assert [f.layout.title.text for f in fig.frames] == ["0 moved", "4 moved", "8 moved"]
    np.testing.assert_array_equal(fig.data[0].y, fig.frames[1].data[0].y)


def test_a_slider_runs_each_value_once():
    seen = []
    slide(draw, lambda p: seen.append(p.moved) or run(p), Params(), moved=[0, 4, 0])
    assert sorted(seen) == [0, 4]


@pytest.mark.parametrize(("points", "frames"), [(100, 9), (12_000, 3), (400_000, 1)])
def test_the_frames_of_a_slider_fit_into_a_page(points, frames):
    x = np.arange(points)

    def long(params, result):
        fig = empty()
        curve(fig, x, x + result / 3, "long")
        return fig

    fig = slide(long, lambda p: p.moved, Params(), moved=range(0, 18, 2))
    names = [frame.name for frame in fig.frames]
    assert len(names) == frames == len(fig.layout.sliders[0].steps)
    assert "4" in names
    assert fig.layout.sliders[0].active == names.index("4")
    assert frames == 1 or sum(len(json.dumps(f)) for f in json.loads(fig.to_json())["frames"]) < 1e6
    alt = fig.layout.meta["alt"]
    assert (f"{9 - frames} values are left out" in alt) == (frames < 9)


def test_a_value_that_the_run_refuses_is_left_out_with_its_reason():
    def short(params):
        if params.moved > 4:
            raise ValueError("`rows` must be at least 6; got 5")
        return run(params)

    fig = slide(draw, short, Params(), moved=[0, 4, 8])
    assert [f.name for f in fig.frames] == ["0", "4"]
    reason = "moved 8 is left out: `rows` must be at least 6; got 5."
    assert all(f.layout.meta["alt"].endswith(reason) for f in fig.frames)
    # Where the slider stands the run itself is at stake.
    with pytest.raises(ValueError, match="at least 6"):
        slide(draw, short, Params(moved=8), moved=[0, 4])


def test_many_values_are_not_listed_one_by_one():
    alt = slide(draw, run, Params(), moved=range(21)).layout.meta["alt"]
    assert alt.endswith("A slider sets moved to 21 values, 0 to 20; here it is 4.")


def test_values_with_equal_short_labels_are_shown_in_full():
    class Fine(Knobs):
        rate: float = knob(0.5, "a rate", span=(0.0, 1.0))

    fig = slide(lambda p, r: empty(), lambda p: None, Fine(), rate=[0.5, 0.5 + 1e-9])
    assert [f.name for f in fig.frames] == ["0.5", "0.500000001"]


def test_every_frame_has_a_text_alternative_of_its_own():
    fig = slide(lambda p, r: figure(alt=f"{p.moved} moved."), run, Params(), moved=[0, 4])
    alts = [f.layout.meta["alt"] for f in fig.frames]
    assert alts == [
        "0 moved. A slider sets moved to 0, 4; here it is 0.",
        "4 moved. A slider sets moved to 0, 4; here it is 4.",
    ]
    assert fig.layout.meta["alt"] == alts[1]


def test_a_series_is_named_once_in_the_legend():
    fig = empty()
    marks(fig, X, Y, "fit")
    curve(fig, X, Y, "fit")
    curve(fig, X, Y, "fit", truth=True)
    curve(fig, X, Y, "other")
    assert [t.showlegend for t in fig.data] == [None, False, None, None]


def test_the_axes_of_a_slider_cover_all_frames():
    fig = slide(draw, run, Params(), moved=[0, 20])
    low, high = fig.layout.yaxis.range
    lowest = min(np.nanmin(f.data[0].y) for f in fig.frames)
    assert low < np.log10(lowest) < low + 0.5
    assert np.log10(0.1 + 1e-3) < high < 0.5
    assert fig.layout.xaxis.range[0] < 1
    assert fig.layout.xaxis.range[1] > 5


def test_heat_maps_of_a_slider_share_their_colours():
    def warm(params, result):
        fig = empty()
        heat(fig, [1, 2], [1], [[1.0, 10.0 ** (params.moved + 1)]], label="chance", log=True)
        return fig

    fig = slide(warm, run, Params(), moved=[0, 9])
    assert (fig.data[0].zmin, fig.data[0].zmax) == (0, 10)


def test_a_slider_refuses_what_no_frame_could_follow():
    def fickle(params, result):
        return draw(params, result) if params.moved else empty()

    with pytest.raises(ValueError, match=r"`draw` must return the same kinds of traces"):
        slide(fickle, run, Params(), moved=[0])
    with pytest.raises(ValueError, match=r"`values` must be one knob and its values"):
        slide(draw, run, Params(), moved=[0], cells=[10])
    with pytest.raises(
        ValueError, match=r"`move` must be the name of a knob; did you mean `moved`"
    ):
        slide(draw, run, Params(), move=[0])


@pytest.mark.browser
def test_a_slider_lives_in_a_page_without_a_kernel(tmp_path):
    from browser import chromium

    fig = slide(draw, run, Params(), moved=[0, 4, 8])
    path = tmp_path / "page.html"
    fig.write_html(path, auto_play=False)
    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())
        plot = page.locator(".js-plotly-plot")
        expect(page.locator(".gtitle")).to_have_text("4 moved")
        lengths = []
        for step, title in ((2, "8 moved"), (0, "0 moved"), (1, "4 moved")):
            rail = page.locator(".slider-rail-touch-rect").bounding_box()
            page.mouse.click(rail["x"] + rail["width"] * (0.02 + 0.48 * step), rail["y"] + 8)
            expect(page.locator(".gtitle")).to_have_text(title)
            lengths.append(plot.evaluate("p => p._fullData[2].x.length"))
        assert lengths == [0, 5, 2]


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ([1.0, 2.0, 3.0], "lines"),
        ([1.0], "lines+markers"),
        ([1.0, np.nan, 3.0, 4.0], "lines+markers"),
        ([1.0, 2.0, np.nan, 3.0, 4.0], "lines"),
        ([np.nan, np.nan], "lines"),
    ],
)
def test_a_value_alone_between_gaps_is_visible(values, mode):
    fig = figure("x", "y")
    curve(fig, np.arange(len(values)), values, "law")
    assert fig.data[0].mode == mode

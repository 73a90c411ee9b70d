"""Figures that plotly checks at first use: they equal those of plotly's own methods."""

import copy
import pickle

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from plotly_json import assert_same_as_plotly

from widgets.figure.fast_figure import axis_of, get_alt_text, layout, to_json, traces
from widgets.figure.figure import curve, figure, heat, histogram, level, marks

X = np.arange(1, 6)
Y = 10.0**-X


def lines():
    fig = figure("n", "p", alt="Lines.", log_y=True, title="title", height=300)
    curve(fig, X, Y, "law", band=(Y / 2, Y * 2), truth=True)
    marks(fig, X, np.where(X > 3, 0, Y), "measured", error=(np.zeros(5), Y * 2))
    level(fig, 1e-3, "a level")
    level(fig, 2, "upright", axis="x")
    return fig


def cells():
    fig = figure("x", "y", alt="Cells.", log_x=True)
    heat(fig, X, [1, 2], np.outer([0, 1], Y), label="chance", log=True)
    return fig


def bars():
    fig = figure("x", "count", alt="Bars.")
    histogram(fig, np.arange(6), X, "counts")
    return fig


def gap():
    fig = figure("x", "y", alt="A gap.")
    curve(fig, X, [1, np.nan, 3, np.inf, 5], "broken")
    return fig


def nothing():
    fig = figure("x", "y", alt="No points yet.")
    curve(fig, np.zeros(0), np.zeros(0), "law", band=(np.zeros(0), np.zeros(0)))
    marks(fig, np.zeros(0), np.zeros(0), "measured", error=(np.zeros(0), np.zeros(0)))
    return fig


@pytest.mark.parametrize("draw", [lines, cells, bars, gap, nothing])
def test_a_panel_draws_what_plotly_would_draw(draw):
    assert_same_as_plotly(draw())


@pytest.mark.parametrize("draw", [lines, cells, bars, gap])
def test_written_figures_and_plotly_s_are_read_alike(draw):
    fig, checked = draw(), go.Figure(draw())
    for axis in "xy":
        assert axis_of(fig, axis) == axis_of(checked, axis)
    assert get_alt_text(fig) == get_alt_text(checked) == checked.layout.meta["alt"] != ""
    assert layout(fig).keys() == layout(checked).keys()
    assert [t["name"] for t in traces(fig)] == [t.name for t in checked.data]
    assert get_alt_text(go.Figure()) == ""


def test_drawing_continues_after_plotly_was_used():
    fig = figure("n", "p", alt="Lines.", log_y=True, title="title", height=300)
    for draw in (
        lambda: curve(fig, X, Y, "law", band=(Y / 2, Y * 2), truth=True),
        lambda: marks(fig, X, np.where(X > 3, 0, Y), "measured", error=(np.zeros(5), Y * 2)),
        lambda: level(fig, 1e-3, "a level"),
        lambda: level(fig, 2, "upright", axis="x"),
    ):
        assert fig.data is not None
        draw()
    assert fig == lines()


def test_it_is_an_ordinary_plotly_figure():
    fig = lines()
    assert isinstance(fig, go.Figure)
    assert fig == go.Figure(lines()) != go.Figure(bars())
    assert fig.data[2].error_y.array is not None
    for again in (copy.deepcopy(lines()), copy.copy(lines()), pickle.loads(pickle.dumps(lines()))):
        assert again == fig
    assert plotly.io.from_json(to_json(bars())).data[0].type == "bar"
    assert lines().update_layout(title_text="other").layout.title.text == "other"
    changed = lines()
    changed.layout = {"title": {"text": "set"}}
    assert (changed.layout.title.text, len(changed.data)) == ("set", len(fig.data))
    assert "application/vnd.plotly.v1+json" in lines()._repr_mimebundle_() or fig.to_html()
    with pytest.raises(AttributeError, match="no_such"):
        _ = lines().no_such_thing


def test_what_plotly_refuses_is_refused_at_first_use():
    fig = figure("x", "y", alt="Too small.", height=3)
    assert '"height":3' in to_json(fig)
    for _ in range(2):
        with pytest.raises(ValueError, match="height"):
            fig.to_json()
    assert '"height":3' in to_json(fig)


def test_a_figure_does_not_change_with_the_caller_s_arrays():
    x, y, z = np.arange(3.0), np.ones(3), np.ones((3, 3))
    fig, cold = figure(alt="A line."), figure(alt="A map.")
    curve(fig, x, y, "line", band=(y, y))
    heat(cold, x, x, z, label="z")
    before = to_json(fig), to_json(cold)
    for array in (x, y, z):
        array[:] = 7
    assert (to_json(fig), to_json(cold)) == before
    shared = figure(alt="Another.")
    level(shared, 1, "one")
    assert "shapes" not in layout(figure(alt="A third."))

"""Figures that plotly checks when somebody asks it something: the same as any other of plotly's."""

import copy
import pickle

import numpy as np
import plotly.graph_objects as go
import plotly.io
import pytest
from plotly_json import assert_told_as_plotly_would

from widgets.figure.fast_figure import alternative, axis_of, layout, text, traces
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
def test_a_panel_is_told_what_plotly_would_tell(draw):
    assert_told_as_plotly_would(draw())


@pytest.mark.parametrize("draw", [lines, cells, bars, gap])
def test_words_read_a_written_figure_and_plotly_s_alike(draw):
    fig, made = draw(), go.Figure(draw())
    for axis in "xy":
        assert axis_of(fig, axis) == axis_of(made, axis)
    assert alternative(fig) == alternative(made) == made.layout.meta["alt"] != ""
    assert layout(fig).keys() == layout(made).keys()
    assert [t["name"] for t in traces(fig)] == [t.name for t in made.data]
    assert alternative(go.Figure()) == ""


def test_words_go_on_where_plotly_was_asked_in_between():
    fig = figure("n", "p", alt="Lines.", log_y=True, title="title", height=300)
    for word in (
        lambda: curve(fig, X, Y, "law", band=(Y / 2, Y * 2), truth=True),
        lambda: marks(fig, X, np.where(X > 3, 0, Y), "measured", error=(np.zeros(5), Y * 2)),
        lambda: level(fig, 1e-3, "a level"),
        lambda: level(fig, 2, "upright", axis="x"),
    ):
        assert fig.data is not None
        word()
    assert fig == lines()


def test_it_is_a_figure_of_plotly_s_for_everybody():
    fig = lines()
    assert isinstance(fig, go.Figure)
    assert fig == go.Figure(lines()) != go.Figure(bars())
    assert fig.data[2].error_y.array is not None
    for again in (copy.deepcopy(lines()), copy.copy(lines()), pickle.loads(pickle.dumps(lines()))):
        assert again == fig
    assert plotly.io.from_json(text(bars())).data[0].type == "bar"
    assert lines().update_layout(title_text="other").layout.title.text == "other"
    changed = lines()
    changed.layout = {"title": {"text": "set"}}
    assert (changed.layout.title.text, len(changed.data)) == ("set", len(fig.data))
    assert "application/vnd.plotly.v1+json" in lines()._repr_mimebundle_() or fig.to_html()
    with pytest.raises(AttributeError, match="no_such"):
        _ = lines().no_such_thing


def test_what_plotly_refuses_is_refused_when_it_is_asked():
    fig = figure("x", "y", alt="Too small.", height=3)
    assert '"height":3' in text(fig)
    for _ in range(2):
        with pytest.raises(ValueError, match="height"):
            fig.to_json()
    assert '"height":3' in text(fig)


def test_what_was_drawn_stays_as_it_was():
    x, y, z = np.arange(3.0), np.ones(3), np.ones((3, 3))
    fig, cold = figure(alt="A line."), figure(alt="A map.")
    curve(fig, x, y, "line", band=(y, y))
    heat(cold, x, x, z, label="z")
    before = text(fig), text(cold)
    for array in (x, y, z):
        array[:] = 7
    assert (text(fig), text(cold)) == before
    shared = figure(alt="Another.")
    level(shared, 1, "one")
    assert "shapes" not in layout(figure(alt="A third."))

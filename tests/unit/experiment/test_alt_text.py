import numpy as np
import pytest

from widgets.figure.fast_figure import get_alt_text
from widgets.figure.figure import curve, figure, heat, histogram, level, marks
from workbench.experiment.alt_text import alt_text

X = np.array([1.0, 10.0, 100.0])


def test_lines_and_marks_begin_and_end_where_they_are_drawn():
    fig = figure("cells", "chance of an error", log_x=True, log_y=True)
    curve(fig, X, [0.5, 0.01, 1e-12], "law", truth=True)
    marks(fig, X, [0.4, 0.02, 0.0], "measured", error=([0.1, 0.01, 0.0], [0.6, 0.1, 1e-3]))
    level(fig, 0.1, "bound")
    assert get_alt_text(fig) == (
        "Chance of an error (log scale) against cells (log scale): law from 0.5 at 1 to 1e-12 at "
        "100; measured from 0.4 at 1 to 0.02 at 10."
    )


def test_maps_say_what_their_colours_span():
    fig = figure("share", "threshold")
    heat(fig, [0.1, 0.2], [1, 2, 3], [[1.0, 2], [3, np.nan], [5, 600]], label="factor", log=False)
    assert get_alt_text(fig) == "Threshold against share: factor between 1 and 600."
    logs = figure("share", "threshold")
    heat(logs, [0.1, 0.2], [1], [[1e-3, 100.0]], label="factor", log=True)
    assert get_alt_text(logs) == "Threshold against share: factor between 0.001 and 100."


def test_the_author_s_words_stand():
    fig = figure("x", "y", alt="What it shows.")
    curve(fig, X, X, "line")
    assert get_alt_text(fig) == "What it shows."


def test_bars_and_gaps():
    fig = figure("weight", "matrices")
    histogram(fig, [0, 1, 2], [3, 4], "trained")
    curve(fig, X, [np.nan] * 3, "later")
    words = "Matrices against weight: trained from 3 at 0.5 to 4 at 1.5; later without a value."
    assert get_alt_text(fig) == words


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ({"type": "scatter", "name": "a", "x": ["p", "q"], "y": [1, 2]}, "a from 1 at 0 to 2 at 1"),
        ({"type": "scatter", "y": [1, 2]}, "nothing is drawn"),
        ({"type": "scatter", "name": "a", "x": [], "y": []}, "a without a value"),
        ({"type": "heatmap", "name": "m", "z": [[np.nan]]}, "m blank"),
    ],
)
def test_odd_traces(trace, words):
    assert alt_text({}, [trace]) == f"Y against x: {words}."

"""The figure of a study's number: chosen by how many knobs vary, true to the numbers."""

import base64

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from workbench.share.study_figures import Point, order, study_figure


def numbers(held):
    if isinstance(held, dict):
        return np.frombuffer(base64.b64decode(held["bdata"]), held["dtype"])
    return np.array(held, dtype=float)


def traces(made, kind):
    return [t for t in made["data"] if t["type"] == kind]


def test_one_knob_gives_means_with_the_interval_of_a_t_test():
    rng = np.random.default_rng(0)
    held = {x: rng.normal(x, 1, size=n) for x, n in ((1, 5), (2, 5), (4, 3))}
    points = [Point({"x": x}, float(v)) for x, values in held.items() for v in values]
    rng.shuffle(points)
    made = study_figure([Point(*p) for p in points], "gain")
    (dots,) = [t for t in traces(made, "scatter") if t["mode"] == "markers"]
    assert numbers(dots["x"]).tolist() == [1, 2, 4]
    above, below = (numbers(dots["error_y"][k]) for k in ("array", "arrayminus"))
    for place, values in enumerate(held.values()):
        wanted = ttest_1samp(values, 0).confidence_interval(0.95)
        middle = numbers(dots["y"])[place]
        assert middle == pytest.approx(values.mean())
        assert middle - below[place] == pytest.approx(wanted.low)
        assert middle + above[place] == pytest.approx(wanted.high)
    alt = made["layout"]["meta"]["alt"]
    assert alt.startswith("Gain against x: ")
    assert "the mean of 3 to 5 runs, with its 95 % interval" in alt


def test_one_run_a_value_shows_the_run_s_own_interval():
    points = [Point({"x": x}, float(x), (x - 0.5, x + 1.0)) for x in (3, 1, 2)]
    made = study_figure(points, "gain")
    (dots,) = [t for t in traces(made, "scatter") if t["mode"] == "markers"]
    assert numbers(dots["y"]).tolist() == [1, 2, 3]
    assert numbers(dots["error_y"]["array"]).tolist() == [1.0] * 3
    assert numbers(dots["error_y"]["arrayminus"]).tolist() == [0.5] * 3
    made = study_figure([Point({"x": x}, 1.0) for x in (1, 2)], "gain")
    assert not any("error_y" in t for t in made["data"])
    assert "gives no interval" in made["layout"]["meta"]["alt"]


def test_words_stand_side_by_side_and_wide_spans_go_by_factors():
    points = [Point({"law": law}, v) for law, v in (("b", 2.0), ("a", 1.0), (True, 3.0))]
    made = study_figure(points, "gain")
    assert made["layout"]["xaxis"]["ticktext"] == ["True", "a", "b"]
    points = [Point({"x": x}, 10.0**-x) for x in (1, 10, 100)]
    layout = study_figure(points, "gain")["layout"]
    assert (layout["xaxis"]["type"], layout["yaxis"]["type"]) == ("log", "log")
    layout = study_figure([*points, Point({"x": 0}, 0.0)], "gain")["layout"]
    assert "type" not in layout["xaxis"]


def test_two_knobs_give_a_map_of_means_with_gaps():
    values = {(1, "a"): [1.0, 3.0], (2, "a"): [5.0], (2, "b"): [-1.0]}
    points = [Point({"x": x, "w": w}, v) for (x, w), held in values.items() for v in held]
    made = study_figure(points, "gain")
    (heat,) = made["data"]
    assert heat["type"] == "heatmap"
    assert (heat["x"], heat["y"]) == (["1", "2"], ["a", "b"])
    z = numbers(heat["z"]).reshape(2, 2)
    np.testing.assert_equal(z, [[2, 5], [np.nan, -1]])
    alt = made["layout"]["meta"]["alt"]
    assert "lowest -1 at x 2, w b, highest 5 at x 2, w a; each cell is the mean" in alt


def test_more_knobs_give_parallel_lines_one_a_run():
    rng = np.random.default_rng(1)
    points = [
        Point({"x": x, "y": y, "w": w}, float(rng.normal()))
        for x in (1, 2)
        for y in (0.5, 1.5)
        for w in "ab"
    ]
    made = study_figure(points, "gain")
    x = np.concatenate([numbers(t["x"]) for t in made["data"]])
    y = np.concatenate([numbers(t["y"]) for t in made["data"]])
    assert np.isnan(y).sum() == len(points)
    assert np.nanmin(y) == 0
    assert np.nanmax(y) == 1
    values = np.array([p.value for p in points])
    scaled = (values - values.min()) / np.ptp(values)
    np.testing.assert_allclose(np.sort(y[x == 3]), np.sort(scaled))
    assert made["layout"]["xaxis"]["ticktext"] == ["x", "y", "w", "gain"]
    best = points[int(values.argmax())].knobs
    assert (
        f"highest at x {best['x']}, y {best['y']}, w {best['w']}." in made["layout"]["meta"]["alt"]
    )


def test_nothing_that_varies_gives_no_figure():
    assert study_figure([Point({}, 1.0)], "gain") is None
    assert study_figure([], "gain") is None


def test_equal_numbers_and_words_of_plotly_do_no_harm():
    evil = "<a href='javascript:alert(1)'>x</a><b>"
    for knobs in (["x"], ["x", "y"], ["x", "y", evil]):
        points = [Point(dict.fromkeys(knobs, v), 0.0) for v in (evil, "b", 3)]
        made = study_figure(points, evil)
        labels = [a["text"] for a in made["layout"].get("annotations", [])]
        axis = made["layout"]["xaxis"]
        labels += [axis.get("title", {}).get("text", ""), *axis.get("ticktext", [])]
        assert labels
        assert not any("<" in label for label in labels)


def test_values_are_ordered_by_size_and_words_after_them():
    assert order([10, 9.5, "b", 2, "a", 9.5, None]) == [2, 9.5, 10, None, "a", "b"]
    assert order([True, 1]) == [1, True]

"""The sketch of a figure: numbers in their places, nothing else of the figure."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import figure, put, record

from workbench.share.sketch import HEIGHT, WIDTH, alternative, main_figure, sketch

SVG = {"svg", "path"}


def data(*traces, **layout):
    return json.loads(go.Figure(traces, layout).to_json())


def paths(text):
    return [p.attrib for p in ElementTree.fromstring(text).iter("path")]


def points(path):
    return [tuple(map(float, p)) for p in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path["d"])]


def test_a_line_stands_where_its_values_say():
    drawn = paths(sketch(data(go.Scatter(x=[0, 1, 2], y=[5.0, 5.0, 7.0], mode="lines"))))
    (_, line) = drawn
    (x0, y0), (x1, y1), (x2, y2) = points(line)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 == y1 > y2
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points(line))


def test_a_log_axis_puts_factors_at_equal_steps():
    made = data(go.Scatter(x=[1, 10, 100], y=[1, 1e-3, 1e-6], mode="lines"))
    made["layout"] = {"xaxis": {"type": "log"}, "yaxis": {"type": "log"}}
    (x0, y0), (x1, y1), (x2, y2) = points(paths(sketch(made))[1])
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 - y0 == pytest.approx(y2 - y1, abs=0.2)


def test_packed_numbers_are_read_as_plotly_packs_them():
    x = np.linspace(0, 1, 30)
    packed = data(go.Scatter(x=x, y=(100 * x).astype(np.int16), mode="lines"))
    assert "bdata" in packed["data"][0]["y"]
    listed = data(go.Scatter(x=x.tolist(), y=(100 * x).astype(int).tolist(), mode="lines"))
    assert sketch(packed) == sketch(listed)


def test_a_line_breaks_where_a_value_is_missing():
    made = data(go.Scatter(y=[1.0, 2.0, None, 4.0, 5.0], mode="lines"))
    assert paths(sketch(made))[1]["d"].count("M") == 2


def test_bars_stand_on_zero_and_words_stand_side_by_side():
    made = data(go.Bar(x=["a", "b", "c"], y=[1.0, 2.0, 3.0]))
    bars = re.findall(r"M[-\d.]+ ([-\d.]+)V([-\d.]+)", paths(sketch(made))[1]["d"])
    grounds, tops = zip(*[(float(g), float(t)) for g, t in bars], strict=True)
    assert len(set(grounds)) == 1
    heights = [grounds[0] - t for t in tops]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.3)


def test_a_map_has_its_cells_and_subplots_their_places():
    made = data(go.Heatmap(z=np.arange(12.0).reshape(3, 4)))
    fills = [p["fill"] for p in paths(sketch(made))[1:]]
    assert len(fills) == 12
    assert (fills[0], fills[-1]) == ("#440154", "#fde725")
    two = data(go.Scatter(y=[1, 2]), go.Scatter(y=[1, 2], xaxis="x2", yaxis="y2"))
    two["layout"] = {"xaxis": {"domain": [0, 0.4]}, "xaxis2": {"domain": [0.6, 1]}}
    lines = [points(p) for p in paths(sketch(two)) if "stroke-width" in p and "L" in p["d"]]
    assert max(x for x, _ in lines[0]) < 0.45 * WIDTH < 0.55 * WIDTH < min(x for x, _ in lines[1])


def test_a_large_figure_becomes_a_small_picture():
    rng = np.random.default_rng(0)
    traces = [go.Scatter(y=rng.normal(size=20_000), mode="lines+markers") for _ in range(100)]
    assert len(sketch(data(*traces))) < 100_000
    assert len(sketch(data(go.Heatmap(z=rng.normal(size=(500, 500)))))) < 40_000


def test_ink_follows_the_page_and_other_colours_are_checked():
    line = go.Scatter(y=[1, 2], mode="lines", line={"color": "#1a1a1a"})
    made = data(line, go.Scatter(y=[1, 2], mode="lines", line={"color": "rgb(1, 2, 3)"}))
    assert [p.get("stroke") for p in paths(sketch(made))[1:]] == ["currentColor", "rgb(1, 2, 3)"]
    made["data"][1]["line"]["color"] = 'red" onload="alert(1)'
    assert paths(sketch(made))[2]["stroke"] == "#D55E00"


def test_hidden_traces_and_unknown_kinds_are_not_drawn():
    made = data(go.Scatter(y=[1, 2], visible="legendonly"), go.Pie(values=[1, 2]))
    assert sketch(made) == ""


def test_the_alternative_is_escaped():
    made = data(go.Scatter(y=[1, 2]), meta={"alt": '"><script>alert(1)</script>'})
    found = ElementTree.fromstring(sketch(made))
    assert found.attrib["aria-label"] == alternative(made) == '"><script>alert(1)</script>'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
WORDS = st.sampled_from(["scatter", "bar", "heatmap", "contour", "x", "y", "x2", "toself", "lines"])
NAMES = st.sampled_from(
    ["type", "x", "y", "z", "mode", "line", "marker", "fill", "xaxis", "orientation", "bdata"]
)
TRACES = st.dictionaries(NAMES, JSON | WORDS | st.lists(st.floats() | st.none(), max_size=6))


@settings(max_examples=300)
@given(st.lists(TRACES, max_size=3) | JSON, JSON | st.dictionaries(st.just("xaxis"), JSON))
def test_anything_at_all_gives_a_picture_of_paths_or_nothing(traces, layout):
    made = sketch({"data": traces, "layout": layout})
    if made:
        found = ElementTree.fromstring(made)
        assert {tag.tag for tag in found.iter()} <= SVG
        assert not any(name.startswith("on") for tag in found.iter() for name in tag.attrib)
        assert "nan" not in made
        assert "inf" not in made


def test_the_main_figure_is_that_of_its_cell(tmp_path):
    folder = put(tmp_path, record(), with_page=False)
    assert main_figure(folder / "notebook.ipynb") == figure()
    assert main_figure(folder / "record.json") is None
    assert main_figure(folder / "missing.ipynb") is None
    (folder / "broken.ipynb").write_text('{"cells": [{"outputs": 3}]}')
    assert main_figure(folder / "broken.ipynb") is None
    (folder / "link.ipynb").symlink_to(folder / "notebook.ipynb")
    assert main_figure(folder / "link.ipynb") is None

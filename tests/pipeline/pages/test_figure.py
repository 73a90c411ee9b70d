"""A figure as the page holds it: data, words, a slider; test_page_opened.py moves it."""

import json

import pytest
from bs4 import BeautifulSoup
from page_parts import ATTACKS, EVIL

from workbench.pages.cells.figure import MAPS, figure_html


def made(bundle):
    return BeautifulSoup(figure_html(bundle), "html.parser")


def sliding(labels, active=0, prefix="cells "):
    steps = [{"method": "animate", "label": label, "args": [[label], {}]} for label in labels]
    slider = {"active": active, "steps": steps, "currentvalue": {"prefix": prefix}}
    frames = [{"name": label, "data": [{"y": [1]}]} for label in labels]
    return {"data": [{"y": [1]}], "layout": {"sliders": [slider]}, "frames": frames}


def test_a_slider_has_the_knob_s_name_and_its_value_in_words():
    range_ = made(sliding(["8", "64", "512"], active=2)).select_one("input[type=range]")
    assert range_["aria-label"] == "cells"
    assert range_["aria-valuetext"] == "512"
    assert (range_["min"], range_["max"], range_["value"], range_["step"]) == ("0", "2", "2", "1")


@pytest.mark.parametrize("count", [2, 3, 9, 10, 17, 40, 41])
def test_ticks_are_few_and_have_the_ends(count):
    labels = [str(100 + i) for i in range(count)]
    ticks = made(sliding(labels)).select(".ticks span")
    shown = [t.text for t in ticks]
    assert shown[0] == labels[0]
    assert shown[-1] == labels[-1]
    assert len(shown) == len(set(shown)) <= 9
    for tick in ticks:
        share = float(tick["style"].removeprefix("left:").removesuffix("%")) / 100
        assert share == pytest.approx(labels.index(tick.text) / (count - 1), abs=1e-6)


def test_a_phone_gets_the_ticks_it_has_room_for():
    labels = ["1", "10", "100", "576", "3000", "10000", "100000"]
    ticks = made(sliding(labels)).select(".ticks span")
    assert [t.text for t in ticks] == labels
    assert [t.text for t in ticks if not t.get("class")] == ["1", "100", "3000", "100000"]


def broken(change):
    bundle = sliding(["1", "2"])
    change(bundle)
    return bundle


@pytest.mark.parametrize(
    "bundle",
    [
        {},
        {"data": "not a figure", "layout": "nor this", "frames": 3},
        {"layout": {"sliders": [1], "meta": [1]}},
        {"layout": {"sliders": [{"steps": [{"label": "1"}, 2]}]}},
        broken(lambda b: b.update(frames=[])),
        broken(lambda b: b["frames"].reverse()),
        broken(lambda b: b["layout"]["sliders"].append({})),
        broken(lambda b: b["layout"]["sliders"][0]["steps"][0].update(method="restyle")),
        broken(lambda b: b["layout"]["sliders"][0]["steps"][0].update(args=[["2"]])),
        broken(lambda b: b["layout"]["sliders"][0]["steps"][0].pop("args")),
        broken(lambda b: b["layout"]["sliders"][0]["steps"][0].pop("label")),
    ],
)
def test_another_slider_is_left_to_plotly(bundle):
    parsed = made(bundle)
    assert parsed.select_one("input") is None
    assert parsed.select_one(".plot")


def test_an_active_step_beyond_the_steps_is_the_first():
    for active in (7, -1, "x", None):
        assert made(sliding(["1", "2"], active=active)).input["value"] == "0"


@pytest.mark.parametrize("text", [EVIL, '"><img src=x onerror=alert(1)>', *ATTACKS[:3]])
def test_words_of_a_slider_are_text(text):
    bundle = sliding([text, text + "2"], prefix=text)
    bundle["layout"]["meta"] = {"alt": text}
    parsed = made(bundle)
    assert {tag.name for tag in parsed.find_all(True)} == {
        *("figure", "div", "p", "span", "strong", "input", "script", "figcaption")
    }
    assert parsed.input["aria-label"] == text.strip()
    assert parsed.input["aria-valuetext"] == text
    assert json.loads(parsed.script.string) == bundle


@pytest.mark.parametrize("kind", sorted(MAPS))
def test_a_map_is_a_sentence(kind):
    """Its outlines and tiles would be asked of a server."""
    parsed = made({"data": [{"type": kind}], "layout": {"meta": {"alt": "Where it rains."}}})
    assert parsed.select_one(".plot") is None
    assert "This figure is a map." in parsed.select_one(".refused").text
    assert parsed.figcaption.text == "Where it rains."
    for other in ("heatmap", "treemap", "scatter", ["list"]):
        assert made({"data": [{"type": other}]}).select_one(".refused") is None

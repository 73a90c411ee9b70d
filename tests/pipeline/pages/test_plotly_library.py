"""Which part of plotly's library a page takes in, and that the parts are what they say."""

import pytest
from browser import chromium
from plotly.offline import get_plotlyjs_version

from workbench.pages import plotly_library as library
from workbench.pages.plotly_library import PARTS, plotly_library

each_part = pytest.mark.parametrize("part", PARTS, ids=lambda p: p.name)


def figures(*kinds):
    return [{"data": [{"type": kind}]} for kind in kinds]


@each_part
def test_a_part_is_the_package_that_npm_published(part):
    assert part.is_intact()
    assert not part._replace(integrity="sha512-" + "A" * 86 + "==").is_intact()


@pytest.mark.browser
def test_a_part_draws_the_kinds_it_says(tmp_path):
    """The kinds are asked of the library itself."""
    with chromium() as browser:
        page = browser.new_page()
        for part in PARTS:
            path = tmp_path / "part.html"
            path.write_text(f"<!DOCTYPE html><meta charset=utf-8><script>{part.text()}</script>")
            page.goto(path.as_uri())
            asked = "[Plotly.version, Object.keys(Plotly.PlotSchema.get().traces)]"
            version, kinds = page.evaluate(asked)
            assert set(kinds) == part.kinds
            assert version == part.version()


@each_part
def test_a_part_names_its_version_first_and_cannot_end_its_element(part):
    assert part.text().startswith(f"/**\n* plotly.js v{part.version()}\n")
    assert "</script" not in part.text()


def test_the_smallest_that_draws_all_is_taken(monkeypatch):
    monkeypatch.setattr(library, "get_plotlyjs_version", PARTS[0].version)
    basic, cartesian = (part.text() for part in PARTS)
    assert plotly_library([]) == plotly_library(figures("scatter", "bar")) == basic
    assert plotly_library([{"data": [{"y": [1]}]}, {"data": "no figure"}, {}]) == basic
    assert plotly_library(figures("scatter", "heatmap")) == cartesian
    whole = plotly_library(figures("scattergl", "heatmap"))
    assert len(whole) > 2 * len(cartesian)
    assert "</script" not in whole


def test_a_part_of_another_version_is_not_taken(monkeypatch):
    monkeypatch.setattr(library, "get_plotlyjs_version", lambda: "99.0.0")
    assert f"plotly.js v{get_plotlyjs_version()}" in plotly_library(figures("scatter"))[:100]
    assert len(plotly_library(figures("scatter"))) > 3_000_000

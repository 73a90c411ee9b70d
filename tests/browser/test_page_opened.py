"""The page in front of a reader: headless Chromium, the network blocked."""

import json

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
import toy_notebooks
from browser_page import opened
from nbformat.v4 import new_markdown_cell, new_notebook, new_output
from page_parts import ATTACKS, EVIL, PNG, record, shown
from playwright.sync_api import expect

from widgets.figure import figure as house
from workbench.pages.page import page

pytestmark = pytest.mark.browser

PLOTLY = "application/vnd.plotly.v1+json"
INK = "#1a1a1a"


def figure(drawing):
    return shown({PLOTLY: json.loads(drawing.to_json())}, source="figure(data, 'x')")


def sliding():
    """A figure with a slider over frames, and values packed as NumPy's are."""
    x = np.linspace(0, 1, 50)
    layouts = [{"meta": {"alt": f"x to the power of {k}"}} for k in range(4)]
    frames = [
        go.Frame(name=str(k), data=[go.Scatter(x=x, y=x**k)], layout=layouts[k]) for k in range(4)
    ]
    steps = [{"label": str(k), "method": "animate", "args": [[str(k)], NOW]} for k in range(4)]
    slider = {"steps": steps, "currentvalue": {"prefix": "power "}}
    layout = {"sliders": [slider], "meta": {"alt": "A power of x"}, "width": 2000}
    return go.Figure([go.Scatter(x=x, y=x, line={"color": INK})], layout, frames)


NOW = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}}
LONG = "word " * 60
TABLE = "\n".join("|" + f" {cell} |" * 20 for cell in ("heading", "---", "https://e.example"))
STORY = [
    new_markdown_cell(f"# A title with $x^2$\n\n{LONG}"),
    new_markdown_cell(f"## One\n\n$$\\sum_{{i=1}}^n \\frac{{a_i}}{{b}}$$\n\n{LONG * 9}"),
    figure(sliding()),
    figure(go.Figure(go.Heatmap(z=np.eye(40)))),
    figure(go.Figure(go.Scattergl(x=np.arange(3000), y=np.arange(3000.0)))),
    new_markdown_cell(f"## Two\n\n{TABLE}\n\n{LONG * 9}"),
    shown({"text/html": "<table><tr>" + "<td>wide_cell</td>" * 40 + "</tr></table>"}),
    shown({"image/png": PNG}, {"text/plain": "\x1b[31mred\x1b[0m " + "x" * 500}),
]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    path = tmp_path_factory.mktemp("story") / "page.html"
    claim = {"verdict": "reproduced", "statement": LONG, "paper": "P", "where": "w"}
    claims = [{**claim, "expected": "1", "measured": "1", "interval": None, "note": ""}]
    path.write_text(page(new_notebook(cells=STORY), record(claims=claims)), encoding="utf-8")
    assert path.stat().st_size < 8_000_000
    return path


@pytest.fixture(scope="module")
def reading(browser, story):
    """One reader of the story for all tests that do not change it."""
    with opened(browser, story) as seen:
        yield seen


def clean_of_trouble(seen):
    assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])


SHOWN = "document.querySelector('.js-plotly-plot')._fullData[0]"
DRAWN = """() => [...document.querySelectorAll(".plot")]
    .every(plot => plot.querySelector(".main-svg"))"""


def data(seen, number=0):
    read = "n => Array.from(document.querySelectorAll('.js-plotly-plot')[n]._fullData[0].y)"
    return seen.page.evaluate(read, number)


def test_figures_are_drawn_and_nothing_leaves(reading):
    plots = reading.page.locator(".js-plotly-plot")
    reading.page.wait_for_function(DRAWN)
    assert plots.count() == 3
    for plot in plots.all():
        box = plot.locator(".main-svg").first.bounding_box()
        assert 400 < box["width"] < 1280
        assert box["height"] > 300
    assert data(reading) == pytest.approx(np.linspace(0, 1, 50).tolist())
    assert reading.page.locator(".plot").first.get_attribute("aria-label") == "A power of x"
    entry = json.loads(reading.page.locator("#record").text_content())
    assert entry["title"] == "The title"
    clean_of_trouble(reading)


def test_no_button_of_a_figure_sends_it_anywhere(reading):
    """Plotly 4 has one that uploads to its makers' cloud."""
    reading.page.wait_for_function(DRAWN)
    buttons = reading.page.locator(".modebar-btn").all()
    names = "Zoom, Pan, Zoom in, Zoom out, Autoscale, Reset axes, Download plot as a PNG"
    assert {b.get_attribute("aria-label") for b in buttons} == set(names.split(", "))
    assert not reading.page.evaluate(
        "document.querySelector('.js-plotly-plot')._context.plotlyServerURL"
    )


def test_a_slider_moves_by_keys_without_a_kernel(reading):
    x = np.linspace(0, 1, 50)
    slider = reading.page.get_by_role("slider", name="power")
    slider.focus()
    for key, power in (("End", 3), ("ArrowLeft", 2), ("Home", 0), ("ArrowRight", 1)):
        reading.page.keyboard.press(key)
        reading.page.wait_for_function(
            f"y => Math.abs({SHOWN}.y[25] - y) < 1e-9", arg=float(x[25] ** power)
        )
        assert slider.get_attribute("aria-valuetext") == str(power)
        alt = f"x to the power of {power}"
        assert reading.page.locator(".plot").first.get_attribute("aria-label") == alt
        assert reading.page.locator("figcaption").first.inner_text() == alt
    clean_of_trouble(reading)


def test_a_slider_moves_by_the_mouse(reading):
    slider = reading.page.get_by_role("slider", name="power")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    reading.page.mouse.click(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    x = np.linspace(0, 1, 50)
    reading.page.wait_for_function(
        f"y => Math.abs({SHOWN}.y[25] - y) < 1e-9", arg=float(x[25] ** 3)
    )
    assert slider.get_attribute("aria-valuetext") == "3"
    # Plotly's own slider would be a second one, and one that no key moves.
    assert reading.page.locator(".slider-container").count() == 0


def test_a_slider_keeps_its_place_when_night_falls(browser, story):
    with opened(browser, story) as seen:
        slider = seen.page.get_by_role("slider", name="power")
        slider.focus()
        seen.page.keyboard.press("End")
        seen.page.wait_for_function("() => " + FRAME)
        seen.page.emulate_media(color_scheme="dark")
        seen.page.wait_for_function(f"() => {FRAME} && {SHOWN}.line.color === '#f0f0f0'")
        assert slider.get_attribute("aria-valuetext") == "3"
        assert seen.page.locator("figcaption").first.inner_text() == "x to the power of 3"
        # At once: a printer does not wait.
        printed = "dispatchEvent(new Event('beforeprint'))"
        assert seen.page.evaluate(f"() => {{ {printed}; return {FRAME}; }}")
        clean_of_trouble(seen)


FRAME = f"Math.abs({SHOWN}.y[25] - {float(np.linspace(0, 1, 50)[25] ** 3)}) < 1e-9"


def test_formulas_are_reading(reading):
    boxes = [m.bounding_box() for m in reading.page.locator("math").all()]
    assert len(boxes) >= 2
    assert all(b["width"] > 8 and b["height"] > 8 for b in boxes)
    assert "$" not in reading.page.locator("header").inner_text()


def test_contents_lead_to_their_sections(reading):
    for name in ("Two", "Provenance", "One"):
        reading.page.get_by_role("link", name=name, exact=True).click()
        heading = reading.page.locator(f"h2[id={name.lower()}]")
        top = heading.bounding_box()["y"]
        assert -2 <= top < 900, name
    clean_of_trouble(reading)


def test_code_is_folded_and_unfolds(reading):
    code = reading.page.locator("details.code pre").first
    assert not code.is_visible()
    reading.page.get_by_text("code: cell-").first.click()
    assert code.is_visible()
    reading.page.get_by_role("button", name="Show all code").click()
    assert all(c.is_visible() for c in reading.page.locator("details.code pre").all())
    reading.page.get_by_role("button", name="Hide all code").click()
    assert not code.is_visible()
    clean_of_trouble(reading)


def ink(seen):
    return seen.page.evaluate("document.querySelector('.js-plotly-plot')._fullData[0].line.color")


def drawn_in(seen, colour):
    """Waits until the first line has that colour, which on a busy machine takes a while."""
    seen.page.wait_for_function(
        "colour => document.querySelector('.js-plotly-plot')._fullData[0].line.color === colour",
        arg=colour,
    )


def test_figures_follow_light_and_dark_and_print_as_by_day(browser, story):
    paper = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, story, color_scheme="dark") as seen:
        assert ink(seen) == "#f0f0f0"
        assert seen.page.evaluate(paper) == "rgb(22, 25, 28)"
        seen.page.emulate_media(color_scheme="light")
        drawn_in(seen, INK)
        assert seen.page.evaluate(paper) == "rgb(255, 255, 255)"
        seen.page.emulate_media(color_scheme="dark")
        drawn_in(seen, "#f0f0f0")
        seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert ink(seen) == INK
        assert seen.page.locator(".main-svg").first.bounding_box()["width"] == 680
        seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
        drawn_in(seen, "#f0f0f0")
        clean_of_trouble(seen)


def test_a_band_of_a_truth_is_seen_at_night(browser, tmp_path):
    fig = house.figure("x", "y", alt="A law.")
    house.curve(fig, [1, 2], [1, 2], "law", band=([0, 1], [2, 3]), truth=True)
    house.level(fig, 1.5, "a bound")
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[figure(fig)]), record()), encoding="utf-8")
    colours = "(p => [p._fullData[0].fillcolor, p._fullLayout.shapes[0].line.color])"
    read = f"() => {colours}(document.querySelector('.js-plotly-plot'))"
    with opened(browser, path, width=390, color_scheme="dark") as seen:
        assert seen.page.evaluate(read) == ["rgba(240,240,240,0.18)", "#a3adb5"]
        seen.page.emulate_media(color_scheme="light")
        seen.page.wait_for_function(f"() => ({read})()[0] === 'rgba(26,26,26,0.18)'")


LONG_TITLE = "12. encoder.layer.11.attention.output.dense.weight: 384 × 1536"


def test_a_long_title_is_whole_on_a_phone_and_follows_the_slider(browser, tmp_path):
    fig = house.figure("place", "value", alt="A title.", title=LONG_TITLE)
    house.curve(fig, [1, 2], [1, 2], "trained")
    titles = [LONG_TITLE, "short"]
    frames = [go.Frame(name=t[0], data=[{}], layout={"title": {"text": t}}) for t in titles]
    steps = [{"label": t[0], "method": "animate", "args": [[t[0]], NOW]} for t in titles]
    fig.update(frames=frames, layout={"sliders": [{"steps": steps}]})
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[figure(fig)]), record()), encoding="utf-8")
    with opened(browser, path, width=390) as seen:
        title = seen.page.locator("figure .titled")
        assert title.inner_text() == LONG_TITLE
        box, plot = title.bounding_box(), seen.page.locator(".plot").bounding_box()
        assert box["y"] + box["height"] <= plot["y"] + 1
        assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= 390
        assert seen.page.locator(".gtitle").count() == 0
        seen.page.get_by_role("slider").press("End")
        expect(title).to_have_text("short")
        clean_of_trouble(seen)


@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("count", [1, 2, 5, 14])
@pytest.mark.parametrize("name", ["line", "a line of a name that is broken into two, or"])
def test_many_names_leave_the_axes_their_height(browser, tmp_path, width, count, name):
    fig = house.figure("place", "value", alt="Lines, 14 at most.")
    for place in range(count):
        house.curve(fig, [1, 2], [1, place], f"{name} {place}")
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[figure(fig)]), record()), encoding="utf-8")
    with opened(browser, path, width=width) as seen:
        plot = seen.page.locator(".plot")
        height, axes = plot.evaluate("p => [p._fullLayout.height, p._fullLayout._size.h]")
        # As with two names side by side, give or take; plotly lets a very long legend scroll.
        assert 290 <= axes <= (350 if count < 14 else 400)
        assert plot.bounding_box()["height"] == pytest.approx(height)
        clean_of_trouble(seen)


def test_names_beside_the_axes_leave_a_figure_as_it_is(browser, tmp_path):
    fig = go.Figure([go.Scatter(x=[1, 2], y=[1, i], name=f"line {i}") for i in range(14)])
    fig.update_layout(height=420)
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[figure(fig)]), record()), encoding="utf-8")
    with opened(browser, path) as seen:
        assert seen.page.locator(".plot").evaluate("p => p._fullLayout.height") == 420


def test_a_title_with_raised_letters_stays_plotly_s(browser, tmp_path):
    fig = house.figure(alt="A title.", title="10<sup>3</sup>")
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[figure(fig)]), record()), encoding="utf-8")
    with opened(browser, path) as seen:
        assert seen.page.locator(".gtitle").text_content().replace("\u200b", "") == "103"
        assert seen.page.locator(".titled").count() == 0


def test_nothing_is_wider_than_the_screen(browser, story):
    with opened(browser, story, width=390) as seen:
        for width in (390, 320, 800):
            seen.page.set_viewport_size({"width": width, "height": 900})
            seen.page.wait_for_function(DRAWN)
            seen.page.wait_for_function(
                "width => [...document.querySelectorAll('.main-svg')]"
                ".every(plot => plot.getBoundingClientRect().width <= width)",
                arg=width,
            )
            assert seen.page.evaluate(WIDE, width) == []
            assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= width
        clean_of_trouble(seen)


WIDE = """width => [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > width + 1 && e.parentElement.scrollWidth > width)
    .filter(e => !e.closest('table, .table, pre, svg')).map(e => e.outerHTML.slice(0, 80))"""


def test_without_scripts_the_words_and_numbers_stand(browser, story):
    with opened(browser, story, java_script_enabled=False) as seen:
        text = seen.page.locator("body").inner_text()
        for part in ("reproduced", "wide_cell", "Knobs", "1,234 bytes", "workbench run own.ipynb"):
            assert part in text
        assert "The figures of this page are drawn by its own script" in text
        assert not seen.page.locator("#fold").is_visible()
        seen.page.get_by_text("code: cell-").first.click()
        assert "figure(data" in seen.page.locator("details.code").first.inner_text()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Everything hostile in every place that takes text, beside a figure that must be drawn."""
    hostile = {
        "data": [{"type": "bar", "y": [1], "name": EVIL, "text": ATTACKS[1]}],
        "layout": {"title": {"text": ATTACKS[1]}, "meta": {"alt": '"><script>alert(1)</script>'}},
    }
    cells = [
        new_markdown_cell("# T " + " ".join(ATTACKS)),
        *[new_markdown_cell(f"## {attack}\n\n{attack}") for attack in ATTACKS],
        *[shown({"text/html": attack}, {"text/plain": attack}) for attack in ATTACKS],
        *[shown({"text/latex": f"${attack}$"}) for attack in ATTACKS],
        shown({"text/markdown": "\n\n".join(ATTACKS)}, source="# " + EVIL),
        shown({"image/svg+xml": "<svg onload='alert(1)'><script>alert(1)</script></svg>"}),
        shown({"image/png": '"><script>alert(1)</script>'}),
        shown({PLOTLY: {"data": "not a figure"}}),
        shown({PLOTLY: hostile}),
    ]
    cells[-1].outputs.append(new_output("stream", name="stdout", text=EVIL + "\x1b[31m" + EVIL))
    cells[-1].metadata["alt"] = '"><script>alert(1)</script>'
    entry = record(title=EVIL, name=EVIL, command=EVIL, run=EVIL)
    entry["provenance"]["data"]["file"]["path"] = EVIL
    path = tmp_path_factory.mktemp("attacked") / "a <b onclick=alert(1)> '\".html"
    notebook = new_notebook(cells=cells)
    knobs = toy_table()
    path.write_text(page(nbformat.from_dict(notebook), entry, knobs), encoding="utf-8")
    return path


def toy_table():
    from workbench.experiment.params import Parameters, knob

    class Own(Parameters):
        word: str = knob("<img src=x onerror=alert(1)>", "<script>alert(1)</script>")

    return Own(word=EVIL).table()


def test_no_script_but_the_page_s_own_runs(browser, attacked):
    with opened(browser, attacked) as seen:
        page = seen.page
        for link in page.locator("main a[href], header a[href]").all():
            assert not link.get_attribute("href").lower().startswith(("javascript:", "data:"))
        page.mouse.move(300, 300)
        page.wait_for_timeout(300)
        assert (seen.dialogs, seen.left) == ([], [])
        assert page.url.startswith("file:")
        assert page.evaluate("typeof Plotly") == "object"
        assert page.locator(".js-plotly-plot .main-svg").count() > 0
        assert "This figure cannot be drawn" in page.locator(".plot").first.inner_text()
        assert page.locator("body").is_visible()
        page.get_by_role("button", name="Show all code").click()
        assert page.locator("details.code pre").first.is_visible()


def test_the_policy_stops_what_cleaning_would_miss(browser, attacked):
    """Scripts and requests put into the live page, past all cleaning."""
    with opened(browser, attacked) as seen:
        seen.page.evaluate(
            """async () => {
                const script = document.createElement("script");
                script.textContent = "alert('inline')";
                document.body.append(script);
                const holder = document.createElement("div");
                holder.innerHTML = `<img src="data:image/png;base64,x" onerror="alert('handler')">
                    <img src="https://e.example/a.png"><iframe src="https://e.example"></iframe>
                    <a id="now" href="javascript:alert('link')">x</a>
                    <form id="sent" action="https://e.example"></form>`;
                document.body.append(holder);
                document.getElementById("now").click();
                document.getElementById("sent").submit();
                await fetch("https://e.example").catch(() => {});
            }"""
        )
        seen.page.wait_for_timeout(500)
        assert seen.dialogs == []
        assert seen.page.url.startswith("file:")
        refused = "\n".join(seen.errors)
        assert refused.count("Content Security Policy") >= 5
        # Chromium reports requests that the policy blocks; none of them may reach the network.
        assert not [url for url in seen.left if url not in BLOCKED]


BLOCKED = {"https://e.example/a.png", "https://e.example/"}


def test_a_detector_that_detects(browser, tmp_path):
    """The same attacks on a bare page do run, so that their silence above means something."""
    path = tmp_path / "bare.html"
    path.write_text(f"<body>{EVIL}<img src='https://e.example/a.png'>")
    with opened(browser, path) as seen:
        assert seen.dialogs == ["x"]
        assert seen.left


def test_a_page_without_figures_is_small_and_sound(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(
        page(new_notebook(cells=[toy_notebooks.code("1", "one")]), record()), encoding="utf-8"
    )
    with opened(browser, path) as seen:
        assert seen.page.evaluate("typeof Plotly") == "undefined"
        seen.page.get_by_role("button", name="Show all code").click()
        assert seen.page.locator("details.code pre").is_visible()
        clean_of_trouble(seen)


def test_a_reader_saves_the_table_offline(browser, tmp_path):
    text = "name,value\nä,1\n"
    path = tmp_path / "page.html"
    path.write_text(page(new_notebook(cells=[shown({"text/csv": text})]), record()))
    with opened(browser, path) as seen:
        with seen.page.expect_download() as started:
            seen.page.locator("a[download]").click()
        assert started.value.suggested_filename == "table.csv"
        assert started.value.path().read_text() == text
        assert (seen.left, seen.errors) == ([], [])

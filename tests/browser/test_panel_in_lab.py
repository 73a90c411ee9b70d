"""The panel where a researcher meets it: JupyterLab in headless Chromium."""

import json

import nbformat
import pytest
import toy_notebooks
from browser import PLOT, SCREENSHOTS, Visit, chromium, explore, lab

TOY = """
import numpy as np
from widgets.figure.figure import curve, figure, level, marks
from widgets.panel.panel import panel
from workbench.base.checks import refuse
from workbench.base.intervals import binomial_interval
from workbench.experiment.params import Knobs, knob
from typing import Literal

class Params(Knobs):
    cells: int = knob(2048, "cells in the population", span=(64, 65536), log=True)
    active: int = knob(40, "active cells", span=(1, 1000))
    threshold: int = knob(8, "matches that fire a segment", span=(1, 30))
    rate: float = knob(0.02, "share of bits lost", span=(0.0001, 1.0), log=True)
    tagged: bool = knob(False, "whether each pattern has its own segment")
    method: Literal["mixture", "plugin"] = knob("mixture", "which law of the union")
    patterns_file: str = knob("", "your own patterns", suffixes=(".npy", ".csv"))

    def relations(self):
        if self.active > self.cells:
            refuse("active", f"at most cells={self.cells}", self.active)

def run(params):
    rng = np.random.default_rng(params.seed)
    hits = np.arange(1, 31)
    law = (params.active / params.cells) ** (hits / 4)
    counts = rng.binomial(10_000, law)
    return hits, law, counts / 1e4, np.array([binomial_interval(int(c), 10_000) for c in counts]).T

def draw(params, result):
    hits, law, rate, ends = result
    fig = figure("threshold", "chance of a false match", log_y=True, alt="Counts lie on the law.")
    curve(fig, hits, law, "law", truth=True)
    marks(fig, hits, rate, "measured", error=ends)
    level(fig, params.threshold, "threshold", "x")
    return fig
"""


BROKEN = (
    TOY.replace("    rng = np.random", "    1 / (params.threshold - 9)\n    rng = np.random")
    + """
board = panel(Params, run, draw)
"""
)
BATCH = """
from pathlib import Path
from widgets.figure.figure import figure, curve
from widgets.panel.panel import panel
from workbench.experiments.scaling import chinchilla

def draw(params, result):
    fig = figure("x", "y", alt="A line.")
    curve(fig, [1, 2], [1, params.compute], "line")
    return fig

board = panel(chinchilla.Params, chinchilla.run, draw, chinchilla.Params(compute=1000.0))
board.run_controls.reports = Path("reports")
board
"""
NAMED = TOY.replace(
    "    level(fig",
    "    for place in range(14):\n"
    "        curve(fig, hits, law, f'a line of a rather long name, {place}')\n"
    "    level(fig",
)
# With fewer trials a preview differs from the full figure, which takes long enough to have one.
BUDGET = (
    TOY.replace(
        "    tagged",
        '    trials: int = knob(10_000, "trials", span=(10, 10**6), is_budget=True)\n    tagged',
    )
    .replace("rng.binomial(10_000, law)", "rng.binomial(params.trials, law)")
    .replace(
        "    hits = np.arange(1, 31)\n",
        "    hits = np.arange(1, 31)\n    time.sleep(0.1 if params.trials == 10_000 else 0)\n",
    )
    .replace("import numpy as np\n", "import time\nimport numpy as np\n")
)
NOTEBOOKS = {
    "budget": [BUDGET, "panel(Params, run, draw)"],
    "named": [NAMED, "panel(Params, run, draw)"],
    "toy": [TOY, "panel(Params, run, draw)"],
    "broken": [BROKEN, "board"],
    "batch": [BATCH],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, sources in NOTEBOOKS.items():
        cells = [
            nbformat.v4.new_code_cell(source.strip(), id=f"cell-{place}")
            for place, source in enumerate(sources)
        ]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def room(folder, tmp_path_factory):
    with lab(folder, tmp_path_factory.mktemp("home")) as server, chromium() as browser:
        yield browser, server


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
def test_a_researcher_explores(room, width):
    browser, server = room
    first, next_ = explore(
        browser, server, "toy.ipynb", shot=f"toy-{width}", bad="99999999", width=width
    )
    print(f"first figure {first:.2f} s, next {next_:.2f} s")


@pytest.fixture
def visit(room):
    visitor = Visit(*room)
    yield visitor
    visitor.page.close()
    assert (visitor.errors, visitor.left) == ([], [])


def wait(page, holds):
    page.wait_for_function(holds, timeout=60_000)


@pytest.mark.browser
def test_an_untouched_panel_shows_its_knobs_as_they_are(visit):
    visit.open("toy.ipynb")
    board = visit.page.locator(".workbench-panel")
    visit.page.wait_for_timeout(500)
    # The browser's own rounding of the slider's place must not turn the knob.
    assert board.get_by_label("rate", exact=True).input_value() == "0.02"
    assert "--rate" not in board.locator("code").first.inner_text()
    assert board.locator(PLOT).count() == 0


@pytest.mark.browser
def test_zoom_and_legend_stay_while_knobs_turn_and_a_pin_stands_beside(visit):
    visit.open("toy.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")
    board.get_by_role("button", name="Run", exact=True).click()
    place = board.locator(".workbench-plot")
    place.locator(".main-svg").first.wait_for()
    zoom = "p => window.Plotly.relayout(p, {'xaxis.range': [2, 9]})"
    place.evaluate(zoom)
    place.locator(".legendtoggle").nth(1).click()
    page.wait_for_timeout(600)
    board.get_by_role("button", name="Pin", exact=True).click()
    box = board.get_by_label("active", exact=True)
    box.fill("80")
    box.press("Enter")
    wait(
        page,
        """() => document.querySelector('.workbench-plot')._fullData
        .some(t => t.name.includes('pinned: active 40'))""",
    )
    shown = place.evaluate("""p => ({
        range: p._fullLayout.xaxis.range,
        visible: p._fullData.map(t => [t.name, t.visible, t.line?.dash])})""")
    assert shown["range"] == [2, 9]
    named = {name: visible for name, visible, _ in shown["visible"]}
    assert named["measured"] == "legendonly"
    assert named["law"] is True
    dashes = {name: dash for name, _, dash in shown["visible"]}
    assert dashes["law<br>(pinned: active 40)"] == "dash"
    page.wait_for_timeout(300)
    SCREENSHOTS.mkdir(exist_ok=True)
    board.screenshot(path=SCREENSHOTS / "toy-pinned.png")
    board.get_by_role("button", name="Undo").click()
    wait(page, "() => JSON.parse(document.querySelector('.workbench-plot').dataset.of)"
               ".knobs.active === 40")  # fmt: skip
    assert box.input_value() == "40"


@pytest.mark.browser
def test_every_change_ends_in_the_full_figure_of_its_knobs(visit):
    """JupyterLab sends some messages to the kernel's main thread and some to a subshell's."""
    names = {}
    exec(BUDGET, names)
    visit.open("budget.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")

    def field(name, value):
        box = board.get_by_label(name, exact=True)
        box.fill(str(value))
        box.press("Enter")

    def press(name):
        board.get_by_role("button", name=name, exact=True).click()

    def slide(name, key):
        board.get_by_label(f"{name} slider").press(key)

    def choose(name, value):
        board.get_by_label(name, exact=True).select_option(value)

    touches = [
        (field, ("active", 80), {"active": 80}),
        (choose, ("method", "plugin"), {"active": 80, "method": "plugin"}),
        (slide, ("threshold", "ArrowRight"), {"active": 80, "method": "plugin", "threshold": 9}),
        (press, ("Undo",), {"active": 80, "method": "plugin"}),
        (press, ("Pin",), {"active": 80, "method": "plugin"}),
        (field, ("active", 160), {"active": 160, "method": "plugin"}),
        (press, ("Run",), {"active": 160, "method": "plugin"}),
        (press, ("Reset",), {}),
        (press, ("Unpin",), {}),
        (slide, ("active", "ArrowRight"), {"active": 41}),
        (choose, ("method", "plugin"), {"active": 41, "method": "plugin"}),
        (field, ("cells", 4096), {"active": 41, "method": "plugin", "cells": 4096}),
        (press, ("Undo",), {"active": 41, "method": "plugin"}),
        (press, ("Reset",), {}),
    ]
    for touch, words, knobs in touches:
        touch(*words)
        params = names["Params"](**knobs)
        page.wait_for_function(
            """expected => {
                const { of } = document.querySelector('.workbench-plot').dataset;
                return of && JSON.stringify(JSON.parse(of)) === JSON.stringify(expected);
            }""",
            arg={"knobs": params.values(), "full": True},
            timeout=30_000,
        )
        drawn = board.locator(PLOT).evaluate(
            "p => Array.from(p._fullData.find(t => t.name === 'measured').y)"
        )
        assert [y or 0.0 for y in drawn] == names["run"](params)[2].tolist()
        assert board.get_by_text("preview").count() == 0


@pytest.mark.browser
def test_a_figure_is_drawn_off_screen_and_hidden_from_screen_readers(visit):
    visit.page.add_init_script("""
        window.rooms = [];
        new MutationObserver((changes) => changes.forEach(({ addedNodes, removedNodes }) => {
          const hidden = (e) => e.style?.left === '-9999px';
          for (const e of addedNodes) if (hidden(e)) window.rooms.push(['came', e.ariaHidden]);
          for (const e of removedNodes) if (hidden(e)) window.rooms.push(['went', e.ariaHidden]);
        })).observe(document, { childList: true, subtree: true });
        window.draws = 0;
        let own;
        Object.defineProperty(window, 'Plotly', { configurable: true, get: () => own, set: (P) => {
          const { react } = P;
          P.react = (...words) => { window.draws += 1; return react(...words); };
          own = P;
        }});""")
    visit.open("toy.ipynb")
    board = visit.page.locator(".workbench-panel")
    wait(visit.page, "() => window.rooms.length === 2")
    assert visit.page.evaluate("() => window.rooms") == [["came", "true"], ["went", "true"]]
    assert visit.page.evaluate("() => window.draws") > 1
    assert board.locator(PLOT).count() == 0
    assert board.get_by_role("figure").get_attribute("aria-label") is None


@pytest.mark.browser
def test_the_axes_keep_their_place_while_a_knob_turns(visit):
    """Wider numbers on an axis make room once, and narrower ones give none back."""
    visit.open("toy.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")
    place = board.locator(".workbench-plot")
    lefts = []
    for cells in (64, 65536, 64, 65536, 64):
        box = board.get_by_label("cells", exact=True)
        box.fill(str(cells))
        box.press("Enter")
        wait(page, "() => { const of = document.querySelector('.workbench-plot').dataset.of;"
                   f" return of && JSON.parse(of).knobs.cells === {cells}; }}")  # fmt: skip
        lefts.append(place.evaluate("p => p._fullLayout._size.l"))
    assert lefts[1] > lefts[0]
    assert len(set(lefts[1:])) == 1


@pytest.mark.browser
def test_many_names_leave_the_axes_their_height(visit):
    visit.open("named.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")
    board.get_by_role("button", name="Run", exact=True).click()
    wait(page, "() => document.querySelector('.workbench-plot').dataset.of")
    place = board.locator(".workbench-plot")
    sizes = "p => [p._fullLayout.height, p._fullLayout._size.h]"
    height, axes = place.evaluate(sizes)
    assert axes >= 0.7 * 420 - 1
    box = board.get_by_label("active", exact=True)
    box.fill("80")
    box.press("Enter")
    wait(page, "() => JSON.parse(document.querySelector('.workbench-plot').dataset.of)"
               ".knobs.active === 80")  # fmt: skip
    assert place.evaluate(sizes) == [height, axes]


@pytest.mark.browser
def test_every_control_is_reached_by_the_tab_key_and_has_a_name(visit):
    visit.open("toy.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")
    board.get_by_label("cells", exact=True).focus()
    seen = []
    for _ in range(40):
        name = page.evaluate("""() => {
            const e = document.activeElement;
            if (!e.closest('.workbench-panel')) return null;
            const label = e.labels?.length ? e.labels[0].textContent : '';
            return e.getAttribute('aria-label') || label || e.textContent || e.title || '?';
        }""")
        if name is None:
            break
        seen.append(name.strip())
        page.keyboard.press("Tab")
    expected = ["cells", "cells slider", "active", "active slider", "threshold", "threshold slider",
              "rate", "rate slider", "tagged", "method", "patterns_file", "seed", "backend", "Run",
              "Copy the command as a run of its own", "Copy the command by papermill",
              "Run as a batch"]  # fmt: skip
    assert [name for name in expected if name not in seen] == []
    assert "?" not in seen


@pytest.mark.browser
def test_an_exception_in_the_experiment_is_seen_with_its_traceback(visit):
    visit.open("broken.ipynb")
    board = visit.page.locator(".workbench-panel")
    box = board.get_by_label("threshold", exact=True)
    box.fill("9")
    box.press("Enter")
    board.get_by_text("ZeroDivisionError: division by zero").first.wait_for()
    assert "1 / (params.threshold - 9)" in board.locator("details pre").inner_text()
    SCREENSHOTS.mkdir(exist_ok=True)
    board.screenshot(path=SCREENSHOTS / "toy-raised.png")
    box.fill("10")
    box.press("Enter")
    board.locator(f"{PLOT} .main-svg").first.wait_for()
    assert board.get_by_text("ZeroDivisionError").count() == 0


@pytest.mark.notebook
def test_the_same_exception_fails_a_run_that_turns_the_knob(tmp_path):
    sources = [*NOTEBOOKS["broken"], 'board.controls["threshold"].value = 9']
    toy_notebooks.notebook(tmp_path / "turned.ipynb", *map(str.strip, sources))
    process = toy_notebooks.command("run", "turned.ipynb", cwd=tmp_path)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "cell 'cell-2': ZeroDivisionError: division by zero" in said
    [record] = tmp_path.glob("reports/own/turned/*/record.json")
    stored = json.loads(record.read_text())
    assert stored["state"] == "failed"
    assert "1 / (params.threshold - 9)" in stored["traceback"]


@pytest.mark.browser
def test_a_button_makes_a_run_of_its_own_and_links_its_page(visit, folder):
    visit.open("batch.ipynb")
    page, board = visit.page, visit.page.locator(".workbench-panel")
    command = board.locator("code").first.inner_text()
    assert command == "workbench run scaling/chinchilla --compute 1000.0"
    board.get_by_role("button", name="Run as a batch").click()
    link = board.get_by_role("link", name="Open its page")
    link.wait_for(timeout=120_000)
    [record] = folder.glob("reports/scaling/chinchilla/*/record.json")
    stored = json.loads(record.read_text())
    assert (stored["state"], stored["knobs"]["compute"], stored["command"]) == (
        "done",
        1000.0,
        command,
    )
    with page.context.expect_page() as opened:
        link.click()
    opened.value.get_by_role("heading", level=1).first.wait_for()
    assert "compute" in opened.value.locator("table.knobs .changed").first.inner_text()
    board.screenshot(path=SCREENSHOTS / "batch.png")

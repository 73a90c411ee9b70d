"""Every experiment the whole way: checked knobs, a kernel, a record, a page opened offline."""

import json
import re
import subprocess
import sys

import nbformat
import pytest
from accessible import flaws, violations
from browser import SCREENSHOTS, chromium
from browser_sample import MOST_RECENT, in_browser, last_change

from workbench.runs.execute import execute
from workbench.runs.find import NOTEBOOKS, experiments
from workbench.runs.job import job

pytestmark = pytest.mark.notebook
# Of all but the library: words, figures and their frames.
MOST_BYTES = 500_000
LIBRARY = r"<script>/\*\*\n\* plotly\.js v.*?</script>"
DRAWN = """() => [...document.querySelectorAll("figure")]
    .every(figure => figure.querySelector(".js-plotly-plot .main-svg"))"""
VIEWS = {"desktop": (1280, "light"), "dark": (1280, "dark"), "phone": (390, "dark")}

each_experiment = pytest.mark.parametrize("experiment", experiments(), ids=lambda e: e.name)
each_in_browser = pytest.mark.parametrize("experiment", in_browser(), ids=lambda e: e.name)


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def runs(reports):
    """The default run of an experiment, made once."""
    finished = {}

    def run(experiment):
        if experiment.name not in finished:
            finished[experiment.name] = execute(job(experiment.name, {}), reports)
        record = finished[experiment.name]
        return record, reports / experiment.name / record["run"]

    return run


def test_the_sample_has_every_family_and_is_everything_on_demand(monkeypatch):
    monkeypatch.setenv("WORKBENCH_EVERY_PAGE", "1")
    assert in_browser() == experiments()
    monkeypatch.delenv("WORKBENCH_EVERY_PAGE")
    families = [{e.name.split("/")[0] for e in some} for some in (in_browser(), experiments())]
    assert families[0] == families[1]
    newest = max(experiments(), key=last_change)
    assert newest in in_browser()
    assert len(in_browser()) <= len(families[1]) + MOST_RECENT


@each_experiment
def test_the_default_run_is_done_and_claims_are_decided(runs, experiment):
    record, folder = runs(experiment)
    assert record["state"] == "done", record["error"]
    assert record["claims"]
    for claim in record["claims"]:
        # Only a library that is not here may leave a claim of the default run undecided.
        decided = claim["verdict"] != "undecided"
        assert decided or claim["note"].endswith("is not installed here"), claim
    assert record["summary"]
    assert json.loads((folder / "record.json").read_text()) == record
    notebook = nbformat.read(folder / "notebook.ipynb", 4)
    assert not any("panel" in c.metadata.get("tags", []) for c in notebook.cells)


@pytest.mark.browser
@each_in_browser
def test_the_page_opens_offline_in_every_view(runs, experiment):
    _, folder = runs(experiment)
    page_file = folder / "page.html"
    text = page_file.read_text(encoding="utf-8")
    assert len(re.sub(LIBRARY, "", text, flags=re.DOTALL)) < MOST_BYTES
    SCREENSHOTS.mkdir(exist_ok=True)
    with chromium() as browser:
        for view, (width, scheme) in VIEWS.items():
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=scheme
            )
            page, left, errors = context.new_page(), [], []
            page.on("request", lambda r, left=left: left.append(r.url))
            page.on("pageerror", lambda e, errors=errors: errors.append(str(e)))
            page.on("console", lambda m, errors=errors: m.type == "error" and errors.append(m.text))
            page.goto(page_file.as_uri())
            plots = page.locator(".js-plotly-plot")
            page.wait_for_function(DRAWN)
            assert plots.count() == page.locator("figure").count() > 0
            assert [u for u in left if not u.startswith(("file:", "data:", "blob:"))] == []
            assert errors == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            for plot in page.locator(".plot").all():
                label = plot.get_attribute("aria-label")
                assert len(re.findall(r"\d+", label)) >= 2, label
            assert violations(page) == []
            assert flaws(page) == []
            name = experiment.name.replace("/", "-")
            page.screenshot(path=SCREENSHOTS / f"{name}-page-{view}.png", full_page=True)
            context.close()


@pytest.mark.browser
@each_in_browser
def test_the_slider_lives_without_a_kernel(runs, experiment):
    """By keys alone: every frame draws something of its own and says what it draws."""
    _, folder = runs(experiment)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto((folder / "page.html").as_uri())
        page.wait_for_function(DRAWN)
        figure = page.locator("figure", has=page.locator("input[type=range]")).first
        slider, plot = figure.get_by_role("slider"), figure.locator(".js-plotly-plot")
        data = "p => JSON.stringify(p._fullData.map(t => [t.x, t.y].map(v => v && Array.from(v))))"
        slider.focus()
        page.keyboard.press("Home")
        seen, last = [], int(slider.get_attribute("max"))
        for place in range(last + 1):
            page.wait_for_function(
                "([plot, range, place]) => plot.shown === plot.frames[place].name"
                " && plot.shown === range.getAttribute('aria-valuetext')",
                arg=[plot.element_handle(), slider.element_handle(), place],
            )
            shown = plot.evaluate(data), figure.locator("figcaption").inner_text()
            seen.append((slider.get_attribute("aria-valuetext"), *shown))
            page.keyboard.press("ArrowRight")
        for label in zip(*seen, strict=True):
            assert len(set(label)) == last + 1, experiment.name


def test_bare_papermill_runs_a_notebook(tmp_path):
    out = tmp_path / "out.ipynb"
    notebook = NOTEBOOKS / "dendrites" / "detection.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(notebook), str(out)]
    knobs = ["-p", "cells", "4096", "-p", "segments", "2000", "-p", "pairs", "400000"]
    subprocess.run([*command, *knobs], check=True, capture_output=True, timeout=300)
    cells = nbformat.read(out, 4).cells
    shown = "".join(str(o) for c in cells if c.id == "setup" for o in c.outputs)
    assert "4096" in shown


def test_bare_papermill_refuses_a_bad_value_in_the_cell_after_the_parameters(tmp_path):
    notebook = NOTEBOOKS / "dendrites" / "detection.ipynb"
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(notebook)]
    command += [str(tmp_path / "out.ipynb"), "-p", "threshold", "99"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode != 0
    assert "`threshold` must be in [1, synapses=20]; got 99" in ran.stderr

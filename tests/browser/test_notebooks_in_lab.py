"""Every notebook where a researcher meets it: JupyterLab in headless Chromium."""

import shutil

import pytest
from browser import chromium, explore, lab
from browser_sample import in_browser

from workbench.runs.find import NOTEBOOKS


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    # JupyterLab saves by itself, and a test must not write into the checkout.
    copies = tmp_path_factory.mktemp("copies") / "notebooks"
    shutil.copytree(NOTEBOOKS, copies, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    with lab(copies, tmp_path_factory.mktemp("home")) as server, chromium() as browser:
        yield browser, server


@pytest.mark.browser
@pytest.mark.notebook
@pytest.mark.parametrize("experiment", in_browser(), ids=lambda e: e.name)
def test_a_researcher_turns_the_knobs(room, experiment):
    browser, server = room
    shot = experiment.name.replace("/", "-")
    # Its slider spans the matrices of large models until a run has counted them.
    drag = experiment.name != "inits/audit"
    first, next_ = explore(browser, server, f"{experiment.name}.ipynb", shot=shot, drag=drag)
    print(f"{experiment.name}: first figure {first:.2f} s, next {next_:.2f} s")

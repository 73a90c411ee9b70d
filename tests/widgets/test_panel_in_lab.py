"""The panel where a researcher meets it: JupyterLab in headless Chromium."""

import nbformat
import pytest
from browser import chromium, explore, lab

TOY = """
import numpy as np
from widgets.figure import curve, figure, level, marks
from widgets.panel import panel
from workbench.checks import refuse
from workbench.claims import binomial_interval
from workbench.knobs import Knobs, knob
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


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [nbformat.v4.new_code_cell(TOY.strip(), id="toy")]
    cells += [nbformat.v4.new_code_cell("panel(Params, run, draw)", id="panel")]
    cells[-1].metadata["tags"] = ["panel"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, folder / "toy.ipynb")
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

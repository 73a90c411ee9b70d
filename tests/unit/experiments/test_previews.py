"""A panel's first look is of the same figure as the full run."""

import ast

import nbformat
import numpy as np
import pytest
from plotly_json import assert_same_as_plotly

from workbench.experiment import contract
from workbench.runs.find import experiments
from workbench.runs.parameters.parameters_cell import read_notebook


def cells(found):
    """The notebook's code by cell id."""
    notebook: nbformat.NotebookNode = read_notebook(found.notebook)
    return {c.id: c.source for c in notebook.cells if c.cell_type == "code"}


def quick(found):
    """What the notebook's panel is told to sketch with, or None."""
    call = ast.parse(cells(found)["panel"]).body[0].value
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == "quick"), None)


SKETCHED = [e for e in experiments() if quick(e)]


@pytest.mark.parametrize("found", SKETCHED, ids=lambda e: e.name)
def test_a_sketch_draws_the_traces_of_the_full_run(found):
    names, module = {}, found.module()
    sources = cells(found)
    exec(sources["parameters"] + "\n" + sources["setup"] + "\n" + sources["draw"], names)
    params = contract.small(module)
    full = names["draw"](params, module.run(params))
    sketch = names["draw"](params, eval(quick(found), names)(params))
    for fig in (full, sketch):
        assert_same_as_plotly(fig)
    assert [(t.name, t.type, t.mode) for t in sketch.data] == [
        (t.name, t.type, t.mode) for t in full.data
    ]
    for a, b in zip(sketch.data, full.data, strict=True):
        # A sketch may have a part of the points: fewer bins that hold a weight.
        assert list(a.x) == [x for x in b.x if x in set(a.x)]
        assert (
            np.isfinite(np.asarray(a.y, dtype=float)).any()
            == np.isfinite(np.asarray(b.y, dtype=float)).any()
        )

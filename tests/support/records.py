"""Records and run folders made by hand, for the tests of what is made of many runs."""

import json
from pathlib import Path

import nbformat
import plotly.graph_objects as go
import toy_notebooks
from nbformat.v4 import new_markdown_cell, new_notebook
from page_parts import record as page_record
from page_parts import shown

from workbench.experiment.decisions import Statement
from workbench.pages.page import page

SAID = Statement("Somebody (2020)", "eq. 1", "It is so")
ALSO = Statement("Somebody (2020)", "eq. 2", "It is below one")
PLOTLY = "application/vnd.plotly.v1+json"


def claims(double=1, half=0.5):
    made = [
        SAID.exact(expected=1, measured=double),
        ALSO.bounded(measured=half, interval=(half - 0.1, half + 0.1), below=1),
    ]
    return [c.model_dump(mode="json") for c in made]


def record(run="default-1", name="toys/toy", day=1, **more):
    """A record with all that a real one has."""
    base = page_record(name=name, run=run, title="Is a toy a toy?", claims=claims())
    base |= {"error": None, "depth": "notebook", "folder": f"{name}/{run}", "attempt": 1}
    base |= {"knobs": {"x": 3, "seed": 0}, "changed": {}, "summary": {"double": 6, "rate": 0.5}}
    base["identity"] = f"{abs(hash(run)):064x}"[:64]
    base["timings"] = {"start": f"2026-01-{day:02d}T03:04:05.000+00:00", "seconds": 1.5}
    base["provenance"] |= {"environment": {}, "packages": {"numpy": "2.4.0", "scipy": "1.16.0"}}
    return base | more


def figure(alt="It rises"):
    made = go.Figure(go.Scatter(x=[1, 2, 3], y=[1.0, 4.0, 9.0], mode="lines"))
    made.update_layout(meta={"alt": alt})
    return json.loads(made.to_json())


def put(reports, told, *, notebook=True, with_page=True, place=None, cells=()):
    """Writes the record, its notebook and its page where a run would; the run's folder."""
    folder = Path(reports) / (place or f"{told['name']}/{told['run']}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(told))
    cell = shown({PLOTLY: figure()}, source="fig")
    cell.id = "figure"
    made = new_notebook(
        cells=[new_markdown_cell("# T"), toy_notebooks.code("1", "other"), cell, *cells]
    )
    if notebook:
        nbformat.write(made, folder / "notebook.ipynb")
    if with_page:
        (folder / "page.html").write_text(page(made, told), encoding="utf-8")
    return folder


def study(folder, records, **how):
    """A study of these records; those that are None stay queued."""
    points = []
    for number, told in enumerate(records):
        about = told or record(run=f"queued-{number}")
        points.append({n: about[n] for n in ("name", "run", "identity", "changed")})
        if told:
            put(folder, told, **how)
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "study.json").write_text(json.dumps({"points": points}))
    return Path(folder)

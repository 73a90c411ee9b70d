"""Notebooks at a run's knobs, and panels served alone."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
import toy_notebooks
from browser import chromium
from nbclient import NotebookClient

from workbench.base.checks import refuse
from workbench.experiment.params import KnobError
from workbench.live import panel_notebook, run_copy, servers
from workbench.runs.execute import execute
from workbench.runs.find import experiment, experiments
from workbench.runs.job import job
from workbench.runs.parameters.parameters_cell import read_notebook
from workbench.runs.record import begun
from workbench.runs.run_folder import write_json


def recorded(folder, target, **values):
    """A run's folder with the record of one that is done."""
    made = begun(job(target, values)) | {"state": "done"}
    folder.mkdir(parents=True)
    write_json(folder / "record.json", made)
    return folder


def names_of(notebook):
    """What the cells of parameters set, those of the run's values included."""
    names = {}
    for cell in notebook.cells:
        if {"parameters", "injected-parameters"} & set(cell.metadata.get("tags", [])):
            exec(cell.source, names)
    return names


@pytest.mark.parametrize("found", experiments(), ids=lambda e: e.name)
def test_the_copy_sets_the_run_s_knobs(found, tmp_path):
    model = found.module().Params
    run = recorded(tmp_path / "run", found.name, seed=7)
    made = nbformat.read(run_copy.write_copy(run), 4)
    assert model.of(names_of(made)) == model(seed=7)
    sources = [c.source for c in made.cells]
    original = [c.source for c in read_notebook(found.notebook).cells]
    assert [s for s in sources if s in original] == original


def test_a_record_opens_as_a_copy_beside_it_and_nothing_else_changes(tmp_path):
    before = experiment("dendrites/detection").notebook.read_bytes()
    run = recorded(tmp_path / "run", "dendrites/detection", cells=4096, threshold=12)
    held = (run / "record.json").read_bytes()
    for given in (run, run / "record.json"):
        path = run_copy.write_copy(given)
        assert path == run / "explore.ipynb"
        names = names_of(nbformat.read(path, 4))
        assert (names["cells"], names["threshold"], names["active"]) == (4096, 12, 40)
    assert (run / "record.json").read_bytes() == held
    assert experiment("dendrites/detection").notebook.read_bytes() == before


def test_a_notebook_of_the_user_s_opens_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = "x: int = 3  # a number\nname, y = 'ü = a', 4\nz = [1,\n     2]; w = (1, 2)"
    toy_notebooks.notebook(tmp_path / "mine.ipynb", "x", parameters_cell=cell)
    run = recorded(tmp_path / "run", "mine.ipynb", x=5, y=6, z=[3], name="#", w=[4])
    monkeypatch.chdir(run)
    names = names_of(nbformat.read(run_copy.write_copy(run), 4))
    assert [names[n] for n in ("x", "name", "y", "z", "w")] == [5, "#", 6, [3], (4,)]


@pytest.mark.notebook
def test_the_very_run_opens_and_gives_its_numbers_again(tmp_path, monkeypatch):
    """Whatever became of the notebook since, and wherever the copy is run."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "data.txt").write_text("seven")
    cell = (
        "import random\na = 1; b = 2; total = 10 * a\nfiles = !ls *.txt\n"
        "%load_ext autoreload\nr = a"
    )
    panel = toy_notebooks.code("raise SystemExit('panel')", "panel", "panel")
    told = "print(a, b, total, files, open('data.txt').read())"
    path = toy_notebooks.notebook(
        tmp_path / "here" / "own.ipynb", panel, told, parameters_cell=cell
    )
    record = execute(job(path.name, {"a": 5}), tmp_path / "r")
    assert record["state"] == "done", record["error"]
    folder = tmp_path / "r" / record["folder"]
    cells = nbformat.read(folder / "notebook.ipynb", 4).cells
    first = next(c.outputs[0].text for c in cells if c.source == told)
    assert first == "5 2 10 ['data.txt'] seven\n"
    path.write_text(path.read_text().replace("b = 2", "b = 3"))
    copy = nbformat.read(run_copy.write_copy(folder), 4)
    assert not [o for c in copy.cells for o in c.get("outputs", [])]
    ids = [c.id for c in copy.cells]
    assert ids.index("panel") == ids.index("parameters") + 1
    copy.cells = [c for c in copy.cells if c.id != "panel"]
    client = NotebookClient(copy, resources={"metadata": {"path": str(folder)}})
    again = client.execute()
    assert next(c.outputs[0].text for c in again.cells if c.source == told) == first
    path.unlink()
    assert "panel" not in [c.id for c in nbformat.read(run_copy.write_copy(folder), 4).cells]


def test_a_panel_alone_of_a_notebook_with_magics(tmp_path):
    panel = toy_notebooks.code("show(x)", "panel", "panel")
    shell = toy_notebooks.code("%%bash\nx=3", "shell")
    cells = [toy_notebooks.code("%matplotlib inline\ndef show(x): pass", "show"), shell, panel]
    path = toy_notebooks.notebook(
        tmp_path / "own.ipynb", *cells, parameters_cell="files = !ls\nx = 3"
    )
    alone = panel_notebook.panel_alone(read_notebook(path), "own.ipynb")
    assert [c.id for c in alone.cells] == ["parameters", "show", "panel"]


def test_what_is_no_record_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`record` must be the folder of a run"):
        run_copy.write_copy(tmp_path)


def test_a_knob_that_is_refused_by_now_says_so(tmp_path):
    run = recorded(tmp_path / "run", "dendrites/detection", cells=4096)
    path = run / "record.json"
    path.write_text(path.read_text().replace('"cells": 4096', '"cells": 1'))
    with pytest.raises(KnobError, match="`cells` must be"):
        run_copy.write_copy(run)


@pytest.mark.parametrize("found", experiments(), ids=lambda e: e.name)
def test_a_panel_alone_runs_without_the_experiment_s_own_run(found):
    alone = panel_notebook.panel_alone(read_notebook(found.notebook), found.name)
    ids = [c.id for c in alone.cells]
    assert ids[0] == "title"
    assert ids[-1] == "panel"
    assert {"parameters", "setup", "draw"} <= set(ids)
    assert not {"run", "figure", "verdicts"} & set(ids)


def test_a_notebook_without_a_panel_is_refused(tmp_path):
    path = toy_notebooks.notebook(tmp_path / "mine.ipynb", "x")
    with pytest.raises(ValueError, match="a cell tagged 'panel'"):
        panel_notebook.panel_alone(read_notebook(path), "mine.ipynb")


def test_without_voila_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'paper-workbench\[serve\]'"):
        servers.serve("scaling/isoflop", browser=False)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def answered(url, process):
    for _ in range(600):
        assert process.poll() is None, process.stdout.read()
        try:
            return urllib.request.urlopen(url, timeout=5).read().decode(errors="replace")
        except OSError:
            time.sleep(0.1)
    return refuse("server", "answering within a minute", url)


@pytest.mark.browser
def test_a_served_panel_answers_to_its_token_and_asks_no_other_machine(tmp_path):
    pytest.importorskip("voila")
    port = free_port()
    words = ["serve", "scaling/chinchilla", "--port", str(port), "--no-browser"]
    home = {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "workbench", *words],
            cwd=tmp_path,
            env=toy_notebooks.environment(**home),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        url = process.stdout.readline().strip()
        token = re.fullmatch(rf"http://127\.0\.0\.1:{port}/\?token=(\w{{32}})", url).group(1)
        assert "workbench-panel" not in answered(f"http://127.0.0.1:{port}/", process)
        assert "Compute-optimal" not in answered(f"http://127.0.0.1:{port}/", process)
        others = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        assert token not in others
        outside, errors = [], []
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1000, "height": 1400})
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("request", lambda r: outside.append(r.url))
            page.goto(url, timeout=120_000)
            page.locator(".workbench-panel").wait_for(timeout=120_000)
            handle = page.get_by_label("compute slider")
            handle.wait_for()
            handle.focus()
            page.keyboard.press("ArrowRight")
            page.locator(".workbench-plot .main-svg").first.wait_for(timeout=60_000)
            shots = os.path.join(os.path.dirname(__file__), "..", "..", "screenshots")
            os.makedirs(shots, exist_ok=True)
            page.screenshot(path=os.path.join(shots, "served.png"), full_page=True)
        own = (f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}", "data:", "blob:")
        assert [u for u in outside if not u.startswith(own)] == []
        assert errors == []
    finally:
        process.terminate()
        # Its pipe ends when the server has ended, too.
        process.communicate(timeout=30)

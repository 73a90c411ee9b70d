"""A sweep makes runs again whose modules or inputs have changed; `verify` notices them, too."""

import json

import pytest
import toy_notebooks
from click.testing import CliRunner

from workbench.cli.cli import main

pytestmark = pytest.mark.notebook


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("import inner\ndef f(x): return x\n")
    (tmp_path / "inner.py").write_text("")
    (tmp_path / "data.txt").write_text("1")
    cells = "import helper\nprint(helper.f(x), open('data.txt').read())", "print(object())"
    toy_notebooks.notebook(tmp_path / "own.ipynb", *cells)
    (tmp_path / "study.toml").write_text(
        "experiment = 'own.ipynb'\n[knobs]\nx = [1]\n[inputs]\ndata = 'data.txt'\n"
    )
    return tmp_path


def command(*words):
    return CliRunner().invoke(main, list(words))


def swept(*words):
    ran = command("sweep", *words, "--out", "study")
    assert ran.exit_code == 0, ran.output
    return ran.stdout, ran.stderr


def test_a_sweep_makes_again_what_is_stale(own):
    once, kept = "0 kept, 1 done: study\n", "1 kept: study\n"
    told, errors = swept("own.ipynb", "--x", "1")
    assert told == once
    assert "are watched where `inputs` declares them, and not otherwise" in errors
    assert swept("own.ipynb", "--x", "1")[0] == kept
    for name, text in (("helper", "def f(x): return 2 * x\n"), ("helper", "def f(x): return x\n")):
        (own / f"{name}.py").write_text(text)
        foretold = command("sweep", "own.ipynb", "--x", "1", "--out", "study", "--dry-run").stdout
        assert "0 done, to run: 1 changed" in foretold
        assert "changed since their runs: helper.py" in foretold
        assert swept("own.ipynb", "--x", "1")[0] == once
        assert swept("own.ipynb", "--x", "1")[0] == kept


WAYS = """
import importlib.util, os, runpy, sys
spec = importlib.util.spec_from_file_location("any", "spec.py")
spec.loader.exec_module(importlib.util.module_from_spec(spec))
import dropped
del sys.modules["dropped"], dropped
exec(open("opened.py").read())
exec(compile("z = x", "compiled.py", "exec"))
runpy.run_path("by_path.py")
%run magic.py
open("own_work.py", "w").close()
runpy.run_path("own_work.py")
os.remove("own_work.py")
"""


def test_code_is_watched_however_it_is_loaded(own):
    names = sorted(f"{n}.py" for n in ("spec", "dropped", "opened", "compiled", "by_path", "magic"))
    for name in names:
        (own / name).write_text("")
    toy_notebooks.notebook(own / "own.ipynb", WAYS)
    assert swept("own.ipynb", "--x", "1")[0] == "0 kept, 1 done: study\n"
    (record,) = (own / "study").glob("own/*/*/record.json")
    assert list(json.loads(record.read_text())["provenance"]["modules"]) == names
    (own / "spec.py").write_text("x = 1\n")
    foretold = command("sweep", "own.ipynb", "--x", "1", "--out", "study", "--dry-run").stdout
    assert "changed since their runs: spec.py" in foretold


def test_declared_inputs_and_inner_modules_are_watched(own):
    once, kept = "0 kept, 1 done: study\n", "1 kept: study\n"
    assert [swept("study.toml")[0] for _ in range(2)] == [once, kept]
    (own / "data.txt").write_text("2")
    assert [swept("study.toml")[0] for _ in range(2)] == [once, kept]
    (own / "inner.py").write_text("x = 1\n")
    assert [swept("study.toml")[0] for _ in range(2)] == [once, kept]
    (own / "data.txt").unlink()
    ran = command("sweep", "study.toml", "--out", "study")
    assert (ran.exit_code, ran.stderr) == (2, "`inputs` must be files that exist; got 'data.txt'\n")


def test_verify_compares_outputs_where_there_are_no_numbers(own):
    swept("study.toml")
    (folder,) = (own / "study").glob("own/*/*/")
    words = "verify", str(folder), "--notebook", "own.ipynb"
    ran = command(*words)
    assert (ran.exit_code, ran.stdout) == (0, "all 2 outputs agree bit for bit\n"), ran.output
    (own / "inner.py").write_text("x = 1\n")
    ran = command(*words)
    assert (ran.exit_code, "inner.py" in ran.stdout) == (0, True)
    (own / "data.txt").write_text("2")
    ran = command(*words)
    assert ran.exit_code == 1
    assert "input data.txt" in ran.stdout
    assert "1 of 2 do not agree" in ran.stderr
    (folder / "notebook.ipynb").unlink()
    ran = command(*words)
    assert ran.exit_code == 2
    assert "`record` must be one with numbers, or with the notebook.ipynb" in ran.stderr


def test_verify_refuses_where_nothing_is_to_be_compared(own):
    toy_notebooks.notebook(own / "own.ipynb", "y = x")
    swept("own.ipynb", "--x", "1")
    (folder,) = (own / "study").glob("own/*/*/")
    ran = command("verify", str(folder), "--notebook", "own.ipynb")
    assert ran.exit_code == 2
    assert "`record` must be that of a run that records numbers (workbench.record)" in ran.stderr


def test_what_a_notebook_records_reaches_table_report_and_verify(own):
    source = "import numpy as np, workbench\nworkbench.record({'loss': np.float64(x) / 4})"
    toy_notebooks.notebook(
        own / "own.ipynb", source, "workbench.record({'steps': np.array([1, x])})"
    )
    swept("own.ipynb", "--x", "1,2")
    first, second = sorted((own / "study").glob("own/*/*/record.json"))
    assert json.loads(first.read_text())["summary"] == {"loss": 0.25, "steps[0]": 1, "steps[1]": 1}
    assert "0.5,1,2" in command("table", "study", "--csv").stdout
    assert "number,loss,0.25" in command("table", str(first.parent), "--csv").stdout
    assert command("report", "study").exit_code == 0
    assert "loss" in (own / "study" / "report.html").read_text()
    ran = command("verify", str(second.parent), "--notebook", "own.ipynb")
    assert ran.stdout == "all 3 numbers and verdicts agree bit for bit\n", ran.output

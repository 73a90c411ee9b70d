"""Notebooks of other languages than Python: run by their own kernel, or refused by its name."""

import json
import sys

import nbformat
import pytest
import toy_notebooks

from workbench.experiment.params import KnobError
from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.runs.parameters import foreign_cell
from workbench.runs.parameters.language import Language, language_of
from workbench.runs.parameters.parameters_cell import UNREAD, parameters_of, read_notebook

R = {"name": "ir", "display_name": "R", "language": "R"}
BASH = {"name": "bash", "display_name": "Bash", "language": "bash"}


def foreign(path, spec, *cells, parameters_cell):
    toy_notebooks.notebook(path, *cells, parameters_cell=parameters_cell)
    notebook = nbformat.read(path, 4)
    notebook.metadata["kernelspec"] = spec
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def bash(tmp_path, monkeypatch):
    """A kernel named `bash` in a folder of its own."""
    pytest.importorskip("bash_kernel")
    folder = tmp_path / "jupyter" / "kernels" / "bash"
    folder.mkdir(parents=True)
    words = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    spec = {"argv": words, "display_name": "Bash", "language": "bash"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, Language()),
        ({"kernelspec": {"name": "my-env", "display_name": "x"}}, Language()),
        (
            {"kernelspec": {"name": "conda-env-x-py", "display_name": "x", "language": "python"}},
            Language(),
        ),
        ({"language_info": {"name": "ipython"}}, Language()),
        ({"kernelspec": R}, Language("R", "ir")),
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, Language("R", "ir")),
        (
            {"kernelspec": {"name": "julia-1.10", "display_name": "x"}},
            Language("julia", "julia-1.10"),
        ),
        ({"language_info": {"name": "R"}}, Language("R", "R")),
    ],
)
def test_the_language_of_a_notebook(metadata, language):
    assert language_of(nbformat.v4.new_notebook(metadata=metadata)) == language


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("n <- 10  # so many", "n", 10),
        ("learning.rate <- 0.5", "learning.rate", 0.5),
        ("n = 10L", "n", 10),
        ("flag <- TRUE", "flag", True),
        ("n = 10;", "n", 10),
        ("val n: Int = 10", "n", 10),
        ("n::Int64 = 10", "n", 10),
        ("double n = 1e-3;", "n", 1e-3),
        ('word="a b"', "word", "a b"),
        ("word='a'", "word", "a"),
        ('word="$HOME"', "word", None),
        ("n <- c(1, 2)", "n", None),
        ("x <- f(y = 1)", "x", None),
    ],
)
def test_a_line_of_another_language(line, name, value):
    assert foreign_cell.settings(line) == {name: [value]}


@pytest.mark.parametrize("line", ["if (n == 3)", "f(n)", "# n = 3", "n => 3", "print(a, b)"])
def test_a_line_that_sets_nothing(line):
    assert foreign_cell.settings(line) == {}


def test_what_can_be_known_of_its_parameters(tmp_path):
    cell = "n <- 10\nlearning.rate <- 0.5\nwhat <- c('a')\nm <- 1\nm <- 2"
    path = foreign(tmp_path / "r.ipynb", R, parameters_cell=cell)
    model = parameters_of(read_notebook(path), "r.ipynb")
    read = {k.name: k.default for k in model.knobs()}
    assert read == {"n": 10, "learning.rate": 0.5, "what": UNREAD, "m": UNREAD}
    assert model(**{"learning.rate": 3}).given() == {"learning.rate": 3}
    with pytest.raises(KnobError, match="`n` must be a whole number or a number; got 'a'"):
        model(n="a")
    with pytest.raises(KnobError, match="`k` must be the name of a knob"):
        model(k=1)


def test_a_kernel_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = foreign(tmp_path / "r.ipynb", R, parameters_cell="n <- 10")
    what = r"`notebook` must be one whose kernel for R is installed \(there is .*\); got 'ir'"
    with pytest.raises(ValueError, match=what):
        job(str(path), {})


@pytest.mark.notebook
def test_a_notebook_runs_in_its_own_kernel(tmp_path, bash):
    cells = ["echo n is $n, $word, ${list[1]}, $flag"]
    cell = 'n=3\nword="a b"\nlist=(1 2)\nflag=true'
    path = foreign(tmp_path / "b.ipynb", BASH, *cells, parameters_cell=cell)
    values = {"n": 5, "word": 'x "y" $n', "list": [7, 8], "flag": False}
    record = execute(job(str(path), values), tmp_path / "r")
    assert record["state"] == "done", record["error"]
    assert record["knobs"] == values
    assert record["notes"] == [
        "the kernel's values are not read back in this language: the record has those given"
    ]
    folder = tmp_path / "r" / record["folder"]
    assert 'n is 5, x "y" $n, 8, false' in (folder / "notebook.ipynb").read_text().replace("\\", "")
    assert "n is 5" in (folder / "page.html").read_text()
    path = foreign(tmp_path / "c.ipynb", BASH, "no-such-command", parameters_cell=cell)
    failed = execute(job(str(path), {}), tmp_path / "r")
    assert (failed["state"], failed["cell"]) == ("failed", "cell-0")


def test_a_value_that_the_language_has_no_form_for(tmp_path, bash):
    path = foreign(tmp_path / "b.ipynb", BASH, parameters_cell="n=$(date)")
    with pytest.raises(ValueError, match="`n` must be a value that papermill can write in bash"):
        job(str(path), {"n": {"a": 1}})

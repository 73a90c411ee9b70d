"""Files that notebooks and studies declare: found, hashed, part of the identity."""

import hashlib
from pathlib import Path

import nbformat
import pytest
import toy_notebooks

from workbench.records.store import given_record
from workbench.runs.identity.inputs import declared, inputs
from workbench.runs.job import job


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b c.csv", "more/d.txt", "more/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def paths(*given):
    return [file["path"] for file in inputs(given).values()]


def test_files_folders_and_patterns():
    assert paths("a.txt", "b c.csv") == ["a.txt", "b c.csv"]
    assert paths("more") == paths("more/*.txt") == paths("more/*") == ["more/d.txt", "more/e.txt"]
    assert paths("**/*.txt") == ["a.txt", "more/d.txt", "more/e.txt"]
    (told,) = inputs(["a.txt"]).values()
    assert told == {"path": "a.txt", "bytes": 5, "sha256": hashlib.sha256(b"a.txt").hexdigest()}


@pytest.mark.parametrize(
    ("given", "what"), [("none.txt", "that exist; got 'none.txt'"), ("*.zip", "one file; got")]
)
def test_what_is_not_there_is_refused(given, what):
    with pytest.raises(ValueError, match=f"`inputs` must be .*{what.replace('*', '.')}"):
        inputs([given])


CELLS = {
    "code": toy_notebooks.code("data = 'a.txt'\nmore = ['b c.csv', 3]", "in", "inputs"),
    "prose": nbformat.v4.new_markdown_cell(
        "# Files\n\n- `a.txt`\n* b c.csv\n", metadata={"tags": ["inputs"]}
    ),
    "raw": nbformat.v4.new_raw_cell("a.txt\nb c.csv", metadata={"tags": ["inputs"]}),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))
def test_a_notebook_declares_its_inputs(here, cell):
    made = nbformat.v4.new_notebook(cells=[toy_notebooks.code("'more'", "other"), cell])
    assert declared(made)[:2] == ["a.txt", "b c.csv"]


def test_inputs_count_in_the_identity(here):
    path = toy_notebooks.notebook(
        here / "own.ipynb", toy_notebooks.code("open('a.txt')", "in", "inputs")
    ).name
    first = job(path, {})
    assert first.identity == job(path, {}).identity
    assert first.identity != job(path, {}, inputs=["more"]).identity
    (here / "a.txt").write_text("other")
    assert first.identity != job(path, {}).identity
    (here / "a.txt").unlink()
    with pytest.raises(ValueError, match="`inputs` must be files that exist; got 'a.txt'"):
        job(path, {})


@pytest.mark.parametrize("path", ["a" * 300, "*" + "a" * 300, "a\0b", "b" * 300 + "/c"])
def test_paths_that_no_file_can_have_are_refused(path):
    with pytest.raises(ValueError, match="^`inputs` must be "):
        inputs([path])
    with pytest.raises(ValueError, match="^`run` must be the folder of a run"):
        given_record(Path(path))

import re
import shlex

import numpy as np
import pytest
import toy_notebooks
from hypothesis import given
from hypothesis import strategies as st

from workbench.cli.words import options_of
from workbench.pages import versions
from workbench.runs import job as jobs
from workbench.runs.identity import provenance
from workbench.runs.job import job
from workbench.runs.parameters.spelling import parsed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def test_an_experiment_s_job(house):
    made = job("toys/toy", {"draws": 20})
    assert (made.name, made.target, made.title) == ("toys/toy", "toys/toy", "Is a toy a toy?")
    assert made.claims
    assert made.run == f"draws-20-{made.identity[:8]}"
    assert made.command == "workbench run toys/toy --draws 20"


def test_a_notebook_s_job(tmp_path):
    path = toy_notebooks.notebook(
        tmp_path / "my own 'x'.ipynb", toy_notebooks.prose("text\n\n## The *title*")
    )
    made = job(str(path), {})
    assert made.name == "own/my_own_x"
    assert made.title == "The *title*"
    assert not made.claims
    assert made.folder == tmp_path
    assert made.run == f"default-{made.identity[:8]}"
    assert shlex.split(made.command) == ["workbench", "run", str(path)]


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("a.b", "a_b"),
        ("--x", "x"),
        ("λ", "λ"),
        ("..", "notebook"),
        ("日本", "日本"),
        ("हिन्दी 1", "हिन्दी_1"),
        ("e\u0301tude", "\u00e9tude"),
        ("!?!", "notebook"),
        ("日" * 80, "日" * 40),
    ],
)
def test_a_notebook_s_name_is_safe(tmp_path, stem, name):
    made = job(str(toy_notebooks.notebook(tmp_path / f"{stem}.ipynb")), {})
    assert made.name == f"own/{name}"
    assert made.title == stem


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("toys/tpy", "`toys/tpy` must be the name of an experiment; did you mean `toys/toy`?"),
        ("lost.ipynb", "`notebook` must be an existing file; got 'lost.ipynb'"),
        ("a\udcff.ipynb", r"`notebook` must be a path of printable letters; got 'a\\udcff.ipynb'"),
        ("a\nb.ipynb", "`notebook` must be a path of printable letters"),
        ("", "`` must be the name of an experiment"),
    ],
)
def test_an_unknown_target_is_refused(house, target, sentence):
    with pytest.raises(ValueError, match=sentence):
        job(target, {})


def test_a_lost_file_is_refused_by_its_knob(house):
    with pytest.raises(ValueError, match=r"`file` must be a file that can be read \(No such file"):
        job("toys/toy", {"file": "lost.csv"})


def test_a_backend_that_is_not_there_is_refused(house, monkeypatch):
    def absent(backend):
        raise ValueError(f"`backend` must be 'numpy' where no GPU can be used; got {backend!r}")

    monkeypatch.setattr(provenance, "device_name", absent)
    with pytest.raises(ValueError, match="`backend` must be 'numpy' where no GPU can be used; got"):
        job("toys/toy", {"backend": "cupy"})


def test_identity_follows_what_a_run_depends_on(house, monkeypatch):
    first = job("toys/toy", {})
    assert job("toys/toy", {}).identity == first.identity
    assert job("toys/toy", {"draws": 10}).identity == first.identity
    seen = {first.identity, job("toys/toy", {"draws": 11}).identity}
    path = house / "a.csv"
    for text in ("1", "2"):
        path.write_text(text)
        seen.add(job("toys/toy", {"file": str(path)}).identity)
    for part in (dict.fromkeys(versions.SHOWN, "1"), dict.fromkeys(versions.SHOWN, "2")):
        monkeypatch.setattr(provenance, "packages", lambda part=part: part)
        seen.add(job("toys/toy", {}).identity)
    assert len(seen) == 6
    notebook = house / "notebooks" / "toys" / "toy.ipynb"
    text = notebook.read_text()
    notebook.write_text(text.replace("Is a toy a toy?", "Is it?"))
    assert job("toys/toy", {}).identity not in seen


def test_identity_ignores_outputs_and_ids(tmp_path):
    first = job(
        str(toy_notebooks.notebook(tmp_path / "a.ipynb", toy_notebooks.code("x", "one"))), {}
    )
    cell = toy_notebooks.code("x", "two")
    cell.execution_count = 3
    second = job(str(toy_notebooks.notebook(tmp_path / "a.ipynb", cell)), {})
    assert first.identity == second.identity


@given(TEXT, st.one_of(TEXT, st.integers(), st.floats(allow_nan=False), st.lists(TEXT)))
def test_run_names_are_safe_file_names(tmp_path_factory, word, value):
    path = tmp_path_factory.getbasetemp() / "names.ipynb"
    if not path.exists():
        toy_notebooks.notebook(path, parameters_cell="word = ''\nλ = f()")
    if value in (float("inf"), -float("inf")):
        return
    made = job(str(path), {"word": word, "λ": value})
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*-[0-9a-f]{8}", made.run)
    assert len(made.run) <= 90
    words = shlex.split(made.command)
    again = job(words[2], parsed(type(made.params), options_of(words[3:])))
    assert again.params.values() == made.params.values()
    assert again.identity == made.identity


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int", "3", 3),
        ("int", "1e4", 1e4),
        ("int", " 3", 3),
        ("int", "1,000", "1,000"),
        ("float", "nan", "nan"),
        ("float", "1e999", "1e999"),
        ("bool", "TRUE", True),
        ("bool", "1", "1"),
        ("str", "3", "3"),
        ("str", "None", "None"),
        ("list", "[1, 'a']", [1, "a"]),
        ("list", "(1, 2)", [1, 2]),
        ("list", "1,2", [1, 2]),
        ("list", "[" * 999, "[" * 999),
        ("int", "1or 2", "1or 2"),
    ],
)
def test_words_are_read_as_the_knob_needs_them(tmp_path, kind, text, value):
    path = toy_notebooks.notebook(tmp_path / "a.ipynb", parameters_cell=f"x: {kind}")
    got = parsed(jobs.model_of(str(path))[0], {"x": text, "y": "3"})
    assert got == {"x": value, "y": "3"}
    assert type(got["x"]) is type(value)


def test_the_command_spells_numpy_values_plainly(house):
    assert job("toys/toy", {"draws": np.int64(20)}).command == "workbench run toys/toy --draws 20"


def test_two_notebooks_never_share_a_run(tmp_path, monkeypatch):
    """Neither by their path, nor by the directory in which relative paths begin."""
    runs = set()
    stems = ["same", "Same", "日本", "中国", "!?", "?!", "é", "e\u0301", "a b", "a_b"]
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        for stem in stems:
            toy_notebooks.notebook(tmp_path / folder / f"{stem}.ipynb")
    for place in (tmp_path, tmp_path / "one"):
        monkeypatch.chdir(place)
        for path in tmp_path.glob("*/*.ipynb"):
            made = job(str(path), {})
            runs.add(f"{made.name}/{made.run}".casefold())
    assert len(runs) == 2 * len(list(tmp_path.glob("*/*.ipynb")))
    relative = job("same.ipynb", {})
    assert relative.identity == job(str(tmp_path / "one" / "same.ipynb"), {}).identity
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert relative.identity == job(str(tmp_path / "link" / "same.ipynb"), {}).identity


def test_what_earlier_runs_injected_is_no_part_of_a_job(tmp_path):
    path = toy_notebooks.notebook(tmp_path / "a.ipynb", "x")
    first = job(str(path), {})
    toy_notebooks.notebook(path, toy_notebooks.code("x = 9", "old", "injected-parameters"), "x")
    second = job(str(path), {})
    assert second.identity == first.identity
    assert [c.source for c in second.notebook.cells] == ["x: int = 3  # a number", "x"]


def test_a_knob_named_like_an_option_is_spelled_by_set(tmp_path):
    path = toy_notebooks.notebook(
        tmp_path / "a.ipynb", parameters_cell="open = 1\ntimeout = 2\nset = 'a'"
    )
    made = job(str(path), {"open": 3, "timeout": 4, "set": "b c"})
    words = ["--set", "open=3", "--timeout", "4", "--set", "set=b c"]
    assert shlex.split(made.command) == ["workbench", "run", str(path), *words]

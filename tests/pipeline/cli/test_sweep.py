"""`workbench sweep`, `runs` and `table` as a person meets them."""

import csv
import io
import json

import pytest
import toy_notebooks
from click.testing import CliRunner

from workbench.cli import cli
from workbench.cli.sweep import declared
from workbench.studies import executor

NAME = "scaling/isoflop"
HOW = {"zipped": (), "random": None, "seeds": None, "function": False}


def call(*words):
    return CliRunner().invoke(cli.main, list(map(str, words)))


@pytest.fixture
def answered(monkeypatch):
    """Function runs answer at once; what they were asked is kept."""
    tasks = []

    def answer(task):
        tasks.append(task[1])
        state = "failed" if task[1]["points"] == 13 else "done"
        timings = {"seconds": 0.5, "peak_memory_mib": 10}
        found = {"state": state, "error": "unlucky", "summary": {"bias": task[1]["alpha"] / 10}}
        return {**found, "claims": [], "timings": timings}

    monkeypatch.setattr(executor, "call", answer)
    return tasks


def test_a_study_from_the_first_word_to_its_table(tmp_path, answered):
    out = tmp_path / "study"
    words = ["sweep", NAME, "--alpha", "0.1:0.3:3", "--points=5,13", "--function", "--out", out]
    result = call(*words, "--dry-run")
    assert (result.exit_code, answered) == (0, [])
    assert not out.exists()
    assert result.stdout.count("would run scaling/isoflop/alpha-") == 6
    assert "0 done, to run: 6 new\nno run of this study is done yet" in result.stdout
    result = call(*words)
    assert result.exit_code == 1
    assert result.stdout == f"0 kept, 3 done, 3 failed: {out}\n"
    assert result.stderr.count("unlucky") == 3
    assert [(t["alpha"], t["points"]) for t in answered] == [
        (a, p) for a in (0.1, 0.2, 0.3) for p in (5, 13)
    ]
    again = call(*words, "--dry-run").stdout
    assert "3 done, to run: 3 failed\nabout 1.5 s, 0.5 s a run" in again
    told = call("table", out).stdout.splitlines()
    assert told[0].split()[:4] == ["state", "seconds", "peak_memory_mib", "alpha"]
    assert len(told) == 7
    rows = list(csv.DictReader(io.StringIO(call("table", out, "--csv").stdout)))
    assert [(float(r["alpha"]), r["points"], r["state"]) for r in rows][:2] == [
        (0.1, "5", "done"),
        (0.1, "13", "failed"),
    ]
    listed = call("runs", "--reports", out, "--where", "points = 5 and bias > 0.015").stdout
    assert len(listed.splitlines()) == 3
    result = call("runs", "--reports", out, "--where", "alhpa > 1")
    assert (result.exit_code, "did you mean `alpha`?" in result.stderr) == (2, True)


def test_seeds_zip_and_random(tmp_path, answered):
    words = ["sweep", NAME, "--function", "--out", tmp_path / "a"]
    call(*words, "--alpha", "0.1,0.2", "--beta", "0.3,0.4", "--zip", "alpha,beta", "--seeds", "2")
    pairs = [(t["alpha"], t["beta"], t["seed"]) for t in answered]
    assert pairs == [(0.1, 0.3, 0), (0.1, 0.3, 1), (0.2, 0.4, 0), (0.2, 0.4, 1)]
    answered.clear()
    call(*words, "--alpha", "0.1:0.9", "--random", "7")
    assert len({t["alpha"] for t in answered}) == 7
    assert all(0.1 <= t["alpha"] <= 0.9 for t in answered)


def test_a_study_file(tmp_path, answered):
    path = tmp_path / "study.yaml"
    path.write_text(f"experiment: {NAME}\nseeds: 2\nknobs:\n  points: 5:9:3\n  alpha: [0.1]\n")
    result = call("sweep", path, "--function", "--out", tmp_path / "out")
    assert result.stdout.startswith("0 kept, 6 done"), result.stderr
    assert [(t["points"], t["seed"]) for t in answered] == [
        (p, s) for p in (5, 7, 9) for s in (0, 1)
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([NAME, "--alpha", "0.1,2"], "`alpha` must be a number in [0.05, 0.95]; got 2"),
        ([NAME, "--alhpa", "0.1"], "`alhpa` must be the name of a knob; did you mean `alpha`?"),
        ([NAME, "--alpha"], "`alpha` must have a value; got none"),
        ([NAME, "--alpha", "0.1:0.2"], "low:high:count[:log], as only a random study"),
        ([NAME, "--zip", "alpha,beta"], "`zip` must be knobs that are given a list of values"),
        ([NAME, "--points", "5,7", "--seed", "1,2", "--seeds", "2"], "`seeds` must be left out"),
        (["scaling/isoflp"], "did you mean `scaling/isoflop`?"),
        (["--alpha", "0.1"], "NAME must come first"),
        (["lost.toml"], "`study` must be a file that can be read (No such file or directory)"),
        (["lost.ipynb"], "`notebook` must be an existing file"),
        ([NAME, "--jobs", "0"], "0 is not in the range"),
        ([NAME, "--timeout", "nan"], "timeout"),
    ],
)
def test_what_is_refused_is_one_sentence_before_anything_starts(
    tmp_path, monkeypatch, answered, words, sentence
):
    monkeypatch.chdir(tmp_path)
    result = call("sweep", *words, "--function")
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert (answered, list(tmp_path.iterdir())) == ([], [])


def test_a_file_s_study_is_not_mixed_with_words(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(f'experiment = "{NAME}"\n')
    for words in (["--alpha", "0.1"], ["--seeds", "2"], ["--zip", "alpha,beta"]):
        result = call("sweep", path, *words)
        assert (result.exit_code, "must be in the study file" in result.stderr) == (2, True)


def test_a_folder_without_a_study_has_no_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = call("table", "empty")
    told = "`study` must be the folder of a study or of a run; got 'empty'\n"
    assert (result.exit_code, result.stderr) == (2, told)


def test_queued_points_are_listed(tmp_path, answered):
    out = tmp_path / "study"
    call("sweep", NAME, "--points", "5,7", "--function", "--out", out)
    held = json.loads((out / "study.json").read_text())
    held["points"].append({"name": NAME, "run": "later", "identity": "", "changed": {"points": 9}})
    (out / "study.json").write_text(json.dumps(held))
    listed = call("runs", "--reports", out, "--where", "state = 'queued'").stdout
    assert "later" in listed.splitlines()[1]
    assert call("runs", "--reports", out).stdout.count("done") == 2


def test_a_knob_named_like_an_option_is_swept_by_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    toy_notebooks.notebook(tmp_path / "own.ipynb", parameters_cell="jobs = 1\ntimeout = 2\nx = 3")
    words = ["sweep", "own.ipynb", "--x", "1,2", "--dry-run"]
    assert call(*words, "--set", "jobs=3,4").stdout.count("would run own/own/jobs-") == 4
    result = call(*words, "--jobs", "2")
    assert result.exit_code == 2
    assert "`jobs` must be given as --set jobs=VALUE" in result.stderr
    assert call(*words, "--jobs", "2", "--set", "jobs=1").exit_code == 0
    result = call(*words, "--timeout", "3,4")
    assert result.exit_code == 2
    assert "A knob of this name is given as --set timeout=VALUE." in result.stderr


def test_studies_of_two_notebooks_of_one_name_have_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seen = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        toy_notebooks.notebook(tmp_path / folder / "own.ipynb", "x")
        words = declared(f"{folder}/own.ipynb", {"x": "1,2"}, HOW)[0]
        assert words.startswith("own-own-")
        seen.add(words)
    assert len(seen) == 2
    assert declared(NAME, {"points": "5,9"}, HOW | {"function": True})[0] == "scaling-isoflop"

"""Two runs side by side, and a run held against itself made again."""

import copy
import json
import math
import re

import pytest
import toy_notebooks
from bs4 import BeautifulSoup
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from records import put, record

from workbench.cli.cli import main
from workbench.records.store import given_run, normal
from workbench.runs.execute import execute
from workbench.runs.job import job
from workbench.share.compare import Line, compare, page, terminal
from workbench.share.verify import verify
from workbench.studies.sweep import run_study, study_jobs


def command(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def pair():
    left = record(knobs={"x": 3, "word": "a", "old": 1}, summary={"gain": 2.0, "same": 1})
    right = copy.deepcopy(left) | {"run": "default-2", "knobs": {"x": 4, "word": "a", "new": True}}
    right["summary"]["gain"] = math.nextafter(2.0, 3)
    right["provenance"]["packages"]["numpy"] = "2.5.0"
    return left, right


def test_everything_that_differs_is_marked_and_nothing_else():
    lines = compare(*map(normal, pair()))
    differing = {(line.part, line.name): (line.left, line.right) for line in lines if line.differs}
    assert differing == {
        ("run", "run"): ("default-1", "default-2"),
        ("knobs", "x"): (3, 4),
        ("knobs", "old"): (1, None),
        ("knobs", "new"): (None, True),
        ("packages", "numpy"): ("2.4.0", "2.5.0"),
        ("numbers", "gain"): (2.0, math.nextafter(2.0, 3)),
    }
    assert {line.part for line in lines} >= {"code", "environment", "data", "verdicts"}


@pytest.mark.parametrize(
    ("left", "right", "differs", "change"),
    [
        (1, 1.0, True, 0.0),
        (True, 1, True, None),
        (0, 1, True, None),
        (2, 3, True, 0.5),
        (-2.0, -3.0, True, -0.5),
        (None, 0, True, None),
        ("1", 1, True, None),
        ([1, 2], [1, 2], False, None),
        (5e-324, 1e308, True, None),
        (10**300, 1.0, True, -1.0),
    ],
)
def test_what_counts_as_a_difference(left, right, differs, change):
    line = Line("knobs", "x", left, right)
    assert (line.differs, line.change) == (differs, change)


def test_the_terminal_shows_all_digits_of_what_differs():
    lines = compare(*map(normal, pair()))
    told = terminal(lines)
    (gain,) = [line for line in told.splitlines() if " gain" in line]
    assert gain.startswith("≠")
    assert "2.0000000000000004" in gain
    assert "scipy" not in told
    assert "scipy" in terminal(lines, all_lines=True)
    assert "more lines are the same in both" in told


def test_the_page_marks_differences_and_leaves_no_script(tmp_path):
    left, right = pair()
    made = BeautifulSoup(page(normal(left), normal(right)), "html.parser")
    marked = [r.th.text for r in made.select("tr.differs")]
    assert marked == ["run", "x", "old", "new", "numpy", "gain"]
    assert "6 lines differ" in made.text
    assert made.select("script") == []
    assert [a["id"] for a in made.select("h2")][:2] == ["run", "knobs"]


def test_the_command_takes_folders_and_their_files(tmp_path):
    left, right = pair()
    one, two = (put(tmp_path, r, with_page=False) for r in (left, right))
    ran = command("compare", one, two / "record.json")
    assert ran.exit_code == 0
    assert re.search("^≠ +numbers +gain", ran.stdout, re.MULTILINE)
    file = tmp_path / "compared.html"
    assert command("compare", one, two, "--html", file).stdout == f"{file}\n"
    assert "differs" in file.read_text()
    refused = command("compare", one, tmp_path)
    assert refused.exit_code == 2
    assert "`run` must be the folder of a run, or its record.json or page.html" in refused.stderr
    refused = command("compare", one, two, "--html", tmp_path / "none" / "x.html")
    assert "`html` must be a file that can be written" in refused.stderr


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_no_text_commands_the_terminal(name, value):
    one = normal(record(knobs={name: value}))
    told = terminal(compare(one, normal(record())))
    assert all(letter.isprintable() or letter == "\n" for letter in told)


@pytest.fixture(scope="module")
def called(tmp_path_factory):
    """The folder of a real run by a call, of an experiment that takes no time."""
    out = tmp_path_factory.mktemp("study")
    jobs = study_jobs("scaling/isoflop", [model()(points=9)], function=True)
    assert run_study(jobs, out) == {"kept": 0, "done": 1}
    return out / jobs[0].name / jobs[0].run


def model():
    from workbench.experiments.scaling.isoflop import Params

    return Params


def changed(folder, tmp_path, change):
    told = dict(given_run(folder)[1])
    told["summary"], told["provenance"] = dict(told["summary"]), dict(told["provenance"])
    change(told)
    path = tmp_path / "record.json"
    path.write_text(json.dumps(told))
    return path


def test_a_run_made_again_agrees_bit_for_bit(called):
    ran = command("verify", called)
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.startswith("all ")
    assert ran.stdout.endswith("agree bit for bit\n")
    found = verify(normal(given_run(called)[1]))
    assert found.is_exact
    assert found.count > 10
    assert found.again["summary"] == given_run(called)[1]["summary"]


def last_bit(told):
    told["summary"]["bias, strong"] = math.nextafter(told["summary"]["bias, strong"], 1)


def test_the_last_bit_of_one_number_is_seen(called, tmp_path):
    ran = command("verify", changed(called, tmp_path, last_bit))
    assert ran.exit_code == 1
    assert "bias, strong" in ran.stdout
    assert "1 of " in ran.stderr
    assert "do not agree bit for bit" in ran.stderr


def elsewhere(told):
    told["provenance"]["processor"] = "another"
    told["provenance"]["packages"]["scipy"] = "1.0"


def test_elsewhere_the_tolerance_holds_and_the_change_is_told(called, tmp_path):
    def near(told):
        elsewhere(told), last_bit(told)

    ran = command("verify", changed(called, tmp_path, near))
    assert ran.exit_code == 0, ran.output
    assert "within 1e-09 relative or 0 absolute" in ran.stdout
    assert "processor" in ran.stdout
    assert "scipy" in ran.stdout
    ran = command("verify", changed(called, tmp_path, near), "--relative", "0")
    assert ran.exit_code == 1

    def far(told):
        elsewhere(told)
        told["summary"]["bias, strong"] *= 1 + 1e-8

    path = changed(called, tmp_path, far)
    assert command("verify", path).exit_code == 1
    assert command("verify", path, "--relative", "1e-7").exit_code == 0
    assert command("verify", path, "--absolute", "1e-7").exit_code == 0


def verdict(told):
    told["claims"][0]["verdict"] = "not reproduced"


def missing(told):
    del told["summary"]["bias, strong"]


def one_for_true(told):
    told["summary"]["bias, strong"] = True


@pytest.mark.parametrize("change", [verdict, missing, one_for_true])
def test_no_tolerance_covers_what_is_no_number(called, tmp_path, change):
    ran = command("verify", changed(called, tmp_path, change), "--relative", "1e9")
    assert ran.exit_code == 1


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"name": "os/system"}, "`record` must be that of an experiment which `workbench list`"),
        ({"name": "../../etc"}, "`record` must be that of an experiment which `workbench list`"),
        ({"name": "own/evil"}, "`notebook` must be given for a run of a notebook of your own"),
        ({"state": "failed"}, "`record` must be that of a run that is done; got 'failed'"),
        ({"knobs": {"alpha": 99}}, "`alpha` must be a number in"),
        ({"knobs": {"beata": 1}}, "did you mean `beta`?"),
        ({"knobs": {"runs_file": "/nowhere.csv"}}, "`runs_file` must be a file that can be read"),
    ],
)
def test_records_that_cannot_be_run_are_refused(called, tmp_path, part, sentence):
    path = changed(called, tmp_path, lambda told: told.update(part))
    ran = command("verify", path)
    assert ran.exit_code == 2
    assert sentence in ran.stderr


@pytest.mark.parametrize("words", [["--relative", "-1"], ["--absolute", "nan"]])
def test_tolerances_are_checked(called, words):
    ran = command("verify", called, *words)
    assert ran.exit_code == 2
    assert "must be a number of at least 0" in ran.stderr


@pytest.mark.notebook
def test_a_notebook_s_run_is_made_by_the_notebook_the_user_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = "from workbench.experiment.decisions import Summary\nSummary({'double': 2 * x})"
    path = toy_notebooks.notebook(tmp_path / "own.ipynb", cell)
    told = execute(job(path.name, {"x": 4}), tmp_path / "reports")
    assert told["summary"] == {"double": 8}
    folder = tmp_path / "reports" / told["folder"]
    # The record's own command is not believed, whatever it says.
    record_file = folder / "record.json"
    record_file.write_text(json.dumps(told | {"command": "workbench run evil.ipynb"}))
    ran = command("verify", folder, "--notebook", path.name)
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == "all 1 numbers and verdicts agree bit for bit\n"
    toy_notebooks.notebook(path, cell.replace("2 *", "3 *"))
    assert command("verify", folder, "--notebook", path.name).exit_code == 1

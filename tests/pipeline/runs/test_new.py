"""A new experiment is ready to run and passes the house's tests, in a copy of this checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KEPT = (
    *("workbench", "widgets", "notebooks", "tests"),
    *("pyproject.toml", "environment.yml", "README.md", "CONTRIBUTING.md"),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    room = tmp_path_factory.mktemp("checkout")
    for name in KEPT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, room / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, room / name)
    return room


def ran(copy, *words):
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", *words]
    how = {"cwd": copy, "env": environment, "capture_output": True, "text": True, "timeout": 300}
    return subprocess.run(command, **how)


@pytest.mark.notebook
def test_a_new_experiment_runs_and_passes_the_house(copy):
    wrote = ran(copy, "workbench", "new", "toys/mean_of_draws")
    assert wrote.returncode == 0, wrote.stderr
    assert wrote.stdout.count("wrote ") == 3
    assert "toys/mean_of_draws" in ran(copy, "workbench", "list").stdout
    run = ran(copy, "workbench", "run", "toys/mean_of_draws", "--draws", "5000")
    assert run.returncode == 0, run.stderr
    assert list((copy / "reports" / "toys" / "mean_of_draws").glob("draws-5000-*/page.html"))
    suites = ["tests/contract", "tests/unit/test_house.py"]
    house = ran(copy, "pytest", "-q", *suites, "-k", "mean_of_draws or toys")
    assert house.returncode == 0, house.stdout
    tests = int(house.stdout.split(" passed")[0].split()[-1])
    assert tests >= 14
    package = "workbench/experiments/toys"
    lint = ran(copy, "ruff", "check", "--select", "E,F,I,UP,B", package)
    assert lint.returncode == 0, lint.stdout
    shape = ran(copy, "ruff", "format", "--check", package)
    assert shape.returncode == 0, shape.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dendrites/digits", "must be a new name"),
        ("digits", "must be FAMILY/SUBJECT"),
        ("../x", "must be FAMILY/SUBJECT"),
        ("Big/Name", "must be FAMILY/SUBJECT"),
        ("own/paper", "of another family than `own`"),
        ("toys/class", "without a word of Python"),
    ],
)
def test_bad_names_are_refused_and_nothing_is_written(copy, name, says):
    before = sorted(copy.rglob("*.py"))
    refused = ran(copy, "workbench", "new", name)
    assert refused.returncode == 2
    assert says in refused.stderr
    assert "Traceback" not in refused.stderr
    assert sorted(copy.rglob("*.py")) == before

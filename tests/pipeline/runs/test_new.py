"""A new family and a new paper need no edit of what is there, in a copy of this checkout."""

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


# A primitive of a family that nobody has heard of, and how its experiment uses it.
PRIMITIVE = '"""Means."""\n\n\ndef mean(x):\n    """Their mean."""\n    return x.mean(axis=1)\n'
USE = {
    "import Knobs, knob\n": "import Knobs, knob\nfrom workbench.toys.means import mean\n",
    "host(rng.random((20, draws))).mean(axis=1)": "mean(host(rng.random((20, draws))))",
}
# What must find the family, its primitive and the paper: by their names, or over all that is there.
FINDING = (
    "mean_of_draws or toys or there_are or stands_alone or import_light or every_part or detour "
    "or names_one_machine or every_import or own_family"
)
SUITES = (
    *("tests/contract", "tests/unit/test_house.py", "tests/unit/test_dependencies.py"),
    "tests/pipeline/runs/test_closure.py",
)


def contents(copy):
    return {p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and p.suffix != ".pyc"}


@pytest.mark.notebook
def test_a_new_family_and_paper_edit_no_file(copy):
    before = contents(copy)
    family = copy / "workbench" / "toys"
    family.mkdir()
    (family / "__init__.py").write_text('"""Primitives of toys."""\n')
    (family / "means.py").write_text(PRIMITIVE)
    wrote = ran(copy, "workbench", "new", "toys/mean_of_draws")
    assert wrote.returncode == 0, wrote.stderr
    assert wrote.stdout.count("wrote ") == 3
    code = copy / "workbench" / "experiments" / "toys" / "mean_of_draws.py"
    for old, new in USE.items():
        assert old in code.read_text()
        code.write_text(code.read_text().replace(old, new))
    assert "toys/mean_of_draws" in ran(copy, "workbench", "list").stdout
    shown = ran(copy, "workbench", "show", "toys/mean_of_draws").stdout
    assert "The mean of uniform numbers is one half" in shown
    run = ran(copy, "workbench", "run", "toys/mean_of_draws", "--draws", "5000")
    assert run.returncode == 0, run.stderr
    assert list((copy / "reports" / "toys" / "mean_of_draws").glob("draws-5000-*/page.html"))
    words = ["sweep", "toys/mean_of_draws", "--draws", "1000,2000", "--function"]
    assert "2 done" in ran(copy, "workbench", *words).stdout
    tests = ran(copy, "pytest", "-q", "-p", "no:cacheprovider", *SUITES, "-k", FINDING)
    assert tests.returncode == 0, tests.stdout
    assert int(tests.stdout.split(" passed")[0].split()[-1]) >= 25
    package = "workbench/experiments/toys"
    lint = ran(copy, "ruff", "check", "--select", "E,F,I,UP,B", package)
    assert lint.returncode == 0, lint.stdout
    shape = ran(copy, "ruff", "format", "--check", package)
    assert shape.returncode == 0, shape.stdout
    after = contents(copy)
    assert {path for path in before if before[path] != after.get(path)} == set()


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

"""`pip install .` alone, in a fresh environment, brings the primitives and no more."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USE = """
import numba
import numpy as np

from workbench.base.array import generator
from workbench.dendrites.codes.patterns import patterns, subsamples
from workbench.dendrites.matching.detector import Detector
from workbench.inits.schemes.variance_scaling import he
from workbench.scaling.fit.fit import fit

rng = generator(seed=0)
stored = patterns(rng, 50, cells=256, active=16)
pattern, segment = Detector(subsamples(rng, stored, 8), cells=256, threshold=8).matches(stored)
assert {(i, i) for i in range(50)} <= set(zip(pattern.tolist(), segment.tolist()))

weights = he(rng, (400, 500))
assert abs(weights.var() * 500 / 2 - 1) < 5 * (2 / weights.size) ** 0.5

sizes, tokens = np.geomspace(1e7, 1e10, 8).repeat(4), np.tile(np.geomspace(1e9, 1e12, 4), 8)
law = {"A": 406.4, "B": 410.7, "E": 1.69, "alpha": 0.34, "beta": 0.28}
loss = law["E"] + law["A"] / sizes ** law["alpha"] + law["B"] / tokens ** law["beta"]
table = {"parameters": sizes, "tokens": tokens, "loss": loss}
# The solver takes 20 s to compile; uncompiled it gives the same on a table this small.
numba.config.DISABLE_JIT = True
found = fit("chinchilla", table, nodes=1).parameters
assert all(abs(found[name] / value - 1) < 1e-9 for name, value in law.items()), found
"""

LIBRARIES = """
import importlib.util, sys

print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])
"""
ABSENT = (
    "pydantic",
    "plotly",
    "IPython",
    "ipykernel",
    "jupyter_client",
    "jupyterlab",
    "click",
    "sklearn",
)

DIGITS = "from workbench.dendrites.codes import digits\ndigits._digits()"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of an environment that has this package and what it depends on."""
    folder = tmp_path_factory.mktemp("alone")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", python]
    done = subprocess.run([*pip, "install", "--no-compile", ROOT], capture_output=True, text=True)
    if done.returncode:
        # A package that every index has says whether the failure is this project's.
        fetch = [*pip, "download", "--no-deps", "--no-cache-dir", "--dest", folder, "hatchling"]
        if subprocess.run(fetch, capture_output=True).returncode:
            pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    return python


def ran(python, *words):
    """What a command prints, apart from this process's environment and folder."""
    return subprocess.run([python, "-I", *words], capture_output=True, text=True, cwd=python.parent)


pytestmark = pytest.mark.index


def test_primitives_work_with_the_base_dependencies_alone(python):
    done = ran(python, "-c", USE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_no_library_of_notebooks_is_installed(python):
    assert ran(python, "-c", LIBRARIES, "numpy", *ABSENT).stdout.split() == ["numpy"]


def test_what_is_missing_is_named_with_what_to_install(python):
    done = ran(python, "-c", DIGITS)
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: the set of digits needs the package scikit-learn, which is not "
        "installed: pip install scikit-learn"
    )
    done = ran(python, "-m", "workbench", "list")
    assert (done.returncode, done.stdout) == (2, "")
    sentence = "this command needs the package click: pip install 'paper-workbench[pages]'\n"
    assert done.stderr == sentence

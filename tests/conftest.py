"""What every test shares: three places for arrays to live, and bad input past the type checker."""

import os
import signal
import sys
from pathlib import Path

import pytest
import toy_notebooks
from backends import Backend
from hypothesis import settings
from jaxtyping import config

from workbench.base.array import has_gpu

# Machines that run tests are shared; an example's time says nothing about its truth.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Whoever starts the tests in the background of a script leaves Ctrl-C ignored, and what the tests
# interrupt would inherit that and run on.
signal.signal(signal.SIGINT, signal.default_int_handler)

SUPPORT = Path(__file__).parent / "support"


@pytest.fixture(autouse=True, scope="session")
def _cache_of_its_own(tmp_path_factory):
    """What the tests remember of records is not the user's."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["XDG_CACHE_HOME"]
    if before is not None:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture(
    params=[
        "numpy",
        "strict",
        pytest.param("cupy", marks=pytest.mark.skipif(not has_gpu(), reason="needs a GPU")),
    ]
)
def backend(request):
    """NumPy; array-api-strict on its second device, which refuses what CuPy would; CuPy itself."""
    return Backend(request.param)


@pytest.fixture
def unchecked():
    """Lets bad input past the shape checks, which only tests run, to the sentence users meet."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of its own with one experiment, `toys/toy`, and its notebook."""
    return toy_notebooks.house(tmp_path, monkeypatch)


@pytest.fixture
def trial(monkeypatch):
    """The experiment `trials/trial` in this process; what it puts in place is put back."""
    import workbench.experiments
    from workbench.runs import find
    from workbench.studies import executor

    monkeypatch.setattr(find, "EXPERIMENTS", find.EXPERIMENTS)
    monkeypatch.setattr(executor, "call", executor.call)
    monkeypatch.setattr(workbench.experiments, "__path__", workbench.experiments.__path__)
    monkeypatch.setenv("TRIAL_FOLDER", "")
    # Spawned workers find it by the path that they are given.
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{toy_notebooks.ROOT}")
    names = ["workbench.experiments.trials", "workbench.experiments.trials.trial"]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import toy_experiment as trial

    yield trial
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def template():
    """The process from which the kernels of a file's tests fork; None where none can."""
    from workbench.runs.kernels.forked_kernel import Template

    made = Template() if Template.is_possible() else None
    yield made
    if made:
        made.close()


@pytest.fixture(scope="module")
def browser():
    """The distribution's Chromium, headless."""
    from browser import chromium  # only these tests pay for the import

    with chromium() as found:
        yield found

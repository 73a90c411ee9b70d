"""What the tests of runs share."""

import os
import sys
from pathlib import Path

import pytest
import toy

TRIAL = Path(__file__).with_name("trial.py")


@pytest.fixture
def trial(monkeypatch):
    """The experiment `trials/trial` in this process; what it puts in place is put back."""
    import workbench.experiments
    from workbench.runs import executor, find

    monkeypatch.syspath_prepend(str(TRIAL.parent))
    monkeypatch.setattr(find, "EXPERIMENTS", find.EXPERIMENTS)
    monkeypatch.setattr(executor, "call", executor.call)
    monkeypatch.setattr(workbench.experiments, "__path__", workbench.experiments.__path__)
    monkeypatch.setenv("TRIAL_FOLDER", "")
    # Spawned workers find it by the path that they are given.
    monkeypatch.setenv("PYTHONPATH", f"{TRIAL.parent}{os.pathsep}{toy.ROOT}")
    names = ["workbench.experiments.trials", "workbench.experiments.trials.trial"]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    import trial

    yield trial
    for name in names:
        sys.modules.pop(name, None)

import pytest
import toy

from workbench.runs import find


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of its own with one experiment, `toys/toy`, and its notebook."""
    package = tmp_path / "experiments"
    (package / "toys").mkdir(parents=True)
    (package / "toys" / "__init__.py").write_text("")
    (package / "toys" / "toy.py").write_text(toy.EXPERIMENT)
    (tmp_path / "notebooks" / "toys").mkdir(parents=True)
    monkeypatch.setattr(find, "EXPERIMENTS", package)
    monkeypatch.setattr(find, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(find, "ROOT", tmp_path)
    import workbench.experiments

    monkeypatch.setattr(workbench.experiments, "__path__", [str(package)])
    found = find.Experiment("toys/toy")
    toy.notebook(
        found.notebook,
        toy.prose("# Is a toy a toy?", "title"),
        "from workbench.experiments.toys import toy\nparams = toy.Params.of(globals())",
        parameters_cell=found.module().Params.cell(),
    )
    yield tmp_path
    import sys

    for name in [n for n in sys.modules if n.startswith("workbench.experiments.toys")]:
        del sys.modules[name]

"""Where neither the packaged model nor a file is, a network is trained here."""

import pytest

from workbench.experiment import contract, measurement
from workbench.experiment.claims import decide
from workbench.experiments.inits import audit, generalized_gaussian
from workbench.inits.weights import sources

LONG = {audit: 1, generalized_gaussian: 2}


@pytest.mark.parametrize("module", LONG, ids=lambda m: m.__name__.rpartition(".")[2])
def test_what_is_said_of_long_training_is_not_measured(module, monkeypatch):
    monkeypatch.setattr(sources, "packaged", lambda: "")
    measurement.forget()
    assert list(contract.findings_on_file(module)) == []
    params = contract.small(module)
    verdicts = [d.verdict for d in decide(module, params, module.run(params))]
    measurement.forget()
    assert verdicts.count("not measured") == LONG[module]

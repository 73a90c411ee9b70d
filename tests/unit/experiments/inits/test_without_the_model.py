"""Where neither the packaged model nor a file is, a network is trained here."""

import pytest

from workbench.experiment import contract, measurement
from workbench.experiment.claims import decide
from workbench.experiments.inits import audit, generalized_gaussian
from workbench.inits.weights import sources

# How many claims are about long training.
LONG = {audit: 1, generalized_gaussian: 2}


@pytest.mark.parametrize("module", LONG, ids=lambda m: m.__name__.rpartition(".")[2])
def test_what_is_said_of_long_training_is_not_measured(module, monkeypatch):
    monkeypatch.setattr(sources, "packaged", lambda: "")
    measurement.clear_cache()
    params = contract.small(module)
    decisions = decide(module, params, module.run(params))
    measurement.clear_cache()
    assert [d.verdict for d in decisions].count("not measured") == LONG[module]
    for claim, decision in zip(module.CLAIMS, decisions, strict=True):
        # Few networks do not decide a law.
        assert claim.rule.is_law or decision.verdict in (claim.finding, "not measured")

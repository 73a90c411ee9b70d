"""The contract of `workbench.experiment.contract`, over every experiment found by globbing."""

import time

import numpy as np
import pytest
import wrong
from backends import StrictGenerator
from hypothesis import assume, given, settings
from strategies import setting, units

from workbench.experiment import contract, measurement
from workbench.experiment.measurement import Samples
from workbench.runs.find import experiments

DECLARED = [e for e in experiments() if hasattr(e.module(), "CLAIMS")]
LAWS = [law.__name__ for law in contract.LAWS]
# A setting that takes longer is passed over, not failed.
SECONDS = 1.5

each_experiment = pytest.mark.parametrize("experiment", DECLARED, ids=lambda e: e.name)


@each_experiment
def test_every_experiment_keeps_every_law(experiment):
    # In one test, so that laws about the default run share its cached stages.
    violations = [f"{law.__name__}: {v}" for law in contract.LAWS for v in law(experiment.module())]
    assert not violations, "\n".join(violations)


@each_experiment
def test_every_admitted_setting_ends_in_verdicts(experiment):
    module, ended = experiment.module(), []

    @settings(max_examples=8, database=None)
    @given(units(module.Params))
    def check(drawn):
        try:
            params = module.Params(**setting(module.Params, drawn) | {"backend": "numpy"})
        except ValueError:
            assume(False)
        ended.append(contract.ends_in_verdicts(module, params, SECONDS))

    check()
    few = f"{sum(ended)} of {len(ended)} settings end within {SECONDS} s; narrow the knobs' spans"
    assert sum(ended) >= len(ended) / 4, few


def runs_on_devices(module):
    try:
        module.Params(backend="cupy")
    except ValueError:
        return False
    return True


on_devices = [e for e in DECLARED if runs_on_devices(e.module())]


@pytest.mark.parametrize("experiment", on_devices, ids=lambda e: e.name)
def test_the_strict_device_agrees_with_numpy(experiment, monkeypatch):
    module = experiment.module()
    params = contract.small(module)
    on_host = module.run(params)
    measurement.clear_cache()
    monkeypatch.setattr(measurement, "generator", lambda seed, backend: StrictGenerator(seed))
    on_device = module.run(params)
    measurement.clear_cache()
    found = contract.another_device_agrees(module, params, on_host, on_device)
    assert list(found) == []


def test_every_law_has_a_wrong_experiment():
    assert set(wrong.WRONG) == set(LAWS)


@pytest.mark.parametrize("law", LAWS)
def test_a_right_experiment_breaks_no_law(law):
    assert list(getattr(contract, law)(wrong.RIGHT)) == []


@pytest.mark.parametrize(
    ("law", "module"), [(law, m) for law, modules in wrong.WRONG.items() for m in modules]
)
def test_a_wrong_experiment_is_caught(law, module):
    assert list(getattr(contract, law)(module)) != []


@pytest.mark.parametrize(
    "wrong_part",
    [{"sides": 7}, {"sides": np.float64(6)}, {"more": 1}, {"mean": Samples(np.ones(21), law=0.5)}],
)
def test_a_device_that_disagrees_is_caught(wrong_part):
    params = wrong.Params()
    right = wrong.run(params)
    found = contract.another_device_agrees(wrong.RIGHT, params, right, right | wrong_part)
    assert list(found) != []
    assert list(contract.another_device_agrees(wrong.RIGHT, params, right, right)) == []


def test_a_setting_without_a_verdict_is_caught():
    broken = wrong.but(run=lambda p: wrong.run(p) | {"thrown": 1 / (p.sides - 2)})
    with pytest.raises(ZeroDivisionError):
        contract.ends_in_verdicts(broken, wrong.Params(sides=2, hits=1), 9.0)


def test_a_run_that_takes_long_is_ended():
    def slow(p):
        from workbench.base.cancellation import steps

        for _ in steps(range(10**9)):
            pass

    assert not contract.ends_in_verdicts(wrong.but(run=slow), wrong.Params(), 0.05)


def test_a_default_run_that_is_slow_is_caught(monkeypatch):
    monkeypatch.setattr(contract, "DEFAULT_SECONDS", 0.05)
    assert list(contract.findings_on_file(wrong.RIGHT)) == []

    def slow(p):
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass
        return wrong.run(p)

    (message,) = contract.findings_on_file(wrong.but(run=slow))
    assert message.startswith("the default run must take at most 0.05 s of the processor; got 0.1")

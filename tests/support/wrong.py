"""An experiment that keeps the contract, and how each law of it may be broken."""

import itertools
from types import ModuleType

import numpy as np

from workbench.experiment.claims import Claim, Paper, Rule, equals, exactly, follows
from workbench.experiment.measurement import Counts, Samples, stage
from workbench.experiment.params import Knobs, knob


class Params(Knobs):
    at_most = {"hits": "sides - 1"}
    sides: int = knob(6, "sides of a die", span=(2, 100))
    hits: int = knob(2, "sides that count", span=(1, 99))
    throws: int = knob(50_000, "throws", span=(100, 10**6), log=True, is_budget=True)


@stage
def thrown(rng, sides, hits, throws) -> Counts:
    seen = int((rng.integers(0, sides, throws) < hits).sum())
    return Counts(np.array([seen]), throws, np.array([hits / sides]))


@stage
def means(rng, throws) -> Samples:
    return Samples(rng.random((20, throws // 20)).mean(axis=1), law=0.5)


def run(p):
    return {"thrown": thrown(p), "mean": means(p), "sides": p.sides}


CLAIMS = [
    Claim("1", "Each side comes as often as the others", follows("thrown")),
    Claim("2", "The mean of uniform numbers is one half", follows("mean")),
    Claim("3", "A die has seven sides", exactly("sides", 7), finding="not reproduced"),
    Claim("4", "Six is six", equals(lambda: 6.0, "6")),
]
PAPER = Paper("Nobody", 2026, "arXiv:0")


def but(**changed):
    """The right experiment with something of it changed."""
    module = ModuleType("wrong")
    parts = {"PAPER": PAPER, "Params": Params, "run": run, "CLAIMS": CLAIMS}
    vars(module).update(parts | changed)
    return module


RIGHT = but()


def _loaded(p):
    """The law is off by a half, which even few throws must see."""
    counts = thrown(p)
    return run(p) | {"thrown": Counts(counts.hits, counts.trials, counts.law * 1.5)}


_CALLS = itertools.count()


def _drifting(p):
    return run(p) | {"sides": p.sides + next(_CALLS) % 2 * 1e-12}


def _alias(p):
    """What a caller changes must not come back from the memory of a stage."""
    counts = thrown(p)
    return run(p) | {"order": np.random.default_rng().random(3), "thrown": counts}


BLIND = Rule(
    CLAIMS[3].rule.measure,
    lambda said, m, note: said.exact(expected=1, measured=1),
    CLAIMS[3].rule.wrong,
)
# By law, experiments that it must catch.
WRONG = {
    "findings_on_file": [but(CLAIMS=[CLAIMS[2]._replace(finding="reproduced")]), but(run=_loaded)],
    "repeatable": [but(run=_drifting), but(run=_alias)],
    "seeds_agree": [but(run=lambda p: _loaded(p))],
    "wrong_values_flip": [but(CLAIMS=[CLAIMS[3]._replace(rule=BLIND)])],
}

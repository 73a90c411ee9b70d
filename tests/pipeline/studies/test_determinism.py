"""An experiment's numbers are the same twice and on any number of threads, or it is said why not.

Here one experiment of each family; `benchmarks/reliability.py` compares all of them.
"""

import determinism
import pytest


@pytest.mark.parametrize("name", ["dendrites/detection", "inits/criticality", "scaling/isoflop"])
def test_numbers_are_the_same_bit_for_bit(name):
    assert determinism.compared(name) == {"same twice": True, "same on 2 threads": True}


def test_a_difference_is_seen(monkeypatch):
    ends = iter([['{"a": 0.1, "b": 1}'] * 2, ['{"a": 0.1, "b": 1}', '{"a": 0.10000000000000002}']])
    monkeypatch.setattr(determinism, "calls", lambda name, threads: next(ends))
    found = determinism.compared("dendrites/race")
    assert (found["same twice"], found["same on 2 threads"]) == (False, False)
    assert found["differ"] == ["a", "b"]
    assert found["because"] == determinism.TIMES

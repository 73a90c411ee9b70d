"""Patterns from a file in the place of the digits, which the contract does not try."""

import numpy as np
import pytest

from workbench.experiment.claims import decide
from workbench.experiments.dendrites import digits
from workbench.experiments.dendrites.digits import Params


def rows_of(rng, count, cells, active):
    return np.argsort(rng.random((count, cells)), axis=1)[:, :active]


def test_random_patterns_in_the_digits_place_follow_the_law(tmp_path):
    """The control of the experiment itself: what it blames on the digits is theirs."""
    rng = np.random.default_rng(4)
    rows, labels = rows_of(rng, 1797, 2048, 40), rng.integers(0, 10, 1797)
    np.savez(tmp_path / "random.npz", patterns=rows, labels=labels)
    params = Params(patterns_file=str(tmp_path / "random.npz"), threshold=3)
    control, real, *_ = decide(digits, params, digits.run(params))
    assert (control.verdict, real.verdict) == ("reproduced", "reproduced")


def test_patterns_of_different_lengths_fire_their_own_segments(tmp_path):
    rows = rows_of(np.random.default_rng(5), 80, 256, 13).tolist()
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(str(row[: 12 + i % 2])[1:-1] for i, row in enumerate(rows)))
    params = Params(cells=256, synapses=8, threshold=5, moved=0, patterns_file=str(path))
    result = digits.run(params)
    assert (result["stored"], result["shown"]) == (80, 80)
    assert result["active cells of a pattern"] == 12
    assert result["active cells of the longest, thinned"] == 13
    assert (result["rates"]["own class"].value == 1).all()
    assert result["accuracy without noise"] == 1.0


@pytest.mark.parametrize(
    ("text", "knobs", "says"),
    [
        ("1,2,3\n4,5,5", {}, "`patterns_file` must be distinct indices in row 2"),
        ("1,2,3\n4,5,6", {"synapses": 4}, r"`synapses` must be in \[1, active=3\]; got 4"),
        ("1,2,3", {}, r"at least 2 patterns .* got '1 of 3'"),
        ("1,2,3\n4,5,6", {"training": 500}, "`training` must be left at 1200 with `patterns_file`"),
        ("1,2,3\n4,5,6", {"active": 3}, "`active` must be left at 40 with .* decides it; got 3"),
        ("1,2,3\n0,2,3", {"cells": 5}, r"at most cells // 2=2 active cells; got '2 of 3'"),
    ],
)
def test_a_file_is_refused_before_any_run(tmp_path, text, knobs, says):
    (tmp_path / "mine.csv").write_text(text)
    knobs = {"synapses": 2, "threshold": 1, "moved": 0, **knobs}
    with pytest.raises(ValueError, match=says):
        Params(patterns_file=str(tmp_path / "mine.csv"), **knobs)

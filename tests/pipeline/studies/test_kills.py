"""After kills at random moments nothing is lost, nothing lies, and nobody is left behind."""

import kills
import pytest


@pytest.mark.parametrize(
    ("kill", "count"),
    [
        (kills.kill_sweeps, 8),
        (kills.kill_workers, 10),
        pytest.param(kills.kill_kernels, 8, marks=pytest.mark.notebook),
    ],
)
def test_every_point_is_done_once_in_the_end(tmp_path, kill, count):
    tally = kill(tmp_path, count, seed=count)
    assert tally.wrong == []
    assert tally.counts() == {
        "kills": count,
        "points": tally.points,
        "points done": tally.points,
        "wrong records or half files": 0,
        "orphans": 0,
        "calls made twice beyond those killed": 0,
    }

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from workbench.base.checks import refuse
from workbench.base.intervals import chernoff_interval, student_interval
from workbench.experiment import measurement, result_cache
from workbench.experiment.measurement import Counts, Samples, stage, stream
from workbench.experiment.params import Knobs, knob


class Params(Knobs):
    cells: int = knob(10, "cells", span=(1, 1000))
    other: int = knob(5, "does not enter", span=(1, 1000))
    path: str = knob("", "a file", suffixes=(".txt",))


CALLS = []


@stage
def drawn(rng, cells):
    CALLS.append(cells)
    return rng.random(cells)


@stage
def exact(cells):
    CALLS.append(cells)
    return {"rows": [np.arange(cells)]}


@stage
def lines(path):
    CALLS.append(path)
    return Path(path).read_text() if path else ""


@stage
def summed(drawn, lines, other):
    CALLS.append("sum")
    return drawn.sum() + other + len(lines)


@pytest.fixture(autouse=True)
def empty():
    measurement.clear_cache()
    CALLS.clear()


def test_a_stage_is_computed_again_only_for_knobs_that_enter_it():
    first = drawn(Params())
    np.testing.assert_array_equal(first, drawn(Params(other=7)))
    assert CALLS == [10]
    assert len(drawn(Params(cells=11))) == 11
    assert len(drawn(Params(), cells=11)) == 11
    assert CALLS == [10, 11]
    assert (drawn(Params(seed=1)) != first).any()
    assert CALLS == [10, 11, 10]


def test_without_a_generator_the_seed_does_not_enter():
    exact(Params()), exact(Params(seed=9))
    assert CALLS == [10]
    assert not exact.is_random
    assert exact.knobs == ("cells",)


def test_a_caller_s_changes_do_not_come_back():
    for _ in range(2):
        result = exact(Params())
        assert result["rows"][0][0] == 0
        result["rows"][0][0] = 99
        result["rows"].append(None)


def test_a_file_that_changes_is_read_again(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "two"):
        path.write_text(text)
        assert lines(Params(path=str(path))) == text
        assert lines(Params(path=str(path))) == text
    assert len(CALLS) == 2
    # Of the same size and time, but another file.
    times = path.stat()
    (tmp_path / "b.txt").write_text("six")
    os.utime(tmp_path / "b.txt", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "b.txt").replace(path)
    assert lines(Params(path=str(path))) == "six"
    path.unlink()
    # The reader says what is wrong with a path.
    with pytest.raises(FileNotFoundError, match=r"a\.txt"):
        lines(Params(path=str(path)))


def test_a_file_that_names_others_is_read_again_when_they_change(tmp_path):
    class Listed(Params):
        @staticmethod
        def file_state(path):
            return Path(path).with_name("named.txt").read_text()

    (tmp_path / "a.txt").write_text("one")
    CALLS.clear()
    for text in ("x", "x", "y"):
        (tmp_path / "named.txt").write_text(text)
        lines(Listed(path=str(tmp_path / "a.txt")))
    assert len(CALLS) == 2


def test_a_stage_takes_the_results_of_stages_above_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    params = Params(path=str(path))
    assert summed.knobs == ("cells", "path", "other")
    assert summed.is_random
    total = summed(params)
    assert total == drawn(params).sum() + 5 + 3
    assert [10, str(path), "sum"] == CALLS
    # What does not enter a stage below leaves its result as it is.
    assert summed(Params(path=str(path), other=7)) == total + 2
    assert [10, str(path), "sum", "sum"] == CALLS
    assert summed(params, cells=3) == drawn(params, cells=3).sum() + 8
    assert summed(Params(path=str(path), seed=1)) != total
    path.write_text("three")
    assert summed(params) == total + 2
    with pytest.raises(ValueError, match="knobs that enter summed"):
        summed(params, drawn=3)


def test_a_missing_file_is_its_reader_s_to_refuse(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.txt"):
        lines(Params(path=str(tmp_path / "none.txt")))
    assert CALLS


def test_a_replaced_file_that_changes_is_read_again(tmp_path):
    path = tmp_path / "a.txt"
    for text in ("one", "three"):
        path.write_text(text)
        assert lines(Params(), path=str(path)) == text


def test_an_unknown_replacement_is_refused():
    with pytest.raises(ValueError, match=r"`replaced` must be knobs that enter drawn"):
        drawn(Params(), other=3)


def test_what_fails_or_is_stopped_is_not_remembered():
    calls = []

    @stage
    def fails_once(cells):
        calls.append(cells)
        if len(calls) == 1:
            raise LookupError
        return cells

    with pytest.raises(LookupError):
        fails_once(Params())
    assert fails_once(Params()) == 10


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(result_cache, "MOST_BYTES", 3 * 8 * 100)
    for cells in (100, 101, 102):
        drawn(Params(cells=cells))
    assert CALLS == [100, 101, 102]
    drawn(Params(cells=102)), drawn(Params(cells=101))
    assert CALLS == [100, 101, 102]
    # Three of them and a little more do not fit: the one used least recently was forgotten.
    drawn(Params(cells=100))
    assert CALLS == [100, 101, 102, 100]
    # What is larger than all memory is computed every time.
    drawn(Params(cells=400)), drawn(Params(cells=400))
    assert CALLS == [100, 101, 102, 100, 400, 400]
    monkeypatch.setattr(result_cache, "MOST_RESULTS", 1)
    drawn(Params(cells=7))
    drawn(Params(cells=100))
    assert CALLS[-2:] == [7, 100]


def test_streams_differ_by_name_and_seed_and_agree_between_processes():
    numbers = {(n, s): stream(n, s).random() for n in ("misses", "matches") for s in (0, 1)}
    assert len(set(numbers.values())) == 4
    code = (
        "from workbench.experiment.measurement import stream; print(stream('misses', 0).random())"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert float(ran.stdout) == numbers["misses", 0]


def test_two_streams_are_not_correlated():
    one, two = (stream(name, 0).standard_normal(100_000) for name in ("a", "b"))
    assert abs(np.corrcoef(one, two)[0, 1]) < 5 / math.sqrt(100_000)
    assert np.corrcoef(one, stream("a", 0).standard_normal(100_000))[0, 1] > 0.999


def test_counts_have_chernoff_s_intervals():
    counts = Counts([0, 7, 100], 100, [0.01, 0.1, 0.99])
    assert counts.rate.tolist() == [0.0, 0.07, 1.0]
    for place, hits in enumerate((0, 7, 100)):
        low, high = (end[place] for end in counts.interval)
        assert (low, high) == chernoff_interval(hits, 100, 5.0)


@pytest.mark.parametrize(
    ("law", "trials", "place"),
    [
        ([0.5, 0.1, 0.001], 10_000, 1),  # of the last ten events are expected, too few
        ([0.5, 0.1, 0.01], 10_000, 2),
        ([0.5, 0.999, 0.1], 10_000, 2),  # ten events of the other kind
        ([1e-9, 0.3, 0.4], 10, 2),  # nothing can be counted: the one nearest to one half
    ],
)
def test_the_decisive_event_is_the_rarest_that_can_be_counted(law, trials, place):
    assert Counts(np.zeros(3, int), trials, law).decisive == place


@pytest.mark.parametrize(("law", "resolution"), [(0.01, 0.5), (0.01, 0.9), (0.4, 0.5), (0.99, 0.1)])
def test_as_many_trials_as_are_named_narrow_the_interval_to_the_resolution(law, resolution):
    trials = Counts([10], 1000, [law]).trials_for(resolution)

    def half(many):
        low, high = (float(end[0]) for end in Counts([round(law * many)], many, [law]).interval)
        return (high - low) / 2

    # To the rounding of the hits; by a normal width 25 trials would do for the last.
    assert half(trials) == pytest.approx(resolution * law, rel=0.6 / (trials * min(law, 1 - law)))
    assert half(round(trials / 1.2)) > resolution * law


def test_trials_are_named_for_the_rarest_chance():
    assert Counts([0], 10, [1e-20]).trials_for(0.5) == pytest.approx(1e22, rel=0.2)


@pytest.mark.parametrize(
    ("hits", "trials", "law", "says"),
    [
        ([11], 10, [0.5], "`hits` must be a whole number in \\[0, 10\\]; got 11"),
        ([1], 0, [0.5], "`trials` must be a whole number of at least 1; got 0"),
        ([1], 10, [1.5], "`law` must be in \\[0, 1\\]; got 1.5"),
        ([1], 10, [math.nan], "`law` must be in"),
        ([1, 2], 10, [0.5], "`law` must be of the shape of hits"),
    ],
)
def test_impossible_counts_are_refused(hits, trials, law, says):
    with pytest.raises(ValueError, match=says):
        Counts(hits, trials, law)


def test_samples_have_student_s_intervals():
    values = np.random.default_rng(0).standard_normal((16, 3))
    samples = Samples(values)
    np.testing.assert_allclose(samples.mean, values.mean(axis=0))
    np.testing.assert_allclose(samples.error, values.std(axis=0, ddof=1) / 4)
    low, high = samples.interval
    # The quantile by SciPy's distribution, another code than the special function.
    from scipy.stats import norm, t

    half = -t.ppf(norm.cdf(-5), 15) * samples.error
    np.testing.assert_allclose(high - samples.mean, half, rtol=1e-9)
    np.testing.assert_allclose(samples.mean - low, half, rtol=1e-9)


def test_student_s_interval_covers_as_often_as_it_says_and_the_normal_one_does_not():
    rng, runs, replicas = np.random.default_rng(1), 40_000, 4
    values = rng.standard_normal((replicas, runs))
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / 2
    low, high = student_interval(mean, error, replicas, 2.0)
    chance = math.erfc(2 / math.sqrt(2))
    allowed = 5 * math.sqrt(chance * (1 - chance) / runs)
    missed = ((low > 0) | (high < 0)).mean()
    assert abs(missed - chance) < allowed
    assert abs((np.abs(mean) > 2 * error).mean() - chance) > allowed


@pytest.mark.parametrize("values", [[1.0], 3.0, []])
def test_one_replica_is_no_sample(values):
    with pytest.raises(ValueError, match="`values` must be of at least 2 independent replicas"):
        Samples(values)
    with pytest.raises(ValueError, match="`values` must be finite; got nan"):
        Samples([1.0, math.nan])


class Both(NamedTuple):
    cells: int
    other: int


@stage
def of_both(rng, both: Both, path):
    CALLS.append(both)
    return both.cells + both.other, len(path)


def test_an_argument_of_fields_stands_for_their_knobs():
    assert of_both.knobs == ("cells", "other", "path")
    assert of_both(Params(cells=3)) == (8, 0)
    assert of_both(Params(), other=2) == (12, 0)
    assert of_both(Params(cells=3)) == (8, 0)
    assert [Both(3, 5), Both(10, 2)] == CALLS


@stage
def refused(path):
    raise ValueError(f"`path` must be a file; got {path}")


def test_a_missing_file_is_refused_by_what_reads_it():
    with pytest.raises(ValueError, match="`path` must be a file; got none.txt"):
        refused(Params(path="none.txt"))


@stage
def misspelt(drwn, cells):
    return drwn, cells


def test_an_argument_that_is_neither_knob_nor_stage_is_named():
    with pytest.raises(
        AttributeError, match="`drwn`, an argument of the stage `misspelt`, .* `drawn`"
    ):
        misspelt(Params())


@stage
def infinite(cells):
    return Samples(np.array([1.0, np.inf]) * cells)


@stage
def of_infinite(infinite):
    return infinite


@stage
def refuses_a_knob(cells):
    refuse("cells", "even", cells)


def test_an_error_names_the_stage_unless_it_names_a_knob():
    sentence = r"^in the stage `infinite`: `values` must be finite; got inf$"
    for failing in (infinite, of_infinite):
        with pytest.raises(ValueError, match=sentence):
            failing(Params())
    with pytest.raises(ValueError, match=r"^`cells` must be even; got 10$"):
        refuses_a_knob(Params())


@stage
def refuses_a_file(path, cells):
    refuse("loss", "a number on every row", f"'x' on line {cells} of file.txt")


def test_an_error_about_a_user_s_file_says_where_in_it_and_no_more(tmp_path):
    (tmp_path / "file.txt").write_text("loss\nx\n")
    sentence = r"^`loss` must be a number on every row; got \"'x' on line 10 of file.txt\"$"
    with pytest.raises(ValueError, match=sentence):
        refuses_a_file(Params(path=str(tmp_path / "file.txt")))
    with pytest.raises(ValueError, match=r"^in the stage `refuses_a_file`: `loss`"):
        refuses_a_file(Params(path=""))

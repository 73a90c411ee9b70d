from itertools import combinations
from math import comb

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.base.array import generator
from workbench.dendrites.codes import _sets, patterns
from workbench.dendrites.theory import overlap_laws

DRAWS = 60000


def are_codes(rows, cells):
    rows = np.asarray(rows)
    return (
        rows.dtype == np.int64
        and (rows[:, 1:] > rows[:, :-1]).all()
        and (not rows.size or (rows.min() >= 0 and rows.max() < cells))
    )


def worst_count(rows, possible):
    """Deviation of the rarest or commonest of the possible rows, in standard errors."""
    seen, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(seen) <= len(possible)
    assert {tuple(r) for r in seen.tolist()} <= set(possible)
    p = 1 / len(possible)
    error = np.sqrt(len(rows) * p * (1 - p))
    missing = len(rows) * p / error if len(seen) < len(possible) else 0.0
    return max(missing, np.abs(counts - len(rows) * p).max() / error)


@pytest.mark.parametrize("active", [1, 2, 3, 4, 5, 6])
def test_patterns_are_uniform_over_all_sets(active):
    rows = patterns.patterns(generator(active), DRAWS, 7, active)
    assert worst_count(rows, list(combinations(range(7), active))) < 5


def test_a_biased_sampler_is_caught():
    # The tempting shortcut: draw with repeats, and move a repeat on to the next free cell.
    rows = np.sort(generator(1).integers(0, 7, (DRAWS, 2)), axis=1)
    rows[:, 1] = np.where(rows[:, 0] == rows[:, 1], (rows[:, 1] + 1) % 7, rows[:, 1])
    assert worst_count(np.sort(rows, axis=1), list(combinations(range(7), 2))) > 5


def test_the_order_of_rows_tells_nothing(monkeypatch):
    # Rows that needed no second draw come first in a chunk; they must be like the others.
    monkeypatch.setattr(_sets, "CHUNK", 90)
    rows = patterns.patterns(generator(3), DRAWS, 7, 3).reshape(-1, 30, 3)
    for part in (rows[:, 0], rows[:, -1]):
        assert worst_count(part, list(combinations(range(7), 3))) < 5
    first, second = rows[:, :-1].reshape(-1, 3), rows[:, 1:].reshape(-1, 3)
    both = (first[:, :, None] == second[:, None, :]).sum((1, 2))
    mean, variance = 9 / 7, 9 / 7 * 4 / 7 * 4 / 6
    assert abs(both.mean() - mean) < 5 * np.sqrt(variance / len(both))


def test_overlaps_follow_the_law():
    rows = patterns.patterns(generator(4), 20000, 500, 60)
    overlap = (rows < 40).sum(axis=1)
    for threshold in (2, 5, 8, 10):
        p = overlap_laws.false_match(500, 60, 40, threshold)
        error = np.sqrt(p * (1 - p) / len(rows))
        assert abs((overlap >= threshold).mean() - p) < 5 * error


def test_subsamples_are_uniform_subsets():
    pattern = np.array([[2, 5, 11, 30, 31]])
    rows = patterns.subsamples(generator(5), np.repeat(pattern, DRAWS, axis=0), 3)
    assert worst_count(rows, list(combinations(pattern[0].tolist(), 3))) < 5


def test_perturbed_is_uniform_over_what_lies_as_far_away():
    pattern = (1, 2, 5)
    near = [x for x in combinations(range(7), 3) if len(set(x) & set(pattern)) == 1]
    assert len(near) == comb(3, 1) * comb(4, 2)
    rows = patterns.perturbed(generator(6), np.array([pattern] * DRAWS), 7, 2)
    assert worst_count(rows, near) < 5


def test_damage_is_missed_as_often_as_the_law_says():
    shown = patterns.patterns(generator(7), 20000, 600, 64)
    rng = generator(8)
    stored, damaged = patterns.subsamples(rng, shown, 20), patterns.perturbed(rng, shown, 600, 30)
    overlap = (stored[:, :, None] == damaged[:, None, :]).sum((1, 2))
    for threshold in (8, 10, 12):
        p = overlap_laws.false_negative(64, 20, threshold, 30)
        error = np.sqrt(p * (1 - p) / len(shown))
        assert abs((overlap < threshold).mean() - p) < 5 * error


@given(st.integers(1, 300), st.integers(0, 20), st.data())
@settings(deadline=None, max_examples=60)
def test_every_code_has_exactly_its_weight(cells, count, data):
    active = data.draw(st.integers(0, cells))
    moved = data.draw(st.integers(0, min(active, cells - active)))
    synapses = data.draw(st.integers(0, active))
    rng = generator(data.draw(st.integers(0, 99)))
    rows = patterns.patterns(rng, count, cells, active)
    thinned = patterns.subsamples(rng, rows, synapses)
    damaged = patterns.perturbed(rng, rows, cells, moved)
    assert rows.shape == damaged.shape == (count, active)
    assert thinned.shape == (count, synapses)
    for result in (rows, thinned, damaged):
        assert are_codes(result, cells)
    for row, some, other in zip(rows.tolist(), thinned.tolist(), damaged.tolist(), strict=True):
        assert set(some) <= set(row)
        assert len(set(row) - set(other)) == moved


def test_populations_beyond_sixteen_bits():
    rng = generator(9)
    rows = patterns.patterns(rng, 50, 10**6, 655)
    assert are_codes(rows, 10**6)
    assert rows.max() > 65536
    assert are_codes(patterns.perturbed(rng, rows, 10**6, 300), 10**6)


@given(st.data())
@settings(max_examples=60)
def test_winners_are_the_largest_and_of_equals_the_first(data):
    scores = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=1, max_size=12)))
    active = data.draw(st.integers(0, scores.size))
    ranked = sorted(range(scores.size), key=lambda i: (-scores[i], i))
    for kind in (np.int64, np.float32):
        result = patterns.winners(scores[None].astype(kind), active)
        assert result.tolist() == [sorted(ranked[:active])]


def test_winners_take_infinities():
    assert patterns.winners(np.array([[-np.inf, 0, np.inf]]), 2).tolist() == [[1, 2]]


def test_chunks_leave_no_seam(monkeypatch):
    rows = patterns.patterns(generator(1), 40, 100, 7)
    scores = generator(2).integers(0, 5, (40, 100))
    whole = patterns.overlaps(rows, rows[::-1]), patterns.winners(scores, 9)
    monkeypatch.setattr(patterns, "CHUNK", 300)
    np.testing.assert_array_equal(patterns.overlaps(rows, rows[::-1]), whole[0])
    np.testing.assert_array_equal(patterns.winners(scores, 9), whole[1])


@given(st.integers(0, 30), st.integers(0, 9), st.integers(0, 12), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_overlaps_are_those_of_sets(count, synapses, active, seed):
    rng = generator(seed)
    segments = patterns.patterns(rng, count, 15, synapses)[:, ::-1]
    rows = patterns.patterns(rng, count, 15, active)
    pairs = zip(segments.tolist(), rows.tolist(), strict=True)
    assert patterns.overlaps(segments, rows).tolist() == [len(set(s) & set(p)) for s, p in pairs]


def test_overlaps_on_every_backend(backend):
    segments, rows = np.array([[5, 1], [0, 2]]), np.array([[1, 3, 5], [4, 3, 2]])
    result = patterns.overlaps(backend.put(segments), backend.put(rows))
    assert backend.back(result).tolist() == [2, 1]


def test_overlaps_refuse_rows_that_do_not_pair(unchecked):
    rows = np.array([[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="`patterns` must be as many as the segments=1; got 2"):
        patterns.overlaps(rows[:1], rows)
    with pytest.raises(ValueError, match="rows in which no cell repeats"):
        patterns.overlaps(np.array([[1, 1], [3, 4]]), rows)


@pytest.mark.parametrize("shape", [(30, 200, 12), (30, 200, 150), (0, 9, 3), (4, 9, 0), (2, 9, 9)])
def test_backends(backend, shape, monkeypatch):
    monkeypatch.setattr(_sets, "CHUNK", 200)
    count, cells, active = shape
    moved, rng = min(active, cells - active) // 2, backend.rng(3)
    rows = patterns.patterns(rng, count, cells, active)
    here = backend.back(rows)
    thinned = backend.back(patterns.subsamples(rng, rows, active // 2))
    damaged = backend.back(patterns.perturbed(rng, rows, cells, moved))
    for result in (here, thinned, damaged):
        assert are_codes(result, cells)
    assert here.shape == damaged.shape == (count, active)
    assert [len(set(x) - set(y)) for x, y in zip(here.tolist(), damaged.tolist(), strict=True)] == [
        moved
    ] * count
    shuffled = backend.back(patterns.overlaps(backend.put(here[:, ::-1]), rows))
    np.testing.assert_array_equal(shuffled, np.full(count, active))
    scores = np.random.default_rng(1).integers(0, 4, (count, cells)).astype(float)
    result = backend.back(patterns.winners(backend.put(scores), active))
    np.testing.assert_array_equal(result, patterns.winners(scores, active))


ROWS = np.array([[0, 3, 5], [1, 2, 3]])
BAD = [
    (patterns.patterns, (-1, 9, 3), "`count` must be a whole number of at least 0; got -1"),
    (patterns.patterns, (2, 0, 0), "`cells` must be a whole number of at least 1; got 0"),
    (patterns.patterns, (2, 9, 10), r"`active` must be a whole number in \[0, cells=9\]; got 10"),
    (patterns.patterns, (2, 9, 2.5), "`active` must be a whole number"),
    (patterns.patterns, (2, float("nan"), 2), "`cells` must be a whole number"),
    (patterns.patterns, ([2, 3], 9, 2), "`count` must be one number"),
    (patterns.subsamples, (ROWS, 4), r"`synapses` must be .* \[0, active=3\]; got 4"),
    (patterns.subsamples, (ROWS - 1, 2), "`patterns` must be indices at least 0; got -1"),
    (patterns.perturbed, (ROWS, 5, 1), r"`patterns` must be indices in \[0, cells=5\); got 5"),
    (patterns.perturbed, (ROWS, 7, 4), r"`moved` .*min\(active, cells - active\)=3\]; got 4"),
    (patterns.perturbed, (ROWS, 6, -1), "`moved` must be a whole number"),
    (
        patterns.perturbed,
        (np.zeros((0, 5), int), 4, 0),
        "`patterns` .* at most cells=4 indices; got 5",
    ),
    (patterns.overlaps, (ROWS, ROWS[0]), r"`patterns` must be a table of shape .*; got \(3,\)"),
    (
        patterns.perturbed,
        (np.array([[4, 1, 4]]), 9, 1),
        "`patterns` must be rows in which no cell repeats; got 4",
    ),
    (patterns.perturbed, (ROWS, 0, 1), "`cells` must be a whole number of at least 1; got 0"),
    (patterns.winners, (np.array([[1.0, np.nan]]), 1), "`scores` must be free of NaN; got nan"),
    (patterns.winners, (np.ones(4), 1), "`scores` must be a table"),
    (patterns.winners, (np.ones((2, 4)), 5), r"`active` must be .* \[0, cells=4\]; got 5"),
]


@pytest.mark.parametrize(("function", "arguments", "sentence"), BAD)
def test_bad_values_meet_one_sentence(unchecked, function, arguments, sentence):
    draws = function in (patterns.patterns, patterns.subsamples, patterns.perturbed)
    with pytest.raises(ValueError, match=f"^{sentence}"):
        function(*([generator(0)] if draws else []), *arguments)


def test_bad_kinds_are_refused(unchecked):
    with pytest.raises(TypeError, match="^`rng` must be a random generator; got 3"):
        patterns.patterns(3, 2, 9, 2)
    with pytest.raises(TypeError, match="^`active` must be a whole number; got True"):
        patterns.patterns(generator(0), 2, 9, True)
    with pytest.raises(TypeError, match="^`patterns` must be integer indices; got .*float64"):
        patterns.overlaps(ROWS.astype(float), ROWS)
    with pytest.raises(TypeError, match="^`patterns` must be integer indices; got .*bool"):
        patterns.overlaps(ROWS, ROWS > 1)
    with pytest.raises(TypeError, match="^`scores` must be real numbers; got .*complex"):
        patterns.winners(np.ones((1, 2), complex), 1)
    with pytest.raises(TypeError, match="one library"):
        patterns.subsamples(generator(0), array_api_strict.asarray(ROWS), 2)

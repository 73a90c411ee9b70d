"""The index of pairs by itself: what it finds, what it leads to, and what it leaves behind."""

import numpy as np
import pytest

from workbench.dendrites.matching import cost_model
from workbench.dendrites.matching.kernels import pair_index
from workbench.dendrites.matching.kernels.buffer_pool import BufferPool


def drawn(cells, segments, synapses, patterns, active):
    """Lists and patterns among the first 3 · active cells and far ones, some places empty."""
    rng = np.random.default_rng(cells)
    some = np.unique(np.r_[np.arange(2 * active), rng.integers(0, cells, active)])
    kind = np.uint16 if cells < 1 << 16 else np.uint32
    lists, shown = (
        some[rng.random((rows, some.size)).argsort(axis=1)[:, :each]].astype(kind)
        for rows, each in ((segments, synapses), (patterns, active))
    )
    near = min(len(lists), len(shown)) // 2
    lists[:near] = shown[:near, ::2][:, :synapses]
    lists[rng.random(lists.shape) < 0.02] = cells
    shown[rng.random(shown.shape) < 0.05] = cells
    return lists, shown


@pytest.mark.parametrize("threshold", range(2, 12))
@pytest.mark.parametrize("cells", [90, 3000, 60_000, 2**22])
def test_all_pairs_of_a_pattern_and_a_segment_are_found(cells, threshold):
    lists, shown = drawn(cells, 700, 11, 40, 30)
    index = pair_index.paired(lists, cells, threshold)
    assert (index.bits == 0) == (cells == 90)
    equal = shown[:, None, :, None] == lists[None, :, None, :]
    overlap = (equal & (lists < cells)[None, :, None, :]).sum(axis=(2, 3))
    for _ in range(2):  # the second time with maps that the first has used
        result = np.zeros_like(overlap, dtype=bool)
        for pattern, segment, hits in pair_index.matches(lists, index, shown, cells, threshold):
            assert np.all(np.diff(segment) > 0)
            assert hits >= 2 * segment.size or threshold == 2
            result[pattern, segment] = True
        np.testing.assert_array_equal(result, overlap >= threshold)
    assert (overlap >= threshold).sum() > 0


def test_random_patterns_lead_to_as_many_entries_as_the_plan_expects():
    rng = np.random.default_rng(1)
    cells, active, synapses, threshold = 256, 20, 20, 12
    lists, shown = (
        rng.random((rows, cells)).argsort(axis=1)[:, :each].astype(np.uint16)
        for rows, each in ((2000, synapses), (400, active))
    )
    index = pair_index.paired(lists, cells, threshold)
    hits = [h for *_, h in pair_index.matches(lists, index, shown, cells, threshold)]
    assert index.bits == 0
    pairs = cost_model.pairs(synapses, threshold)
    expected = len(lists) * pairs * active * (active - 1) / (cells * (cells - 1))
    error = np.sqrt(expected / len(hits))
    assert abs(np.mean(hits) - expected) < 5 * error
    assert abs(1.1 * np.mean(hits) - expected) > 5 * error  # an eleventh pair would be seen


def test_a_match_has_two_pairs_within_groups_and_one_group_more_would_lose_some():
    for synapses in range(3, 14):
        for threshold in range(3, synapses + 1):
            groups = cost_model.groups(threshold)
            assert fewest_pairs(synapses, threshold, groups) >= 2
            if groups > 1 and groups + 1 <= synapses and 2 * (groups + 1) <= synapses:
                assert fewest_pairs(synapses, threshold, groups + 1) < 2


def fewest_pairs(synapses, threshold, groups):
    """Fewest pairs within groups, dealt out as evenly as can be, by any choice of active ones."""
    sizes = [len(range(group, synapses, groups)) for group in range(groups)]
    best = {0: 0}
    for size in sizes:
        best = {
            total: min(
                best[total - here] + here * (here - 1) // 2
                for here in range(min(size, total) + 1)
                if total - here in best
            )
            for total in range(max(best) + size + 1)
        }
    return best[threshold]


def test_arrays_are_handed_on_unless_their_user_failed():
    allocated = []
    pool = BufferPool(lambda: allocated.append(0) or [len(allocated)])
    with pool.one() as first, pool.one() as second:
        assert first != second
    with pool.one() as again:
        assert again in (first, second)
    assert len(allocated) == 2
    with pytest.raises(KeyError), pool.one(), pool.one():
        raise KeyError
    with pool.one():
        pass
    assert len(allocated) == 3

import csv
from fractions import Fraction
from itertools import combinations, product
from math import comb, log10
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.dendrites.theory import overlap_laws, thresholds, union_laws

CSV = Path(__file__).parents[4].parent / "shared" / "reference" / "dendrites.csv"
ULPS = 4e-15


def exact_match(n, a, s, t):
    ways = (comb(s, b) * comb(n - s, a - b) for b in range(t, min(s, a) + 1))
    return Fraction(sum(ways), comb(n, a))


def exact_union(n, a, s, t, m):
    """The law as the facts write it (F10), over the size of the union; the code never forms it."""
    sizes = {0: Fraction(1)}
    for _ in range(m):
        following = {}
        for u, p in sizes.items():
            for j in range(max(0, s - u), min(s, n - u) + 1):
                step = p * Fraction(comb(n - u, j) * comb(u, s - j), comb(n, s))
                following[u + j] = following.get(u + j, 0) + step
        sizes = following
    return sum(p * exact_match(n, a, u, t) for u, p in sizes.items())


def off(got, want):
    """Relative error of a double against a fraction."""
    if want == 0:
        return float(got != 0)
    return float(abs((Fraction(float(got)) - want) / want))


@st.composite
def segments(draw, largest=3000, synapses=300):
    n = draw(st.integers(1, largest))
    a, s = draw(st.integers(0, n)), draw(st.integers(0, min(n, synapses)))
    return n, a, s, draw(st.integers(0, min(a, s) + 2))


# Facts 1.3, the most important rows of the reference, so that the test stands without its file.
PRINTED = [
    ((300, 128, 24, 12), "0.29207821373776359"),
    ((19900, 9950, 24, 12), "0.58063876873939590"),
    ((10000, 300, 30, 12), "2.2790794202651466e-11"),
    ((10000, 300, 30, 15), "1.0491918252123694e-15"),
    ((10000, 64, 24, 12), "4.0415971227765721e-21"),
    ((16000, 4000, 30, 15), "2.7251563457790442e-3"),
    ((2048, 40, 20, 10), "3.9105892637874756e-13"),
    ((2048, 40, 40, 20), "2.4912506097762945e-26"),
    ((100000, 2000, 240, 20), "1.0799076394655262e-7"),
]


@pytest.mark.parametrize(("arguments", "value"), PRINTED)
def test_false_match_at_the_papers_cases(arguments, value):
    assert off(overlap_laws.false_match(*arguments), Fraction(value)) < ULPS


def test_false_match_counts_the_ways_of_all_15504_patterns():
    hits = sum(len({0, 1, 2, 3}.intersection(p)) >= 2 for p in combinations(range(20), 5))
    assert (
        overlap_laws.false_match(20, 5, 4, 2, exact=True)
        == Fraction(hits, 15504)
        == Fraction(241, 969)
    )


def test_union_laws_against_every_choice_of_three_pairs():
    pairs, shown = list(combinations(range(7), 2)), {0, 1, 2}
    unions = [set().union(*three) for three in product(pairs, repeat=3)]
    hits, size = sum(len(u & shown) >= 2 for u in unions), sum(map(len, unions))
    assert off(union_laws.union_false_match(7, 3, 2, 2, 3), Fraction(hits, len(unions))) < ULPS
    assert off(union_laws.union_size(7, 2, 3), Fraction(size, len(unions))) < ULPS
    assert exact_union(7, 3, 2, 2, 3) == Fraction(hits, len(unions)) == Fraction(2231, 3087)


def test_false_negative_against_every_choice_of_lost_cells():
    lost = list(combinations(range(8), 3))
    missed = sum(4 - len({0, 1, 2, 3}.intersection(v)) < 3 for v in lost)
    assert overlap_laws.false_negative(8, 4, 3, 3, exact=True) == Fraction(missed, len(lost))
    assert overlap_laws.false_negative(8, 4, 3, 3) == 0.5
    assert overlap_laws.false_negative(128, 30, 12, 18) == 0
    assert overlap_laws.false_negative(128, 30, 12, 19) > 0


@pytest.fixture
def reference():
    if not CSV.exists():
        pytest.skip(f"needs {CSV}")
    with CSV.open() as file:
        rows = list(csv.DictReader(file))
    # F1 and F2 are binomial coefficients and their products.
    return [row for row in rows if row["formula"].split()[0] not in ("F1", "F2")]


def row_law(row):
    """What the formula of a row says, by the laws: (double, fraction or None)."""
    text = row["parameters"].split(";")[0].replace("a=s=", "a=7 s=").split(" (")[0]
    p = {k: v for k, v in (w.split("=") for w in text.split() if "=" in w)}
    rho = p.pop("rho", None)
    p = {k: int(float(v)) for k, v in p.items()}
    n, a, s, t, m, w = (p.get(k) for k in ("n", "a", "s", "theta", "M", "w"))
    formula = row["formula"].split()[0]
    exact = {
        "F3": lambda **o: overlap_laws.false_match(n, a, s, t, **o),
        "F4": lambda **o: overlap_laws.false_negative(a, s, t, p["v"], **o),
    }
    only = {
        "F5": lambda: union_laws.any_match(overlap_laws.false_match(n, a, s, t), m),
        "F6": lambda: m * overlap_laws.false_match(n, a, s, t),
        "F7": lambda: union_laws.any_match(w / n, m) ** w,
        "F7x": lambda: union_laws.union_false_match(n, w, w, w, m),
        "F8": lambda: union_laws.union_size(n, s, m),
        "F9": lambda: union_laws.union_false_match(n, a, s, t, m, "plugin"),
        "F10": lambda: union_laws.union_false_match(n, a, s, t, m),
        "F12": lambda: overlap_laws.binomial_limit(float(rho), s, t),
        "F13": lambda: (a / n) ** t * comb(s, t),
    }
    if formula == "F11":
        return np.median(figure_6(t)), None
    if formula in only:
        return only[formula](), None
    return exact[formula](), exact[formula](exact=True)


def test_every_row_of_the_reference(reference):
    wrong = {}
    for row in reference:
        double, fraction = row_law(row)
        want = Fraction(row["value_50_digits_or_exact_integer"])
        # R41 is a 20th power of a double.
        if off(double, want) > (20 if row["id"] == "R41" else 1) * ULPS:
            wrong[row["id"]] = (double, float(want))
        if row["exact_fraction_if_short"]:
            want = Fraction(row["exact_fraction_if_short"])
        if fraction is not None and off_fraction(fraction, want) > Fraction(1, 10**48):
            wrong[row["id"]] = (fraction, want)
        if fraction is not None and row["exact_fraction_if_short"] and fraction != want:
            wrong[row["id"]] = (fraction, want)
    assert not wrong
    assert len(reference) > 20


def off_fraction(got, want):
    return abs(got - want) / want if want else abs(got)


def figure_6(threshold):
    """False match over the paper's grid of 420 points; a/n in steps of 0.5 %."""
    n = np.arange(10000, 190001, 20000)[:, None, None]
    a = n * np.arange(1, 7)[:, None] // 200
    return overlap_laws.false_match(n, a, np.arange(20, 51, 5), threshold).ravel()


@pytest.mark.parametrize(
    ("threshold", "median", "mean"),
    [
        (3, "1.8157e-2", "3.6663e-2"),
        (8, "4.83e-8", "6.22e-6"),
        (9, "2.0406e-9", "7.68e-7"),
        (10, "7.400e-11", "8.55e-8"),
        (12, "7.63e-14", "7.86e-10"),
        (15, "1.033e-18", "3.47e-13"),
        (20, "4.11e-28", "1.64e-19"),
        (24, "2.60e-36", "3.43e-25"),
    ],
)
def test_figure_6_digit_by_digit(threshold, median, mean):
    result = figure_6(threshold)
    assert result.size == 420
    for got, text in ((np.median(result), median), (result.mean(), mean)):
        digits = len(text.split("e")[0]) - 2
        assert float(f"{got:.{digits}e}") == float(text)


def test_fixed_sparsity_rises_to_the_binomial_limit():
    n = np.array([500, 1000, 4000, 16000, 1000000])
    rising = overlap_laws.false_match(n, n * 32 // 1000, 24, 12)
    limit = overlap_laws.binomial_limit(0.032, 24, 12)
    assert (np.diff(rising) > 0).all()
    assert rising[-1] < limit == pytest.approx(stats.binom.sf(11, 24, 0.032), rel=1e-12, abs=0)
    assert rising[2] == pytest.approx(1.34e-12, rel=5e-3, abs=0)


@pytest.mark.parametrize(
    ("arguments", "threshold"),
    [((2048, 40, 20), 10), ((2048, 40, 40), 13), ((16384, 82, 20), 8), ((65536, 1311, 40), 13)],
)
def test_smallest_threshold_and_its_neighbours(arguments, threshold):
    assert thresholds.smallest_threshold(*arguments, 1e-12) == threshold
    assert (
        overlap_laws.false_match(*arguments, threshold)
        < 1e-12
        <= overlap_laws.false_match(*arguments, threshold - 1)
    )


def test_smallest_threshold_at_ties_and_ends():
    exactly = overlap_laws.false_match(2, 1, 1, 1)
    assert exactly == 0.5
    assert thresholds.smallest_threshold(2, 1, 1, [0.5, 0.5000001, 1]).tolist() == [2, 1, 1]
    assert thresholds.smallest_threshold(10, 10, 4, 1) == 5
    assert thresholds.smallest_threshold(10, 4, 0, 1e-300) == 1


@given(segments())
@settings(deadline=None)
def test_false_match_is_the_fraction_symmetric_and_falling(segment):
    n, a, s, t = segment
    got = overlap_laws.false_match(n, a, s, np.arange(t + 2))
    want = exact_match(n, a, s, t)
    assert off(got[t], want) < ULPS or want < 1e-290
    assert overlap_laws.false_match(n, a, s, t, exact=True) == want
    assert (
        off(overlap_laws.false_match(n, s, a, t), Fraction(float(got[t]))) < ULPS or want < 1e-290
    )
    assert (np.diff(got) <= 0).all()
    assert got[0] == 1


@pytest.mark.parametrize(
    "case",
    [
        (1000000, 5000, 1023, 38),
        (1000000, 500000, 1023, 480),
        (1000000, 999999, 1023, 1023),
        (65536, 655, 1023, 30),
        (65536, 32768, 1000, 300),
        (200000, 2000, 20, 10),
        (5000, 4000, 1023, 700),
    ],
)
def test_false_match_keeps_its_digits_over_a_thousand_synapses(case):
    n, a, s, t = case
    # The reference with a and s exchanged: the same law from far smaller binomial coefficients.
    assert off(overlap_laws.false_match(*case), exact_match(n, s, a, t)) < ULPS


@given(segments(largest=200, synapses=30), st.integers(0, 6))
@settings(deadline=None, max_examples=40)
def test_union_is_the_sum_over_its_sizes(segment, patterns):
    n, a, s, t = segment
    want = exact_union(n, a, s, t, patterns)
    got = union_laws.union_false_match(n, a, s, t, patterns)
    assert off(got, want) < ULPS
    if want:
        log = union_laws.union_false_match(n, a, s, t, patterns, log10=True)
        assert log == pytest.approx(log10(got), rel=1e-13, abs=1e-15)


def test_union_methods_meet_at_one_pattern_and_part_in_the_right_order():
    once = overlap_laws.false_match(20000, 200, 25, 15)
    for method in ("mixture", "plugin", "tagged"):
        assert union_laws.union_false_match(20000, 200, 25, 15, 1, method) == pytest.approx(
            once, rel=ULPS
        )
    m = np.arange(2, 12)
    mixture, plugin, tagged = (
        union_laws.union_false_match(20000, 200, 25, 15, m, x)
        for x in ("mixture", "plugin", "tagged")
    )
    assert (tagged < 1e-3 * mixture).all()
    assert 0.01 < plugin[8] / mixture[8] - 1 < 0.03
    assert plugin[8] == pytest.approx(3.3224e-8, rel=1e-4, abs=0)
    assert tagged[8] == pytest.approx(1.7583e-23, rel=1e-4, abs=0)

"""The laws at the edges of their domain: arrays of every library, logarithms, bad input."""

import subprocess
import sys
from fractions import Fraction
from math import comb, log10

import array_api_strict
import numpy as np
import pytest

from workbench.dendrites.theory import overlap_laws, thresholds, union_laws

# Each law with arguments inside its domain, in the order of the signature.
LAWS = [
    (overlap_laws.false_match, (2048, 40, 20, 10)),
    (overlap_laws.false_negative, (40, 20, 10, 25)),
    (union_laws.any_match, (1e-6, 1000)),
    (union_laws.union_size, (2048, 20, 10)),
    (union_laws.union_false_match, (2048, 40, 20, 10, 3)),
    (overlap_laws.binomial_limit, (0.02, 20, 10)),
    (thresholds.smallest_threshold, (2048, 40, 20, 1e-9)),
]
NAMES = [law.__name__ for law, _ in LAWS]
LOGS = [x for x in LAWS if x[0] not in (union_laws.union_size, thresholds.smallest_threshold)]


@pytest.mark.parametrize(("law", "arguments"), LAWS, ids=NAMES)
@pytest.mark.parametrize("place", [0, -1])
def test_arrays_return_to_where_they_came_from(backend, law, arguments, place):
    wide = list(arguments)
    wide[place] = backend.put(np.full((2, 3), wide[place]))
    result = backend.back(law(*wide))
    assert result.shape == (2, 3)
    number = law(*arguments)
    assert isinstance(number, float | int)
    np.testing.assert_array_equal(result, number)


def test_two_libraries_are_refused():
    with pytest.raises(TypeError, match="one library"):
        overlap_laws.false_match(np.array([20]), array_api_strict.asarray([5]), 4, 2)


def test_arguments_broadcast_and_chunks_leave_no_seam():
    cells = np.arange(100, 400)[:, None]
    synapses = np.arange(1, 101)
    result = overlap_laws.false_match(cells, 50, synapses, 5)
    assert result.shape == (300, 100)
    for i, j in ((0, 0), (163, 84), (164, 0), (299, 99)):
        assert result[i, j] == overlap_laws.false_match(100 + i, 50, 1 + j, 5)
    mixed = union_laws.union_false_match(cells, 50, np.arange(1, 5), [[2], [7], [30]] * 100, 3)
    for i in (0, 1, 2, 199, 299):
        assert mixed[i, 3] == union_laws.union_false_match(100 + i, 50, 4, (2, 7, 30)[i % 3], 3)
    assert overlap_laws.false_match(20, np.zeros((0, 3), int), 4, 2).shape == (0, 3)
    assert union_laws.union_false_match(20, np.zeros((0, 3), int), 4, 2, 2).shape == (0, 3)


@pytest.mark.parametrize(("law", "arguments"), LOGS, ids=[law.__name__ for law, _ in LOGS])
def test_the_logarithm_is_that_of_the_value(law, arguments):
    if law is union_laws.any_match:
        arguments = (log10(arguments[0]), arguments[1])
        assert 10 ** law(*arguments, log10=True) == pytest.approx(law(1e-6, 1000), rel=1e-13, abs=0)
    else:
        assert law(*arguments, log10=True) == pytest.approx(log10(law(*arguments)), rel=1e-14)


def chained_union(n, a, s, t, m):
    """The union's law by the number of choices that cover each number of active cells."""
    choices, covered, reached = comb(n, s), [1] + [0] * (t - 1), 0
    for _ in range(m):
        following, reached = [0] * t, reached * choices
        for y, ways in enumerate(covered):
            if not ways:
                continue
            for j in range(min(s, a - y) + 1):
                more = ways * comb(a - y, j) * comb(n - a + y, s - j)
                if y + j < t:
                    following[y + j] += more
                else:
                    reached += more
        covered = following
    return Fraction(reached, choices**m)


def test_logarithms_far_below_the_smallest_double():
    def exact(fraction):
        shift = fraction.denominator.bit_length() - fraction.numerator.bit_length()
        return log10(fraction * 2**shift) - shift * log10(2)

    assert overlap_laws.false_match(10**6, 1000, 900, 700) == 0
    match, union = overlap_laws.false_match, union_laws.union_false_match
    size = round(10**6 * (1 - (1 - 3e-4) ** 3))
    on = range(80, 101)
    for got, want in (
        (match(10**6, 1000, 900, 700, log10=True), match(10**6, 1000, 900, 700, exact=True)),
        (
            overlap_laws.false_negative(5000, 1000, 200, 900, log10=True),
            overlap_laws.false_negative(5000, 1000, 200, 900, exact=True),
        ),
        (union(10**6, 1000, 100, 160, 3, log10=True), chained_union(10**6, 1000, 100, 160, 3)),
        (
            union(10**6, 1000, 300, 280, 3, "plugin", log10=True),
            match(10**6, 1000, size, 280, exact=True),
        ),
        (
            union(10**6, 1000, 300, 280, 3, "tagged", log10=True),
            1 - (1 - match(10**6, 1000, 300, 280, exact=True)) ** 3,
        ),
        (
            overlap_laws.binomial_limit(2**-20, 100, 80, log10=True),
            Fraction(sum(comb(100, b) * (2**20 - 1) ** (100 - b) for b in on), 2**2000),
        ),
    ):
        assert exact(want) < -290
        assert got == pytest.approx(exact(want), rel=1e-13)
    assert union_laws.any_match(-5000.0, 1000, log10=True) == pytest.approx(-4997)


def test_logarithm_tells_one_from_almost_one():
    almost = overlap_laws.false_match(1000, 500, 200, 50, log10=True)
    missed = 1 - overlap_laws.false_match(1000, 500, 200, 50, exact=True)
    assert almost == pytest.approx(-float(missed) / np.log(10), rel=1e-13, abs=0)
    assert overlap_laws.false_match(1000, 500, 200, 0, log10=True) == 0
    assert overlap_laws.false_match(1000, 500, 200, 201, log10=True) == -np.inf


def test_edges_of_every_law():
    assert overlap_laws.false_match(20, 5, 4, [0, 5, 99]).tolist() == [1, 0, 0]
    assert overlap_laws.false_match(20, 20, 4, [4, 5]).tolist() == [1, 0]
    assert overlap_laws.false_match(20, [0, 5], [5, 0], 1).tolist() == [0, 0]
    assert overlap_laws.false_negative(8, 4, [0, 4, 5], [8, 0, 0]).tolist() == [0, 0, 1]
    assert overlap_laws.false_negative(0, 0, [0, 1], 0).tolist() == [0, 1]
    assert union_laws.any_match([0, 1, 0.5, 1], [9, 1, 0, 0]).tolist() == [0, 1, 0, 0]
    assert union_laws.any_match(1e-300, 10**6) == pytest.approx(1e-294, rel=1e-15, abs=0)
    assert union_laws.union_size(9, [0, 9, 9, 2], [5, 1, 0, 1]).tolist() == [0, 9, 0, 2]
    for method in ("mixture", "plugin", "tagged"):
        result = union_laws.union_false_match(20, 5, 4, [0, 1], [[0], [2]], method)
        assert result[:, 0].tolist() == ([0, 1] if method == "tagged" else [1, 1])
        assert result[0, 1] == 0
    assert union_laws.union_false_match(2, 1, 1, 1, 2, "plugin") == 1  # 1.5 rounds to 2
    assert overlap_laws.binomial_limit([0, 0, 1, 1, 0.5], 3, [0, 1, 3, 4, 4]).tolist() == [
        1,
        0,
        1,
        0,
        0,
    ]


COUNT = "must be a whole number"
BAD = [
    (overlap_laws.false_match, (0, 0, 0, 0), f"`cells` {COUNT}"),
    (overlap_laws.false_match, (2**27, 5, 4, 2), f"`cells` {COUNT} in .1, 67108864."),
    (overlap_laws.false_match, (20.5, 5, 4, 2), f"`cells` {COUNT}"),
    (
        overlap_laws.false_match,
        (20, 21, 4, 2),
        r"`active` must be a whole number in \[0, cells=20\]; got 21",
    ),
    (overlap_laws.false_match, (20, 5, [4, 30], 2), r"`synapses` .* \[0, cells=20\]; got 30"),
    (overlap_laws.false_match, (20, float("nan"), 4, 2), f"`active` {COUNT}"),
    (overlap_laws.false_match, (20, 5, 4, -1), f"`threshold` {COUNT} of at least 0; got -1"),
    (overlap_laws.false_match, (20, 5, 4, 1.5), f"`threshold` {COUNT}"),
    (overlap_laws.false_negative, (8, 9, 3, 3), r"`synapses` .* \[0, active=8\]; got 9"),
    (overlap_laws.false_negative, (8, 4, 3, 9), r"`moved` .* \[0, active=8\]; got 9"),
    (overlap_laws.false_negative, (8, 4, 3, 0.5), f"`moved` {COUNT}"),
    (union_laws.any_match, (1.5, 3), r"`probability` must be in \[0, 1\]; got 1.5"),
    (union_laws.any_match, (float("nan"), 3), "`probability` must be in"),
    (union_laws.any_match, (0.5, -3), f"`segments` {COUNT}"),
    (union_laws.union_size, (20, 21, 3), f"`synapses` {COUNT}"),
    (union_laws.union_size, (20, 2, -3), f"`patterns` {COUNT}"),
    (union_laws.union_false_match, (20, 5, 4, 2, 0.5), f"`patterns` {COUNT}"),
    (
        union_laws.union_false_match,
        (20, 5, 4, 2, 3, "bloom"),
        "`method` must be 'mixture'.*got 'bloom'",
    ),
    (overlap_laws.binomial_limit, (-0.1, 4, 2), "`sparsity` must be in"),
    (
        overlap_laws.binomial_limit,
        (1e-200, 4, 2),
        r"`sparsity` must be 0 or in \[1e-100, 1\]; got 1e-200",
    ),
    (overlap_laws.binomial_limit, (0.1, -4, 2), f"`synapses` {COUNT}"),
    (thresholds.smallest_threshold, (20, 5, 4, 0), r"`target` must be in \(0, 1\]; got 0"),
    (thresholds.smallest_threshold, (20, 5, 4, float("nan")), "`target` must be in"),
    (thresholds.smallest_threshold, (20, 5, 4, 1.1), "`target` must be in"),
]


@pytest.mark.parametrize(("law", "arguments", "sentence"), BAD)
def test_bad_values_meet_one_sentence(unchecked, law, arguments, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        law(*arguments)


@pytest.mark.parametrize(("law", "arguments"), LAWS, ids=NAMES)
@pytest.mark.parametrize("bad", [True, "3", None, 1j])
def test_bad_kinds_are_refused_in_every_place(unchecked, law, arguments, bad):
    for place in range(len(arguments)):
        given = [*arguments[:place], bad, *arguments[place + 1 :]]
        with pytest.raises(TypeError, match=r"^`\w+` must be a (whole|real) number; got "):
            law(*given)


@pytest.mark.parametrize(
    ("law", "arguments", "options", "sentence"),
    [
        (
            overlap_laws.false_match,
            ([20], 5, 4, 2),
            {},
            r"`exact` must be False for arrays .*\(1,\)",
        ),
        (overlap_laws.false_match, (20, 5, 4, 2), {"log10": True}, "`log10` must be False"),
    ],
)
def test_exact_is_for_numbers(unchecked, law, arguments, options, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        law(*arguments, exact=True, **options)


def test_the_import_is_light():
    code = "import sys, workbench.dendrites.theory.overlap_laws; print(sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"scipy", "numba", "cupy", "pydantic"} & set(eval(modules.stdout))

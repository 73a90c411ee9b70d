from types import ModuleType

import numpy as np
import pytest

from workbench.experiment.claims import (
    Claim,
    Measured,
    Paper,
    between,
    decide,
    declared,
    differs,
    equals,
    exactly,
    follows,
    missing,
    printed,
    summary,
    undetermined,
)
from workbench.experiment.measurement import Counts, Samples
from workbench.experiment.params import Knobs

PAPER = Paper("Ahmad & Hawkins", 2016, "arXiv:1601.00720")
OTHER = Paper("He et al.", 2015, "arXiv:1502.01852")


def decision(rule, result=None, **parts):
    module = ModuleType("toy")
    vars(module).update(PAPER=PAPER, CLAIMS=[Claim("eq. 1", "It holds", rule, **parts)])
    return decide(module, Knobs(), result or {})[0]


def verdict(rule, result=None):
    return decision(rule, result).verdict


@pytest.mark.parametrize(
    ("digits", "low", "high"),
    [
        ("5.10e-2", 0.05095, 0.05105),
        ("-0.231", -0.2315, -0.2305),
        ("12", 11.5, 12.5),
        ("1e-9", 0.5e-9, 1.5e-9),
        ("3.", 2.5, 3.5),
        ("1.50E+3", 1495, 1505),
    ],
)
def test_printed_digits_stand_for_what_rounds_to_them(digits, low, high):
    assert printed(digits) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("digits", ["", "one", "1,5", "0x10", "nan", "1e", ".5"])
def test_what_is_no_number_is_refused(digits):
    with pytest.raises(ValueError, match="`expected` must be a number or the digits of one"):
        printed(digits)


def test_counts_follow_their_law():
    laws = np.array([0.5, 0.01])
    right = {"seen": Counts(np.round(laws * 100_000).astype(int), 100_000, laws)}
    decided = decision(follows("seen"), right)
    assert decided.verdict == "reproduced"
    assert decided.expected == "0.01"
    assert decided.note == "at 2: 1,000 of 100,000"
    assert verdict(follows("seen"), {"seen": Counts([50_000, 1200], 100_000, laws)}) == (
        "not reproduced"
    )


def test_too_few_trials_leave_it_undecided_and_say_how_many_would_do():
    decided = decision(follows("seen"), {"seen": Counts([1], 100, [0.01])})
    assert decided.verdict == "undecided"
    assert decided.note == "1 of 100; about 10,022 trials would decide"
    # No number of trials separates 0 from a rate close to it.
    never = decision(follows("seen"), {"seen": Counts([0], 100, [0.0])})
    assert (never.verdict, never.note) == ("undecided", "0 of 100")


def test_samples_follow_their_law():
    values = 1 + np.random.default_rng(0).standard_normal(64) / 10
    assert verdict(follows("mean"), {"mean": Samples(values, law=1.0)}) == "reproduced"
    assert verdict(follows("mean"), {"mean": Samples(values, law=1.2)}) == "not reproduced"
    undecided = decision(follows("mean"), {"mean": Samples(values[:2] * [1, 9], law=1.0)})
    assert undecided.verdict == "undecided"
    assert "trials would decide" in undecided.note
    with pytest.raises(ValueError, match="`measure` must be counts or samples with a law"):
        decision(follows("mean"), {"mean": Samples(values)})
    with pytest.raises(ValueError, match="`measure` must be samples of a single number"):
        decision(follows("mean"), {"mean": Samples(np.ones((4, 2)), law=1.0)})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (equals(lambda: 0.05101, "0.0510"), "reproduced"),
        (equals(lambda: 0.05111, "0.0510"), "not reproduced"),
        (equals(lambda: Measured(1.0, (0.9, 1.1)), 1.05), "reproduced"),
        (equals(lambda: Measured(1.0, (0.1, 1.9)), 1.05), "undecided"),
        (between(lambda: 3, above=2), "reproduced"),
        (between(lambda: 3, above=2, below=3), "not reproduced"),
        (between(lambda: Measured(3.0, (1.0, 5.0)), above=2), "undecided"),
        (exactly(lambda: np.int64(3), 3), "reproduced"),
        (exactly(lambda: "abc", "abd"), "not reproduced"),
        (differs(lambda: Measured(3.0, (2.0, 4.0)), 1.0), "reproduced"),
        (differs(lambda: Measured(3.0, (2.0, 4.0)), 2.5), "undecided"),
        (differs(lambda: 3.0, 3.0), "not reproduced"),
    ],
)
def test_rules(rule, expected):
    assert verdict(rule) == expected
    measured = rule.measure(Knobs(), {})
    assert verdict(rule._replace(measure=lambda p, r: rule.wrong(measured))) == "not reproduced"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (equals(lambda: missing("torch is not installed here"), (1.0, 2.0)), "1 to 2"),
        (equals(lambda: missing("torch is not installed here"), 0.5), "0.5"),
        (between(lambda: missing("torch is not installed here"), above=2), "above 2"),
        (exactly(lambda: missing("torch is not installed here"), 7), "7"),
        (differs(lambda: missing("torch is not installed here"), 7), "other than 7"),
    ],
)
def test_what_is_not_here_is_not_measured(rule, expected):
    decided = decision(rule)
    assert (decided.verdict, decided.expected) == ("not measured", expected)
    assert decided.note == "torch is not installed here"


def test_measures_take_parameters_and_result_as_they_need_them():
    assert verdict(exactly(lambda p, r: (p.seed, r["x"]) == (0, 4), True), {"x": 4}) == "reproduced"
    assert verdict(exactly(lambda r: r["x"], 4), {"x": 4}) == "reproduced"
    decided = decision(exactly("x", 4), {"x": 4}, note=lambda p, r: f"seed {p.seed}, x {r['x']}")
    assert decided.note == "seed 0, x 4"


def test_a_claim_names_its_paper():
    assert (decision(exactly(lambda: 1, 1)).paper, decision(exactly(lambda: 1, 1)).paper_id) == (
        "Ahmad & Hawkins (2016)",
        "arXiv:1601.00720",
    )
    assert decision(exactly(lambda: 1, 1), paper=OTHER).paper_id == "arXiv:1502.01852"
    module = ModuleType("toy")
    claims = [Claim("1", "one", exactly(lambda: 1, 1)), Claim("2", "two", None, paper=OTHER)]
    vars(module).update(PAPER=PAPER, CLAIMS=claims)
    assert [(s.paper, s.text) for s in declared(module)] == [
        ("Ahmad & Hawkins (2016)", "one"),
        ("He et al. (2015)", "two"),
    ]


def test_the_summary_is_every_scalar():
    counts = Counts([1], 2, [0.5])
    result = {"a": 1, "b": np.float64(2), "c": "text", "d": True, "e": np.ones(3), "f": counts}
    assert dict(summary(result)) == {"a": 1, "b": 2.0, "c": "text", "d": True}
    with pytest.raises(ValueError, match="`a` must be a finite number; got nan"):
        summary({"a": float("nan")})


@pytest.mark.parametrize(
    "rule",
    [equals("x", 1.0), between("x", above=0.0), exactly("x", "a"), differs("x", 0.0)],
    ids=["equals", "between", "exactly", "differs"],
)
def test_what_the_data_leave_open_is_undecided(rule):
    decided = decision(rule, {"x": undetermined("too few rows")})
    assert (decided.verdict, decided.measured) == ("undecided", "not determined")
    assert "too few rows" in decided.note


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (equals, "482.01", "482.005 to 482.015"),
        (equals, (1.9831, 1.9834), "1.9831 to 1.9834"),
        (equals, 20_000.0, "2e+04"),
        (lambda m, v: between(m, above=v), 1.23456, "above 1.235"),
        (lambda m, v: between(m, above=v, below=2), 1.5, "above 1.5 and below 2"),
        (differs, 0.333333, "other than 0.3333"),
        (exactly, 20_000, "20,000"),
    ],
)
def test_a_claim_expects_the_same_words_with_and_without_a_measured_value(rule, value, expected):
    without = decision(rule(lambda _: missing("no file"), value))
    assert without.expected == expected
    assert decision(rule(lambda _: 1.0, value)).expected == expected


def test_an_entry_that_the_result_lacks_is_named():
    with pytest.raises(LookupError, match="`rats` must be an entry .* did you mean `rate`"):
        verdict(equals("rats", 1.0), {"rate": 1.0})


def test_an_error_names_the_claim():
    with pytest.raises(ValueError, match="^in the claim 'It holds': `measured` must be a finite"):
        verdict(equals("rate", 1.0), {"rate": np.inf})

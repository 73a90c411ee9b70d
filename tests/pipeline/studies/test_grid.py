"""Points of studies: what is written is what comes out, or one sentence."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workbench.base.checks import refuse
from workbench.experiment.params import KnobError, Knobs, Parameters, knob
from workbench.studies.grid import sweep


class Params(Knobs):
    cells: int = knob(64, "cells", span=(1, 4096))
    rate: float = knob(0.5, "a rate", span=(0.0, 1e6))
    word: str = knob("a", "a word")
    flag: bool = knob(False, "a flag")
    low: float | None = knob(None, "a limit or none")
    pair: list = knob([1], "a list")
    most: int = knob(4096, "cells at most", span=(1, 4096))

    def relations(self):
        if self.cells > self.most:
            refuse("cells", f"at most most={self.most}", self.cells)


def of(points, *names):
    rows = [tuple(p.values()[n] for n in names) for p in points]
    return [row[0] for row in rows] if len(names) == 1 else rows


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("cells", "1,2,4", [1, 2, 4]),
        ("cells", " 1, 1e3 ", [1, 1000]),
        ("cells", "1:5:5", [1, 2, 3, 4, 5]),
        ("cells", "1:1000:4:log", [1, 10, 100, 1000]),
        ("cells", "1:3:9", [1, 2, 3]),
        ("cells", "1:3:3,8,10:12:2", [1, 2, 3, 8, 10, 12]),
        ("rate", "0:1:3", [0.0, 0.5, 1.0]),
        ("rate", "1e-3:1e3:3:log", [1e-3, pytest.approx(1.0, rel=1e-14), 1e3]),
        ("rate", "0.2:0.5:7", [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]),
        ("word", "a,b c,1:2:3", ["a", "b c", "1:2:3"]),
        ("flag", "true,False", [True, False]),
        ("low", "none,1,-2.5", [None, 1.0, -2.5]),
        ("pair", "[1, 2], []", [[1, 2], []]),
        ("cells", 7, [7]),
        ("cells", np.array([1, 2]), [1, 2]),
        ("word", "a,b", ["a", "b"]),
        ("pair", [[1], [2, 3]], [[1], [2, 3]]),
        ("cells", "3,3,2,3", [3, 2]),
    ],
)
def test_what_is_written_comes_out(name, text, values):
    from workbench.studies.values import written

    spelled = {k.name: k for k in Params.knobs()}[name]
    given_ = written(spelled, text) if isinstance(text, str) else text
    assert of(sweep(Params, {name: given_}), name) == values


class Listed(Parameters):
    """What people annotate in a notebook."""

    sizes: list[int] = knob([1], "whole numbers")
    names: list[str] = knob(["a"], "texts")
    pair: tuple[int, int] = knob((1, 2), "two")
    maybe: list[int] | None = knob(None, "a list or none")
    either: int | list[int] = knob(1, "one or many")
    rates: dict[str, float] = knob({}, "by name")
    anything: Any = knob(None, "of any kind")
    grid: list[list[int]] = knob([], "rows")


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("sizes", "1,2", [[1, 2]]),
        ("sizes", "[1,2]", [[1, 2]]),
        ("sizes", "[1,2],[3]", [[1, 2], [3]]),
        ("sizes", "4", [[4]]),
        ("names", "a,b", [["a", "b"]]),
        ("names", "['a'],['b','c']", [["a"], ["b", "c"]]),
        ("pair", "3,4", [(3, 4)]),
        ("pair", "(3,4),(5,6)", [(3, 4), (5, 6)]),
        ("maybe", "None,[1]", [None, [1]]),
        ("maybe", "1,2", [[1, 2]]),
        ("either", "1,[2,3]", [1, [2, 3]]),
        ("either", "1:3:3", [1, 2, 3]),
        ("rates", "{'a': 1}, {}", [{"a": 1.0}, {}]),
        ("anything", "1,2.5", [1, 2.5]),
        ("anything", "10:20:3", [10, 15, 20]),
        ("anything", "0:1:3", [0, 1]),
        ("anything", "0.0:1.0:3", [0.0, 0.5, 1.0]),
        ("anything", "a,b", ["a", "b"]),
        ("grid", "[[1]],[[2],[3]]", [[[1]], [[2], [3]]]),
        ("grid", "[1],[2]", [[[1], [2]]]),
    ],
)
def test_a_list_is_one_value(name, text, values):
    from workbench.studies.values import written

    spelled = {k.name: k for k in Listed.knobs()}[name]
    found = [p.values()[name] for p in sweep(Listed, {name: written(spelled, text)})]
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("given_", "values"),
    [([1, 2], [[1, 2]]), ([[1, 2]], [[1, 2]]), ([[1], [2]], [[1], [2]]), ("[1],[2]", [[1], [2]])],
)
def test_a_study_file_s_list_for_a_knob_of_lists(given_, values):
    assert [p.values()["sizes"] for p in sweep(Listed, {"sizes": given_})] == values


@pytest.mark.parametrize("text", ["[1],['a']", "1,a", "[1],2", "[1"])
def test_a_list_of_another_kind_is_refused(text):
    from workbench.studies.values import written

    (sizes,) = (k for k in Listed.knobs() if k.name == "sizes")
    with pytest.raises(KnobError, match="`sizes` must be a list, each item a whole number; got"):
        sweep(Listed, {"sizes": written(sizes, text)})


def test_a_program_s_text_is_one_value_of_a_knob_of_texts():
    assert of(sweep(Params, {"word": "a,b"}), "word") == ["a,b"]
    assert of(sweep(Params, {"cells": "1,2"}), "cells") == [1, 2]


def test_every_combination_once_in_order():
    points = sweep(Params, {"rate": [0.5, 1], "cells": [1, 2, 3], "word": ["x", "y"]})
    expected = list(itertools.product([1, 2, 3], [0.5, 1], ["x", "y"]))
    assert of(points, "cells", "rate", "word") == expected


def test_zipped_knobs_advance_together():
    points = sweep(
        Params, {"cells": [1, 2], "rate": [5, 6], "word": ["x", "y"]}, zipped=[("rate", "cells")]
    )
    expected = [(1, 5.0, "x"), (1, 5.0, "y"), (2, 6.0, "x"), (2, 6.0, "y")]
    assert of(points, "cells", "rate", "word") == expected


def test_seeds_count_upward_from_the_point_s():
    points = sweep(Params, {"cells": [1, 2], "seed": 7}, seeds=3)
    assert of(points, "cells", "seed") == [(1, 7), (1, 8), (1, 9), (2, 7), (2, 8), (2, 9)]


def test_nothing_swept_is_the_default_run():
    assert sweep(Params, {}) == [Params()]


def test_a_longer_random_study_begins_like_a_shorter_one():
    values = {"cells": "1:4096:log", "rate": "0:1", "word": ["x", "y"]}
    short, long = (sweep(Params, values, random=n) for n in (20, 50))
    assert long[:20] == short
    assert len(long) == 50
    assert {p.word for p in long} == {"x", "y"}


def test_random_values_are_uniform_in_their_span():
    """Five standard errors of the mean; a span wrong by a tenth would be caught."""
    count = 4000
    points = sweep(Params, {"cells": "1:4096", "rate": "1:100:log"}, random=count)
    cells = np.array(of(points, "cells"))
    logs = np.log10(of(points, "rate"))
    tolerances = 5 * 4096 / math.sqrt(12 * count), 5 * 2 / math.sqrt(12 * count)
    assert abs(cells.mean() - 2048.5) < tolerances[0] < 0.1 * 4096
    assert abs(logs.mean() - 1) < tolerances[1] < 0.2
    assert cells.min() >= 1
    assert cells.max() <= 4096
    assert min(logs) >= 0
    assert max(logs) <= 2


def test_the_ends_of_a_whole_logarithmic_span_are_drawn():
    points = sweep(Params, {"cells": "1:3:log", "rate": "0:1"}, random=300)
    cells = of(points, "cells")
    shares = [math.log((c + 0.5) / (c - 0.5)) / math.log(7) for c in (1, 2, 3)]
    for value, share in zip((1, 2, 3), shares, strict=True):
        assert abs(cells.count(value) / 300 - share) < 5 * math.sqrt(share * (1 - share) / 300)


@pytest.mark.parametrize(
    ("values", "how", "sentence"),
    [
        ({"cels": [1]}, {}, "`cels` must be the name of a knob; did you mean `cells`?"),
        ({"cells": [1, 5000]}, {}, "in [1, 4096]; got 5000 (point 2 of 2: cells 5000)"),
        ({"cells": [8], "most": [9, 7]}, {}, "`cells` must be at most most=7; got 8 (point 2 of"),
        ({"cells": "1:4"}, {}, "`cells` must be low:high:count[:log], as only a random study"),
        ({"cells": "4:1:3"}, {}, "a range whose low end is below its high end; got '4:1:3'"),
        ({"cells": "1:4:1"}, {}, "a range of 2 to 1000000 values; got '1:4:1'"),
        ({"cells": "1.5:4:2"}, {}, "a range whose ends are whole numbers"),
        ({"rate": "0:1:3:log"}, {}, "a range above 0 where it moves by factors"),
        ({"rate": "0:1e999:3"}, {}, "or low:high:count[:log]; got '0:1e999:3'"),
        ({"rate": "-1.7e308:1.7e308:3"}, {}, "`rate` must be a range"),
        ({"rate": "0:1:3:lin"}, {}, "or low:high:count[:log]; got '0:1:3:lin'"),
        ({"cells": "1,,2"}, {}, "values joined by commas, or low:high:count[:log]"),
        ({"cells": ""}, {}, "values joined by commas, or low:high:count[:log]"),
        ({"cells": []}, {}, "a list of 1 to 1000000 values; got []"),
        ({"cells": ["1"]}, {}, "`cells` must be a whole number in [1, 4096]; got '1'"),
        ({"cells": [True]}, {}, "got True"),
        ({"flag": "0:1:2"}, {}, "`flag` must be True or False; got '0:1:2'"),
        ({"pair": "[1], 2"}, {}, "`pair` must be a list; got 2"),
        ({"pair": "[1]] + [[2]"}, {}, "`pair` must be a list; got '[1]] + [[2]'"),
        ({"cells": [1, 2], "rate": [1]}, {"zipped": [("cells", "rate")]}, "equally many values"),
        ({"cells": [1, 2]}, {"zipped": [("cells", "cells")]}, "`zip` must be groups that name"),
        ({"cells": [1, 2]}, {"zipped": [("cells", "rate")]}, "knobs that are given a list of val"),
        ({"cells": [1, 2]}, {"zipped": [("cels",)]}, "did you mean `cells`?"),
        ({"seed": [1, 2]}, {"seeds": 2}, "`seeds` must be left out where `seed` is given values"),
        ({"seed": 2**32 - 1}, {"seeds": 2}, "`seed` must be a whole number in [0, 4294967295]"),
        ({}, {"seeds": 0}, "`seeds` must be a whole number in [1, 10000000]; got 0"),
        ({}, {"random": 2.5}, "`random` must be a whole number in [1, 10000000]; got 2.5"),
        ({"cells": "1:9", "rate": "0:1"}, {"random": 10**7, "seeds": 2}, "at most 10000000 points"),
        (
            {"cells": "1:4096:4096", "rate": "0:1:4096"},
            {},
            "`study` must be at most 10000000 points; got 16777216",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_bad_study_is_one_sentence(values, how, sentence):
    with pytest.raises(ValueError, match="must be") as refused:
        sweep(Params, values, **how)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_model_without_a_seed_has_no_seeds():
    class Bare(Parameters):
        x: int = knob(1, "x")

    with pytest.raises(ValueError, match="`seeds` must be left out where no knob `seed`"):
        sweep(Bare, {}, seeds=2)


NUMBERS = st.integers(1, 4096)


@given(NUMBERS, NUMBERS, st.integers(2, 60), st.booleans())
def test_a_range_is_what_its_formula_says(low, high, count, log):
    """Whole, in order, ends kept, and no value further than a half from its place."""
    low, high = sorted((low, high + 1)) if low != high else (low, high + 1)
    high = min(high, 4096)
    if low >= high:
        return
    text = f"{low}:{high}:{count}" + ":log" * log
    found = of(sweep(Params, {"cells": text}), "cells")
    assert (found[0], found[-1]) == (low, high)
    assert found == sorted(set(found))
    for i in range(count):
        share = i / (count - 1)
        place = low * (high / low) ** share if log else low + (high - low) * share
        assert min(abs(v - place) for v in found) <= 0.5 + 1e-9


@given(st.lists(NUMBERS, min_size=1, max_size=8), st.lists(st.text("ab,: \\n", max_size=3)))
def test_lists_are_taken_as_they_are(cells, words):
    values = {"cells": cells, **({"word": words} if words else {})}
    expected = itertools.product(dict.fromkeys(cells), dict.fromkeys(words or ["a"]))
    assert of(sweep(Params, values), "cells", "word") == list(expected)


def attempt(*words, **how):
    """The points and no sentence, or none and the sentence that refuses them."""
    try:
        return sweep(Params, *words, **how), ""
    except (ValueError, TypeError) as error:
        return None, str(error)


WORDS = "1 2 4096 -1 0 1e3 1.5 : : , , log lin nan inf [ ] ' true none a 1e999 0x10 1_0 ( )"
PIECES = st.sampled_from(
    [*WORDS.split(), " ", "", "9" * 5000, "[" * 300, "\x00", "\ud800", "\u0663"]
)
TEXTS = st.lists(PIECES, max_size=9).map("".join) | st.text(max_size=8)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(["cells", "rate", "word", "flag", "low", "pair", "most", "seed", "cels"])


@settings(max_examples=600)
@given(
    st.dictionaries(NAMES, TEXTS | st.lists(VALUES, max_size=3) | VALUES, max_size=3),
    st.lists(st.lists(NAMES, max_size=3), max_size=2),
    st.none() | st.integers(-1, 5),
    st.none() | st.integers(-1, 3),
)
@example({"cells": "1:5:9" + "9" * 5000}, [], None, None)
@example({"pair": "[" * 300}, [], None, None)
@example({"rate": "1e-300:1e300:5:log"}, [], None, None)
@example({"cells": "1:1e400"}, [], 2, None)
def test_never_a_traceback_never_a_wrong_point(values, zipped, random, seeds):
    points, sentence = attempt(values, zipped=zipped, random=random, seeds=seeds)
    assert (points is None) == (" must be " in sentence)
    assert "\n" not in sentence
    if points is None:
        return
    assert points
    for point in points:
        assert Params(**point.values()) == point
        json.dumps(point.values(), allow_nan=False)
        untouched = set(point.values()) - set(values) - ({"seed"} if seeds else set())
        assert not untouched & set(point.changed())
    assert len({json.dumps(p.values()) for p in points}) == len(points)

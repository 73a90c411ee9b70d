"""Study files: what they hold, and that nothing in them surprises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.studies.study_file import read_study

YAML = """
experiment: scaling/isoflop
random: 5
zip: [[alpha, beta]]
knobs:
  alpha: [0.3, 3e-1, .5]
  beta: 0.1:0.4:3
  points: 1:20:3
  width: 010
  centre: yes
  day: 2026-01-01
  low: null
  flag: true
"""
TOML = """
experiment = "scaling/isoflop"
seeds = 2
[knobs]
alpha = [0.3, 0.5]
points = "3:99:5:log"
"""


def study(folder, text, suffix=".yaml"):
    path = folder / f"study{suffix}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_yaml_stays_what_was_written(tmp_path):
    found = read_study(study(tmp_path, YAML))
    assert (found.experiment, found.random, found.seeds) == ("scaling/isoflop", 5, None)
    assert found.zip == [["alpha", "beta"]]
    assert found.knobs == {
        "alpha": [0.3, 0.3, ".5"],
        "beta": "0.1:0.4:3",
        "points": "1:20:3",
        "width": "010",
        "centre": "yes",
        "day": "2026-01-01",
        "low": None,
        "flag": True,
    }
    assert isinstance(found.knobs["flag"], bool)


def test_toml(tmp_path):
    found = read_study(study(tmp_path, TOML, ".toml"))
    assert (found.experiment, found.seeds) == ("scaling/isoflop", 2)
    assert found.knobs == {"alpha": [0.3, 0.5], "points": "3:99:5:log"}


BOMB = "experiment: a\nknobs:\n  a: &a [1, 1]\n  b: &b [*a, *a]\n  c: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "suffix", "sentence"),
    [
        ("knobs: {}", ".yaml", "`experiment` must be in the study file; got none"),
        ("- 1", ".yaml", "`study` must be a file with an experiment and its knobs"),
        ("", ".yaml", "`study` must be a file with an experiment and its knobs"),
        ("experiment: a\nknob: {}", ".yml", "must be a word of study files; did you mean `knobs`?"),
        ("experiment: a\nseeds: many", ".yml", "`seeds` must be a valid integer; got 'many'"),
        ("experiment: a\nzip: [a, b]", ".yml", "`zip.0` must be a valid list; got 'a'"),
        ("experiment: a\nexperiment: b", ".yaml", "a name must be a word, and given once"),
        ("experiment: a\nknobs: {x: 1, x: 2}", ".yaml", "a name must be a word, and given once"),
        (BOMB, ".yaml", "aliases are not read"),
        ("experiment: !!python/object/apply:os.system [ls]", ".yaml", "tags are not read"),
        ("experiment: a\nknobs: {[1]: 2}", ".yaml", "a name must be a word, and given once"),
        ("experiment: [", ".yaml", "`study` must be a file of YAML"),
        (b"\xff\xfe\xfa", ".yaml", "`study` must be a file of YAML"),
        ("experiment = ", ".toml", "`study` must be a file of TOML"),
        ("experiment = 'a'\nknobs.x = 2026-01-01", ".toml", "`x` must be numbers, texts, boolean"),
        ("experiment = 'a'\nknobs.x = nan", ".toml", "`x` must be numbers, texts, booleans"),
        ("experiment: " + "[" * 5000, ".yaml", "`study` must be a file of YAML"),
        ("x" * 1_000_001, ".yaml", "a file of at most 1000000 bytes"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, text, suffix, sentence):
    with pytest.raises(ValueError, match="must be") as refused:
        read_study(study(tmp_path, text, suffix))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_lost_file_is_one_sentence(tmp_path):
    with pytest.raises(ValueError, match="No such file"):
        read_study(str(tmp_path / "lost.toml"))
    with pytest.raises(ValueError, match="Is a directory"):
        read_study(str(tmp_path))


LINES = st.sampled_from(
    ["experiment: a", "knobs:", "  x: 1", "  x: 1:20:3", " y: [1, 2", "]", "zip: [[x, y]]", "- a"]
    + ["random: 5", "seeds: !!int '3'", "&a", "*a", "<<: {x: 1}", "? [1]", "---", "...", "\t", "{}"]
    + [
        "!!set {a}",
        "!!binary aaa",
        "!!timestamp 2026-13-45",
        "'",
        '"\\x',
        "|",
        ": :",
        "!!bool maybe",
    ]
    + ["experiment = 'a'", "[knobs]", "x = 1", "[[zip]]", "x = 1979-05-27", "!!float x", "!!int x"]
)


@settings(max_examples=500)
@given(st.lists(LINES, max_size=8).map("\n".join) | st.text(max_size=30), st.booleans())
def test_never_a_traceback(tmp_path_factory, text, toml):
    path = tmp_path_factory.getbasetemp() / ("fuzz.toml" if toml else "fuzz.yaml")
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found, sentence = attempt(path)
    assert isinstance(found and found.experiment, str | None)
    assert (found is None) == (" must be " in sentence)
    assert "\n" not in sentence


def attempt(path):
    """What the file declares and no sentence, or nothing and the sentence that refuses it."""
    try:
        return read_study(str(path)), ""
    except ValueError as error:
        return None, str(error)

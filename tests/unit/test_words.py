"""Words of a private dialect that must not return: the field has terms of its own."""

import builtins
import io
import re
import tokenize
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
# Nowhere in names, comments, docstrings, messages and prose.
RETIRED = {
    "ahead", "glimpse", "manners", "rehearsal", "rehearse", "rehearsed", "spare", "told", "wanting",
}  # fmt: skip
# Not in names; in a sentence they are ordinary verbs.
RETIRED_IN_NAMES = RETIRED | {"asked", "found", "kept", "made"}
ROOMS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        *(ROOT / "workbench").iterdir(),
        *(ROOT / n for n in ("widgets", "notebooks", "benchmarks")),
    ]
    if path.is_dir() and path.name != "__pycache__"
)


def words(text):
    """The words of prose, and the parts of a name in snake_case or CamelCase, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def retired_in_code(source):
    """The retired words of Python source."""
    retired = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.NAME:
            retired |= words(token.string) & RETIRED
        elif not (hasattr(builtins, token.string) or token.string.endswith("NotFoundError")):
            retired |= words(token.string) & RETIRED_IN_NAMES
    return retired


def retired_in_file(path):
    """The retired words of a Python file, a notebook, or a file of prose or JavaScript."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, 4).cells
        code = [retired_in_code(c.source) for c in cells if c.cell_type == "code"]
        return set().union(*code, *(words(c.source) & RETIRED for c in cells))
    text = path.read_text(encoding="utf-8")
    return retired_in_code(text) if path.suffix == ".py" else words(text) & RETIRED


def name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_retired_words_do_not_return(room):
    files = [p for p in (ROOT / room).rglob("*") if p.suffix in {".py", ".js", ".md", ".ipynb"}]
    assert files
    retired = {name(p): retired_in_file(p) for p in files}
    assert {path: words for path, words in retired.items() if words} == {}


@pytest.mark.parametrize(
    ("source", "retired"),
    [
        ("told = 1", {"told"}),
        ("x.first_told()", {"told"}),
        ("class SpareRoom: pass", {"spare"}),
        ("import made as x", {"made"}),
        ("# The threads are ahead.", {"ahead"}),
        ('"""A rehearsal."""', {"rehearsal"}),
        ('f"{x} is told"', {"told"}),
        ("def f(found): return found", {"found"}),
        ("# The value was found and kept.", set()),
        ("foundation = holder = untold = 1", set()),
        ("raise ModuleNotFoundError", set()),
        ("raise metadata.PackageNotFoundError", set()),
        ("made_up = KEPT = 1", {"made", "kept"}),
    ],
)
def test_a_retired_word_is_seen(source, retired):
    assert retired_in_code(source) == retired


def test_a_retired_word_in_a_notebook_is_seen(tmp_path):
    new = nbformat.v4
    cells = [new.new_markdown_cell("A glimpse."), new.new_code_cell("kept = 1")]
    path = tmp_path / "a.ipynb"
    nbformat.write(new.new_notebook(cells=cells), path)
    assert retired_in_file(path) == {"glimpse", "kept"}

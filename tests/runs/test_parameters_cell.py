import ast
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
import toy
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.knobs import KnobError
from workbench.runs.job import _text, spelled
from workbench.runs.parameters_cell import UNREAD, parameters_of, read_notebook


def model(source):
    cells = [nbformat.v4.new_markdown_cell("# T"), toy.parameters(source)]
    return parameters_of(nbformat.v4.new_notebook(cells=cells), "own.ipynb")


def knob(source):
    (only,) = model(source).knobs()
    return only


@pytest.mark.parametrize(
    ("line", "name", "kind", "default", "help"),
    [
        ("x = 3", "x", int, 3, ""),
        ("x: int = 3  # the x = 3", "x", int, 3, "the x = 3"),
        ("x = 1e4 # ten thousand", "x", float, 1e4, "ten thousand"),
        ("x: int = 1e4", "x", int, 1e4, ""),
        ("x = -2", "x", int, -2, ""),
        ("x = True", "x", bool, True, ""),
        ("x = 'a=b # c'", "x", str, "a=b # c", ""),
        ("x: int | None = None", "x", int | None, None, ""),
        ("x: 'float | None' = 2.5", "x", float | None, 2.5, ""),
        ("x: int = None", "x", int | None, None, ""),
        ("x = None", "x", Any, None, ""),
        ("x = [1,\n 2,  # inner\n 3]  # last", "x", list, [1, 2, 3], "last"),
        ("x = [  # first\n 1]", "x", list, [1], "first"),
        ("x: list[int] = [1]", "x", list, [1], ""),
        ("x = {'a': [1, None]}", "x", dict, {"a": [1, None]}, ""),
        ("x: Path = 'a'", "x", Any, "a", ""),
        ("x = int('3')", "x", Any, UNREAD, ""),
        ("x = (1, 2)", "x", Any, UNREAD, ""),
        ("x = {1, 2}", "x", Any, UNREAD, ""),
        ("x = {1: 2}", "x", Any, UNREAD, ""),
        ("x = b'a'", "x", Any, UNREAD, ""),
        ("x = 3j", "x", Any, UNREAD, ""),
        ("x = 1e999", "x", Any, UNREAD, ""),
        ("x = {[]: 1}", "x", Any, UNREAD, ""),
        ("x: float", "x", float, UNREAD, ""),
        ("%matplotlib inline\n!true\nx = 3", "x", int, 3, ""),
        ("import os\n_y = 1\nx = 3\nprint(x)", "x", int, 3, ""),
        ("λ = 3", "λ", int, 3, ""),
        ("x = 3; print('y = 4')", "x", int, 3, ""),
    ],
)
def test_a_line_is_read_as_python_reads_it(line, name, kind, default, help):
    got = knob(line)
    assert (got.name, got.kind, got.help) == (name, kind, help)
    assert got.default is default or got.default == default


def test_chained_and_paired_names_count():
    read = {k.name: k.default for k in model("a = b = 2\nc, d = 3, 'x'\ne, f = g()").knobs()}
    assert read == {"a": 2, "b": 2, "c": 3, "d": "x", "e": UNREAD, "f": UNREAD}


RESERVED = [
    "values",
    "table",
    "copy",
    "json",
    "cell",
    "changed",
    "model_dump",
    "model_config",
    "of",
]


def test_names_of_the_model_s_own_methods_are_free():
    found = model("\n".join(f"{name} = 1" for name in RESERVED))
    params = found(values=2, model_dump=3)
    assert params.values() == dict.fromkeys(RESERVED, 1) | {"values": 2, "model_dump": 3}
    assert params.changed() == {"values": 2, "model_dump": 3}
    assert params.table().count("class=changed") == 2


@pytest.mark.parametrize(
    ("source", "given", "sentence"),
    [
        ("x = 3", {"y": 1}, "`y` must be the name of a knob; there is x"),
        ("x = 3", {"x": 2.5}, "`x` must be a whole number; got 2.5"),
        ("x = 3", {"x": "a"}, "`x` must be a whole number; got 'a'"),
        ("x = True", {"x": 0}, "`x` must be True or False; got 0"),
        ("x: int | None = None", {"x": 0.5}, "`x` must be a whole number or None; got 0.5"),
        ("x = [1]", {"x": {}}, "`x` must be a list; got {}"),
        ("x = [1]", {"x": [(1,)]}, r"`x` must be a list; got \[\(1,\)\]"),
        ("x = f()", {"x": {1}}, r"`x` must be any value that JSON has; got \{1\}"),
        ("x = {}", {"x": {1: 2}}, "`x` must be a mapping with text for keys; got {1: 2}"),
        ("x = [0.5]", {"x": [float("nan")]}, r"`x` must be a list; got \[nan\]"),
        ("a = [1]\nx = 1.0", {"x": float("inf")}, "`x` must be a number; got inf"),
    ],
)
def test_a_mistyped_value_is_refused(source, given, sentence):
    with pytest.raises(KnobError, match=f"^{sentence}$"):
        model(source)(**given)


def test_missing_tag():
    with pytest.raises(
        ValueError, match="`a.ipynb` must have a cell tagged 'parameters'; got none"
    ):
        parameters_of(nbformat.v4.new_notebook(cells=[toy.code("x = 1", "a")]), "a.ipynb")


@pytest.mark.parametrize("source", ["x = ", "%%bash\nx=1; fi", "x = 1\0", "(" * 3000])
def test_a_cell_that_is_no_python(source):
    with pytest.raises(ValueError, match="`own.ipynb` must have Python in its parameters cell"):
        model(source)


def test_an_empty_cell_has_no_knobs():
    assert model("# nothing yet").knobs() == ()
    with pytest.raises(KnobError, match="`x` must be the name of a knob; there is"):
        model("")(x=1)


def test_files_that_are_no_notebook(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("a.ipynb")
    with pytest.raises(ValueError, match="`notebook` must be an existing file; got 'a.ipynb'$"):
        read_notebook(path)
    faults = {
        "": "no JSON at line 1, column 1",
        '{"cells": [': "no JSON at line 1, column 12",
        "[]": "a mapping must be outermost, and list is",
        "{}": "`nbformat` and `cells` are missing",
        "\ufeff{}": "`nbformat` and `cells` are missing",
        '{"nbformat": 4}': "`cells` is missing",
        '{"nbformat": 4, "cells": {}}': "`cells` is no list",
        '{"nbformat": 5, "cells": []}': "`nbformat` is 5, and formats 1 to 4 are read",
        '{"nbformat": "x", "cells": []}': "`nbformat` is 'x'",
        '{"nbformat": true, "cells": []}': "`nbformat` is True",
        '{"nbformat": 4, "cells": [3]}': "cell 1 is no mapping",
        '{"cells": [{"cell_type": "sql"}]}': "`cell_type` of cell 1 is 'sql', none of code, ",
        '{"cells": [{"source": 3}]}': "`source` of cell 1 is no text",
        '{"cells": [{"metadata": {"tags": [3]}}]}': "`tags` of cell 1 is no list of texts",
        '{"cells": [{"cell_type": []}]}': "`cell_type` of cell 1 is ",
        '{"nbformat": 3, "worksheets": [{"cells": [{}]}]}': "cell_type",
        '{"nbformat": 3, "worksheets": 3}': "it is not of its format, 3 ",
        "[" * 100_000: "its JSON is nested too deeply",
    }
    for text, fault in faults.items():
        path.write_text(text)
        with pytest.raises(
            ValueError, match="`notebook` must be a valid Jupyter notebook "
        ) as told:
            read_notebook(path)
        assert fault in str(told.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"notebook \(byte 0 is no UTF-8\); got 'a.ipynb'"):
        read_notebook(path)
    with pytest.raises(ValueError, match=r"`notebook` must be a file that can be read \(Is a dir"):
        read_notebook(tmp_path)


REPAIRED = {
    "no display name": {"metadata": {"kernelspec": {"name": "python3"}}},
    "no name": {"metadata": {"kernelspec": {"display_name": "Python 3"}}},
    "an empty kernelspec": {"metadata": {"kernelspec": {}, "language_info": {}}},
    "no kernelspec": {"metadata": {"kernelspec": None, "language_info": None}},
    "no metadata": {"metadata": None},
    "no minor version": {"nbformat_minor": None},
    "format 4.0": {"nbformat_minor": 0},
    "a later format": {"nbformat_minor": 9},
    "marks of others": {"more": 1, "metadata": {"orig_nbformat": None, "widgets": {}}},
}
REPAIRED_CELLS = {
    "nothing but its source": {},
    "lines": {"source": ["x = ", "3"]},
    "outputs of unknown kinds": {"outputs": [{"output_type": "hologram"}, 3]},
    "outputs that are none": {"outputs": None, "execution_count": "7"},
    "an id that is none": {"id": "a b"},
    "marks of others": {"more": 1, "metadata": {"collapsed": 3, "jupyter": 3, "execution": []}},
}


def as_it_stands(path, cell=(), **parts):
    told = {"cell_type": "code", "source": "x = 3", "metadata": {"tags": ["parameters"]}}
    told |= {k: v for k, v in dict(cell).items() if k != "metadata"}
    told["metadata"] |= dict(cell).get("metadata", {})
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "cells": [told]} | parts))
    return path


@pytest.mark.parametrize("parts", REPAIRED.values(), ids=list(REPAIRED))
def test_a_notebook_that_lacks_something_is_repaired(tmp_path, parts):
    read = read_notebook(as_it_stands(tmp_path / "a.ipynb", **parts))
    nbformat.validate(read)
    assert [k.name for k in parameters_of(read, "a").knobs()] == ["x"]


@pytest.mark.parametrize("cell", REPAIRED_CELLS.values(), ids=list(REPAIRED_CELLS))
def test_a_cell_that_lacks_something_is_repaired(tmp_path, cell):
    read = read_notebook(as_it_stands(tmp_path / "a.ipynb", cell))
    nbformat.validate(read)
    assert [k.default for k in parameters_of(read, "a").knobs()] == [3]
    assert (read.cells[0].outputs, read.cells[0].id) == ([], "cell-1")


def test_notebooks_of_other_ages(tmp_path):
    """Ids are one a cell and the same every time; tags may be a text."""
    path = tmp_path / "a.ipynb"
    bare = {"cell_type": "code", "source": "1"}
    cells = [{**bare, "id": "cell-2"}, bare, {**bare, "id": "cell-2"}]
    cells[0] |= {"metadata": {"tags": "a, parameters a"}}
    as_it_stands(path, cells=cells)
    read = read_notebook(path)
    assert [c.id for c in read.cells] == ["cell-2", "cell-2-2", "cell-3"]
    assert read.cells[0].metadata.tags == ["a", "parameters"]
    old = {"cell_type": "code", "language": "python", "input": "x = 3", "collapsed": False}
    old |= {"outputs": [{"output_type": "hologram"}], "metadata": {"tags": ["parameters"]}}
    old = {"nbformat": 3, "metadata": {"name": ""}, "worksheets": [{"cells": [old]}]}
    path.write_text(json.dumps(old))
    assert [k.default for k in parameters_of(read_notebook(path), "a").knobs()] == [3]


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s)))
def test_any_json_is_a_notebook_or_refused(tmp_path_factory, cells):
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    if cells == []:
        assert read_notebook(path).cells == []
    else:
        with pytest.raises(ValueError, match="`notebook` must be a valid Jupyter notebook"):
            read_notebook(path)


def test_older_notebooks_are_given_ids(tmp_path):
    old = nbformat.v4.new_notebook(cells=[toy.parameters("x = 1")])
    old.nbformat_minor = 4
    text = json.loads(nbformat.writes(old))
    for minor in (4, 5):
        text["nbformat_minor"] = minor
        text["cells"][0].pop("id", None)
        (tmp_path / "old.ipynb").write_text(json.dumps(text))
        read = read_notebook(tmp_path / "old.ipynb")
        assert read.cells[0].id
        assert [k.name for k in parameters_of(read, "old").knobs()] == ["x"]


def test_a_notebook_in_another_language_is_refused(tmp_path):
    made = nbformat.v4.new_notebook(metadata={"language_info": {"name": "R"}})
    nbformat.write(made, tmp_path / "r.ipynb")
    with pytest.raises(ValueError, match="`notebook` must be a notebook in Python; got 'R'"):
        read_notebook(tmp_path / "r.ipynb")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda s: st.lists(s, max_size=3) | st.dictionaries(st.text("ab=#"), s, max_size=3),
    max_leaves=6,
)


@given(PLAIN)
@example("None")
@example("3")
def test_what_the_command_spells_is_read_back(value):
    """The words of the command that a page prints stand for the values of its run."""
    found = model(f"x = {value!r}")
    (k,) = found.knobs()
    got = spelled(_text(value, k), k)
    assert got == value
    assert type(got) is type(value)
    assert ast.literal_eval(repr(found(x=value).values()["x"])) == value


def test_text_or_nothing():
    k = knob("x: str | None = None")
    assert [spelled(t, k) for t in ("3", "true", "none", "None", "a b")] == [
        "3",
        "true",
        None,
        None,
        "a b",
    ]


def test_the_whole_tree_is_read_without_running(tmp_path):
    marker = tmp_path / "ran"
    model(f"x = open({str(marker)!r}, 'w')")
    assert not Path(marker).exists()

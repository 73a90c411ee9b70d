import ast
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
import toy_notebooks
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.experiment.params import KnobError
from workbench.runs.parameters.parameters_cell import UNREAD, parameters_of, read_notebook
from workbench.runs.parameters.spelling import spelled, text_of


def model(source):
    cells = [nbformat.v4.new_markdown_cell("# T"), toy_notebooks.parameters(source)]
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
        ("x: list[int] = [1]", "x", list[int], [1], ""),
        ("x: List[int] = [1, 2]", "x", list[int], [1, 2], ""),
        ("x: typing.Optional[str] = None", "x", str | None, None, ""),
        ("x: Dict[str, float] = {'a': 1}", "x", dict[str, float], {"a": 1}, ""),
        ("x: Tuple[int, int] = (1, 2)  # ends", "x", tuple[int, int], (1, 2), "ends"),
        ("x: List[int] = None", "x", list[int] | None, None, ""),
        ("x: List[int] = ['a']", "x", list[int] | list, ["a"], ""),
        ("x = []  # type: List[int] sizes of layers", "x", list[int], [], "sizes of layers"),
        ("x = 1  # type: Union[int, str]", "x", int | str, 1, ""),
        ("x = {}  # type: Dict[str, int] # by name", "x", dict[str, int], {}, "by name"),
        ("x = 1  # type: ignore", "x", int, 1, "type: ignore"),
        ("x = 1  # type of thing", "x", int, 1, "type of thing"),
        ("x = {'a': [1, None]}", "x", dict, {"a": [1, None]}, ""),
        ("x: Path = 'a'", "x", Any, "a", ""),
        ("x = int('3')", "x", Any, UNREAD, ""),
        ("x = (1, 2)", "x", tuple, (1, 2), ""),
        ("x = {1, 2}", "x", Any, UNREAD, ""),
        ("x = {1: 2}", "x", Any, UNREAD, ""),
        ("x = b'a'", "x", Any, UNREAD, ""),
        ("x = 3j", "x", Any, UNREAD, ""),
        ("x = 1e999", "x", float, float("inf"), ""),
        ("x = -math.inf", "x", float, float("-inf"), ""),
        ("x: float = np.inf", "x", float, float("inf"), ""),
        ("x = float('Infinity')", "x", float, float("inf"), ""),
        ("x: Optional[float] = float('inf')", "x", float | None, float("inf"), ""),
        ("x = [1, math.inf]", "x", Any, UNREAD, ""),
        ("x = float(3)", "x", Any, UNREAD, ""),
        ("x = 1\nx += 2", "x", int, UNREAD, ""),
        ("x = 1\nx /= 2", "x", int | float, UNREAD, ""),
        ("x = 1\nx = f()", "x", Any, UNREAD, ""),
        ("x = 1\ndel x", "x", int, UNREAD, ""),
        ("x = [1]\nx.append(2)", "x", list, UNREAD, ""),
        ("x = [1]\nx[0] = 2", "x", list, UNREAD, ""),
        ("x = [1]\nfill(x)", "x", list, UNREAD, ""),
        ("x = 1\nprint(x)", "x", int, 1, ""),
        ("x = 1\nfrom settings import *", "x", int, UNREAD, ""),
        ("x = 1\n%run settings.py", "x", int, UNREAD, ""),
        ("if a():\n    x = 1", "x", int, UNREAD, ""),
        ("x = 1\nfor _ in range(3):\n    x = x + 1", "x", int, UNREAD, ""),
        ("x = 1\nimport y as x", "x", int, UNREAD, ""),
        ("try:\n    x = 1\nexcept E:\n    x = 2", "x", int, UNREAD, ""),
        ("%%time\nx = 3  # a number", "x", int, 3, "a number"),
        ("!ls\nx = 3  # a number", "x", int, 3, "a number"),
        ("x = !ls", "x", Any, UNREAD, ""),
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
    source = (
        "a = b = 2\nc, d = 3, 'x'\ne, f = g()\n(h, [i, j]) = 1, (2, 3)\nk = l = []\nk.append(1)"
    )
    read = {k.name: k.default for k in model(source).knobs()}
    known = {"a": 2, "b": 2, "c": 3, "d": "x", "h": 1, "i": 2, "j": 3}
    assert read == known | dict.fromkeys("efkl", UNREAD)


def test_infinities_are_values_where_the_default_is_one():
    found = model("x = float('inf')\ny: float = float('nan')")
    x, y = found.knobs()
    assert [spelled(t, x) for t in ("nan", "-inf", "Infinity", "3")] == [
        pytest.approx(float("nan"), nan_ok=True),
        float("-inf"),
        float("inf"),
        3,
    ]
    again = found(x="-inf", y="nan")
    assert again.given()["x"] == float("-inf")
    assert again.changed() == {"x": float("-inf")}
    with pytest.raises(KnobError, match="`x` must be a number; got 'big'"):
        found(x="big")


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
        ("x: List[int] = []", {"x": ["a"]}, r"`x` must be a list, each item a whole number; got"),
        (
            "x: List[int] = []",
            {"x": [1.5]},
            r"`x` must be a list, each item a whole number; got 1.5",
        ),
        ("x: List[int] = []", {"x": [True]}, r"`x` must be a list, each item a whole number; got"),
        ("x: Optional[str] = None", {"x": 3}, "`x` must be text or None; got 3"),
        (
            "x: Tuple[int, str] = (1, 'a')",
            {"x": [1]},
            r"`x` must be a tuple of 2 \(a whole number, t",
        ),
        (
            "x: Dict[str, int] = {}",
            {"x": {"a": "b"}},
            "`x` must be a mapping .*, each value a whole",
        ),
        ("x: Literal['a', 'b'] = 'a'", {"x": "c"}, "`x` must be one of 'a', 'b'; got 'c'"),
        ("x: Optional[Literal[1, 2]] = None", {"x": 3}, "`x` must be one of 1, 2, None; got 3"),
        (
            "x: List[List[int]] = []",
            {"x": [[1], ["a"]]},
            "`x` must be a list, each item a list, each",
        ),
        ("x = [1]", {"x": [(1,)]}, r"`x` must be a list; got \[\(1,\)\]"),
        ("x = f()", {"x": {1}}, r"`x` must be any value that JSON has; got \{1\}"),
        ("x = {}", {"x": {1: 2}}, "`x` must be a mapping with text for keys; got {1: 2}"),
        ("x = [0.5]", {"x": [float("nan")]}, r"`x` must be a list; got \[nan\]"),
        ("a = [1]\nx = 1.0", {"x": float("inf")}, "`x` must be a number; got inf"),
    ],
)
def test_a_mistyped_value_is_refused(source, given, sentence):
    with pytest.raises(KnobError, match=f"^{sentence}"):
        model(source)(**given)


def test_missing_tag():
    with pytest.raises(
        ValueError, match="`a.ipynb` must have a cell tagged 'parameters'; got none"
    ):
        parameters_of(nbformat.v4.new_notebook(cells=[toy_notebooks.code("x = 1", "a")]), "a.ipynb")


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
    old = nbformat.v4.new_notebook(cells=[toy_notebooks.parameters("x = 1")])
    old.nbformat_minor = 4
    text = json.loads(nbformat.writes(old))
    for minor in (4, 5):
        text["nbformat_minor"] = minor
        text["cells"][0].pop("id", None)
        (tmp_path / "old.ipynb").write_text(json.dumps(text))
        read = read_notebook(tmp_path / "old.ipynb")
        assert read.cells[0].id
        assert [k.name for k in parameters_of(read, "old").knobs()] == ["x"]


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
    got = spelled(text_of(value, k), k)
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


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("x: List[int] = []", "1,2", [1, 2]),
        ("x: List[int] = []", "[1,2]", [1, 2]),
        ("x: List[int] = []", "3", [3]),
        ("x: List[int] = []", "[]", []),
        ("x: List[float] = []", "1e-3, 2", [1e-3, 2]),
        ("x: List[str] = []", "a,b", ["a", "b"]),
        ("x: List[str] = []", "1,2", ["1", "2"]),
        ("x: List[str] = []", "['a,b']", ["a,b"]),
        ("x: Optional[List[int]] = None", "none", None),
        ("x: Optional[List[int]] = None", "1,2", [1, 2]),
        ("x = [1]", "1,a", [1, "a"]),
        ("x = (1, 2)", "3,4", (3, 4)),
        ("x: List[List[int]] = []", "[1],[2,3]", [[1], [2, 3]]),
        ("x: Union[int, str] = 1", "5", 5),
        ("x: Union[int, str] = 1", "'5'", "5"),
        ("x: Union[int, str] = 1", "a", "a"),
        ("x: Union[str, List[int]] = 'a'", "[1]", [1]),
        ("x: Literal[1, 'a'] = 1", "1", 1),
        ("x: str | None = None", "'None'", "None"),
        ("x: List[int] = []", "1,a", "1,a"),
        ("x: List[int] = []", "[1", "[1"),
        ("x: List[List[int]] = []", "[1,2]", "[1,2]"),
    ],
)
def test_a_list_is_written_as_people_write_it(source, text, value):
    k = knob(source)
    got = spelled(text, k)
    assert got == value
    assert type(got) is type(value)
    if k.admits(got):
        assert spelled(text_of(got, k), k) == got


KINDS = ["int | str", "str | None", "list[str]", "list[int] | str", "str | dict[str, str] | None"]


@given(st.sampled_from(KINDS), PLAIN)
def test_what_a_command_spells_for_a_union_is_read_back(kind, value):
    k = knob(f"x: {kind} = 'a'")
    if k.admits(value):
        got = spelled(text_of(value, k), k)
        assert got == value
        assert type(got) is type(value)

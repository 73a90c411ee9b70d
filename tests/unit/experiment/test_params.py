import contextlib
import io
import json
import re
from typing import Literal

import nbformat
import numpy as np
import papermill
import pytest
import strategies
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.base.checks import nearest, refuse
from workbench.experiment.params import KnobError, Knobs, Parameters, knob


class Params(Knobs):
    cells: int = knob(2048, "cells in the population", span=(64, 65536), log=True)
    active: int = knob(40, "active cells of a pattern", span=(1, 2000))
    rate: float = knob(0.25, "share that learns", span=(0.0, 1.0))
    shift: float = knob(-1e-3, "where the curve starts")
    exact: bool = knob(False, "whether fractions are used")
    name: str = knob("it's", "what the legend says")
    mode: Literal["mixture", "plug-in"] = knob("mixture", "which law")
    file: str = knob("", "your own patterns", suffixes=(".npy", ".csv"))

    def relations(self):
        if self.active > self.cells // 2:
            refuse("active", f"in [1, cells/2={self.cells // 2}]", self.active)


@pytest.mark.parametrize(
    ("given", "stored", "kind"),
    [
        ({"cells": 1e4}, 10000, int),
        ({"cells": np.int64(4096)}, 4096, int),
        ({"cells": np.float64(4096)}, 4096, int),
        ({"cells": np.uint8(80)}, 80, int),
        ({"rate": 1}, 1.0, float),
        ({"rate": np.float32(0.5)}, 0.5, float),
        ({"exact": np.bool_(True)}, True, bool),
        ({"name": np.str_("x")}, "x", str),
        ({"mode": "plug-in"}, "plug-in", str),
        ({"file": "a/b.csv"}, "a/b.csv", str),
    ],
)
def test_values_become_python_s(given, stored, kind):
    got = Params(**given).values()[next(iter(given))]
    assert got == stored
    assert type(got) is kind


@pytest.mark.parametrize(
    ("name", "value", "must", "got"),
    [
        ("cells", 63, "a whole number in [64, 65536]", "63"),
        ("cells", 65537, "a whole number in [64, 65536]", "65537"),
        ("cells", 100.5, "a whole number in [64, 65536]", "100.5"),
        ("cells", True, "a whole number in [64, 65536]", "True"),
        ("cells", "4096", "a whole number in [64, 65536]", "'4096'"),
        ("cells", None, "a whole number in [64, 65536]", "None"),
        ("cells", np.array([64]), "a whole number in [64, 65536]", "array([64])"),
        ("rate", float("nan"), "a number in [0.0, 1.0]", "nan"),
        ("shift", float("inf"), "a number", "inf"),
        ("shift", "1", "a number", "'1'"),
        ("exact", 1, "True or False", "1"),
        ("exact", "true", "True or False", "'true'"),
        ("name", 3, "text", "3"),
        ("name", "\udcff", "text", "'\\udcff'"),
        ("mode", "plugin", "one of 'mixture', 'plug-in'", "'plugin'"),
        ("backend", "torch", "one of 'numpy', 'cupy'", "'torch'"),
        ("seed", -1, "a whole number in [0, 4294967295]", "-1"),
        ("file", "a.txt", "empty or the path of a file ending in .npy, .csv", "'a.txt'"),
    ],
)
def test_a_bad_value_is_one_sentence(name, value, must, got):
    with pytest.raises(KnobError) as refused:
        Params(**{name: value})
    assert str(refused.value) == f"`{name}` must be {must}; got {got}"
    assert refused.value.knob == name


def test_a_relation_names_its_knob():
    with pytest.raises(KnobError, match=r"^`active` must be in \[1, cells/2=32\]; got 33$") as it:
        Params(cells=64, active=33)
    assert it.value.knob == "active"


def test_an_unknown_knob_is_refused_with_the_nearest():
    with pytest.raises(KnobError, match="`cels` must be the name of a knob; did you mean `cells`?"):
        Params(cels=100)
    with pytest.raises(KnobError, match="there is cells, active, .*, seed, backend$"):
        Params(zzz=1)
    with pytest.raises(KnobError) as odd:
        Params(**{"a-b": 1, "cells": 64})
    assert odd.value.knob is None
    assert nearest("x", ["abc", "def"]) == "there is abc, def"


def test_a_default_outside_its_span_is_refused():
    class Wrong(Knobs):
        cells: int = knob(3, "cells", span=(64, 128))

    with pytest.raises(KnobError, match=r"`cells` must be a whole number in \[64, 128\]; got 3"):
        Wrong()


@pytest.mark.parametrize("help", ["a = b", "two\nlines", "two\rlines", "two\u2028lines"])
def test_help_that_papermill_would_lose_is_refused(help):
    with pytest.raises(ValueError, match="`help` must be one line without an equals sign"):
        knob(1, help)


def test_seed_and_backend_come_last():
    names = [k.name for k in Params.knobs()]
    assert names[-2:] == ["seed", "backend"]
    assert names[0] == "cells"
    assert list(Params().values()) == names


def test_the_cell_sets_the_defaults_and_papermill_reads_all_of_it(tmp_path):
    cell = Params.cell()
    names = {}
    exec(cell, names)
    assert Params.of(names) == Params()
    tagged = nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]})
    notebook = nbformat.v4.new_notebook(cells=[tagged])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with contextlib.redirect_stderr(io.StringIO()):
        seen = papermill.inspect_notebook(str(tmp_path / "n.ipynb"))
    assert list(seen) == [k.name for k in Params.knobs()]
    for k in Params.knobs():
        assert seen[k.name]["inferred_type_name"] == k.kind.__name__
        assert seen[k.name]["help"] == k.help
        assert eval(seen[k.name]["default"]) == k.default


@given(st.text(st.characters(exclude_characters="#=", exclude_categories=["Cs"])))
def test_any_text_default_survives_the_cell(text):
    class One(Parameters):
        word: str = knob(text, "a word")

    names = {}
    exec(One.cell(), names)
    assert names["word"] == text
    assert len(One.cell().split("\n")) == 1


@pytest.mark.parametrize("text", ["a=b", "a # b"])
def test_a_text_default_that_papermill_misreads_is_refused(text):
    class One(Parameters):
        word: str = knob(text, "a word")

    with pytest.raises(ValueError, match="`word` must be a text without # or = by default"):
        One.cell()


@given(strategies.params(Params))
def test_settings_within_the_spans_round_trip(values):
    assume(values["active"] <= values["cells"] // 2)
    params = Params(**values)
    assert params.values() == values
    assert Params(**params.changed()) == params
    assert Params(**json.loads(json.dumps(params.values()))) == params
    assert Params.of({**values, "other": 3}) == params


@pytest.mark.parametrize("k", Params.knobs(), ids=lambda k: k.name)
@given(data=st.data())
def test_bad_values_are_refused_by_name(k, data):
    value = data.draw(strategies.bad(k))
    with pytest.raises(KnobError) as refused:
        Params(**{k.name: value})
    assert refused.value.knob == k.name
    assert str(refused.value).startswith(f"`{k.name}` must be {k.domain}; got ")


def test_changed_separates_a_boolean_from_a_number():
    assert Params().changed() == {}
    assert Params(cells=2048.0, exact=True, rate=0.5).changed() == {"rate": 0.5, "exact": True}


def test_params_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Params().cells = 3


def test_the_table_escapes_and_marks_what_changed():
    table = Params(name="<script>alert(1)</script>", cells=4096).table()
    assert "<script" not in table
    assert "&lt;script&gt;" in table
    assert table.count("class=changed") == 2
    assert "changed; default 2048" in table
    assert table.count("<th>") == 4
    assert Params().table().count("<th>") == 3
    bundle = Params(cells=4096)._repr_mimebundle_()
    assert bundle["text/html"] == Params(cells=4096).table()
    data = bundle["application/vnd.workbench.knobs+json"]
    assert json.loads(json.dumps(data)) == Params(cells=4096).values()


def test_a_default_with_markup_is_escaped_in_the_table():
    class One(Parameters):
        word: str = knob("<b>", "<i>")

    table = One(word="x").table()
    assert not re.search(r"<[bi]>", table)

"""What a notebook records: every value in the form of a record, or one sentence."""

import datetime
import decimal
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import toy_notebooks

import workbench
from workbench.base.results import SUMMARY_MIME, flat
from workbench.runs import notebook_outcome

FORMS = {
    "plain": ({"a": 1, "b": 0.5, "c": "x", "d": True}, {"a": 1, "b": 0.5, "c": "x", "d": True}),
    "numpy": (
        {"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.str_("x")},
        {"a": 0.5, "b": 3, "c": True, "d": "x"},
    ),
    "not finite": (
        {"a": math.nan, "b": np.inf, "c": np.float32("-inf")},
        {"a": "nan", "b": "inf", "c": "-inf"},
    ),
    "arrays": (
        {"a": np.array(2.5), "b": np.array([1, math.nan]), "c": [[1], (2,)], "d": np.ones((1, 1))},
        {"a": 2.5, "b[0]": 1.0, "b[1]": "nan", "c[0][0]": 1, "c[1][0]": 2, "d[0][0]": 1.0},
    ),
    "mappings": ({"a": {"b": 1, 2: {"c": 3}}}, {"a.b": 1, "a.2.c": 3}),
    "others": (
        {"a": None, "b": decimal.Decimal("0.5"), "c": datetime.date(2026, 1, 2), 3: 4}
        | {"d": pathlib.PurePosixPath("x/y"), "e": "\ud800"},
        {"a": "None", "b": 0.5, "c": "2026-01-02", "3": 4, "d": "x/y", "e": "?"},
    ),
}


def recorded(values, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    workbench.record(values)
    (bundle,) = shown
    return json.loads(json.dumps(bundle, allow_nan=False))


@pytest.mark.parametrize(("values", "plain"), FORMS.values(), ids=list(FORMS))
def test_values_become_what_a_record_can_hold(values, plain, monkeypatch):
    bundle = recorded(values, monkeypatch)
    assert bundle[SUMMARY_MIME] == plain
    assert [type(v) for v in bundle[SUMMARY_MIME].values()] == [type(v) for v in plain.values()]
    assert all(name in bundle["text/html"] for name in plain)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (np.zeros(65), "`a` must be at most 64 values, such as their mean; got 65"),
        ([0] * 65, "`a` must be at most 64 values, such as their mean; got 65"),
        (3j, r"`a` must be a number, a boolean, .*; got complex 3j"),
        (object, "`a` must be a number, a boolean, .*; got type"),
        ({"b": {1}}, r"`a.b` must be a number, a boolean, .*; got set \{1\}"),
    ],
)
def test_what_is_no_result_is_refused(value, sentence):
    with pytest.raises((ValueError, TypeError), match=f"^{sentence}"):
        workbench.record({"a": value})


def test_it_loads_nothing_and_prints_where_no_notebook_is():
    code = "import sys, workbench; workbench.record({'loss': 1 / 3})\n"
    code += "print(*[n for n in ('numpy', 'pydantic', 'IPython') if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=toy_notebooks.environment(),
    )
    assert (ran.stdout, ran.stderr) == ("loss: 0.333333\n\n", "")


def test_values_of_other_libraries_are_one():
    torch = pytest.importorskip("torch")
    assert dict(flat("a", torch.tensor(0.5, requires_grad=True))) == {"a": 0.5}


GLUED = {
    "json": ("application/scrapbook.scrap.json+json", "json", [1, math.nan]),
    "text": ("application/scrapbook.scrap.text+json", "text", "x"),
    "many": ("application/scrapbook.scrap.json+json", "json", [1] * 65),
    "pandas": ("application/scrapbook.scrap.pandas+json", "pandas", "UEFSMQ=="),
}


def test_glued_values_are_read(tmp_path):
    notebook = toy_notebooks.executed(
        toy_notebooks.nbformat.read(toy_notebooks.notebook(tmp_path / "a.ipynb", "x"), 4)
    )
    for name, (kind, encoder, data) in GLUED.items():
        payload = {"name": name, "data": data, "encoder": encoder, "version": 1}
        bundle = {kind: payload, "application/x+json": [3]}
        notebook.cells[-1].outputs.append(
            toy_notebooks.nbformat.v4.new_output("display_data", bundle)
        )
    former = {"application/papermill.record+json": {"old": {"a": 2}}}
    notebook.cells[-1].outputs.append(toy_notebooks.nbformat.v4.new_output("display_data", former))
    assert notebook_outcome.shown(notebook)["summary"] == {
        "json[0]": 1,
        "json[1]": "nan",
        "text": "x",
        "many": "more than 64 values",
        "old.a": 2,
    }

"""Outputs of two runs that agree are the same text; those that do not, are not."""

import pytest
import toy_notebooks
from nbformat.v4 import new_notebook, new_output

from workbench.share.outputs import agree, texts


def only(*outputs):
    cell = toy_notebooks.code("x", "x")
    cell.outputs = list(outputs)
    return texts(new_notebook(cells=[cell]))


def shown(**data):
    return only(new_output("display_data", {k.replace("_", "/"): v for k, v in data.items()}))


ALIKE = {
    "addresses": ("<a.b object at 0x7f00aabbccdd>", "<a.b object at 0x7f11aabbccdd>"),
    "styler": ('<td id="T_0a1b2_row0">1</td>', '<td id="T_ffff0_row0">1</td>'),
    "svg": ('<dc:date>2026</dc:date><path id="m0123456789"/>', '<path id="maaaaaaaaaa"/>'),
    "uuid": ('"01234567-89ab-cdef-0123-456789abcdef"', '"ffffffff-89ab-cdef-0123-456789abcdef"'),
    "colours": ("\x1b[31ma\x1b[0m", "a"),
}


@pytest.mark.parametrize(("left", "right"), ALIKE.values(), ids=list(ALIKE))
def test_what_differs_between_any_two_runs_is_left_out(left, right):
    assert shown(text_html=left) == shown(text_html=right)
    assert shown(text_html=left) != shown(text_html=left + "b")


def test_kinds_streams_and_errors():
    stream = [new_output("stream", text=t) for t in ("5%\r", "99%\rdo", "ne\n")]
    warned = new_output("stream", name="stderr", text="took 3 s")
    error = new_output("error", ename="E", evalue="e", traceback=["0x7f"])
    picture = new_output("display_data", {"image/png": "aGk=", "text/plain": "<Figure>"})
    view = new_output(
        "display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}}
    )
    assert only(*stream, warned, view, error, picture) == {
        "code cell 1, output 1, printed": "done\n",
        "code cell 1, output 2, error": "E: e",
        "code cell 1, output 3, image/png": "aGk=",
        "code cell 1, output 4, text/plain": "<Figure>",
    }


@pytest.mark.parametrize(
    ("left", "right", "alike"),
    [
        ("loss 0.5", "loss 0.5000000001", True),
        ("loss 0.5", "loss 0.501", False),
        ("loss 0.5", "lass 0.5", False),
        ("1 2", "1 2 3", False),
        ("[1e-3, -2]", "[0.001, -2.0]", True),
        ("x1", "x2", False),
        ("1", "", False),
    ],
)
def test_numbers_may_differ_by_the_tolerance(left, right, alike):
    assert agree(left, right, 1e-9, 0) == alike
    assert agree(left, right, 0, 0) == (left == right or (alike and "e-3" in left))

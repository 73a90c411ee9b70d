"""What a reader saves from a library's table: no row of dots, and a word on what is missing."""

import csv
import io
import json

import pytest
from browser import chromium
from browser_page import opened
from nbformat.v4 import new_markdown_cell, new_notebook
from page_parts import record, shown

from workbench.pages.page import page

pytestmark = pytest.mark.browser
DOTS = "<tr><th>...</th><td>...</td><td>...</td><td>...</td></tr>"
ROWS = "".join(
    f"<tr><th>{i}</th><td>{i}.123457e+08</td><td>...</td><td>x</td></tr>" for i in (0, 9)
)
PANDAS = f"""<table class="dataframe"><thead><tr><th></th><th>big</th><th>...</th><th>word</th></tr>
    </thead><tbody>{ROWS.replace("</tr><tr>", "</tr>" + DOTS + "<tr>")}</tbody></table>
    <p>1000 rows × 30 columns</p>"""
SPANS = """<table><thead><tr><th></th><th></th><th colspan=2>x</th></tr>
    <tr><th>i</th><th>j</th><th>a</th><th>b</th></tr></thead><tbody>
    <tr><th rowspan=2>p</th><th>1</th><td>-3</td><td>007</td></tr>
    <tr><th>2</th><td>12345678901234567890</td><td>-98765432109876543210</td></tr></tbody></table>"""
HELD = {
    "text/html": "<table><tr><th>v</th></tr><tr><td>0.3333</td></tr><tr><td>...</td></tr></table>",
    "application/vnd.dataresource+json": {"data": [{"v": 1 / 3}, {"v": 2 / 3}]},
}
POLARS = """<small>shape: (1_000, 1)</small><table class="dataframe"><thead><tr><th>a</th></tr>
    </thead><tbody><tr><td>1</td></tr><tr><td>&hellip;</td></tr></tbody></table>"""
CUT = "<table><tr><td>a long tex...</td><td>1</td></tr></table>"


@pytest.fixture(scope="module")
def reading(tmp_path_factory):
    cells = [shown({"text/html": text}) for text in (PANDAS, SPANS)]
    cells += [shown(HELD), *(shown({"text/html": text}) for text in (POLARS, CUT))]
    cells += [new_markdown_cell("| a |\n|---|\n| 1 |")]
    path = tmp_path_factory.mktemp("tables") / "page.html"
    path.write_text(page(new_notebook(cells=cells), record()), encoding="utf-8")
    with chromium() as browser, opened(browser, path) as seen:
        yield seen.page
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])


def saved(reading, number, kind="CSV"):
    button = reading.get_by_role("button", name=f"{kind}, numbers of table {number}", exact=True)
    with reading.expect_download() as started:
        button.click()
    text = started.value.path().read_bytes().decode()
    rows = json.loads(text) if kind == "JSON" else list(csv.reader(io.StringIO(text)))
    return rows, button.locator("..").inner_text().split(":")[0]


def test_rows_and_columns_of_dots_are_never_saved(reading):
    rows, said = saved(reading, 1)
    assert rows == [["column 1", "big", "word"], ["0", "12345700", "x"], ["9", "912345700", "x"]]
    lacks = "2 of 1000 rows, not all of the 30 columns, numbers as rounded there"
    assert said == f"Download what is shown ({lacks})"
    rows, said = saved(reading, 4)
    assert (rows, said) == ([["a"], ["1"]], "Download what is shown (1 of 1000 rows)")


def test_cells_over_several_rows_and_columns_and_long_integers(reading):
    rows, said = saved(reading, 2)
    assert rows == [
        ["i", "j", "x / a", "x / b"],
        ["p", "1", "-3", "007"],
        ["p", "2", "12345678901234567890", "-98765432109876543210"],
    ]
    assert said == "Download the numbers"


def test_values_beside_a_table_are_saved_to_the_last_digit(reading):
    rows, said = saved(reading, 3, "JSON")
    assert rows == [{"v": 1 / 3}, {"v": 2 / 3}]
    assert said == "Download the numbers"


def test_a_text_that_was_cut_is_said_to_be(reading):
    assert saved(reading, 5)[1] == "Download what is shown (texts as cut there)"
    assert saved(reading, 6) == ([["a"], ["1"]], "Download the numbers")

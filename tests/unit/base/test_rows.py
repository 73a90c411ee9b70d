"""Tables: the digits shown and those stored for the page."""

import html

import pytest
from bs4 import BeautifulSoup

from workbench.base.rows import Rows, unbroken

LAWS = Rows(
    ("law", "AIC", "coverage", "rows"),
    [("power", -37.23412345678, float("nan"), 7), ("<b>bnsl1</b>", -110.2, 0.9142857, 12345)],
)


def test_a_table_shows_few_digits_and_stores_all():
    table = BeautifulSoup(LAWS._repr_mimebundle_()["text/html"], "html.parser")
    assert [cell.text for cell in table.select("th")] == ["law", "AIC", "coverage", "rows"]
    cells = [[cell.text for cell in row.select("td")] for row in table.select("tbody tr")]
    assert cells == [["power", "-37.23", "–", "7"], ["<b>bnsl1</b>", "-110.2", "0.9143", "12,345"]]
    values = [cell["data-value"] for cell in table.select("td")]
    assert values == [
        "power",
        "-37.23412345678",
        "",
        "7",
        "<b>bnsl1</b>",
        "-110.2",
        "0.9142857",
        "12345",
    ]
    assert table.select("b") == []


def test_as_text_words_begin_and_numbers_end_under_each_other():
    assert str(LAWS).splitlines() == [
        "law              AIC  coverage    rows",
        "power         -37.23         –       7",
        "<b>bnsl1</b>  -110.2    0.9143  12,345",
    ]
    assert LAWS._repr_mimebundle_()["text/plain"] == str(LAWS)


def test_more_digits_are_shown_where_they_are_requested():
    assert str(Rows(["AIC"], [[-1738.94]], digits=5)).split() == ["AIC", "-1738.9"]
    assert str(Rows(["AIC"], [])) == "AIC"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="`rows` must be of 2 values each, one a name; got"):
        Rows(["law", "AIC"], [["power", 1.0], ["bnsl1"]])


@pytest.mark.parametrize("number", ["1e-09", "4.042e-21", "-2.5e+07", "40000000", "4,294,967,295"])
def test_no_line_ends_within_a_number(number):
    text = f"below {number}; here <1>"
    shown = unbroken(text)
    assert BeautifulSoup(shown, "html.parser").text == text
    assert f'<span class="number">{number}</span>' in shown


@pytest.mark.parametrize(
    "text", ["0.5 to 2", "1601.00720v2", "a1e5b", "x-12", "encoder.layer.12345a"]
)
def test_short_numbers_and_names_stay_as_they_are(text):
    assert unbroken(text) == html.escape(text)

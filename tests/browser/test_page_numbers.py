"""What a reader saves from a page: every value of its figures and tables, to the last digit."""

import csv
import io
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from browser import chromium
from browser_page import opened
from nbformat.v4 import new_notebook
from page_parts import record, shown

from widgets.figure.figure import curve, figure, heat, histogram, level, marks
from widgets.figure.slider import slide
from workbench.experiment.decisions import Claims, Statement, Summary
from workbench.experiment.params import Knobs, knob
from workbench.pages.page import page

pytestmark = pytest.mark.browser
X = np.arange(1, 6)
THIRDS = 1 / (3.0 * X)
FORMULA = '=HYPERLINK("https://e.example")'


class Params(Knobs):
    moved: int = knob(4, "moved bits", span=(0, 20))


def draw(params, result):
    fig = figure("place", "chance", log_y=True, alt="A law.")
    curve(fig, X, THIRDS, "law", band=(THIRDS * 0, THIRDS * 2), truth=True)
    marks(fig, X, result, FORMULA, error=(result / 2, result + 1e-3))
    level(fig, 0.05, "a bound")
    return fig


def run(params):
    return np.where(params.moved > X, THIRDS, 0.0)


def plots():
    """One figure a kind: a slider with bands and zeros, a map, bars, another house's."""
    area = figure("column", "row", alt="A map.")
    heat(area, [1, 2], [5, 6, 7], np.outer([0.0, 1 / 3, 1], [1, 1 / 7]), label="chance", log=True)
    bars = figure("digit", "count", alt="Bars.")
    histogram(bars, [0, 1, 4], [5, 6], "digits")
    foreign = go.Figure(go.Scatter(x=["a", "=1+1"], y=[1.5, None], customdata=[[7], [8]]))
    return [slide(draw, run, Params(), moved=[0, 4, 20]), area, bars, foreign]


def bundle(fig):
    return {"application/vnd.plotly.v1+json": json.loads(fig.to_json())}


def displayed(value):
    """What a kernel would send of a value."""
    return shown(value._repr_mimebundle_())


CLAIM = Statement("P", "w", "It is +1").agrees(expected=1 / 3, measured=1 / 3, interval=(0.3, 0.34))
HTML = f"""<table><thead><tr><th>a<th>a<th></tr></thead><tbody>
    <tr><td data-value="0.1234567890123456">0.1235<td>{FORMULA}<td>-2</tr></tbody></table>"""
SUMMARY = Summary({"third": 1 / 3, "word": "-x"})


@pytest.fixture(scope="module")
def reading(tmp_path_factory):
    cells = [shown(bundle(fig)) for fig in plots()]
    cells += [displayed(Claims([CLAIM])), displayed(SUMMARY), shown({"text/html": HTML})]
    claims = [CLAIM.model_dump(mode="json")]
    entry = record(claims=claims, summary=dict(SUMMARY), knobs={"moved": 4})
    path = tmp_path_factory.mktemp("numbers") / "page.html"
    knobs = Params().table()
    path.write_text(page(new_notebook(cells=cells), entry, knobs), encoding="utf-8")
    with chromium() as browser, opened(browser, path) as seen:
        yield seen
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])


def saved(reading, what, kind="CSV"):
    with reading.page.expect_download() as started:
        reading.page.get_by_role("button", name=f"{kind}, numbers of {what}", exact=True).click()
    name = started.value.suggested_filename
    assert name == f"own-own-default-1-{what.replace(' ', '-')}.{kind.lower()}"
    text = started.value.path().read_bytes().decode()
    return json.loads(text) if kind == "JSON" else list(csv.DictReader(io.StringIO(text)))


def column(rows, name, **where):
    return [r[name] for r in rows if all(r[k] == v for k, v in where.items())]


def test_every_frame_is_saved_to_the_last_digit(reading):
    rows = saved(reading, "figure 1")
    assert list(rows[0]) == ["moved", "series", "place", "chance", "low", "high"]
    for moved in (0, 4, 20):
        law = {"moved": str(moved), "series": "law"}
        assert list(map(float, column(rows, "chance", **law))) == THIRDS.tolist()
        # The drawn band is lifted on its log axis; the saved one ends at 0.
        assert set(column(rows, "low", **law)) == {"0"}
        assert list(map(float, column(rows, "high", **law))) == (2 * THIRDS).tolist()
        seen = {"moved": str(moved), "series": "'" + FORMULA}
        expected = run(Params(moved=moved))
        assert list(map(float, column(rows, "chance", **seen))) == expected.tolist()
        assert list(map(float, column(rows, "high", **seen))) == (expected + 1e-3).tolist()
        assert column(rows, "chance", moved=str(moved), series="a bound") == ["0.05"]
    assert len(rows) == 3 * (5 + 5 + 1)


def test_json_has_the_same_rows_as_numbers(reading):
    rows = saved(reading, "figure 1", "JSON")
    assert column(rows, "chance", moved=4, series="law") == THIRDS.tolist()
    assert column(rows, "chance", moved=4, series=FORMULA) == run(Params()).tolist()


def test_a_map_by_factors_is_saved_as_it_was_given(reading):
    rows = saved(reading, "figure 2", "JSON")
    values = np.outer([0.0, 1 / 3, 1], [1, 1 / 7])
    assert [(r["column"], r["row"]) for r in rows[:3]] == [(1, 5), (2, 5), (1, 6)]
    assert column(rows, "chance") == values.ravel().tolist()


def test_bars_have_their_bins_and_words_are_no_formulas(reading):
    rows = saved(reading, "figure 3", "JSON")
    assert [(r["bin from"], r["bin to"], r["count"]) for r in rows] == [(0, 1, 5), (1, 4, 6)]
    assert [(r["x"], r["y"]) for r in saved(reading, "figure 4")] == [("a", "1.5"), ("'=1+1", "")]


def test_tables_are_saved_with_all_digits(reading):
    (claim,) = saved(reading, "table 1")
    assert (float(claim["measured"]), float(claim["low"]), float(claim["high"])) == (
        1 / 3,
        0.3,
        0.34,
    )
    third, word = saved(reading, "table 2")
    assert (float(third["value"]), word["value"]) == (1 / 3, "'-x")
    (row,) = saved(reading, "table 3")
    assert list(row.values()) == ["0.1234567890123456", "'" + FORMULA, "-2"]
    assert saved(reading, "table 4", "JSON") == [{"knob": "moved", "value": 4}]
    assert saved(reading, "table 5")[0]["column 1"] == "run"


def test_every_figure_and_table_has_its_buttons(reading):
    page = reading.page
    counts = page.locator("figure").count(), page.locator("main table").count()
    assert counts == (4, 5)
    for kind in ("CSV", "JSON"):
        assert page.get_by_role("button", name=f"{kind}, numbers of").count() == sum(counts)


def test_hover_tells_fifteen_digits(reading):
    reading.page.wait_for_function("() => document.querySelector('.plot .main-svg')")
    displayed = reading.page.evaluate(
        "() => { const plot = document.querySelector('.plot');"
        "  Plotly.Fx.hover(plot, [{curveNumber: 1, pointNumber: 0}]);"
        "  return plot.querySelector('.hovertext').textContent; }"
    )
    assert "0.333333333333333" in displayed

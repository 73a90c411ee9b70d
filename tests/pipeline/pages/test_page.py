"""What the page holds, read as text; tests/browser/test_page_opened.py looks at it in a browser."""

import base64
import json
import os
import re

import nbformat
import pytest
import toy_notebooks
from bs4 import BeautifulSoup
from nbformat.v4 import new_markdown_cell, new_notebook, new_output, new_raw_cell
from page_parts import ATTACKS, EVIL, PNG, record, shown

from workbench.experiment.decisions import Statement
from workbench.pages.page import page, warm
from workbench.pages.text import pictures
from workbench.pages.text.clean import clean
from workbench.pages.text.prose import markdown
from workbench.runs.job import job


def soup(*cells, knobs="", folder="", **more):
    text = page(new_notebook(cells=list(cells)), record(**more), knobs, folder)
    return BeautifulSoup(text, "html.parser")


def test_the_record_stands_in_the_page_as_it_is_on_disk():
    told = record(title="</script><!-- \u2028 ✓ <b>", claims=[], error=None)
    made = BeautifulSoup(page(new_notebook(cells=[]), told), "html.parser")
    assert json.loads(made.select_one("script#record").string) == told


def test_claims_stand_first_with_verdict_and_numbers():
    said = Statement("P <i>", "eq. 1", f"It is {EVIL}")
    claims = [said.exact(expected=1, measured=1), said.exact(expected=1, measured=2)]
    claims = [c.model_dump(mode="json") for c in [*claims, said.untested(expected="x", note="y")]]
    made = soup(new_markdown_cell("# T\n\nlead"), new_markdown_cell("## Story"), claims=claims)
    assert "1 reproduced, 1 not reproduced, 1 not measured" in made.select_one(".tally").text
    items = [li.text for li in made.select(".verdicts li")]
    assert "not reproduced: It is <script>" in items[1]
    assert made.select_one("h1").find_next("section")["class"] == ["verdicts"]
    assert made.select_one(".verdicts").find_next("h2", id="story-2")
    assert not made.find("script", id=None, string=re.compile("alert"))


def test_a_title_in_the_middle_stays_there():
    made = soup(new_markdown_cell("text"), new_markdown_cell("# One"), new_markdown_cell("# Two"))
    assert made.select_one("header h1").text == "The title"
    assert [a.text for a in made.select("nav a")][:2] == ["One", "Two"]
    assert made.select_one("#story").find("h1")["id"] == "one"


def test_headings_have_links_and_ids_of_their_own():
    made = soup(
        new_markdown_cell("# T"),
        new_markdown_cell("## Same\n\n## Same\n\n## Knobs\n\n## Fold\n\n### Deeper\n\n## $x$ *a*"),
    )
    ids = [e["id"] for e in made.select("[id]")]
    assert len(ids) == len(set(ids))
    for link in made.select("nav a"):
        assert made.select_one(f"[id='{link['href'][1:]}']") is not None
    assert len(made.select("nav a")) == 7


@pytest.mark.parametrize("id", ["story", "fold", "record", "verdicts", "knobs", "provenance"])
def test_an_output_cannot_take_the_place_of_the_page_s_parts(id):
    made = soup(shown({"text/html": f"<p id='{id}'>x</p>"}), new_markdown_cell(f"<p id='{id}'>"))
    assert all(e.text != "x" for e in made.select(f"#{id}"))


@pytest.mark.parametrize("attack", ATTACKS)
def test_foreign_html_is_cleaned(attack):
    for text in (clean(attack), markdown(attack)):
        made = BeautifulSoup(text, "html.parser")
        for tag in made.find_all(True):
            assert tag.name not in {"script", "iframe", "meta", "style", "link", "form", "base"}
            assert tag.name not in {"object", "embed", "foreignobject", "animate", "set"}
            for name, value in tag.attrs.items():
                assert not name.startswith("on")
                assert name not in {"srcset", "ping", "srcdoc", "action"}
                if name in {"src", "href", "style"}:
                    assert not re.search("script:|example|position|text/html", str(value))


def test_useful_html_survives():
    table = '<table><tr><th scope="row">a</th><td style="color:red">1</td></tr></table>'
    assert 'style="color:red"' in clean(table)
    assert 'scope="row"' in clean(table)
    assert 'href="https://arxiv.org"' in markdown("[x](https://arxiv.org)")
    assert 'id="here"' in markdown("<a id='here'></a>")
    assert "<code>a &lt; b</code>" in markdown("`a < b`")


def test_formulas_become_mathml():
    made = BeautifulSoup(markdown("$x^2$ and\n\n$$\\frac{a}{b}$$"), "html.parser")
    assert [m["display"] for m in made.select("math")] == ["inline", "block"]
    assert made.select_one("mfrac") is not None
    made = BeautifulSoup(markdown("\\begin{align}a&=b\\\\c&=d\\end{align}"), "html.parser")
    assert len(made.select("mtr")) == 2
    assert "<script" not in markdown("$\\text{<script>alert(1)</script>}$")


@pytest.mark.parametrize("environment", ["aligned", "gathered"])
def test_lines_of_a_formula_stand_below_each_other(environment):
    body = rf"\begin{{{environment}}}a&=b\\c&=d\end{{{environment}}}"
    made = BeautifulSoup(markdown(f"$${body}$$"), "html.parser")
    assert len(made.select("mtr")) == 2
    assert "&" not in made.text


def test_formulas_side_by_side_may_stand_below_each_other():
    made = BeautifulSoup(markdown(r"$$a = \frac{b}{c}, \qquad d = e$$"), "html.parser")
    assert [m["display"] for m in made.select(".formulas > math")] == ["block", "block"]


@pytest.mark.parametrize(
    "body",
    [r"{a \qquad b}", r"\left( a \qquad b \right)", r"\begin{aligned}a \qquad b\end{aligned}"],
)
def test_a_formula_is_not_cut_within(body):
    made = BeautifulSoup(markdown(f"$${body}$$"), "html.parser")
    assert (len(made.select("math")), made.select(".formulas")) == (1, [])


def test_a_formula_beyond_the_converter_shows_its_source(monkeypatch):
    from workbench.pages.text import formulas

    def stumbles(*_, **__):
        raise IndexError

    monkeypatch.setattr(formulas, "convert", stumbles)
    assert "<code>a &lt; b</code>" in markdown("$a < b$")


@pytest.mark.parametrize(
    ("bundle", "text"),
    [
        ({"text/plain": "plain <b>"}, "plain <b>"),
        ({"text/plain": "\x1b[31mred\x1b[0m"}, "red"),
        ({"text/plain": "no", "text/html": "<em>yes</em>"}, "yes"),
        ({"text/plain": "no", "text/markdown": "*yes*"}, "yes"),
        ({"text/html": "<b>yes</b>", "application/javascript": "alert(1)"}, "yes"),
        ({"text/latex": "$x$", "image/png": PNG}, "x"),
        (
            {
                "application/json": {"a": [1, None]},
                "text/plain": "<IPython.core.display.JSON object>",
            },
            '{\n  "a": [\n    1,\n    null\n  ]\n}',
        ),
        ({"application/vnd.workbench.x+json": {"a": 1}, "text/plain": "a 1"}, "a 1"),
        (
            {"application/scrapbook.scrap.json+json": {"name": "a", "data": 1}},
            '{\n  "name": "a",\n  "data": 1\n}',
        ),
    ],
)
def test_the_best_kind_of_an_output_is_shown(bundle, text):
    made = soup(shown(bundle))
    output = made.select_one("#story .output")
    assert (output.text.strip() if output else "") == text
    assert not made.find("script", string=re.compile("alert"))


def test_latex_outputs_are_set():
    made = soup(shown({"text/latex": "$\\displaystyle x^{2}$", "text/plain": "x**2"}))
    assert made.select_one(".output math msup") is not None


def test_pictures_carry_their_data_and_an_alternative():
    cell = shown({"image/png": PNG}, {"image/svg+xml": "<svg><script>alert(1)</script></svg>"})
    cell.metadata["alt"] = 'a "dot"'
    images = soup(cell).select("img")
    assert [i["alt"] for i in images] == ['a "dot"'] * 2
    assert images[0]["src"] == f"data:image/png;base64,{PNG}"
    assert images[1]["src"].startswith("data:image/svg+xml;base64,")


def test_pictures_beside_the_notebook_are_taken_in(tmp_path):
    (tmp_path / "dot.png").write_bytes(base64.b64decode(PNG))
    (tmp_path.parent / "secret.png").write_bytes(b"secret")
    text = "![dot](dot.png) ![a](attachment:b.png) ![lost](attachment:c.png) ![s](../secret.png)"
    text += " ![far](https://e.example/x.png) <img src='dot.png' alt='raw'> <img src=''>"
    cell = new_markdown_cell(text)
    cell.attachments = {"b.png": {"image/png": PNG}}
    found = {i.get("alt"): i.get("src") for i in soup(cell, folder=str(tmp_path)).select("img")}
    own = f"data:image/png;base64,{PNG}"
    assert found == {"dot": own, "a": own, "raw": own}
    words = [note.text for note in soup(cell, folder=str(tmp_path)).select(".refused")]
    for lost in ("lost”, attachment:c.png", "s”, ../secret.png", "https://e.example/x.png", "one"):
        assert any(lost in word for word in words)
    assert len(words) == 4


@pytest.mark.timeout(60)
def test_no_other_file_goes_into_a_page_under_a_picture_s_name(tmp_path):
    """Where a link leads decides, and what the file holds: a page is passed on."""
    folder = tmp_path / "own"
    (folder / "inner").mkdir(parents=True)
    (folder / "dot.png").write_bytes(base64.b64decode(PNG))
    (folder / "inner" / "good.png").symlink_to(folder / "dot.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dot.png").write_bytes(base64.b64decode(PNG))
    (tmp_path / "private").write_text("secret")
    (folder / ".env").write_text("secret")
    (folder / "text.png").write_text("secret")
    (folder / "page.svg").write_text("secret")
    (folder / "large.png").write_bytes(base64.b64decode(PNG))
    os.truncate(folder / "large.png", pictures.LARGEST + 1)
    os.mkfifo(folder / "pipe.png")
    links = {"link.png": tmp_path / "private", "own.png": ".env", "folder": tmp_path / "out"}
    links |= {"zero.png": "/dev/zero", "waits.png": "pipe.png", "far.png": "link.png"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (tmp_path / "copy").symlink_to(folder)
    names = ["link.png", "own.png", "folder/dot.png", "zero.png", "waits.png", "far.png"]
    names += ["pipe.png", "../out/dot.png", "%2e%2e/out/dot.png", f"{tmp_path}/out/dot.png"]
    names += ["text.png", f"file://{folder}/dot.png", "page.svg", "large.png", "inner", "~/dot.png"]
    for place in (folder, tmp_path / "copy"):
        text = " ".join(f"<img src='{name}'>" for name in [*names, "inner/good.png"])
        made = soup(new_markdown_cell(text), folder=str(place))
        assert [i["src"] for i in made.select("img")] == [f"data:image/png;base64,{PNG}"]
        assert len(made.select(".refused")) == len(names)
        assert "not part of this page" in made.select_one(".refused").text


def test_errors_and_streams_keep_their_lines():
    cell = toy_notebooks.code("1", "cell")
    cell.outputs = [
        new_output("stream", name="stdout", text="a\nb <i>\x1b[1mbold\x1b[0m"),
        new_output("stream", name="stderr", text="warned"),
        new_output("error", ename="E", evalue="e", traceback=["one", "\x1b[31mtwo\x1b[0m <b>"]),
    ]
    made = soup(cell)
    first, second, third = made.select(".output pre")
    assert first.text == "a\nb <i>bold"
    assert second["class"] == ["stderr"]
    assert third.text.strip() == "one\ntwo <b>"
    assert not made.select(".output i, .output b")


def test_what_the_page_leaves_out_and_keeps():
    cells = [
        toy_notebooks.parameters("x = 'bare'"),
        toy_notebooks.code("panel()", "live", "panel"),
        toy_notebooks.code("hidden()", "gone", "remove"),
        new_raw_cell("raw <b>text</b>"),
        new_raw_cell(f"<em>cleaned</em>{EVIL}", metadata={"raw_mimetype": "text/html"}),
        toy_notebooks.code("", "empty"),
        toy_notebooks.code("kept('<b>')", "kept"),
    ]
    made = soup(*cells)
    text = made.select_one("#story").text
    assert not any(word in text for word in ("bare", "panel()", "hidden()", "raw"))
    assert made.select_one("#story em").text == "cleaned"
    assert "alert" not in text
    (code,) = made.select("details.code")
    assert "open" not in code.attrs
    assert code.select_one("summary").text == "code: kept"
    assert "kept('<b>')" in code.text


def test_knobs_file_names_and_provenance_are_escaped(tmp_path):
    path = toy_notebooks.notebook(
        tmp_path / "a <img src=x onerror=alert(1)>.ipynb", parameters_cell="word = ''"
    )
    made = job(str(path), {"word": EVIL})
    told = record(title=made.title, command=made.command, run=made.run, name=made.name)
    told["provenance"]["data"]["file"]["path"] = EVIL
    page_text = page(made.notebook, told, made.params.table())
    parsed = BeautifulSoup(page_text, "html.parser")
    assert not parsed.find_all("img")
    assert parsed.select_one("title").text == made.title
    assert parsed.select_one("pre.command").text == made.command
    assert EVIL in parsed.select_one("table.knobs").text
    assert EVIL in parsed.select_one("#provenance").find_next("table").text
    assert page_text.count("<script") == 2


def test_provenance_tells_what_there_is():
    made = soup(new_markdown_cell("# T"))
    rows = {r.th.text: r.td.text for r in made.select("table.facts tr")}
    assert rows["commit"] == "abc, with uncommitted changes"
    assert rows["file"] == "a.csv, 1,234 bytes, SHA-256 ff"
    assert rows["libraries"] == "numpy 2.4.0"


def test_the_library_is_there_once_and_only_where_it_draws():
    figure = {"application/vnd.plotly.v1+json": {"data": [], "layout": {}}, "text/plain": "Figure"}
    without, with_two = soup(shown({"text/plain": "x"})), soup(shown(figure, figure))
    assert len(str(without)) < 100_000
    assert len(with_two.select("figure.figure")) == 2
    libraries = [s for s in with_two.select("script") if len(s.string or "") > 1_000_000]
    assert len(libraries) == 1
    assert len(str(with_two).encode()) < 8_000_000


def test_a_figure_is_data_with_a_text_alternative():
    figure = {
        "data": [{"type": "scatter", "y": [1, 2], "name": EVIL}],
        "layout": {"meta": {"alt": 'rises "fast" <b>'}, "title": {"text": EVIL}},
        "frames": [{"data": [{"y": [2, 1]}], "name": "a"}],
    }
    made = soup(shown({"application/vnd.plotly.v1+json": figure}))
    assert made.select_one(".plot")["aria-label"] == 'rises "fast" <b>'
    assert made.select_one("figcaption").text == 'rises "fast" <b>'
    assert json.loads(made.select_one("figure script").string) == figure


def test_an_executed_notebook_is_left_as_it_was():
    made = new_notebook(cells=[shown({"text/plain": "x", "application/javascript": "1"})])
    before = nbformat.writes(made)
    page(made, record())
    assert nbformat.writes(made) == before


def test_warm_fills_the_caches():
    from workbench.pages.head import style
    from workbench.pages.page import _shell
    from workbench.pages.plotly_library import _text

    for cache in (_text, _shell, style):
        cache.cache_clear()
    warm()
    assert [cache.cache_info().currsize for cache in (_text, _shell, style)] == [1, 1, 1]


def test_values_to_keep_are_a_link_that_holds_them():
    text = "name,value\nä,1\n</script>,2\n"
    bundle = {"text/plain": "a.csv", "text/html": EVIL, "text/csv": text}
    cell = shown(bundle)
    cell.outputs[0].metadata["text/csv"] = {"name": f'"{EVIL}.csv'}
    link = soup(cell).select_one("a[download]")
    assert link["download"] == f'"{EVIL}.csv'
    kind, data = link["href"].split(",")
    assert kind == "data:text/csv;charset=utf-8;base64"
    assert base64.b64decode(data).decode() == text
    assert soup(shown({"text/csv": "a\n"})).select_one("a[download]")["download"] == "table.csv"

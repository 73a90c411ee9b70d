"""The gallery: a card for everything, in a page that needs no server and no library."""

import json
import re
from urllib.parse import unquote

import pytest
import toy_notebooks
from browser_page import opened
from bs4 import BeautifulSoup
from click.testing import CliRunner
from records import claims, put, record, study

from workbench.cli.cli import main
from workbench.share import gallery as galleries
from workbench.share.gallery import gallery


def soup(reports, **how):
    path, _ = gallery(reports, **how)
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_cards_tell_the_runs_newest_first(tmp_path):
    put(tmp_path, record(run="old", day=1, changed={"x": 4}), with_page=False)
    put(tmp_path, record(run="new", day=9, claims=claims(double=2)), with_page=False)
    failed = record(run="failed", day=5, state="failed", error="ValueError: unlucky", claims=[])
    put(tmp_path, failed, with_page=False, notebook=False)
    cards = soup(tmp_path).select(".card")
    assert [c.select_one(".name").text.split(" · ")[1] for c in cards] == [
        "2026-01-09",
        "2026-01-05",
        "2026-01-01",
    ]
    assert "1 not reproduced" in cards[0].select_one("summary").text
    assert [li.text.split(":")[0].split(" ", 1)[1] for li in cards[0].select("li")] == [
        "not reproduced",
        "reproduced",
    ]
    assert cards[0].select_one("svg.sketch")["aria-label"] == "It rises"
    assert cards[1].select_one(".stderr").text == "ValueError: unlucky"
    assert cards[1].select_one("a") is None
    assert "x 4" in cards[2].text


def test_links_lead_to_where_the_files_are_not_to_where_records_point(tmp_path):
    lying = record(folder="../../../etc", run="../../../../etc", name="https://e.example/")
    put(tmp_path, lying, place="a/b c/d#?%&'<")
    (link,) = soup(tmp_path).select(".card a")
    assert link["href"] == "a/b%20c/d%23%3F%25%26%27%3C/page.html"
    assert (tmp_path / unquote(link["href"])).is_file()


def test_a_folder_named_like_an_address_stays_a_folder(tmp_path):
    put(tmp_path, record(), place="javascript:alert(1)/a/b")
    (link,) = soup(tmp_path).select(".card a")
    assert link["href"].startswith("javascript%3Aalert%281%29/")


def test_links_on_disk_are_not_followed(tmp_path):
    outside = put(tmp_path / "outside", record())
    reports = tmp_path / "reports"
    (reports / "a" / "b").mkdir(parents=True)
    (reports / "a" / "b" / "c").symlink_to(outside)
    folder = reports / "a" / "b" / "d"
    folder.mkdir()
    (folder / "record.json").symlink_to(outside / "record.json")
    before = (outside / "page.html").stat()
    assert soup(reports).select(".card") == []
    put(reports, record(), with_page=False)
    (reports / "toys/toy/default-1/page.html").symlink_to(outside / "page.html")
    soup(reports)
    assert (outside / "page.html").stat().st_mtime_ns == before.st_mtime_ns


def test_a_study_of_calls_is_one_card_and_pages_have_their_own(tmp_path):
    calls = [record(run=f"r{n}", depth="function") for n in range(3)]
    study(tmp_path / "studies" / "fine", [*calls, None], notebook=False, with_page=False)
    study(tmp_path / "studies" / "told", [record(run="told", day=2)])
    cards = soup(tmp_path).select(".card")
    assert [c["class"][1] for c in cards] == ["run", "study", "study"]
    assert "3 done, 1 queued" in cards[2].text
    assert "6 reproduced" in cards[2].text
    assert cards[2].select_one("a") is None
    (tmp_path / "studies" / "fine" / "report.html").write_text("x")
    assert soup(tmp_path).select(".card")[2].a["href"] == "studies/fine/report.html"


def test_pages_shrink_and_grow_back(tmp_path):
    pages = [put(tmp_path, record(run=f"r{n}")) / "page.html" for n in range(3)]
    before = [p.read_bytes() for p in pages]
    soup(tmp_path)
    assert all(p.stat().st_size < 150_000 for p in pages)
    assert len(list(tmp_path.glob("plotly-*.js"))) == 1
    soup(tmp_path, standalone=True)
    assert [p.read_bytes() for p in pages] == before


def test_the_command(tmp_path):
    ran = CliRunner().invoke(main, ["gallery", str(tmp_path / "none")])
    assert ran.exit_code == 2
    assert "`reports` must be a folder with runs in it; got" in ran.stderr
    ran = CliRunner().invoke(main, ["gallery", str(tmp_path)])
    assert ran.exit_code == 0
    assert ran.stdout == f"0 cards: {tmp_path / 'index.html'}\n"
    assert "There is no run here yet" in (tmp_path / "index.html").read_text()


def test_an_index_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "index.html").mkdir()
    ran = CliRunner().invoke(main, ["gallery", str(tmp_path)])
    assert ran.exit_code == 2
    assert "`reports` must be a folder that can be written" in ran.stderr


@pytest.mark.notebook
def test_a_run_may_share_the_library_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cell = "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, 2]))"
    path = toy_notebooks.notebook(tmp_path / "own.ipynb", cell)
    ran = CliRunner().invoke(main, ["run", path.name, "--shared-library"])
    assert ran.exit_code == 0, ran.output
    (page,) = (tmp_path / "reports").rglob("page.html")
    assert page.stat().st_size < 100_000
    assert len(list((tmp_path / "reports").glob("plotly-*.js"))) == 1


BROKEN = [
    {"claims": "x"},
    {"claims": [{"verdict": "perfect"}, 3]},
    {"timings": {"start": 3, "seconds": "x"}},
    {"summary": {"a": [1], "b": float("nan"), "c": 10**1200, "d": None}},
    {"knobs": {"a": {"b": [float("inf")]}}},
    {"changed": 3},
    {"title": None},
    {"title": "\ud800"},
    {"error": ["x"]},
    {"provenance": None},
    {"provenance": {"packages": 3, "code": [], "data": {"x": 3}}},
    {"depth": 7},
]


@pytest.mark.parametrize("part", BROKEN, ids=str)
def test_parts_of_another_form_do_no_harm(tmp_path, part):
    put(tmp_path, record() | part, with_page=False, notebook=False)
    path, cards = gallery(tmp_path)
    assert cards == 1
    assert "toys/toy" in path.read_text(encoding="utf-8")


@pytest.mark.browser
def test_a_reader_searches_and_goes_to_the_page(tmp_path, browser):
    put(tmp_path, record(run="first", changed={"x": 4}, title="Is the first one it?"))
    put(tmp_path, record(run="second", name="toys/other", claims=claims(double=2)))
    failed = record(run="third", state="failed", error="it is " + "x" * 400)
    put(tmp_path, failed, with_page=False, notebook=False)
    path, _ = gallery(tmp_path)
    with opened(browser, path, width=320) as seen:
        page, cards = seen.page, seen.page.locator(".card:visible")
        assert cards.count() == 3
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 320
        for words, count in [("TOYS/other", 1), ("not reproduced", 1), ("failed", 1), ("x 4", 1)]:
            page.get_by_label("Search").fill(words)
            assert cards.count() == count, words
            assert page.locator("#found").inner_text() == f"{count} of 3"
        page.get_by_label("Search").press("Enter")
        assert page.url.endswith("index.html")
        page.get_by_role("link", name="Is the first one it?").click()
        page.wait_for_selector(".js-plotly-plot .main-svg")
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])
    with opened(browser, path, java_script_enabled=False) as seen:
        assert seen.page.locator(".card:visible").count() == 3
        assert not seen.page.get_by_label("Search").is_visible()


def test_nothing_in_the_gallery_leads_elsewhere(tmp_path):
    put(tmp_path, record())
    path, _ = gallery(tmp_path)
    text = path.read_text()
    assert not re.search(r"""(href|src)=["']?(https?:)?//""", text)
    assert text.count("<script") == 1
    assert json.loads((tmp_path / "toys/toy/default-1/record.json").read_text()) == record()


@pytest.mark.browser
def test_cards_that_do_not_stand_on_the_page_are_found(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(galleries, "MOST_CARDS", 2)
    for day in range(1, 8):
        told = record(run=f"r{day}", day=day, changed={"x": 100 + day}, error="<b>odd</b>")
        put(tmp_path, told, with_page=day == 1, notebook=False)
    path, count = gallery(tmp_path)
    assert count == 7
    assert len(soup(tmp_path).select(".card")) == 2
    with opened(browser, path) as seen:
        cards = seen.page.locator("#cards > .card")
        seen.page.get_by_label("Search").fill("x 101 reproduced")
        assert (cards.count(), seen.page.locator("#found").inner_text()) == (1, "1 of 7")
        assert cards.locator("a").get_attribute("href") == "toys/toy/r1/page.html"
        assert "<b>odd</b>" in cards.inner_text()
        seen.page.get_by_label("Search").fill("")
        assert cards.count() == 2
        seen.page.get_by_role("button", name="Show more").click()
        assert cards.count() == 4
        days = [text[:60] for text in cards.locator(".knobs").all_text_contents()]
        assert days == ["x 107", "x 106", "x 105", "x 104"]
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])

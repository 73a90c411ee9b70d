"""The page that compares a study's runs: what it says, and what a reader does with it."""

import csv
import io
import json

import pytest
from browser_page import opened
from bs4 import BeautifulSoup
from click.testing import CliRunner
from records import claims, put, record, study

from workbench.cli.cli import main
from workbench.share import study_report as reports
from workbench.share.study_report import report


def run(x, seed=0, **more):
    """A run whose number is its knob squared, and whose claim depends on it."""
    knobs = {"x": x, "fixed": "same", "seed": seed}
    changed = {n: v for n, v in (("x", x), ("seed", seed)) if v != 0}
    about = {"knobs": knobs, "changed": changed, "summary": {"square": x * x, "word": "w"}}
    about["claims"] = claims(double=x, half=x / 10)
    return record(run=f"x-{x}-seed-{seed}", **about | more)


def soup(folder):
    path, _ = report(folder)
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def grid(made):
    heads = [h.text.strip() for h in made.select("#table thead th")]
    rows = [
        [c.text.strip() for c in row.select("th, td")] for row in made.select("#table tbody tr")
    ]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def test_the_table_holds_what_varies_and_the_results(tmp_path):
    made = soup(study(tmp_path, [run(1), run(20), None]))
    first, second, queued = grid(made)
    assert list(first) == ["run", "x", "state", "seconds", "square", "word", "claim 1", "claim 2"]
    assert (first["x"], first["square"], first["claim 1"]) == ("1", "1", "✓ reproduced")
    assert (second["square"], second["claim 1"]) == ("400", "✗ not reproduced")
    assert second["claim 2"] == "✗ not reproduced"
    assert (queued["state"], queued["square"]) == ("queued", "–")
    facts = {r.th.text: r.td.text for r in made.select("table.facts tr")}
    assert facts == {"fixed": "same", "seed": "0"}
    links = [a["href"] for a in made.select("#table a")]
    assert links == ["toys/toy/x-1-seed-0/page.html", "toys/toy/x-20-seed-0/page.html"]
    assert all((tmp_path / link).is_file() for link in links)


def test_claims_are_counted_over_the_runs(tmp_path):
    made = soup(study(tmp_path, [run(1), run(2), run(1, seed=1)], notebook=False, with_page=False))
    (first, second) = made.select("#claims ~ .table tbody tr")
    assert "✓ 2 reproduced" in first.text
    assert "✗ 1 not reproduced" in first.text
    assert "✓ 3 reproduced" in second.text


def test_what_a_law_expects_of_each_run_is_not_told_as_one(tmp_path):
    other = run(2)
    other["claims"][0]["expected"] = "2"
    told = soup(study(tmp_path, [run(1), other], notebook=False, with_page=False))
    first, second = told.select("#claims ~ .table tbody tr")
    assert "depends on the knobs" in first.text
    assert "below 1" in second.text


def test_seeds_are_repetitions_unless_nothing_else_varies(tmp_path):
    both = [run(x, seed) for x in (1, 2) for seed in (0, 1, 2)]
    made = soup(study(tmp_path / "both", both, notebook=False, with_page=False))
    assert "mean of 3 runs" in made.select_one("figcaption").text
    alone = [run(1, seed) for seed in (0, 1)]
    made = soup(study(tmp_path / "alone", alone, notebook=False, with_page=False))
    assert made.select_one("figcaption").text.startswith("Square against seed")
    made = soup(study(tmp_path / "one", [run(1)], notebook=False, with_page=False))
    assert made.select_one("figure") is None
    assert len(str(made)) < 100_000


def test_only_runs_that_are_done_are_drawn(tmp_path):
    half = run(9, state="killed", error="<b>its process is gone</b>")
    made = soup(study(tmp_path, [run(1), run(2), half], notebook=False, with_page=False))
    assert "4 at 2" in made.select_one("figcaption").text
    assert "81" in made.select_one("#table").text
    assert "<b>its process" in made.select_one("#table small").text


def test_small_multiples_unless_they_are_too_many(tmp_path, monkeypatch):
    folder = study(tmp_path, [run(1), run(2), run(3)], with_page=False)
    made = soup(folder)
    assert [li.text.strip() for li in made.select(".multiples li")] == ["x 1", "x 2", "x 3"]
    monkeypatch.setattr(reports, "MOST_SKETCHES", 2)
    assert soup(folder).select(".multiples li") == []


def test_many_rows_are_cut_and_said_so(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "MOST_ROWS", 2)
    made = soup(study(tmp_path, [run(x) for x in range(5)], notebook=False, with_page=False))
    assert len(made.select("#table tbody tr")) == 2
    assert "The first 2 of 5" in made.text


def test_points_that_lead_out_of_the_folder_are_not_read(tmp_path):
    secret = put(tmp_path / "outside", run(7))
    folder = study(tmp_path / "study", [run(1)])
    (folder / "toys" / "toy" / "link").symlink_to(secret)
    ways = ["../../outside/toys/toy/x-7-seed-0", str(secret), "link", "a\0b", "", "."]
    points = [{"name": "toys/toy", "run": w, "changed": {"x": 7}} for w in ways]
    (folder / "study.json").write_text(json.dumps({"points": points}))
    made = soup(folder)
    assert {row["state"] for row in grid(made)} == {"queued"}
    assert made.select("#table a, .multiples a") == []


def test_a_folder_of_runs_will_do_and_an_empty_one_is_refused(tmp_path):
    put(tmp_path, run(1), with_page=False), put(tmp_path, run(2), with_page=False)
    assert len(grid(soup(tmp_path))) == 2
    ran = CliRunner().invoke(main, ["report", str(tmp_path / "none")])
    assert ran.exit_code == 2
    assert "`study` must be a folder with the runs of a study; got" in ran.stderr
    ran = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert ran.stdout == f"2 runs: {tmp_path / 'report.html'}\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    runs = [run(x, seed) for x in (10, 9, 2, 0.5) for seed in (0, 1)]
    broken = run(3, state="failed", error="unlucky", claims=[], summary={})
    folder = study(tmp_path_factory.mktemp("study"), [*runs, broken, None], with_page=True)
    return report(folder)[0]


def column(page, number):
    cells = f"#table tbody tr:not([hidden]) > :nth-child({number})"
    return page.locator(cells).all_inner_texts()


@pytest.mark.browser
def test_a_reader_sorts_filters_and_changes_the_figure(browser, path):
    with opened(browser, path) as seen:
        page = seen.page
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.get_by_role("button", name="x", exact=True).click()
        xs = [float(x) for x in column(page, 2)[:-1]]
        assert xs == sorted(xs)
        page.get_by_role("button", name="square").click()
        page.get_by_role("button", name="square").click()
        squares = column(page, 6)
        assert squares == ["100", "100", "81", "81", "4", "4", "0.25", "0.25", "–", "–"]
        heading = page.locator("th", has_text="square")
        assert heading.get_attribute("aria-sort") == "descending"
        for words, count in [
            ("x > 2", 5),
            ("x >= 2, seed = 0", 4),
            ("square<1", 2),
            ("state = failed", 1),
            ("state != done", 2),
            ("unlucky", 1),
            ("claim 1 = not reproduced", 8),
            ("x > 5, nothing like it", 0),
            ("", 10),
        ]:
            page.get_by_label("Filter").fill(words)
            assert len(column(page, 1)) == count, words
        page.get_by_label("Filter").fill("y > 2")
        assert "There is no column “y”" in page.locator("#found").inner_text()
        page.get_by_label("Show").select_option("claim 2, measured")
        label = page.locator(".plot").get_attribute("aria-label")
        assert label.startswith("Claim 2, measured against x")
        assert page.locator("figcaption").inner_text() == label
        page.wait_for_function(
            """wanted => {
                const y = document.querySelector('.js-plotly-plot')._fullData[0].y;
                return wanted.every((value, i) => Math.abs(y[i] - value) < 1e-12);
            }""",
            arg=[0.05, 0.2, 0.9, 1.0],
        )
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])
        page.locator("#table a").first.click()
        page.wait_for_selector("#story")


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_wider_than_the_screen_and_print_keeps_headings(browser, path, width):
    with opened(browser, path, width=width, color_scheme="dark") as seen:
        seen.page.wait_for_selector(".js-plotly-plot .main-svg")
        assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
            "rgb(22, 25, 28)"
        )
        seen.page.emulate_media(media="print")
        assert seen.page.locator("#table thead", has_text="square").is_visible()
        assert seen.page.get_by_text("square", exact=True).last.is_visible()


@pytest.mark.browser
def test_without_scripts_the_table_stands(browser, path):
    with opened(browser, path, java_script_enabled=False) as seen:
        assert len(column(seen.page, 1)) == 10
        assert not seen.page.get_by_label("Filter").is_visible()


def test_a_row_s_numbers_are_those_of_the_csv(tmp_path):
    folder = study(tmp_path, [run(1 / 3), run(2)], notebook=False, with_page=False)
    values = [c["data-value"] for c in soup(folder).select("#table tbody tr:first-child td")]
    told = CliRunner().invoke(main, ["table", str(folder), "--csv"]).stdout
    row = next(csv.DictReader(io.StringIO(told)))
    assert values[0] == row["x"]
    assert values[3] == row["square"] == repr((1 / 3) ** 2)


@pytest.mark.browser
def test_rows_that_do_not_stand_on_the_page_are_sorted_and_found(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "MOST_ROWS", 2)
    runs = [run(x) for x in (3, 1, 2)]
    broken = run(9, state="failed", error="<b>unlucky</b>", claims=[], summary={})
    path, count = report(study(tmp_path, [*runs, broken], notebook=False, with_page=False))
    assert count == 4
    with opened(browser, path) as seen:
        assert len(column(seen.page, 1)) == 2
        seen.page.get_by_role("button", name="x", exact=True).click()
        assert column(seen.page, 2) == ["1", "2"]
        seen.page.get_by_label("Filter").fill("state = failed")
        assert column(seen.page, 2) == ["9"]
        assert "<b>unlucky</b>" in seen.page.locator("#table small").inner_text()
        seen.page.get_by_label("Filter").fill("claim 1 = not reproduced")
        assert seen.page.locator("#found").inner_text() == "2 of 4"
        seen.page.get_by_label("Filter").fill("x > 0")
        assert seen.page.locator("#found").inner_text() == "4 of 4, the first 2 shown"
        assert (seen.left, seen.errors, seen.dialogs) == ([], [], [])


def test_many_different_values_share_the_places_of_a_figure(tmp_path):
    from workbench.share.study_figures import MOST_PLACES, Point, study_figure

    points = [Point({"x": float(x)}, 2.0 * x) for x in range(5 * MOST_PLACES)]
    made = study_figure(points, "gain")
    assert len(json.dumps(made)) < 200_000
    assert f"{5 * MOST_PLACES} values share {MOST_PLACES} places" in made["layout"]["meta"]["alt"]
    assert "mean of 5 runs" in made["layout"]["meta"]["alt"]
    grid = [Point({"x": x, "y": y}, x + y) for x in range(400) for y in range(3)]
    made = study_figure(grid, "sum")
    assert len(made["data"][0]["x"]) == 150
    many = [Point({"x": x, "y": x % 7, "z": x % 5}, float(x)) for x in range(5000)]
    assert "1000 of 5000 lines are drawn" in study_figure(many, "n")["layout"]["meta"]["alt"]

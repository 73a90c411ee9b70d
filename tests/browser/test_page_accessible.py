"""Pages with much in them before axe-core and the checks of Lighthouse; and bad pages, caught."""

import pytest
from accessible import flaws, violations
from browser_page import opened
from nbformat.v4 import new_markdown_cell, new_notebook
from page_parts import PNG, record, shown

from workbench.experiment.params import Knobs, knob
from workbench.pages.page import page

pytestmark = pytest.mark.browser
WORD = "word " * 40
WIDE = "<table><tr>" + "<td>a_wide_cell_of_a_table</td>" * 40 + "</tr></table>"
FORMULA = "$$" + " + ".join(f"x_{{{i}}}^2" for i in range(16)) + "$$"


class Params(Knobs):
    cells: int = knob(10, "cells", span=(1, 100))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A page with verdicts of every kind and all that overflows."""
    verdicts = ("reproduced", "not reproduced", "undecided")
    claim = {"statement": WORD, "paper": "P", "where": "w", "expected": "1", "measured": 1.5}
    claims = [{**claim, "verdict": v, "interval": None, "note": "n"} for v in verdicts]
    cells = [
        new_markdown_cell(f"# A title\n\n{WORD}"),
        new_markdown_cell(f"## One\n\n{FORMULA}\n\n[a link](https://e.example) and `code`"),
        shown({"text/html": WIDE}, {"image/png": PNG}, source="x = 'a string'  # a comment"),
        shown({"text/plain": "\x1b[31mred\x1b[0m \x1b[32mgreen\x1b[33m yellow " + "x\n" * 90}),
        new_markdown_cell("### Deeper\n\n|a|b|\n|-|-|\n|1|2|"),
    ]
    path = tmp_path_factory.mktemp("full") / "page.html"
    text = page(new_notebook(cells=cells), record(claims=claims), Params(cells=7).table())
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_full_page_has_no_serious_violation(browser, full, width, scheme):
    with opened(browser, full, width=width, color_scheme=scheme) as seen:
        seen.page.get_by_role("button", name="Show all code").click()
        assert violations(seen.page) == []
        assert flaws(seen.page) == []
        assert seen.errors == []


BAD = """<h1>A</h1><h3 id=a>B</h3><h1 id=a style="font-size:10px">C</h1>
<p style="color:#bbb;background:#fff">pale</p><img src="data:,">
<div role=button tabindex=0></div><input><div role=img aria-label=x><button>y</button></div>
<div style="height:9em;overflow:auto"><p style="height:99em">far</div>
<a href="#a" style="display:inline-block;width:9px;height:9px;font-size:9px">i</a
><a href="#b" style="display:inline-block;width:9px;height:9px;font-size:9px">j</a>"""


def test_bad_pages_are_caught(browser, tmp_path):
    """Without this the silence above would mean nothing."""
    path = tmp_path / "bad.html"
    path.write_text(BAD)
    with opened(browser, path) as seen:
        rules = {rule for rule, _ in violations(seen.page)}
        reported = "\n".join(flaws(seen.page))
    assert rules >= {"color-contrast", "image-alt", "label", "nested-interactive", "target-size"}
    for flaw in (
        "title",
        "language",
        "viewport",
        "description",
        "doctype",
        "main",
        "first heading",
    ):
        assert f"{flaw}" in reported
    for flaw in ("skips to 3: B", "no alternative", "two a", "10 px: C"):
        assert flaw in reported


def test_what_scrolls_is_reached_by_keys_and_what_does_not_is_passed_by(browser, full):
    with opened(browser, full) as seen:
        reached = seen.page.locator("main [tabindex='0']")
        seen.page.wait_for_function("() => document.querySelectorAll('main [tabindex]').length > 0")
        kinds = {one.evaluate("e => e.tagName.toLowerCase()") for one in reached.all()}
        assert kinds == {"div", "pre"}
        seen.page.set_viewport_size({"width": 390, "height": 900})
        seen.page.wait_for_function("() => document.querySelector('math[tabindex]')")
        seen.page.set_viewport_size({"width": 4000, "height": 900})
        seen.page.wait_for_function("() => !document.querySelector('math[tabindex]')")

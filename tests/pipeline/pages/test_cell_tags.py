"""What the tags of cells do to a page."""

import bs4
import records
import toy_notebooks
from nbformat.v4 import new_markdown_cell, new_notebook, new_output

from workbench.pages.page import page


def cell(name, *tags, **metadata):
    one = toy_notebooks.code(f"{name}_source", name, *tags)
    one.outputs = [new_output("stream", text=f"{name}_output")]
    one.metadata.update(metadata)
    return one


def test_cells_are_shown_as_their_tags_say():
    cells = [
        cell("plain"),
        cell("gone", "remove-cell"),
        cell("gone_too", "remove_cell"),
        cell("silent", "remove-output"),
        cell("bare", "remove-input"),
        cell("folded", "hide-output"),
        cell("in_lab", jupyter={"outputs_hidden": True}),
        cell("hidden", "hide-input"),
        new_markdown_cell("gone_prose", metadata={"tags": ["remove-cell"]}),
    ]
    soup = bs4.BeautifulSoup(page(new_notebook(cells=cells), records.record()), "html.parser")
    text = soup.get_text()
    assert "gone" not in text
    shown = {c.id: [f"{c.id}_{part}" in text for part in ("source", "output")] for c in cells[3:8]}
    both = [True, True]
    assert shown == {
        **{"silent": [True, False], "bare": [False, True]},
        **dict.fromkeys(("folded", "in_lab", "hidden"), both),
    }
    folded = [d.get_text() for d in soup.select("details.folded")]
    assert ["folded_output" in folded[0], "in_lab_output" in folded[1]] == both
    assert len(folded) == 2


def test_modules_stand_in_the_provenance():
    told = records.record()
    told["provenance"]["modules"] = {"helper.py": "ab12", "late.py": None}
    facts = bs4.BeautifulSoup(page(new_notebook(), told), "html.parser").select("table.facts tr")
    rows = {row.th.get_text(): row.td.get_text() for row in facts}
    assert rows["module helper.py"] == "SHA-256 ab12"
    assert rows["module late.py"] == "changed while the run imported it"
